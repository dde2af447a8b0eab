"""What binds a connection to a database, and what makes a copy of it known."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from prmsync.store import claims, streams, verification
from prmsync.store.claims import Claim, Doubt
from prmsync.store.database import Database, open_database
from prmsync.store.migrations import create
from prmsync.store.place import machine, place_of
from prmsync.store.verification import Verification

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def place(url: str) -> str:
    database = open_database(url)
    try:
        with database.read() as connection:
            return place_of(connection)
    finally:
        database.close()


def claim(database: Database) -> Claim:
    with database.read() as connection:
        found = claims.get(connection, "crm")
    assert found is not None
    return found


@pytest.fixture
def bound(database: Database) -> Database:
    """A database with a connection that is bound to its place."""
    with database.begin() as connection:
        streams.ensure_connection(connection, "crm", "salesforce")
        streams.ensure_streams(connection, "crm", ["partner", "opportunity"])
        claims.bind(connection, "crm", place_of(connection))
    return database


def test_a_database_keeps_its_place(database: Database, database_url: str) -> None:
    with database.begin() as connection:
        first = place_of(connection)
        connection.execute(sa.text("CREATE TABLE more (id integer)"))
    assert place(database_url) == first


def test_a_renamed_file_is_the_same_and_a_copied_one_is_not(
    sqlite_url: str, tmp_path: Path
) -> None:
    create(sqlite_url)
    first = place(sqlite_url)
    moved = tmp_path / "elsewhere" / "moved.db"
    moved.parent.mkdir()
    Path(sqlite_url.removeprefix("sqlite:///")).rename(moved)
    assert place(f"sqlite:///{moved}") == first
    copy = tmp_path / "copy.db"
    shutil.copy2(moved, copy)
    assert place(f"sqlite:///{copy}") != first


def test_tables_that_were_made_anew_are_another_place(postgres_url: str) -> None:
    """As `pg_restore --clean` does, or a restore into another database or schema."""
    create(postgres_url)
    first = place(postgres_url)
    database = open_database(postgres_url)
    with database.begin() as connection:
        schema = connection.execute(sa.text("SELECT current_schema()")).scalar_one()
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    database.close()
    create(postgres_url)
    assert place(postgres_url) != first


def test_a_machine_is_told_apart_without_showing_its_id(tmp_path: Path) -> None:
    one, other, empty = (tmp_path / name for name in ("one", "other", "empty"))
    one.write_text("4c4c4544004d3510804bb7c04f503332\n")
    other.write_text("4c4c4544004d3510804bb7c04f503333\n")
    empty.write_text("\n")
    assert machine((one,)) == machine((empty, one)) != machine((other,))
    assert "4c4c" not in machine((one,))
    assert machine((empty, tmp_path / "absent")) == "this machine"


def test_a_doubt_pauses_and_the_first_one_stays(bound: Database) -> None:
    with bound.begin() as connection:
        claims.doubt(connection, ["crm", "never run"], Doubt.OLDER, "restored", NOW)
        claims.doubt(connection, ["crm"], Doubt.KEYS, "strangers", NOW)
        (state,) = streams.all_connections(connection)
    assert (claim(bound).kind, claim(bound).doubted_at) == ("older", NOW)
    assert (state.paused, state.paused_why) == (True, "restored")


def test_another_account_does_not_pause_and_is_forgotten_with_the_right_one(
    bound: Database,
) -> None:
    with bound.begin() as connection:
        claims.doubt(connection, ["crm"], Doubt.ACCOUNT, "another one", NOW, found="00D9")
        assert not streams.all_connections(connection)[0].paused
        assert (claims.get(connection, "crm") or claim(bound)).found == "00D9"
        claims.right_account(connection, "crm")
    assert claim(bound).kind is None


def test_an_acceptance_binds_anew_and_reads_both_sides_from_the_beginning(bound: Database) -> None:
    with bound.begin() as connection:
        streams.pin_connection(connection, "crm", "00D1", "production")
        for state in streams.streams_of(connection, "crm").values():
            state.crm_cursor, state.prm_cursor = "somewhere", (7, 9)
            streams.save_stream(connection, state)
        claims.doubt(connection, ["crm"], Doubt.ACCOUNT, "another one", NOW)
        claims.accept(connection, claims.get(connection, "crm") or claim(bound), "there")
        (state,) = streams.all_connections(connection)
        cursors = [
            (one.crm_cursor, one.prm_cursor)
            for one in streams.streams_of(connection, "crm").values()
        ]
    assert (claim(bound).place, claim(bound).kind) == ("there", None)
    assert (state.paused, state.org_id) == (False, None)
    assert cursors == [(None, (0, 0))] * 2


def test_only_a_whole_comparison_since_the_doubt_counts(bound: Database) -> None:
    with bound.begin() as connection:
        claims.doubt(connection, ["crm"], Doubt.PLACE, "copied", NOW)
        found = claims.get(connection, "crm") or claim(bound)
        partner, opportunity = (one.id for one in streams.streams_of(connection, "crm").values())
        early, late = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)
        verification.save(connection, Verification(partner, verified_at=late))
        assert not claims.was_compared(connection, found)
        verification.save(connection, Verification(opportunity, verified_at=early))
        assert not claims.was_compared(connection, found)
        verification.save(connection, Verification(opportunity, verified_at=late))
        assert claims.was_compared(connection, found)
