"""What an import did, and every row that was left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from prmsync.answers.told_history import Told
from prmsync.errors import Finding, InputError

RANGES = 20
"""Ranges of lines that a finding names; the report has every line."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """One thing that is wrong with one line; `column` is blank where the whole row is meant."""

    line: int
    column: str
    message: str
    hint: str = ""


@dataclass(slots=True)
class ImportReport:
    """Counts of rows, and `bad` in file order; `unused` are columns that fill nothing."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    partners_created: int = 0
    bad: list[BadRow] = field(default_factory=list)
    unused: tuple[str, ...] = ()
    told: Told | None = None
    """Of a deal history: the states of deals that it told, which `created` to `unchanged` count."""

    @property
    def bad_rows(self) -> int:
        return len({row.line for row in self.bad})


class BadRowsError(InputError):
    """Rows were bad, so that nothing was imported; `report` has every one of them."""

    def __init__(self, path: Path, report: ImportReport) -> None:
        super().__init__(
            f"{report.bad_rows:,} of {report.rows:,} rows are bad. Nothing was imported.",
            hint="Mend them, or import the others: --skip-bad",
            findings=findings(path, report.bad),
        )
        self.report = replace(report, created=0, updated=0, unchanged=0, partners_created=0)


def findings(path: Path, bad: Iterable[BadRow]) -> list[Finding]:
    """Every bad row, those with the same reason together, in the order of their first lines."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for row in bad:
        groups.setdefault((row.column, row.message, row.hint), []).append(row.line)
    return [
        Finding(
            f"{path}:{lines[0]}{f' column {column}' if column else ''}",
            message + (f" (also lines {ranges(lines[1:])})" if len(lines) > 1 else ""),
            hint,
        )
        for (column, message, hint), lines in groups.items()
    ]


def ranges(lines: Sequence[int]) -> str:
    """ "3, 5-8, 12" of ascending numbers; after `RANGES` of these, how many lines follow."""
    parts: list[str] = []
    start = 0
    for index, line in enumerate(lines):
        if index + 1 < len(lines) and lines[index + 1] == line + 1:
            continue
        if len(parts) == RANGES:
            return f"{', '.join(parts)} and {len(lines) - start:,} more"
        first = lines[start]
        parts.append(str(line) if first == line else f"{first}-{line}")
        start = index + 1
    return ", ".join(parts)
