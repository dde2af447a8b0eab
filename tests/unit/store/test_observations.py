"""What one page of CRM records makes of the links."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from prmsync.store import links, streams
from prmsync.store.database import Database
from prmsync.store.links import Observation
from prmsync.store.observations import observe_crm


@pytest.fixture
def connection(database: Database) -> Iterator[sa.Connection]:
    with database.begin() as connection:
        yield connection


@pytest.fixture
def stream(connection: sa.Connection) -> int:
    streams.ensure_connection(connection, "crm", "hubspot")
    return streams.ensure_streams(connection, "crm", ["partner"])["partner"].id


def shown(name: str, version: str, *, deleted: bool = False) -> Observation:
    return Observation("1", version, None, {} if deleted else {"name": name}, deleted)


def test_a_record_that_is_deleted_while_it_is_read_is_not_a_new_one(
    connection: sa.Connection, stream: int
) -> None:
    page = [shown("Globex", "2026-11-22T09:00"), shown("", "2026-11-22T09:01", deleted=True)]
    assert observe_crm(connection, stream, page) == []
    assert links.by_crm_ids(connection, stream, ["1"]) == {}


def test_a_record_that_comes_back_while_it_is_read_is_a_new_one(
    connection: sa.Connection, stream: int
) -> None:
    page = [shown("", "2026-11-22T09:01", deleted=True), shown("Globex", "2026-11-22T09:02")]
    assert observe_crm(connection, stream, page) == ["1"]


def test_what_is_older_than_what_we_know_changes_nothing(
    connection: sa.Connection, stream: int
) -> None:
    observe_crm(connection, stream, [shown("Globex Two", "2026-11-22T09:02")])
    assert observe_crm(connection, stream, [shown("Globex One", "2026-11-22T09:01")]) == []
    assert links.by_crm_ids(connection, stream, ["1"])["1"].crm == {"name": "Globex Two"}


def test_another_value_under_the_same_stamp_is_taken(
    connection: sa.Connection, stream: int
) -> None:
    """Some CRMs count in whole seconds, and some records carry no stamp at all."""
    observe_crm(connection, stream, [shown("Globex One", "2026-11-22T09:02")])
    assert observe_crm(connection, stream, [shown("Globex Two", "2026-11-22T09:02")]) == ["1"]
    assert observe_crm(connection, stream, [shown("Globex Three", "")]) == ["1"]


@pytest.mark.parametrize("lagging", [True, False])
def test_under_the_stamp_of_its_deletion_a_record_is_back_unless_an_index_shows_it(
    connection: sa.Connection, stream: int, lagging: bool
) -> None:
    """A restore within the second of the deletion; an index that lags shows what was before it."""
    observe_crm(connection, stream, [shown("Globex", "2026-11-22T09:00")])
    observe_crm(connection, stream, [shown("", "2026-11-22T09:01", deleted=True)])
    again = observe_crm(connection, stream, [shown("Globex", "2026-11-22T09:01")], lagging=lagging)
    assert again == ([] if lagging else ["1"])
