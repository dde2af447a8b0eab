"""What goes straight to SQLite's driver comes back as SQLAlchemy would give it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, InvalidRequestError, StatementError

from prmsync.errors import StoreError
from prmsync.store.column_types import UtcDateTime
from prmsync.store.database import open_database
from prmsync.store.direct import Changed, DirectConnection

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
things = sa.Table(
    "thing",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, unique=True, nullable=False),
    sa.Column("at", UtcDateTime),
    sa.Column("done", sa.Boolean),
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[DirectConnection]:
    database = open_database(f"sqlite:///{tmp_path / 'prm.db'}", check=False)
    with database.begin() as connection:
        assert isinstance(connection, DirectConnection)
        things.create(connection)
        rows = [(1, "a", NOON, True), (2, "b", None, False), (3, "c", NOON, None)]
        names = ("id", "name", "at", "done")
        connection.execute(things.insert(), [dict(zip(names, row, strict=True)) for row in rows])
        yield connection
    database.close()


def both_ways(connection: sa.Connection, statement: Any, **named: Any) -> tuple[Any, Any]:
    """Rows the first time, SQLAlchemy's way, and the third time, the direct way."""
    first = connection.execute(statement, named)
    assert isinstance(first, sa.CursorResult)
    rows = first.all()
    connection.execute(statement, named).all()
    third = connection.execute(statement, named)
    assert not isinstance(third, sa.CursorResult)
    return rows, third.all()


def test_rows_have_the_same_values_types_and_names(connection: sa.Connection) -> None:
    statement = sa.select(things).where(things.c.id <= sa.bindparam("most")).order_by(things.c.id)
    usual, direct = both_ways(connection, statement, most=2)
    assert direct == usual == [(1, "a", NOON, True), (2, "b", None, False)]
    assert [row._mapping for row in direct] == [row._mapping for row in usual]
    assert direct[0].at == NOON
    assert type(direct[0].done) is bool
    assert connection.execute(statement, {"most": 3}).scalars().all() == [1, 2, 3]


def test_values_in_the_statement_itself_and_given_times_are_stored_alike(
    connection: sa.Connection,
) -> None:
    statement = sa.select(things.c.id).where(things.c.at == sa.bindparam("when"), things.c.id > 1)
    usual, direct = both_ways(connection, statement, when=NOON)
    assert direct == usual == [(3,)]


def test_a_change_counts_its_rows(connection: sa.Connection) -> None:
    statement = things.update().where(things.c.at == sa.bindparam("when")).values(done=True)
    assert [connection.execute(statement, {"when": NOON}).rowcount for _ in range(3)] == [2, 2, 2]
    assert isinstance(connection.execute(statement, {"when": NOON}), Changed)
    deleted = things.delete().where(things.c.name == sa.bindparam("called"))
    counts = [connection.execute(deleted, {"called": one}).rowcount for one in "abcd"]
    assert counts == [1, 1, 1, 0]


def test_names_of_columns_to_set_may_differ_from_call_to_call(connection: sa.Connection) -> None:
    statement = things.update().where(things.c.id == sa.bindparam("which"))
    for turn in range(3):
        connection.execute(statement, {"which": 1, "name": f"n{turn}"})
        connection.execute(statement, {"which": 1, "at": None})
    connection.execute(statement, {"which": 2, "name": "z", "at": NOON})
    rows = connection.execute(sa.select(things.c.name, things.c.at).order_by(things.c.id)).all()
    assert rows[:2] == [("n2", None), ("z", NOON)]


def test_what_changes_the_text_goes_the_usual_way(connection: sa.Connection) -> None:
    listed = sa.select(things.c.id).where(things.c.id.in_(sa.bindparam("ids", expanding=True)))
    for wanted in ([1], [1, 2], [], [3, 2]):
        rows = connection.execute(listed, {"ids": wanted}).scalars().all()
        assert sorted(rows) == sorted(wanted)
    returning = things.update().where(things.c.id == 1).values(name="r").returning(things.c.name)
    assert [connection.execute(returning).scalar_one() for _ in range(3)] == ["r"] * 3


def test_a_missing_value_is_named(connection: sa.Connection) -> None:
    statement = sa.select(things.c.id).where(things.c.id == sa.bindparam("which"))
    for _ in range(2):
        connection.execute(statement, {"which": 1})
    for _ in range(3):
        with pytest.raises(StatementError, match="which"):
            connection.execute(statement, {})


def test_a_broken_constraint_stays_an_integrity_error_without_values(
    connection: sa.Connection,
) -> None:
    statement = things.update().where(things.c.id == 1).values(name=sa.bindparam("called"))
    for one in ("x", "y"):
        connection.execute(statement, {"called": one})
    with pytest.raises(IntegrityError) as raised:
        connection.execute(statement, {"called": "b"})
    assert "UNIQUE" in str(raised.value)
    assert "'b'" not in str(raised.value)
    assert connection.execute(sa.select(things.c.name).where(things.c.id == 1)).scalar() == "y"


def test_rows_are_written_once_or_many_times(connection: DirectConnection) -> None:
    connection.write("INSERT INTO thing (id, name) VALUES (?, ?), (?, ?)", (4, "d", 5, "e"))
    connection.write("UPDATE thing SET name = ? WHERE id = ?", [("f", 4), ("g", 5)])
    named = connection.execute(sa.select(things.c.name).where(things.c.id > 3)).scalars()
    assert sorted(named) == ["f", "g"]


@pytest.mark.parametrize("values", [(4, "a"), [(4, "a")]])
def test_a_row_that_breaks_a_constraint_is_refused_without_its_values(
    connection: DirectConnection, values: Any
) -> None:
    with pytest.raises(IntegrityError) as caught:
        connection.write("INSERT INTO thing (id, name) VALUES (?, ?)", values)
    assert "UNIQUE constraint" in str(caught.value)
    assert "'a'" not in str(caught.value)


def test_a_fault_of_the_database_has_a_remedy(connection: sa.Connection) -> None:
    """Also where the statement has gone well before."""
    statement = sa.select(things.c.id)
    for _ in range(3):
        connection.execute(statement)
    things.drop(connection)
    with pytest.raises(StoreError, match="lacks a table"):
        connection.execute(statement)


def test_who_listens_hears_every_statement(connection: sa.Connection) -> None:
    statement = sa.select(things.c.id)
    for _ in range(3):
        connection.execute(statement)
    heard: list[str] = []

    @sa.event.listens_for(connection, "before_cursor_execute")
    def listen(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        heard.append(text)

    connection.execute(statement)
    assert len(heard) == 1


def test_a_transaction_that_has_ended_takes_no_statement(connection: DirectConnection) -> None:
    statement = sa.select(things.c.id)
    for _ in range(3):
        connection.execute(statement)
    connection.commit()
    with pytest.raises(InvalidRequestError, match="closed transaction"):
        connection.execute(statement)
