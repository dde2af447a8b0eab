"""The partner database's side of the record interface: canonical values by stream and id.

Streams are the keys of `PRM_TABLES`; ids are the engine's record ids, for relations too. Values
are canonical (`prmsync.domain.values`); money stands at its currency's minor unit, with more
decimals only where more are stored. All functions work in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from prmsync.domain.counted import counted
from prmsync.domain.values import PrmId, Scalar, Values
from prmsync.store.bulk import BATCH, insert_rows, raw, select_rows, update_rows
from prmsync.store.canonical import canonical
from prmsync.store.columns import COLUMNS
from prmsync.store.row_checks import (
    WORDS,
    Batch,
    RowProblem,
    batches,
    check_ids,
    check_references,
    check_unique,
    convert,
)
from prmsync.store.tables import PRM_TABLES, metadata


def read(
    connection: sa.Connection,
    stream: str,
    ids: Collection[PrmId | str],
    *,
    only: Collection[str] | None = None,
) -> dict[str, Values]:
    """All fields of the named records; ids that do not exist are missing from the answer. With
    `only` these fields at least, for callers that look at very many records."""
    table = PRM_TABLES[stream]
    columns = list(table.columns) if only is None else _columns(stream, only)
    rows = select_rows(connection, columns, table.c.id, ids)
    return canonical_rows(stream, rows, [one.name for one in columns])


def _columns(stream: str, only: Collection[str]) -> list[sa.Column[Any]]:
    """The columns of these fields, with what their values are read by, and the record's home."""
    known = COLUMNS[stream]
    beside = {known[name].currency for name in only}
    wanted = {"id", "home", *only, *beside}
    return [one for one in PRM_TABLES[stream].columns if one.name in wanted]


def pages(connection: sa.Connection, stream: str, size: int = 1000) -> Iterator[dict[str, Values]]:
    """All records of a stream in id order, a page at a time."""
    table = PRM_TABLES[stream]
    after = ""
    while True:
        rows = connection.execute(
            sa.select(*raw(table.columns))
            .where(table.c.id > after)
            .order_by(table.c.id)
            .limit(size)
        ).all()
        if rows:
            after = rows[-1].id
            yield canonical_rows(stream, rows)
        if len(rows) < size:
            return


def canonical_rows(
    stream: str, rows: Sequence[Any], names: Sequence[str] | None = None
) -> dict[str, Values]:
    """Values by id from rows of these columns of the stream's table, else of all, as the driver
    gives them (`prmsync.store.bulk.raw`); the order is kept."""
    if not rows:
        return {}
    names = names or [column.name for column in PRM_TABLES[stream].columns]
    stored = dict(zip(names, zip(*rows, strict=True), strict=True))
    ids = stored.pop("id")
    known = COLUMNS[stream]
    columns: list[list[Scalar]] = []
    for name, values in stored.items():
        column = known[name]
        columns.append(canonical(column, values, stored[column.currency or name]))
    fields = tuple(stored)
    return {
        record: dict(zip(fields, row, strict=True))
        for record, row in zip(ids, zip(*columns, strict=True), strict=True)
    }


def insert(
    connection: sa.Connection, stream: str, rows: Sequence[tuple[PrmId, Values]]
) -> list[RowProblem]:
    """Insert records; fields that are not named get their default.

    Rows with a problem (a value of the wrong kind, a reference to nothing, a required field
    without a value, an id or number that is taken) are left out and returned; the others are
    written. A row may have several problems.
    """
    return _write(connection, stream, rows, new=True)


def update(
    connection: sa.Connection, stream: str, rows: Sequence[tuple[PrmId, Values]]
) -> list[RowProblem]:
    """Set only the named fields of records; None clears one. Problems as with `insert`."""
    return _write(connection, stream, rows, new=False)


def _write(
    connection: sa.Connection, stream: str, rows: Sequence[tuple[PrmId, Values]], *, new: bool
) -> list[RowProblem]:
    problems: list[RowProblem] = []
    for start in range(0, len(rows), BATCH):
        for batch, values in batches(stream, rows[start : start + BATCH], new=new):
            convert(batch, values)
            check_ids(connection, batch)
            check_references(connection, batch)
            check_unique(connection, batch)
            _send(connection, batch)
            problems.extend(batch.problems)
    return problems


def _send(connection: sa.Connection, batch: Batch) -> None:
    if not batch.columns and not batch.new:
        return
    names = (*batch.columns, "id")
    rows = list(zip(*batch.columns.values(), batch.ids, strict=True))
    if batch.bad:
        rows = [rows[index] for index in batch.good()]
    table = PRM_TABLES[batch.stream]
    if batch.new:
        insert_rows(connection, table, names, rows)
    else:
        update_rows(connection, table, names[:-1], rows)


def delete(
    connection: sa.Connection, stream: str, ids: Collection[PrmId | str]
) -> list[RowProblem]:
    """Delete records; ones that do not exist count as done.

    A record that others refer to is left in place and returned with what refers to it.
    """
    table = PRM_TABLES[stream]
    problems: list[RowProblem] = []
    for other, column in _referrers(table):
        for record, number in _count_referrers(connection, column, ids).items():
            word = WORDS.get(other.name, other.name.replace("_", " "))
            named_by = counted(number, f"{word} record")
            message = f"the {WORDS[stream]} is still named by {named_by}"
            problems.append(RowProblem(PrmId(record), "", message, f"as {column.name}"))
    kept = {problem.id for problem in problems}
    gone = [{"gone": one} for one in ids if one not in kept]
    if gone:
        connection.execute(table.delete().where(table.c.id == sa.bindparam("gone")), gone)
    return problems


def _referrers(table: sa.Table) -> list[tuple[sa.Table, sa.Column[Any]]]:
    return [
        (other, column)
        for other in metadata.sorted_tables
        for column in other.columns
        if any(key.column.table is table for key in column.foreign_keys)
    ]


def _count_referrers(
    connection: sa.Connection, column: sa.Column[Any], ids: Collection[str]
) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (record,) in select_rows(connection, [column], column, ids):
        counts[record] = counts.get(record, 0) + 1
    return counts


def ids(connection: sa.Connection, stream: str, after: str, limit: int) -> list[PrmId]:
    """The next ids after `after` ("" to begin), in id order, for full reads."""
    table = PRM_TABLES[stream]
    statement = sa.select(table.c.id).where(table.c.id > after).order_by(table.c.id).limit(limit)
    return [PrmId(row[0]) for row in connection.execute(statement)]


def count(connection: sa.Connection, stream: str) -> int:
    """How many records a stream has."""
    return int(
        connection.execute(sa.select(sa.func.count()).select_from(PRM_TABLES[stream])).scalar_one()
    )
