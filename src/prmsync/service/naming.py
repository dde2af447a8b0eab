"""References in journal rows told by name, for people; programs get the ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from prmsync.domain.values import Scalar, Values
from prmsync.mapping.fields import CATALOGUE
from prmsync.store import records
from prmsync.store.database import Database
from prmsync.store.journal import Action

PREFIX = 8
"""Characters of an id behind a name: enough to paste it into the next command."""
LONGEST = 24
"""Characters of a name, so that it fits a plan's line together with the id."""


def with_names(database: Database, stream: str, actions: Sequence[Action]) -> list[Action]:
    """The same rows, with "Globex (1f0c9a2b)" in place of the ids of other records."""
    fields = {name: one.to for name, one in CATALOGUE[stream].items() if one.to is not None}
    with database.read() as connection:
        names = {
            name: _names(connection, to, [value for one in actions for value in _both(one, name)])
            for name, to in fields.items()
        }
    return [_renamed(action, names) for action in actions]


def _both(action: Action, name: str) -> tuple[str, ...]:
    return tuple(value for value in action.fields.get(name, ()) if isinstance(value, str))


def _names(connection: sa.Connection, stream: str, ids: Sequence[str]) -> dict[str, str]:
    found = records.read(connection, stream, sorted(set(ids))) if ids else {}
    return {record: _told(record, values, stream) for record, values in found.items()}


def _told(record: str, values: Values, stream: str) -> str:
    name = str(values.get("name") or values.get("number") or stream)
    short = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
    return f"{short} ({record[:PREFIX]})"


def _renamed(action: Action, names: Mapping[str, Mapping[str, str]]) -> Action:
    def told(name: str, value: Scalar) -> Scalar:
        return names[name].get(value, value) if isinstance(value, str) else value

    fields = {
        name: (told(name, old), told(name, new)) if name in names else (old, new)
        for name, (old, new) in action.fields.items()
    }
    return replace(action, fields=fields)
