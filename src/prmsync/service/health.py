"""`GET /health`: 200 when every connection keeps its schedule, else 503; JSON either way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from prmsync import __version__
from prmsync.errors import StoreError
from prmsync.service import listening
from prmsync.service.logging import redact_text
from prmsync.service.serving_board import Board, Watch
from prmsync.service.serving_hints import Hints
from prmsync.service.serving_run import Kind, Trouble
from prmsync.store import claims, held, runs, streams
from prmsync.store.database import Database
from prmsync.store.runs import Run, RunState

PATH = "/health"
OK, LATE, STOPPING, NO_DATABASE = "ok", "late", "stopping", "database unreachable"


def report(
    database: Database,
    board: Board,
    now: datetime,
    started: datetime,
    *,
    stopping: bool = False,
    hints: Hints | None = None,
) -> dict[str, Any]:
    """The service's health. `status` is `ok`, or why not: `late` (a connection has completed no
    run for three schedules), `stopping`, `database unreachable`.

    A brake that waits and a connection that a person has paused are named but do not make it
    unhealthy: somebody decided so.
    """
    watches = board.all()
    found: dict[str, Any] = {
        "status": OK,
        "version": __version__,
        "started_at": _moment(started),
        "connections": {},
    }
    try:
        with database.read() as connection:
            paused = claims.paused_by_person(connection)
            stored = {name: _stored(connection, name) for name in watches}
    except StoreError as error:
        found |= {"status": NO_DATABASE, "message": error.message, "hint": error.hint}
        paused, stored = {}, {}
    found["connections"] = {
        name: _connection(watch, now, paused.get(name), stored.get(name))
        for name, watch in watches.items()
    }
    for name, one in found["connections"].items():
        if hints is not None and (heard := hints.told(name)) is not None:
            one["webhooks"] = {
                "taken": heard.taken,
                "refused": heard.refused,
                "last_taken_at": _moment(heard.taken_at),
            }
    if stopping:
        found["status"] = STOPPING
    elif found["status"] == OK and any(
        one["state"] == LATE for one in found["connections"].values()
    ):
        found["status"] = LATE
    return found


def _connection(
    watch: Watch, now: datetime, paused: str | None, stored: dict[str, Any] | None
) -> dict[str, Any]:
    waits = stored is not None and stored["waiting_run"] is not None
    return {
        "state": _state(watch, now, paused, waits=waits),
        "schedule_seconds": int(watch.schedule.total_seconds()),
        "completed_at": _moment(watch.good_at) if watch.completed else None,
        "age_seconds": max(0, int((now - watch.good_at).total_seconds())),
        "next_run_at": _moment(watch.next_run_at),
        "failures": watch.failures,
        "failing_since": _moment(watch.failing_since),
        "error": _error(watch.trouble) if _is_in_trouble(watch) else None,
        "paused": paused,
    } | (stored or {})


def _is_in_trouble(watch: Watch) -> bool:
    return bool(watch.failures) or watch.kind is Kind.OUT_OF_CALLS


def _state(watch: Watch, now: datetime, paused: str | None, *, waits: bool) -> str:
    if paused is not None:
        return "paused"
    if watch.is_late(now):
        return LATE
    if watch.alive_at is not None:
        return "running"
    if watch.failures:
        return "failing"
    if watch.kind is Kind.OUT_OF_CALLS:
        return Kind.OUT_OF_CALLS.value
    if waits:
        return "waiting"
    return OK if watch.completed else "starting"


def _error(trouble: Trouble | None) -> dict[str, str] | None:
    if trouble is None:
        return None
    return {
        "error": trouble.error,
        "message": redact_text(trouble.message),
        "hint": redact_text(trouble.hint),
    }


def _stored(connection: sa.Connection, name: str) -> dict[str, Any]:
    recent = runs.recent(connection, name, limit=1)
    waiting = runs.in_state(connection, name, RunState.WAITING)
    ids = [one.id for one in streams.streams_of(connection, name).values()]
    counts = held.counts(connection, ids).values()
    return {
        "last_run": _run(recent[0]) if recent else None,
        "waiting_run": waiting[0].id if waiting else None,
        "needs_decision": sum(one for one, _ in counts),
        "refused": sum(one for _, one in counts),
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "kind": run.kind,
        "state": run.state,
        "started_at": _moment(run.started_at),
        "ended_at": _moment(run.ended_at),
    }


def _moment(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def application(health: Callable[[], dict[str, Any]]) -> Starlette:
    """The web application that answers with `health`."""

    def answer(_: Request) -> JSONResponse:
        found = health()
        return JSONResponse(
            found,
            status_code=200 if found["status"] == OK else 503,
            headers={"cache-control": "no-store"},
        )

    return Starlette(routes=[Route(PATH, answer, methods=["GET"])])


@contextlib.contextmanager
def answering(
    address: tuple[str, int] | None, health: Callable[[], dict[str, Any]]
) -> Iterator[str]:
    """Answer in a thread while the block runs; gives the URL, or "" without an address.

    Port 0 takes a free one. Raises ConfigurationError when the address cannot be had.
    """
    with listening.answering(address, application(health), key="health") as url:
        yield f"{url}{PATH}" if url else ""
