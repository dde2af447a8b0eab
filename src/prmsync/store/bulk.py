"""Many rows in one call. The only place where the driver is spoken to without SQLAlchemy's types.

Values are stored ones (`prmsync.store.canonical`): texts, whole numbers, booleans, None. On
SQLite new rows go many to a statement and changed ones to the driver's executemany; on PostgreSQL
a whole batch is one JSON parameter that the server unpacks, so a batch costs one statement and
almost no CPU here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from prmsync.store.direct import DirectConnection
from prmsync.store.prepared import given, listed, packed

Row = tuple[Any, ...]
_Id = TypeVar("_Id", int, str)
BATCH = 5000
"""Rows per JSON parameter."""
_MARKS = 999
"""Parameters of one statement that every SQLite takes."""


def insert_rows(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: Sequence[Row]
) -> None:
    """Insert rows whose values stand in the order of `names`."""
    if connection.dialect.name == "sqlite":
        _insert_on_sqlite(connection, table.name, tuple(names), rows)
        return
    for batch in _batches(rows):
        source = _source(table, names)
        statement = table.insert().from_select(list(names), sa.select(*source.c))
        connection.execute(statement, {"rows": _json(names, batch)})


def update_rows(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: Sequence[Row]
) -> None:
    """Set `names` in rows found by `id`, which stands behind the values in each tuple."""
    if connection.dialect.name == "sqlite":
        if rows:
            _carry_out(connection, _sqlite_update(table.name, tuple(names)), list(rows))
        return
    for batch in _batches(rows):
        source = _source(table, (*names, "id"))
        statement = (
            table.update()
            .where(table.c.id == source.c.id)
            .values({name: source.c[name] for name in names})
        )
        connection.execute(statement, {"rows": _json((*names, "id"), batch)})


def select_rows(
    connection: sa.Connection,
    columns: Sequence[sa.Column[Any]],
    key: sa.Column[Any],
    values: Collection[str],
    *,
    lock: bool = False,
    share: bool = False,
) -> list[Row]:
    """Rows whose `key` is among `values`, as the driver gives them.

    On PostgreSQL `lock` keeps the rows from changing and `share` from being deleted until the
    transaction ends; on SQLite a write transaction does both anyway.
    """
    if not values:
        return []
    statement = _selection(connection.dialect.name, tuple(columns), key, lock, share)
    return list(connection.execute(statement, {"ids": packed(connection, list(values))}).all())


@lru_cache(maxsize=256)
def _selection(
    dialect: str,
    columns: tuple[sa.Column[Any], ...],
    key: sa.Column[Any],
    lock: bool,
    share: bool,
) -> sa.Select[Any]:
    statement = sa.select(*raw(columns)).where(listed(dialect, key))
    if lock or share:
        statement = statement.with_for_update(key_share=share, read=share)
    return statement


def raw(columns: Iterable[sa.Column[Any]]) -> list[sa.ColumnElement[Any]]:
    """The columns without SQLAlchemy's conversion of their values."""
    return [sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in columns]


def among(
    connection: sa.Connection, key: sa.ColumnElement[Any], values: Iterable[Any]
) -> sa.ColumnElement[bool]:
    """`key` is one of `values`, as one parameter however many there are: the statement is
    compiled once."""
    wanted = list(values)
    if connection.dialect.name == "sqlite":
        packed = sa.bindparam("wanted", orjson.dumps(wanted).decode(), type_=sa.Text, unique=True)
        return key.in_(sa.select(sa.func.json_each(packed).table_valued("value").c.value))
    kind = sa.Text if isinstance(key.type, sa.Text) else sa.BigInteger
    return key == sa.any_(sa.bindparam("wanted", wanted, type_=ARRAY(kind), unique=True))


def _insert_on_sqlite(
    connection: sa.Connection, table: str, names: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """A third less CPU than row by row: what a statement costs by itself is paid once for many
    rows. The rest goes row by row, so that the driver meets two texts a table and keeps both."""
    many = max(_MARKS // len(names), 1)
    whole = len(rows) - len(rows) % many
    if whole:
        statement = _sqlite_insert(table, names, many)
        for start in range(0, whole, many):
            values = tuple(chain.from_iterable(rows[start : start + many]))
            _carry_out(connection, statement, values)
    if whole < len(rows):
        _carry_out(connection, _sqlite_insert(table, names, 1), list(rows[whole:]))


def _carry_out(connection: sa.Connection, text: str, values: Row | list[Row]) -> None:
    if isinstance(connection, DirectConnection):
        connection.write(text, values)
    else:
        connection.exec_driver_sql(text, values)


def any_between(
    connection: sa.Connection, key: sa.ColumnElement[_Id], ids: Collection[_Id]
) -> bool:
    """Whether any row's `key` lies between the least and the greatest of `ids`. New links stand
    side by side and have no rows elsewhere yet: one look tells it for a whole page of them."""
    if not ids:
        return False
    named = {"least": min(ids), "most": max(ids)}
    return bool(connection.execute(_between(key), named).scalar_one())


@lru_cache(maxsize=64)
def _between(key: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(sa.exists().where(key >= given("least"), key <= given("most")))


@lru_cache(maxsize=256)
def _sqlite_insert(table: str, names: tuple[str, ...], rows: int) -> str:
    marks = f"({', '.join('?' * len(names))})"
    # Names are our own tables' and columns', never input; Core would reorder the columns.
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([marks] * rows)}"  # noqa: S608 - our own names


@lru_cache(maxsize=256)
def _sqlite_update(table: str, names: tuple[str, ...]) -> str:
    settings = ", ".join(f"{name} = ?" for name in names)
    return f"UPDATE {table} SET {settings} WHERE id = ?"  # noqa: S608  # as above


def _source(table: sa.Table, names: Sequence[str]) -> sa.TableValuedAlias:
    columns = [sa.column(name, table.c[name].type) for name in names]
    rows = sa.cast(sa.bindparam("rows", type_=sa.Text), sa.JSON)
    unpacked = sa.func.json_to_recordset(rows).table_valued(*columns)
    return unpacked.render_derived(name="source", with_types=True)


def _json(names: Sequence[str], rows: Sequence[Row]) -> str:
    return orjson.dumps([dict(zip(names, row, strict=True)) for row in rows]).decode()


def _batches(rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
