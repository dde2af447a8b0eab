"""One import: read, check, write, report; in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from prmsync.domain.values import PrmId, Values
from prmsync.mapping.fields import Kind
from prmsync.service.importing import targets
from prmsync.service.importing.columns import ColumnMap, check_columns, same_names
from prmsync.service.importing.csv_file import DEFAULT_ENCODING, CsvFile, open_csv
from prmsync.service.importing.deal_history import problem_of, write_events
from prmsync.service.importing.fields import DEAL_HISTORY, KEYS, OBJECTS, TARGET
from prmsync.service.importing.keys import Key, PartnerBook, existing, opportunities, row_key
from prmsync.service.importing.people import write_people
from prmsync.service.importing.report import BadRow, BadRowsError, ImportReport
from prmsync.service.importing.rows import Problem, RowReader
from prmsync.store import imports, records
from prmsync.store.columns import COLUMNS
from prmsync.store.database import Database
from prmsync.store.row_checks import RowProblem
from prmsync.store.tables import PRM_TABLES

CHUNK = 2000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """`columns` None takes the columns that are called as our fields; `extra` is laid over it."""

    stream: str
    columns: ColumnMap | None = None
    extra: ColumnMap = field(default_factory=dict)
    encoding: str = DEFAULT_ENCODING
    delimiter: str | None = None
    skip_bad: bool = False
    dry_run: bool = False
    create_partners: bool = False
    actor: str = "somebody"
    rule: str = "columns by name"
    """What history says of the column map."""


def import_file(
    database: Database,
    path: Path,
    options: ImportOptions,
    *,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
    advance: Callable[[int], None] = lambda _rows: None,
) -> ImportReport:
    """Import a file; dates are kept as they are, nobody is notified.

    Raises BadRowsError with every bad row, and imports nothing, unless `skip_bad`;
    ConfigurationError for columns that do not fit; StoreError from the database.
    """
    with open_csv(path, options.encoding, options.delimiter) as file:
        columns = options.columns
        columns = {**(same_names(options.stream, file.header) if columns is None else columns)}
        columns.update(options.extra)
        check_columns(options.stream, columns, file.header)
        try:
            with database.begin() as connection:
                at = now()
                job = _Import(connection, path, options, columns, file, at, new_id)
                report = job.run(advance)
                job.note(at)
                if options.dry_run:
                    raise _RolledBack(report)
        except _RolledBack as kept:
            return kept.report
    return report


class _RolledBack(Exception):
    def __init__(self, report: ImportReport) -> None:
        super().__init__()
        self.report = report


@dataclass(slots=True)
class _Row:
    line: int
    values: Values


class _Import:
    def __init__(
        self,
        connection: sa.Connection,
        path: Path,
        options: ImportOptions,
        columns: ColumnMap,
        file: CsvFile,
        now: datetime,
        new_id: Callable[[], str],
    ) -> None:
        self._connection = connection
        self._path = path
        self._options = options
        self._file = file
        self._now = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._new_id = new_id
        self._reader = RowReader(options.stream, columns, file.header)
        self._references = {
            name: str(one.to)
            for name, one in OBJECTS[options.stream].items()
            if one.kind is Kind.REFERENCE and name in columns
        }
        self._partners = PartnerBook(connection)
        self._written: dict[str, set[str]] = {}
        self._lines: dict[Key, int] = {}
        self._bad: dict[int, list[Problem]] = {}
        self._events: list[Values] = []
        used = {c for sources in columns.values() for s in sources for c in s.columns()}
        self._report = ImportReport(unused=tuple(c for c in file.header if c and c not in used))

    def run(self, advance: Callable[[int], None]) -> ImportReport:
        rows = self._read()
        while chunk := list(islice(rows, CHUNK)):
            resolved = self._resolved(chunk)
            if self._options.stream == DEAL_HISTORY:
                self._events += [row.values for row in resolved if self._is_event(row)]
                advance(len(chunk))
                continue
            if self._options.stream == TARGET:
                good = [row for row in resolved if self._is_target(row) and self._is_first(row)]
                self._count_targets([row.values for row in good])
                advance(len(chunk))
                continue
            good = [row for row in resolved if self._is_first(row)]
            # Also when rows were bad and all is rolled back: what the database would refuse is
            # told with them.
            self._write(good)
            advance(len(chunk))
        report = self._report
        report.bad = [
            BadRow(line, problem.column, problem.message, problem.hint)
            for line in sorted(self._bad)
            for problem in self._bad[line]
        ]
        if report.bad and not self._options.skip_bad:
            raise BadRowsError(self._path, report)
        if self._options.stream == DEAL_HISTORY:
            report.told = told = write_events(self._connection, self._events)
            self._count(told.new, told.gone, told.same)
        return report

    def note(self, at: datetime) -> None:
        """What is synced because of this import is known to come from it."""
        if any(self._written.values()):
            options = self._options
            number = imports.begin(
                self._connection, options.actor, self._path.name, options.rule, at
            )
            for stream, written in self._written.items():
                imports.wrote(self._connection, number, stream, written)

    def _wrote(self, stream: str, written: Iterable[str]) -> None:
        if stream in PRM_TABLES:
            self._written.setdefault(stream, set()).update(written)

    def _read(self) -> Iterator[_Row]:
        for number, (line, cells) in enumerate(self._file.rows, 1):
            self._report.rows = number
            values, problems = self._reader.read(cells, number)
            if problems:
                self._bad[line] = problems
            yield _Row(line, values)

    def _resolved(self, chunk: list[_Row]) -> Iterator[_Row]:
        """The good rows, references as ids."""
        good = [row for row in chunk if row.line not in self._bad]
        wanted = {
            str(row.values[name])
            for name, to in self._references.items()
            if to == "opportunity"
            for row in good
            if row.values[name]
        }
        deals = opportunities(self._connection, wanted)
        for row in good:
            for name, to in self._references.items():
                text = row.values[name]
                if not isinstance(text, str):
                    continue
                found = self._partner(text) if to == "partner" else deals.get(text, set())
                if len(found) == 1:
                    row.values[name] = next(iter(found))
                else:
                    self._refuse(row, _ambiguous(name, to, text, len(found)))
            if row.line not in self._bad:
                yield row

    def _partner(self, text: str) -> set[str]:
        found = self._partners.find(text)
        if found or not self._options.create_partners:
            return found
        record = self._new_id()
        values: Values = {"name": text, "created_at": self._now}
        records.insert(self._connection, "partner", [(PrmId(record), values)])
        self._partners.add(record, text)
        self._wrote("partner", [record])
        self._report.partners_created += 1
        return {record}

    def _is_event(self, row: _Row) -> bool:
        self._has_key(row)
        problem = problem_of(row.values, self._now)
        if problem is not None:
            self._refuse(row, problem)
        return row.line not in self._bad

    def _is_target(self, row: _Row) -> bool:
        problem = targets.problem_of(row.values)
        if problem is not None:
            self._refuse(row, problem)
        return problem is None

    def _count_targets(self, rows: list[Values]) -> None:
        count = targets.write_targets(self._connection, rows)
        self._count(count["new"], count["changed"], count["same"])

    def _has_key(self, row: _Row) -> bool:
        blank = [name for name in KEYS[self._options.stream] if not row.values[name]]
        for name in blank:
            self._refuse(row, Problem("", f"{name}: is blank", "Every record needs one."))
        return not blank

    def _is_first(self, row: _Row) -> bool:
        key = row_key(self._options.stream, row.values)
        first = self._lines.setdefault(key, row.line)
        if self._has_key(row) and first != row.line:
            shown = ", ".join(str(row.values[name]) for name in KEYS[self._options.stream])
            message = f"{shown} stands in line {first} already"
            self._refuse(row, Problem("", message, "Every record may stand in a file once."))
        return row.line not in self._bad

    def _write(self, rows: list[_Row]) -> None:
        stream = self._options.stream
        there = existing(self._connection, stream, [row.values for row in rows], self._partners)
        new: list[tuple[str, _Row]] = []
        old: list[tuple[str, _Row]] = []
        for row in rows:
            found = there.get(row_key(stream, row.values), set())
            if len(found) > 1:
                self._refuse(row, Problem("", f"it may be one of {len(found)} records there are"))
            elif found:
                old.append((next(iter(found)), row))
            else:
                new.append((self._new_id(), row))
        if stream == "person":
            created, updated = write_people(self._connection, _people(new), _people(old))
            self._count(created, updated, len(old) - updated)
        else:
            self._insert(new)
            self._update(old)

    def _insert(self, new: list[tuple[str, _Row]]) -> None:
        # A deal was not made on the day of its import: the forecast says that it has to guess.
        stream = self._options.stream
        dated = "created_at" in COLUMNS[stream] and stream != "opportunity"
        rows = []
        for record, row in new:
            if dated and not row.values.get("created_at"):
                row.values["created_at"] = self._now
            rows.append((PrmId(record), row.values))
        refused = self._refused(records.insert(self._connection, self._options.stream, rows), new)
        self._wrote(self._options.stream, {record for record, _ in new} - refused)
        self._count(len(new) - len(refused), 0, 0)
        if self._options.stream == "partner":
            for record, row in new:
                if record not in refused:
                    self._partners.add(record, str(row.values["name"]))

    def _update(self, old: list[tuple[str, _Row]]) -> None:
        stream = self._options.stream
        present = records.read(self._connection, stream, [record for record, _ in old])
        changed = []
        for record, row in old:
            before = present[record]
            difference = {
                name: value
                for name, value in row.values.items()
                if value != before[name] and not (value is None and _has_default(stream, name))
            }
            if difference:
                changed.append((PrmId(record), difference))
        refused = self._refused(records.update(self._connection, stream, changed), old)
        self._wrote(stream, {str(record) for record, _ in changed} - refused)
        self._count(0, len(changed) - len(refused), len(old) - len(changed))

    def _refused(self, problems: list[RowProblem], rows: list[tuple[str, _Row]]) -> set[str]:
        by_id = dict(rows) if problems else {}
        for one in problems:
            self._refuse(by_id[one.id], Problem("", str(one), one.hint))
        return {str(one.id) for one in problems}

    def _count(self, created: int, updated: int, unchanged: int) -> None:
        self._report.created += created
        self._report.updated += updated
        self._report.unchanged += unchanged

    def _refuse(self, row: _Row, problem: Problem) -> None:
        self._bad.setdefault(row.line, []).append(problem)


def _people(rows: Iterable[tuple[str, _Row]]) -> list[tuple[str, Values]]:
    return [(record, row.values) for record, row in rows]


def _has_default(stream: str, name: str) -> bool:
    column = COLUMNS[stream][name]
    return column.default is not None or name == "created_at"


def _ambiguous(name: str, to: str, text: str, number: int) -> Problem:
    if number:
        return Problem("", f"{name}: {number} {to} records are called `{text}`", "Name one by id.")
    remedy = {
        "partner": "Import partners first, or add --create-partners.",
        "opportunity": "Import opportunities first.",
    }
    return Problem("", f"{name}: there is no {to} `{text}`", remedy[to])
