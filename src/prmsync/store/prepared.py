"""Statements that are built once: to build one takes SQLAlchemy longer than to carry it out.

What builds a statement is a function under `functools.lru_cache`; its arguments are what changes
the text (the dialect, a choice of states), and what changes from call to call are named parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY


def given(name: str, kind: type[sa.types.TypeEngine[Any]] | None = None) -> sa.BindParameter[Any]:
    """A value that each call names; of the type of what it stands beside."""
    return sa.bindparam(name, type_=kind)


def one_of(column: sa.ColumnElement[Any], words: Iterable[str]) -> sa.ColumnElement[bool]:
    """`column` is one of these words, which are constants of this program. They stand in the
    statement itself: SQLite uses a partial index only where it sees that the query stays within it,
    and plans a statement anew each time when that depends on a parameter."""
    chosen = [sa.literal_column(f"'{word}'", column.type) for word in words]
    return column == chosen[0] if len(chosen) == 1 else column.in_(chosen)


def over(column: sa.ColumnElement[int], number: int) -> sa.ColumnElement[bool]:
    """`column` is greater than a number that stands in the statement itself, as for `one_of`."""
    return column > sa.literal_column(str(number), sa.Integer)


def listed(dialect: str, key: sa.ColumnElement[Any], name: str = "ids") -> sa.ColumnElement[bool]:
    """`key` is one of the values that each call gives as `packed` ones; however many there are,
    the statement is the same."""
    if dialect == "sqlite":
        items = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value")
        return key.in_(sa.select(items.c.value))
    kind = sa.Text if isinstance(key.type, sa.Text) else sa.BigInteger
    return key == sa.any_(sa.bindparam(name, type_=ARRAY(kind)))


def packed(connection: sa.Connection, values: Sequence[Any]) -> str | Sequence[Any]:
    """The values of `listed` as this database takes them."""
    if connection.dialect.name == "sqlite":
        return orjson.dumps(values).decode()
    return values
