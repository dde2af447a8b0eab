"""The command line's entry and its error edge: exit codes 0, 1, 2, 3, and never a traceback."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

from prmsync import __version__
from prmsync.cli import (
    conflicts,
    connecting,
    context,
    demo,
    doctor,
    erase,
    forecast,
    held,
    history,
    importing,
    mapping,
    margins,
    parked,
    partners,
    pausing,
    pipeline,
    provision,
    registrations,
    runs,
    serve,
    setup,
    simulator,
    status,
    sync,
)
from prmsync.cli.output import WIDTH, note, say, show_error
from prmsync.errors import PrmsyncError

INTERRUPTED = 130

app = typer.Typer(
    name="prmsync",
    help="Keep a partner database and Salesforce or HubSpot telling one story.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(value: bool) -> None:
    if value:
        say(f"prmsync {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="PATH",
            help="Settings file; else prmsync.toml in this folder or a parent.",
        ),
    ] = None,
    _shown: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.use_config(config)


# One line per command group: a module of this package with `register(app)`.
setup.register(app)
connecting.register(app)
demo.register(app)
doctor.register(app)
simulator.register(app)
importing.register(app)
sync.register(app)
status.register(app)
erase.register(app)
runs.register(app)
history.register(app)
serve.register(app)
pausing.register(app)
provision.register(app)
held.register(app)
parked.register(app)
mapping.register(app)
registrations.register(app)
partners.register(app)
conflicts.register(app)
margins.register(app)
forecast.register(app)
pipeline.register(app)


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; errors are shown on stderr.

    0 done; 1 something failed, nothing lost; 2 usage or configuration; 3 a brake waits.
    """
    try:
        result = app(arguments, prog_name="prmsync", standalone_mode=False)
        sys.stdout.flush()
    except PrmsyncError as error:
        show_error(error)
        return error.exit_code
    except BrokenPipeError:
        return _reader_left()
    except typer.Abort:
        note("")  # the cursor still stands behind the question
        result = INTERRUPTED
    except KeyboardInterrupt:
        result = INTERRUPTED
    except typer.TyperException as error:
        return _usage(error)
    except Exception as error:  # noqa: BLE001  the edge: a bug becomes a file, not a traceback
        return _apologise(error)
    if result == INTERRUPTED:
        note("Stopped. Nothing is lost: the next run takes up what was open.")
    return result if isinstance(result, int) else 0


def _usage(error: typer.TyperException) -> int:
    message = error.format_message()
    for theirs, ours in _PLAIN.items():
        message = message.replace(theirs, ours)
    if message.startswith("Usage:"):
        note(message)
    else:
        ctx = getattr(error, "ctx", None)
        command = ctx.command_path if ctx is not None else "prmsync"
        lines = [part for line in message.splitlines() for part in wrap(line, WIDTH)]
        note(*lines, f"Usage and options: {command} --help")
    return error.exit_code


_PLAIN = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "not a whole number",
}
"""pydantic's words → what they mean to a reader."""


def _reader_left() -> int:
    # The reader of a pipe closed it (`| head`): the interpreter must not flush into it again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _apologise(error: Exception) -> int:
    place = _write_trace(error)
    note(
        f"Sorry, prmsync made a mistake of its own ({type(error).__name__}).",
        "Nothing is lost: what was planned or sent is in the journal.",
        f"Details for a report are in {place}",
    )
    return 1


def _write_trace(error: Exception) -> str:
    from prmsync.service.logging import redact_text

    handle, name = tempfile.mkstemp(prefix="prmsync-error-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"prmsync {__version__}, Python {sys.version.split()[0]}\n")
        file.write(redact_text("".join(traceback.format_exception(error))))
    return name


if __name__ == "__main__":
    main()
