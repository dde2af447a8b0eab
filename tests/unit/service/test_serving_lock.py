from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from prmsync.errors import LeaseLostError, StateError
from prmsync.service.serving_lock import NAME, only_scheduler
from prmsync.store import lease
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PATIENCE = 60.0


def now() -> datetime:
    return NOW


def take(database: Database, holder: str, at: datetime) -> int:
    with database.begin() as connection:
        return lease.acquire(connection, NAME, holder, at, holder_is_dead=True)


def test_the_second_says_who_holds_it(database: Database) -> None:
    take(database, "other-host:17", NOW)
    with pytest.raises(StateError, match="other-host:17"), only_scheduler(database, now, print):
        pass


def test_a_holder_without_a_sign_of_life_gives_way(database: Database) -> None:
    take(database, "other-host:17", NOW - lease.LEASE)
    with only_scheduler(database, now, print), database.read() as connection:
        assert lease.holder_of(connection, NAME) != "other-host:17"


def test_it_notices_that_another_process_took_over(database: Database) -> None:
    lost: list[LeaseLostError] = []
    noticed = threading.Event()

    def taken(error: LeaseLostError) -> None:
        lost.append(error)
        noticed.set()

    with only_scheduler(database, now, taken, every=0.02):
        take(database, "other-host:17", NOW)
        assert noticed.wait(PATIENCE)
    assert len(lost) == 1
    with database.read() as connection:
        assert lease.holder_of(connection, NAME) == "other-host:17"


def test_it_is_given_back_when_the_block_fails(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), only_scheduler(database, now, print):
        raise ZeroDivisionError
    with database.read() as connection:
        assert lease.holder_of(connection, NAME) is None
