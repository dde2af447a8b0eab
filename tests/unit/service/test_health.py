from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from prmsync import __version__
from prmsync.errors import ConfigurationError
from prmsync.service import health
from prmsync.service.serving_board import Board
from prmsync.service.serving_run import Ended, Kind, Trouble
from prmsync.store import pausing, runs
from prmsync.store.database import Database
from prmsync.store.runs import RunState
from prmsync.store.streams import ensure_connection

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture
def board() -> Board:
    return Board({"sf": timedelta(minutes=15), "hs": timedelta(hours=1)}, START)


def run(database: Database, name: str, state: RunState) -> int:
    with database.begin() as connection:
        ensure_connection(connection, name, "salesforce")
        run_id = runs.start(connection, name, "sync", "test", START)
        runs.finish(connection, run_id, state, at(1), calls={}, counts={})
    return run_id


def test_a_service_that_has_just_started_is_healthy(database: Database, board: Board) -> None:
    found = health.report(database, board, at(1), START)
    assert (found["status"], found["version"]) == ("ok", __version__)
    assert found["connections"]["sf"]["state"] == "starting"
    assert found["connections"]["sf"]["last_run"] is None
    assert found["connections"]["sf"]["completed_at"] is None


def test_age_stands_against_the_schedule(database: Database, board: Board) -> None:
    run_id = run(database, "sf", RunState.DONE)
    board.ended(Ended("sf", Kind.DONE, at(1)))
    one = health.report(database, board, at(11), START)["connections"]["sf"]
    assert (one["state"], one["age_seconds"], one["schedule_seconds"]) == ("ok", 600, 900)
    assert one["last_run"] == {
        "id": run_id,
        "kind": "sync",
        "state": "done",
        "started_at": "2026-11-22T09:00:00Z",
        "ended_at": "2026-11-22T09:01:00Z",
    }


def test_one_late_connection_makes_the_service_unhealthy(database: Database, board: Board) -> None:
    trouble = Trouble("AuthError", "token of jane@acme.example is no longer valid", "renew it")
    board.ended(Ended("sf", Kind.FAILED, at(15), trouble=trouble))
    failing = health.report(database, board, at(20), START)
    assert (failing["status"], failing["connections"]["sf"]["state"]) == ("ok", "failing")
    late = health.report(database, board, at(46), START)
    assert (late["status"], late["connections"]["sf"]["state"]) == ("late", "late")
    assert late["connections"]["hs"]["state"] == "starting"
    error = late["connections"]["sf"]["error"]
    assert (error["error"], error["hint"]) == ("AuthError", "renew it")
    assert "jane" not in error["message"]


def test_a_brake_and_a_pause_are_named_and_do_not_make_it_unhealthy(
    database: Database, board: Board
) -> None:
    waiting = run(database, "sf", RunState.WAITING)
    board.ended(Ended("sf", Kind.DONE, at(1)))
    with database.begin() as connection:
        pausing.pause(connection, "hs", "hubspot", "portal clean-up")
    found = health.report(database, board, at(2), START)
    assert found["status"] == "ok"
    assert found["connections"]["sf"]["waiting_run"] == waiting
    assert found["connections"]["sf"]["state"] == "waiting"
    assert found["connections"]["hs"]["state"] == "paused"
    assert found["connections"]["hs"]["paused"] == "portal clean-up"


def test_a_database_that_cannot_be_read_is_said_with_its_remedy(
    database: Database, board: Board
) -> None:
    with database.begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(sa.text("DROP TABLE run CASCADE"))
        else:
            connection.execute(sa.text("ALTER TABLE run RENAME TO gone"))
    found = health.report(database, board, at(1), START)
    assert found["status"] == "database unreachable"
    assert "db upgrade" in found["hint"]
    assert set(found["connections"]) == {"sf", "hs"}


@pytest.mark.parametrize(("status", "code"), [("ok", 200), ("late", 503), ("stopping", 503)])
def test_the_answer_over_http(status: str, code: int) -> None:
    def healthy() -> dict[str, Any]:
        return {"status": status}

    with health.answering(("127.0.0.1", 0), healthy) as url:
        answer = httpx.get(url, trust_env=False)
        other = httpx.post(url, trust_env=False)
        unknown = httpx.get(url.replace("/health", "/"), trust_env=False)
    assert (answer.status_code, answer.json()) == (code, {"status": status})
    assert answer.headers["cache-control"] == "no-store"
    assert (other.status_code, unknown.status_code) == (405, 404)


def test_an_address_that_is_taken_is_a_matter_of_configuration() -> None:
    with health.answering(("127.0.0.1", 0), dict) as url:
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        with (
            pytest.raises(ConfigurationError, match=str(port)),
            health.answering(("127.0.0.1", port), dict),
        ):
            pass


def test_health_can_be_off() -> None:
    with health.answering(None, dict) as url:
        assert url == ""
