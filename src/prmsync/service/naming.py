"""References in journal rows and held values told by name, for people; programs get the ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from prmsync.domain.values import Scalar, Values
from prmsync.mapping.fields import CATALOGUE
from prmsync.service.waiting import HeldRow
from prmsync.store import records
from prmsync.store.database import Database
from prmsync.store.held import GroupValue
from prmsync.store.journal import Action

END = 8
"""Characters of an id behind a name, to be pasted into the next command: the last ones, which are
random. The first ones are the time, which all records of about a minute share."""
LONGEST = 24
"""Characters of a name, so that it fits a plan's line together with the id."""


def with_names(database: Database, stream: str, actions: Sequence[Action]) -> list[Action]:
    """The same rows, with "Globex (…5a3b9c01)" in place of the ids of other records."""
    with database.read() as connection:
        names = {
            name: _names(connection, to, [value for one in actions for value in _both(one, name)])
            for name, to in _references(stream).items()
        }
    return [_renamed(action, names) for action in actions]


def held_with_names(database: Database, rows: Sequence[HeldRow]) -> list[HeldRow]:
    """The same held values, with names as in `with_names`."""
    ids: dict[str, set[str]] = {}
    for one in rows:
        for at, to in _places(one):
            values = (one.item.base, one.item.prm, one.item.crm)
            found = (value[at] for value in values if value is not None)
            ids.setdefault(to, set()).update(one for one in found if isinstance(one, str))
    with database.read() as connection:
        names = {to: _names(connection, to, sorted(found)) for to, found in ids.items()}
    return [_held_renamed(one, names) for one in rows]


def _references(stream: str) -> dict[str, str]:
    """Field → the stream that it names a record of."""
    return {name: one.to for name, one in CATALOGUE[stream].items() if one.to is not None}


def _places(row: HeldRow) -> list[tuple[int, str]]:
    """Where a held value names a record, and of which stream."""
    known = _references(row.stream)
    return [(at, known[name]) for at, name in enumerate(row.item.fields) if name in known]


def _held_renamed(row: HeldRow, names: Mapping[str, Mapping[str, str]]) -> HeldRow:
    places = dict(_places(row))

    def told(value: GroupValue | None) -> GroupValue | None:
        if value is None:
            return None
        return tuple(
            names[places[at]].get(one, one) if at in places and isinstance(one, str) else one
            for at, one in enumerate(value)
        )

    base, prm, crm = map(told, (row.item.base, row.item.prm, row.item.crm))
    return replace(row, item=replace(row.item, base=base, prm=prm, crm=crm))


def _both(action: Action, name: str) -> tuple[str, ...]:
    return tuple(value for value in action.fields.get(name, ()) if isinstance(value, str))


def _names(connection: sa.Connection, stream: str, ids: Sequence[str]) -> dict[str, str]:
    found = records.read(connection, stream, sorted(set(ids))) if ids else {}
    return {record: _told(record, values, stream) for record, values in found.items()}


def _told(record: str, values: Values, stream: str) -> str:
    name = str(values.get("name") or values.get("number") or stream)
    short = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
    end = record if len(record) <= END else f"…{record[-END:]}"
    return f"{short} ({end})"


def _renamed(action: Action, names: Mapping[str, Mapping[str, str]]) -> Action:
    def told(name: str, value: Scalar) -> Scalar:
        return names[name].get(value, value) if isinstance(value, str) else value

    fields = {
        name: (told(name, old), told(name, new)) if name in names else (old, new)
        for name, (old, new) in action.fields.items()
    }
    return replace(action, fields=fields)
