"""Finding links again, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from prmsync.store import relation_links, streams
from prmsync.store.database import Database
from prmsync.store.links import Observation
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


def test_relations_of_a_deal_do_not_depend_on_the_order_of_a_language(
    connection: sa.Connection, stream: int
) -> None:
    """PostgreSQL compares text by the database's language, in which ";" may stand before ":"."""
    if connection.dialect.name == "sqlite":
        pytest.skip("SQLite compares bytes")
    asked: list[str] = []

    def listen(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    sa.event.listen(connection, "before_cursor_execute", listen)
    assert found(connection, stream, ["12"]) == []
    assert asked
    assert not any("crm_id >=" in one or "crm_id <" in one for one in asked)
