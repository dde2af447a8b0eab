"""What commands print: tables for people, JSON for programs, progress on stderr.

Nothing here needs colour: away from a terminal there is none, and lines are 100 columns wide.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from textwrap import wrap
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prmsync.domain.money import MINOR_UNITS
from prmsync.errors import PrmsyncError

WIDTH = 100
_NUMBER = re.compile(r"[-+~]?[\d,]+(\.\d+)?( ?(%|[A-Z]{3}|h|s|ms|MB))?|–|-|")
_PLAIN_STEP_SECONDS = 5.0
_SHORTEST = 12

Cell = str | int | float | Decimal | bool | datetime | date | None


def console(*, stderr: bool = False) -> Console:
    """A console on today's stdout or stderr: 100 columns and no colour when not a terminal."""
    stream: IO[str] = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return Console(
        file=stream,
        width=None if terminal else WIDTH,
        force_terminal=terminal,
        no_color=None if terminal else True,
        highlight=False,
        markup=False,
        emoji=False,
    )


def say(*lines: str) -> None:
    """Print lines as they are: never wrapped, so that ids and commands can be pasted."""
    out = console()
    for line in lines:
        out.print(line, soft_wrap=True)


def note(*lines: str) -> None:
    """Like `say`, on stderr: words for the person beside a command's result."""
    err = console(stderr=True)
    for line in lines:
        err.print(line, soft_wrap=True)


def say_wrapped(text: str, *, indent: int = 0, hang: int = 0) -> None:
    """Print prose in lines of 100 columns at most, broken between words; a longer word, such as an
    id or an address, stays whole. Lines after the first stand `hang` columns further in."""
    say(
        *wrap(
            text,
            WIDTH,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + hang),
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    indent: int = 0,
    shorten: Collection[str] = (),
) -> None:
    """Print rows under column names; columns that hold only numbers are right-aligned.

    In a table that is wider than the page the columns of `shorten` end in an ellipsis: names, which
    `--json` has whole. Other columns are folded, so that ids stay whole.
    """
    out = console()
    cells = [[Text(_text(cell)) for cell in row] for row in rows]
    _shorten([Text(name) for name in columns], cells, shorten, out.width - indent)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, name in enumerate(columns):
        numeric = bool(cells) and all(_NUMBER.fullmatch(row[index].plain) for row in cells)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        grid.add_row(*row)
    with out.capture() as captured:
        out.print(grid, width=out.width - indent)
    for line in captured.get().splitlines():
        out.file.write(" " * indent + line.rstrip() + "\n")


def _shorten(
    head: Sequence[Text], cells: Sequence[Sequence[Text]], names: Collection[str], page: int
) -> None:
    widths = [max(text.cell_len for text in column) for column in zip(head, *cells, strict=True)]
    able = [index for index, name in enumerate(head) if name.plain in names]
    # The padding after the last column counts: the grid is laid out with it.
    while sum(widths) + 2 * len(widths) > page and able:
        widest = max(able, key=widths.__getitem__)
        if widths[widest] <= _SHORTEST:
            break
        widths[widest] -= 1
    for row in cells:
        for index in able:
            row[index].truncate(widths[index], overflow="ellipsis")


def emit_json(data: object) -> None:
    """Print `data` as JSON: decimals and ids as text, times as ISO 8601 in UTC."""
    json.dump(data, sys.stdout, indent=2, ensure_ascii=False, default=_plain)
    sys.stdout.write("\n")


def ago(then: datetime | None, now: datetime) -> str:
    """ "12 min ago", or "in 3 min" for a time to come; "never" without a time."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    span = _span(abs(seconds))
    if span is None:
        return "just now" if seconds >= 0 else "in a moment"
    return f"{span} ago" if seconds >= 0 else f"in {span}"


def money(amount: Decimal | None, currency: str | None) -> str:
    """ "84,000.00 EUR"; an absent amount is an en dash. Digits follow the currency's minor unit,
    and more are shown where the amount has them."""
    if amount is None:
        return "–"
    exponent = amount.normalize().as_tuple().exponent
    digits = max(MINOR_UNITS.get(currency or "", 2), -exponent if isinstance(exponent, int) else 0)
    return f"{amount:,.{digits}f} {currency or ''}".rstrip()


def moment(at: datetime | None) -> str:
    """A time for people, with its zone: "2026-11-22 09:14 UTC"."""
    return "–" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def show_error(error: PrmsyncError) -> None:
    """The message, every finding with its place and hint, then the remedy, on stderr."""
    lines = [error.message, *(str(finding) for finding in error.findings)]
    if error.hint:
        lines.append(error.hint)
    note(*lines)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; the yielded function is told how many more are done.

    Away from a terminal it is a plain line at most every five seconds.
    """
    if sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _plain_progress(what, total)


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console(stderr=True)) as bars:
        task = bars.add_task(what, total=total)
        yield lambda count: bars.advance(task, count)


def _plain_progress(what: str, total: int | None) -> Callable[[int], None]:
    done = 0
    last = time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        if time.monotonic() - last >= _PLAIN_STEP_SECONDS:
            last = time.monotonic()
            note(f"{what} {done:,}" + (f" of {total:,}" if total else ""))

    return advance


def _span(seconds: float) -> str | None:
    if seconds < 1:
        return None
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return moment(cell)
    if isinstance(cell, Decimal):
        return f"{cell:,f}"
    return str(cell)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)
