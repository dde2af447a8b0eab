"""Writes docs/commands.md from the commands themselves: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from prmsync.cli.main import app

PAGE = Path(__file__).with_name("commands.md")

HEAD = """\
# Commands

Written by `make docs` from the commands' own help. Exit codes: [errors](errors.md). What `--json`
prints: [json](json.md).

Before every command: `--config PATH` names the settings file, else prmsync.toml in this folder or a
parent. `prmsync --version` shows the version.
"""


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with its path below `prmsync`."""
    below = getattr(command, "commands", None)
    if not below:
        yield path, command
        return
    for name in sorted(below):
        yield from leaves(below[name], (*path, name))


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for path, command in leaves(get_command(app)):
        parts.append(f"## `prmsync {' '.join(path)}`\n\n{_help(command)}\n")
        options = [_row(parameter) for parameter in command.params if parameter.name != "help"]
        if options:
            parts.append("| | |\n|---|---|\n" + "".join(options))
    return "\n".join(parts)


def _help(command: Any) -> str:
    return " ".join((command.help or "").split())


def _row(parameter: Any) -> str:
    argument = parameter.param_type_name == "argument"
    if argument:
        shown = parameter.metavar or parameter.name.upper()
    else:
        shown = ", ".join(parameter.opts)
        if not parameter.is_flag and parameter.metavar:
            shown += f" {parameter.metavar}"
    text = (getattr(parameter, "help", "") or "").replace("|", "\\|")
    return f"| `{shown.replace('|', chr(92) + '|')}` | {text} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
