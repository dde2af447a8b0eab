"""Calls by the hour: what was made in the CRM's window, and when there are calls again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from prmsync.store import quota, streams
from prmsync.store.database import Database
from prmsync.store.quota import Meter, window_start
from prmsync.store.tables import call_count

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def named(database: Database) -> Database:
    with database.begin() as connection:
        streams.ensure_connection(connection, "crm", "salesforce")
        streams.ensure_connection(connection, "other", "hubspot")
    return database


def add(database: Database, hours_ago: float, calls: int, name: str = "crm") -> None:
    with database.begin() as connection:
        quota.add_calls(connection, name, NOW - hours_ago * HOUR, calls)


def made(database: Database, now: datetime = NOW) -> int:
    with database.read() as connection:
        return quota.calls_made(connection, "crm", now)


def goes_on(database: Database, allowed: int, resets_at: datetime | None = None) -> datetime:
    with database.read() as connection:
        return quota.goes_on_at(connection, "crm", NOW, allowed, resets_at)


def test_calls_of_an_hour_add_up_and_each_connection_has_its_own(named: Database) -> None:
    add(named, 0.1, 3)
    add(named, 0.2, 4)
    add(named, 0, 90, "other")
    assert made(named) == 7


def test_a_rolling_window_forgets_what_is_older_than_a_day(named: Database) -> None:
    add(named, 30, 100)
    add(named, 20, 10)
    add(named, 0, 1)
    assert made(named) == 11
    assert made(named, NOW + 6 * HOUR) == 1


def test_a_fixed_window_begins_where_the_last_one_ended(named: Database) -> None:
    add(named, 12, 50)
    add(named, 1, 5)
    with named.begin() as connection:
        quota.save_meter(connection, "crm", Meter(NOW, resets_at=MIDNIGHT))
    assert made(named) == 5
    assert made(named, MIDNIGHT + HOUR) == 0


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=13), timedelta(days=3)])
def test_windows_repeat_every_day_however_old_the_meter_is(later: timedelta) -> None:
    start = window_start(Meter(NOW, resets_at=MIDNIGHT), NOW + later)
    assert start <= NOW + later < start + timedelta(days=1)
    assert (start - MIDNIGHT) % timedelta(days=1) == timedelta()


def test_without_a_fixed_window_it_goes_on_when_enough_hours_have_passed(named: Database) -> None:
    add(named, 10, 60)
    add(named, 5, 30)
    add(named, 1, 10)
    oldest = (NOW - 10 * HOUR).replace(minute=0)
    assert goes_on(named, 100) == oldest + 25 * HOUR
    assert goes_on(named, 40) == oldest + 30 * HOUR


def test_a_limit_that_others_used_up_is_asked_again_in_an_hour(named: Database) -> None:
    assert goes_on(named, 0) == NOW + HOUR


def test_a_fixed_window_ends_when_the_crm_says(named: Database) -> None:
    add(named, 1, 10)
    assert goes_on(named, 5, MIDNIGHT) == MIDNIGHT


def test_old_hours_are_forgotten(named: Database) -> None:
    add(named, 100, 1)
    add(named, 0, 1)
    with named.read() as connection:
        rows = connection.execute(sa.select(sa.func.count()).select_from(call_count)).scalar_one()
    assert rows == 1


def test_a_meter_is_kept_as_it_was(named: Database) -> None:
    known = Meter(NOW, 10, 100, 20, MIDNIGHT, NOW + HOUR, "OWN_SHARE")
    with named.begin() as connection:
        assert quota.meter(connection, "crm") is None
        quota.save_meter(connection, "crm", known)
        assert quota.meter(connection, "crm") == known
        quota.save_meter(connection, "crm", Meter(NOW))
        assert quota.meter(connection, "crm") == Meter(NOW)
