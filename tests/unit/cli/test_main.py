"""The error edge: an exit code and a calm message for everything, a traceback for nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from prmsync import __version__, errors
from prmsync.cli import main


@pytest.fixture
def failing() -> Iterator[dict[str, BaseException]]:
    """Adds a command that raises what the test puts under "error"."""
    box: dict[str, BaseException] = {}
    before = list(main.app.registered_commands)

    @main.app.command("fail-for-a-test")
    def fail() -> None:
        raise box["error"]

    yield box
    main.app.registered_commands[:] = before


ALL_ERRORS = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.PrmsyncError)
]


@pytest.mark.parametrize("error", ALL_ERRORS, ids=lambda error: error.__name__)
def test_each_error_is_a_message_with_its_own_exit_code(
    error: type[errors.PrmsyncError],
    failing: dict[str, BaseException],
    capsys: pytest.CaptureFixture[str],
) -> None:
    finding = errors.Finding("a.yaml:3:5", "unknown key", "did you mean `field`?")
    failing["error"] = error("It went wrong.", hint="Do this.", findings=[finding])
    assert main.run(["fail-for-a-test"]) == error.exit_code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "It went wrong.\na.yaml:3:5  unknown key\n    did you mean `field`?\nDo this.\n"
    )


def test_a_bug_becomes_an_apology_that_names_a_file_with_the_details(
    failing: dict[str, BaseException],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing["error"] = ZeroDivisionError("for dana@northwind.example")
    assert main.run(["fail-for-a-test"]) == 1
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    [trace] = tmp_path.iterdir()
    assert str(trace) in shown
    written = trace.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in written
    assert "dana@" not in written


def test_control_c_ends_with_130(
    failing: dict[str, BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing["error"] = KeyboardInterrupt()
    assert main.run(["fail-for-a-test"]) == 130
    assert capsys.readouterr().err.startswith("Stopped.")


def test_a_command_may_end_with_its_own_code(failing: dict[str, BaseException]) -> None:
    failing["error"] = typer.Exit(3)
    assert main.run(["fail-for-a-test"]) == 3


@pytest.mark.parametrize("arguments", [["bogus"], ["--bogus"], ["--config"]])
def test_wrong_usage_ends_with_2_and_points_to_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(arguments) == 2
    assert "prmsync --help" in capsys.readouterr().err


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"prmsync {__version__}\n"


def test_without_a_command_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([]) == 2
    assert "Usage: prmsync" in capsys.readouterr().err


def test_help_loads_no_database_and_no_crm_library() -> None:
    heavy = [
        "sqlalchemy",
        "httpx",
        "pydantic",
        "keyring",
        "simple_salesforce",
        "hubspot",
        "uvicorn",
    ]
    code = (
        "import sys; from prmsync.cli import main; main.run(['--help']); "
        f"sys.exit(' '.join(name for name in {heavy} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = "from prmsync.cli import main; main.main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
