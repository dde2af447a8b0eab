from __future__ import annotations

from prmsync.store import pausing
from prmsync.store.database import Database


def test_a_connection_that_never_ran_can_be_paused(database: Database) -> None:
    with database.begin() as connection:
        pausing.pause(connection, "sf", "salesforce", "audit")
        assert pausing.paused(connection) == {"sf": "audit"}


def test_a_second_pause_changes_the_reason_and_resuming_ends_it(database: Database) -> None:
    with database.begin() as connection:
        pausing.pause(connection, "sf", "salesforce", "audit")
        pausing.pause(connection, "sf", "salesforce", "migration")
        pausing.pause(connection, "hs", "hubspot", "audit")
        assert pausing.paused(connection) == {"sf": "migration", "hs": "audit"}
        assert pausing.resume(connection, "sf")
        assert not pausing.resume(connection, "sf")
        assert pausing.paused(connection) == {"hs": "audit"}
