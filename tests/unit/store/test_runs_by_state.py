"""Runs that wait are found in their own index, however many there ever were."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from prmsync.store import runs, streams
from prmsync.store.database import Database
from prmsync.store.runs import RunState

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def many(database: Database) -> Database:
    with database.begin() as connection:
        streams.ensure_connection(connection, "crm", "hubspot")
        for _ in range(400):
            run = runs.start(connection, "crm", "sync", "test", AT)
            runs.set_state(connection, run, RunState.DONE)
        waits = runs.start(connection, "crm", "sync", "test", AT)
        runs.set_state(connection, waits, RunState.WAITING)
        connection.execute(sa.text("ANALYZE run"))
    return database


def test_those_that_wait_are_found(many: Database) -> None:
    with many.read() as connection:
        assert [one.id for one in runs.in_state(connection, "crm", RunState.WAITING)] == [401]
        assert runs.in_state(connection, "crm", RunState.PLANNED, RunState.RUNNING) == []


def test_nothing_else_is_read(many: Database) -> None:
    with many.read() as connection:
        statement = runs.of_state(RunState.WAITING).compile(dialect=connection.dialect)
        given = statement.construct_params({"of": "crm"})
        sqlite = connection.dialect.name == "sqlite"
        told = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        values = tuple(given[one] for one in statement.positiontup or ()) if sqlite else given
        plan = str(connection.exec_driver_sql(f"{told} {statement}", values).all())
    assert "ix_run_state" in plan
