"""Runs: one execution for one connection, with what it counted and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.errors import NotFoundError
from prmsync.store.prepared import given, one_of
from prmsync.store.tables import run as table


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    PLANNED = "planned"
    """Planned only, on request; waits for `apply`."""
    WAITING = "waiting"
    """A brake holds some of its writes."""
    DONE = "done"
    FAILED = "failed"
    """Something was refused or failed; everything else was written."""
    STOPPED = "stopped"
    """The CRM's calls were used up; the next run goes on with it by itself."""
    DROPPED = "dropped"
    SUPERSEDED = "superseded"


UNDO = "undo"
"""The kind of a run that takes another one back; `undoes` names that one."""


ERASE = "erase"
"""The kind of a run that took a person's values away; nothing undoes it."""


_HERE = table.c.id == given("run")
_BEGIN = table.insert()
_CHANGE = table.update().where(_HERE)
_ONE = sa.select(table).where(_HERE)


@dataclass(frozen=True, slots=True)
class Run:
    """One run as stored; `calls` by kind, `counts` by `stream/side/op/state` and by name."""

    id: int
    connection: str
    kind: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    actor: str
    calls: dict[str, int]
    counts: dict[str, Any]
    message: str | None
    undoes: int | None = None


def _run(row: Any) -> Run:
    return Run(
        row.id,
        row.connection,
        row.kind,
        row.state,
        row.started_at,
        row.ended_at,
        row.actor,
        orjson.loads(row.calls) if row.calls else {},
        orjson.loads(row.counts) if row.counts else {},
        row.message,
        row.undoes,
    )


def start(
    connection: sa.Connection,
    name: str,
    kind: str,
    actor: str,
    now: datetime,
    *,
    undoes: int | None = None,
) -> int:
    """Store a run that begins; returns its number. `undoes` is the run that an undo takes back."""
    values = {
        "connection": name,
        "kind": kind,
        "state": RunState.RUNNING,
        "actor": actor,
        "started_at": now,
        "undoes": undoes,
    }
    result = connection.execute(_BEGIN, values)
    key = result.inserted_primary_key
    if key is None:
        raise RuntimeError("the database gave no id for a new run")
    return int(key[0])


def finish(
    connection: sa.Connection,
    run_id: int,
    state: RunState,
    now: datetime,
    *,
    calls: Mapping[str, int],
    counts: Mapping[str, Any],
    message: str = "",
) -> None:
    """Store how a run ended, what it called and what it did."""
    values = {
        "state": state,
        "ended_at": now,
        "calls": orjson.dumps(dict(calls)).decode(),
        "counts": orjson.dumps(dict(counts)).decode(),
        "message": message or None,
    }
    connection.execute(_CHANGE, {"run": run_id, **values})


def set_state(connection: sa.Connection, run_id: int, state: RunState) -> None:
    """Move a run that has ended to another state."""
    connection.execute(_CHANGE, {"run": run_id, "state": state})


def get(connection: sa.Connection, run_id: int) -> Run:
    """One run. Raises NotFoundError."""
    row = connection.execute(_ONE, {"run": run_id}).first()
    if row is None:
        raise NotFoundError(f"there is no run {run_id}", hint="see `prmsync runs list`")
    return _run(row)


def recent(connection: sa.Connection, name: str | None = None, limit: int = 20) -> list[Run]:
    """Newest first."""
    statement = sa.select(table).order_by(table.c.id.desc()).limit(limit)
    if name is not None:
        statement = statement.where(table.c.connection == name)
    return [_run(row) for row in connection.execute(statement)]


def in_state(connection: sa.Connection, name: str, *states: RunState) -> list[Run]:
    """Runs of a connection in these states, oldest first."""
    rows = connection.execute(of_state(*states), {"of": name})
    return [_run(row) for row in rows.all()]


@lru_cache(maxsize=32)
def of_state(*states: RunState) -> sa.Select[Any]:
    """The statement of `in_state`; `of` names the connection."""
    here = table.c.connection == given("of")
    return sa.select(table).where(here, one_of(table.c.state, states)).order_by(table.c.id)
