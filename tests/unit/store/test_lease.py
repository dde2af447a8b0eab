"""Two processes on one connection: one of them runs, whatever the database."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from prmsync.connector.calls import TIMEOUT
from prmsync.connector.retry import DEFAULT_POLICY
from prmsync.errors import LeaseLostError
from prmsync.store import lease
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def test_a_run_holds_its_lease_longer_than_its_longest_write_can_take() -> None:
    """Or the write of a run that was taken over could still arrive after its successor's."""
    answer = TIMEOUT.read or 0.0
    connect = TIMEOUT.connect or 0.0
    waits = max(DEFAULT_POLICY.patience, DEFAULT_POLICY.longest_wait)
    longest = (DEFAULT_POLICY.attempts - 1) * waits + connect + answer
    assert lease.RUN_LEASE.total_seconds() > longest


def race(database: Database, now: datetime) -> tuple[int, list[object]]:
    """The token of the first process, and what the second got that came before its commit."""
    second: list[object] = []

    def compete() -> None:
        try:
            with database.begin() as connection:
                second.append(lease.acquire(connection, "crm", "b:2", now, holder_is_dead=False))
        except LeaseLostError as error:
            second.append(error)

    thread = threading.Thread(target=compete)
    with database.begin() as connection:
        first = lease.acquire(connection, "crm", "a:1", now, holder_is_dead=False)
        thread.start()
        thread.join(0.5)
    thread.join()
    return first, second


def test_of_two_that_start_at_the_same_moment_one_runs(database: Database) -> None:
    first, (second,) = race(database, NOW)
    assert first == 1
    assert isinstance(second, LeaseLostError)


def test_of_two_that_take_over_at_the_same_moment_one_runs(database: Database) -> None:
    with database.begin() as connection:
        lease.acquire(connection, "crm", "c:3", NOW, holder_is_dead=False)
    later = NOW + lease.LEASE + timedelta(seconds=1)
    first, (second,) = race(database, later)
    assert first == 2
    assert isinstance(second, LeaseLostError)


def test_who_was_taken_over_writes_nothing_more(database: Database) -> None:
    with database.begin() as connection:
        old = lease.acquire(connection, "crm", "c:3", NOW, holder_is_dead=False)
    later = NOW + lease.LEASE + timedelta(seconds=1)
    with database.begin() as connection:
        lease.acquire(connection, "crm", "a:1", later, holder_is_dead=False)
    with pytest.raises(LeaseLostError, match="took crm over"), database.begin() as connection:
        lease.renew(connection, "crm", old, later)
