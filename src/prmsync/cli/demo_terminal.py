"""How the demo runs commands and shows them: the prompt, the command's own output, what is true."""

from __future__ import annotations

import io
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from rich.text import Text

from prmsync.cli.output import console, note, say

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130
_STEP = "… "


class Terminal:
    """Runs commands as a person would type them. `failed` names what was not as it should be."""

    def __init__(self, ctx: typer.Context) -> None:
        self._app = ctx.find_root().command
        self._started = time.monotonic()
        self.checks = 0
        self.failed: list[str] = []

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def chapter(self, number: int, title: str) -> None:
        say("")
        console().print(Text(f"{number}  {title}", style="bold"))

    def tell(self, *lines: str) -> None:
        """Words around the commands."""
        say("", *lines)

    def run(self, command: str, *, code: int = 0, first: int | None = None, last: int = 0) -> str:
        """Run `prmsync COMMAND`, show its output, or its first and last lines; the whole output.

        An exit code other than `code` is a failure. Errors are raised as the command raises them.
        """
        say("")
        console().print(Text(f"$ prmsync {command}", style="bold cyan"), soft_wrap=True)
        with captured() as out:
            found = self._app.main(shlex.split(command), prog_name="prmsync", standalone_mode=False)
        lines = out.getvalue().splitlines()
        left_out = 0 if first is None else len(lines) - first - last
        if first is None or left_out < 2:
            say(*lines)
        else:
            say(*lines[:first], f"  … {left_out} more lines", *lines[len(lines) - last :])
        found = found if isinstance(found, int) else 0
        if found == INTERRUPTED:
            raise KeyboardInterrupt
        if found != code:
            self.check(False, f"prmsync {command} ends with exit code {code}; it was {found}")
        return out.getvalue()

    def check(self, true: bool, what: str) -> None:
        """Say that something is so, or that it is not."""
        self.checks += 1
        if not true:
            self.failed.append(what)
        mark = Text("✓ ", style="green") if true else Text("✗ NOT SO: ", style="bold red")
        console().print(mark + Text(what), soft_wrap=True)


@contextmanager
def captured() -> Iterator[io.StringIO]:
    """Keeps what a command prints; its progress is shown in one line that goes away again."""
    out, steps = io.StringIO(), _Steps()
    try:
        with redirect_stdout(out), redirect_stderr(steps):
            yield out
    finally:
        steps.clear()


class _Steps(io.TextIOBase):
    """Takes the progress lines of commands; other lines of stderr are passed on."""

    def __init__(self) -> None:
        self._terminal = sys.stderr
        self._shown = sys.stderr.isatty()
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if not line.startswith(_STEP):
                self.clear()
                self._terminal.write(line + "\n")
            elif self._shown:
                self._terminal.write(f"\r\x1b[2K{line}")
                self._terminal.flush()
        return len(text)

    def clear(self) -> None:
        if self._shown:
            self._terminal.write("\r\x1b[2K")
            self._terminal.flush()


def step(what: str) -> None:
    """Progress of the demo itself, in the same passing line."""
    note(f"{_STEP}{what}")
