"""Finding a record by what a person types: id, number, name, or a part of an id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from prmsync.domain.values import PrmId
from prmsync.errors import NotFoundError
from prmsync.mapping.spelling import did_you_mean, near
from prmsync.store.row_checks import WORDS
from prmsync.store.tables import PRM_TABLES

SHORTEST_PART = 4
_LISTED = 5
_NAMES = ("number", "name")
_TITLE = ("number", "name", "customer_name", "role")


class Found(NamedTuple):
    """A record's id, and what people call it."""

    id: PrmId
    title: str


def find_record(connection: sa.Connection, stream: str, text: str) -> Found:
    """The one record that `text` means.

    In this order: its id, its number, its name (case and outer spaces do not count), the
    beginning of its id, the end of it, as plans show it (four characters or more). Raises
    NotFoundError when nothing fits, with a near spelling, or when several do, with the first of
    them; also for an unknown stream.
    """
    if stream not in PRM_TABLES:
        raise NotFoundError(
            f"there are no records called {stream!r}", hint=did_you_mean(stream, PRM_TABLES)
        )
    wanted = text.strip()
    table = PRM_TABLES[stream]
    for look in (_by_id, _by_name, _by_beginning, _by_end):
        found = look(connection, table, wanted)
        if found:
            return _only(stream, wanted, found)
    raise NotFoundError(
        f"there is no {WORDS[stream]} {wanted!r}", hint=_hint(connection, table, wanted)
    )


_Rows = Sequence[sa.Row[Any]]


def _shown(table: sa.Table) -> list[sa.Column[Any]]:
    return [table.c.id, *(table.c[name] for name in _TITLE if name in table.c)]


def _by_id(connection: sa.Connection, table: sa.Table, text: str) -> _Rows:
    return connection.execute(sa.select(*_shown(table)).where(table.c.id == text)).all()


def _by_name(connection: sa.Connection, table: sa.Table, text: str) -> _Rows:
    """Compared here, because SQLite folds the case of ASCII letters only."""
    key = text.casefold()
    for name in _NAMES:
        if name not in table.c:
            continue
        column = table.c[name]
        candidates = connection.execute(sa.select(table.c.id, column).where(column.is_not(None)))
        ids = [row[0] for row in candidates if row[1].strip().casefold() == key]
        if ids:
            statement = sa.select(*_shown(table)).where(table.c.id.in_(ids[: _LISTED + 1]))
            return connection.execute(statement.order_by(table.c.id)).all()
    return []


def _by_beginning(connection: sa.Connection, table: sa.Table, text: str) -> _Rows:
    return _by_part(connection, table, text, table.c.id.startswith(text, autoescape=True))


def _by_end(connection: sa.Connection, table: sa.Table, text: str) -> _Rows:
    """With or without the ellipsis that stands before it."""
    end = text.lstrip("….")
    return _by_part(connection, table, end, table.c.id.endswith(end, autoescape=True))


def _by_part(
    connection: sa.Connection, table: sa.Table, text: str, like: sa.ColumnElement[bool]
) -> _Rows:
    if len(text) < SHORTEST_PART:
        return []
    statement = sa.select(*_shown(table)).where(like)
    return connection.execute(statement.order_by(table.c.id).limit(_LISTED + 1)).all()


def _only(stream: str, text: str, found: _Rows) -> Found:
    if len(found) == 1:
        return Found(PrmId(found[0].id), _title(found[0]))
    listed = [f"{row.id}  {_title(row)}" for row in found[:_LISTED]]
    more = ["…"] if len(found) > _LISTED else []
    raise NotFoundError(
        f"{text!r} means more than one {WORDS[stream]}",
        hint="name one by its id:\n    " + "\n    ".join([*listed, *more]),
    )


def _title(row: sa.Row[Any]) -> str:
    return "  ".join(str(part) for part in tuple(row)[1:] if part) or str(row.id)


def _hint(connection: sa.Connection, table: sa.Table, text: str) -> str:
    spellings: list[str] = []
    for name in _NAMES:
        if name in table.c:
            known = sa.select(table.c[name]).where(table.c[name].is_not(None)).distinct()
            spellings.extend(connection.execute(known).scalars())
    close = near(text, spellings)
    if close is not None:
        return f"did you mean {close!r}?"
    names = " or ".join(["its id", *(f"its {name}" for name in _NAMES if name in table.c)])
    return f"name it by {names}"
