"""What a constraint of the database would refuse, found before writing and said per row.

One row that the database refuses would roll back its whole page; so references, uniqueness and
required fields are checked first, and only the rows at fault are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from prmsync.domain.values import PrmId, Values
from prmsync.store.bulk import any_between, select_rows
from prmsync.store.canonical import stored
from prmsync.store.columns import COLUMNS, UNIQUE, Column, Storage
from prmsync.store.tables import PRM_TABLES, metadata
from prmsync.store.tiers import tiers

WORDS = {
    "partner": "partner",
    "opportunity": "opportunity",
    "registration": "registration",
    "relation": "deal partner",
    "tier": "tier",
}
"""Stream or table → the word people use for one of its records."""


NO_SUCH_RECORD = "NO_SUCH_RECORD"
"""Code of a refusal that ends by itself once the record that is named is there."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was not written. `field` is empty where it concerns the whole record, `code` where
    nothing follows from the kind of the refusal."""

    id: PrmId
    field: str
    message: str
    hint: str = ""
    code: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


@dataclass(slots=True)
class Batch:
    """Rows of one stream that name the same fields, as columns of stored values."""

    stream: str
    ids: list[PrmId]
    columns: dict[str, list[Any]]
    new: bool
    problems: list[RowProblem] = field(default_factory=list)
    bad: set[int] = field(default_factory=set)

    def refuse(self, index: int, name: str, message: str, hint: str = "", code: str = "") -> None:
        self.bad.add(index)
        self.problems.append(RowProblem(self.ids[index], name, message, hint, code))

    def good(self) -> list[int]:
        return [index for index in range(len(self.ids)) if index not in self.bad]


def batches(
    stream: str, rows: Sequence[tuple[PrmId, Values]], *, new: bool
) -> Iterator[tuple[Batch, Mapping[str, Sequence[Any]]]]:
    """Rows grouped by the fields they name, each with its columns of canonical values."""
    groups: dict[tuple[str, ...], list[tuple[PrmId, Values]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[1]), []).append(row)
    for names, members in groups.items():
        cells = zip(*(row[1].values() for row in members), strict=True)
        canonical = dict(zip(names, cells, strict=True))
        yield Batch(stream, [row[0] for row in members], {}, new), canonical


def convert(batch: Batch, canonical: Mapping[str, Sequence[Any]]) -> None:
    """Fill the batch's columns with stored values; refuse rows whose values are wrong."""
    known = COLUMNS[batch.stream]
    for name, values in canonical.items():
        column = known.get(name)
        if column is None:
            for index in range(len(batch.ids)):
                batch.refuse(index, name, f"a {WORDS[batch.stream]} has no such field")
            continue
        written, faults = stored(column, values)
        batch.columns[name] = written
        for index, message in faults.items():
            batch.refuse(index, name, message)
    _check_required(batch)


def _check_required(batch: Batch) -> None:
    for column in COLUMNS[batch.stream].values():
        if not column.required:
            continue
        values = batch.columns.get(column.name)
        if values is None:
            if batch.new and column.default is None:
                for index in range(len(batch.ids)):
                    batch.refuse(index, column.name, "is missing")
        elif None in values:
            _fill_or_refuse(batch, column, values)


def _fill_or_refuse(batch: Batch, column: Column, values: list[Any]) -> None:
    # Blank is the same as "no" for flags and as zero for counts; a blank word is no answer.
    fills = column.default is not None and (
        batch.new or column.storage in (Storage.FLAG, Storage.COUNT)
    )
    for index, value in enumerate(values):
        if value is None and fills:
            values[index] = column.default
        elif value is None and index not in batch.bad:
            batch.refuse(index, column.name, "may not be blank")


def check_ids(connection: sa.Connection, batch: Batch) -> None:
    """New ids must be free, once in the batch; ids of updates must exist."""
    id_column = PRM_TABLES[batch.stream].c.id
    there: set[str] = set()
    # Ids that were made just now lie beyond all others: one look tells it. Only SQLite is sure to
    # order texts as they are compared here.
    sorts_alike = connection.dialect.name == "sqlite"
    if not (batch.new and sorts_alike) or any_between(connection, id_column, batch.ids):
        found = select_rows(connection, [id_column], id_column, batch.ids, lock=not batch.new)
        there = {row[0] for row in found}
    word = WORDS[batch.stream]
    seen: set[PrmId] = set()
    for index, record in enumerate(batch.ids):
        if batch.new and (record in there or record in seen):
            batch.refuse(index, "", f"a {word} with this id exists already")
        elif not batch.new and record not in there:
            batch.refuse(index, "", f"the {word} does not exist (any more)")
        seen.add(record)


def check_references(connection: sa.Connection, batch: Batch) -> None:
    """Every reference must name a record that exists."""
    for name, values in batch.columns.items():
        refers = COLUMNS[batch.stream][name].refers
        wanted = set(values) - {None} if refers is not None else ()
        if refers is None or not wanted:
            continue
        target = metadata.tables[refers[0]].c[refers[1]]
        there = {row[0] for row in select_rows(connection, [target], target, wanted, share=True)}
        if there >= wanted:
            continue
        hint = _known_tiers(connection) if refers[0] == "tier" else ""
        for index, value in enumerate(values):
            if value is not None and value not in there:
                message = f"there is no {WORDS[refers[0]]} {value}"
                batch.refuse(index, name, message, hint, NO_SUCH_RECORD)


def _known_tiers(connection: sa.Connection) -> str:
    names = [one.name for one in tiers(connection)]
    return f"The program's tiers are {', '.join(names)}." if names else "The program has no tiers."


def check_unique(connection: sa.Connection, batch: Batch) -> None:
    """No two records may share the fields that make them unique."""
    for names in UNIQUE[batch.stream]:
        if any(name in batch.columns for name in names):
            _check_unique(connection, batch, names)


def _check_unique(connection: sa.Connection, batch: Batch, names: tuple[str, ...]) -> None:
    table = PRM_TABLES[batch.stream]
    columns = [table.c[name] for name in (*names, "id")]
    keys = _keys(connection, batch, names, columns)
    firsts = {key[0] for key in keys.values()}
    there = select_rows(connection, columns, columns[0], firsts)
    holders = {row[:-1]: row[-1] for row in there}
    for index, key in keys.items():
        holder = holders.setdefault(key, batch.ids[index])
        if holder != batch.ids[index]:
            what = " + ".join(names)
            shown = ", ".join(str(part) for part in key)
            batch.refuse(index, names[0], f"{what} {shown} belongs to {holder} already")


def _keys(
    connection: sa.Connection,
    batch: Batch,
    names: tuple[str, ...],
    columns: Sequence[sa.Column[Any]],
) -> dict[int, tuple[Any, ...]]:
    """Index of each good row → its unique fields as they will be after the write."""
    present: dict[str, tuple[Any, ...]] = {}
    if not all(name in batch.columns for name in names):
        found = select_rows(connection, columns, columns[-1], batch.ids)
        present = {row[-1]: row for row in found}
    return {
        index: tuple(
            batch.columns[name][index]
            if name in batch.columns
            else present[batch.ids[index]][place]
            for place, name in enumerate(names)
        )
        for index in batch.good()
    }
