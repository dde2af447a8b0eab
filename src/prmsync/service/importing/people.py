"""Writes people: they are no stream of the sync, only named by it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store.tables import person


def write_people(
    connection: sa.Connection,
    new: Sequence[tuple[str, Values]],
    old: Sequence[tuple[str, Values]],
) -> tuple[int, int]:
    """Insert and update people by id; returns how many were created and really changed."""
    if new:
        rows = [{"active": True, **_given(values), "id": record} for record, values in new]
        connection.execute(person.insert(), _alike(rows))
    present = {row.id: row._mapping for row in _people(connection, [record for record, _ in old])}
    changed = 0
    for record, values in old:
        given = {k: v for k, v in _given(values).items() if present[record][k] != v}
        if given:
            connection.execute(person.update().where(person.c.id == record).values(given))
            changed += 1
    return len(new), changed


def _people(connection: sa.Connection, ids: Sequence[str]) -> Sequence[sa.Row[tuple[object, ...]]]:
    return connection.execute(sa.select(person).where(person.c.id.in_(ids))).all()


def _given(values: Values) -> Values:
    return {name: value for name, value in values.items() if value is not None}


def _alike(rows: Sequence[Values]) -> list[Values]:
    # One statement for all: each row names the same columns.
    names = sorted({name for row in rows for name in row})
    return [{name: row.get(name) for name in names} for row in rows]
