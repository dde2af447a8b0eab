"""Finding links again, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from prmsync.store import link_statements, links, pairs, relation_links, streams
from prmsync.store.database import Database, open_database
from prmsync.store.links import Observation
from prmsync.store.migrations import create
from prmsync.store.observations import observe_crm
from prmsync.store.relation_links import FEW


@pytest.fixture
def connection(database: Database) -> Iterator[sa.Connection]:
    with database.begin() as connection:
        yield connection


@pytest.fixture
def stream(connection: sa.Connection) -> int:
    streams.ensure_connection(connection, "crm", "hubspot")
    return streams.ensure_streams(connection, "crm", ["relation"])["relation"].id


def related(connection: sa.Connection, stream: int, ids: list[str]) -> None:
    observe_crm(connection, stream, [Observation(one, "", None, {}) for one in ids])


def found(connection: sa.Connection, stream: int, deals: list[str]) -> list[str]:
    return sorted(str(one.crm_id) for one in relation_links.relations_of(connection, stream, deals))


def test_relations_are_those_of_the_deals_themselves(
    connection: sa.Connection, stream: int
) -> None:
    related(connection, stream, ["12:7:1", "12:8:2", "1:12:1", "123:7:1", "120:7:1", "13:7:1"])
    assert found(connection, stream, ["12"]) == ["12:7:1", "12:8:2"]
    assert found(connection, stream, ["12", "123", "9"]) == ["123:7:1", "12:7:1", "12:8:2"]
    assert found(connection, stream, []) == []


def test_relations_of_many_deals_are_found_at_once(connection: sa.Connection, stream: int) -> None:
    every = [str(one) for one in range(FEW * 4)]
    related(connection, stream, [f"{one}:7:1" for one in every])
    some = every[::2]
    assert found(connection, stream, some) == sorted(f"{one}:7:1" for one in some)


# SQLite compares bytes.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_relations_of_a_deal_do_not_depend_on_the_order_of_a_language(
    connection: sa.Connection, stream: int
) -> None:
    """PostgreSQL compares text by the database's language, in which ";" may stand before ":"."""
    asked: list[str] = []

    def listen(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    sa.event.listen(connection, "before_cursor_execute", listen)
    assert found(connection, stream, ["12"]) == []
    assert asked
    assert not any("crm_id >=" in one or "crm_id <" in one for one in asked)


def test_only_streams_with_something_to_decide_are_marked(
    connection: sa.Connection, stream: int
) -> None:
    assert links.marked_streams(connection, [stream]) == set()
    related(connection, stream, ["12:7:1"])
    assert links.marked_streams(connection, [stream]) == {stream}
    assert links.marked_streams(connection, [stream + 1]) == set()
    ids = [one.id for one in links.dirty_page(connection, stream, 0, 10)]
    links.set_dirty(connection, ids, links.Dirty.CLEAN)
    assert links.marked_streams(connection, [stream]) == set()


def test_what_a_key_is_looked_for_by_means_itself(connection: sa.Connection, stream: int) -> None:
    """Also where LIKE would take its signs for something else."""
    seen = [Observation(key, "", None, {key: "x"}) for key in ("a_b", "a%b", "a/b", "axb")]
    observe_crm(connection, stream, seen)
    for key in ("a_b", "a%b", "a/b"):
        some = links.unlinked(connection, stream, crm_side=True, dirty_only=True, showing=key)
        assert [one.crm_id for one in some] == [key]


def explained(connection: sa.Connection, statement: sa.Select[Any], **named: Any) -> str:
    """The database's plan."""
    compiled = statement.compile(dialect=connection.dialect)
    given = compiled.construct_params(named)
    if connection.dialect.name == "sqlite":
        places = tuple(given[one] for one in compiled.positiontup or ())
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", places).all())
    return str(connection.exec_driver_sql(f"EXPLAIN {compiled}", given).all())


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("crm_side", [False, True])
@pytest.mark.parametrize("showing", [False, True])
def test_marked_unlinked_records_are_found_without_going_through_all_unlinked(
    connection: sa.Connection, stream: int, counted: bool, crm_side: bool, showing: bool
) -> None:
    """Whether or not the database has counted its rows yet."""
    observe_crm(connection, stream, [Observation(str(n), "", None, {}) for n in range(3000)])
    links.set_dirty(connection, list(range(1, 10_000)), links.Dirty.CLEAN)
    observe_crm(connection, stream, [Observation("later", "", None, {"key": "x"})])
    if counted:
        connection.execute(sa.text("ANALYZE link"))
    statement = link_statements.unlinked(crm_side=crm_side, dirty_only=True, showing=showing)
    named = {"text": '"key":"'} if showing else {}
    plan = explained(connection, statement, stream=stream, after=0, limit=10, **named)
    assert "ix_link_dirty" in plan
    some = links.unlinked(
        connection,
        stream,
        crm_side=crm_side,
        dirty_only=True,
        showing="key" if showing else None,
    )
    assert [one.crm_id for one in some] == (["later"] if crm_side else [])


def test_sqlite_finds_marked_links_in_their_own_index(sqlite_url: str) -> None:
    """With the condition as a parameter it would plan the statement anew every time."""
    create(sqlite_url)
    opened = open_database(sqlite_url)
    with opened.read() as connection:
        statement = link_statements.dirty_page(lock=True)
        plan = explained(connection, statement, stream=1, after=0, limit=10)
    opened.close()
    assert "ix_link_dirty" in plan
    assert "dirty > 0" in str(statement)


@pytest.mark.parametrize("known, wanted", [("crm_id", "prm_id"), ("prm_id", "crm_id")])
def test_the_other_id_of_a_record_is_found_by_the_one_that_is_known(
    connection: sa.Connection, stream: int, known: str, wanted: str
) -> None:
    if connection.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by what its tables hold; SQLite by the statement's words")
    statement = link_statements.pairs("sqlite", known, wanted)
    assert f"{known}=?" in explained(connection, statement, stream=stream, ids="[]", text="")


def test_a_page_of_linked_records_does_not_go_through_all_of_them(
    connection: sa.Connection, stream: int
) -> None:
    if connection.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by what its tables hold; SQLite by the statement's words")
    plan = explained(connection, pairs.LIVE_PAGE, stream=stream, after=0, to=10, limit=5)
    assert "PRIMARY KEY" in plan
    assert "TEMP B-TREE" not in plan
