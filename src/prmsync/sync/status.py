"""The state of every connection and stream, from what is stored; no CRM is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import (
    change_log,
    claims,
    held,
    links,
    misfits,
    pausing,
    quota,
    runs,
    streams,
    tallies,
    verification,
)
from prmsync.store import records as prm_records
from prmsync.store.database import Database
from prmsync.store.links import LinkState
from prmsync.store.misfits import PausedPart
from prmsync.store.runs import Run, RunState
from prmsync.store.verification import Verification


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """`in_prm` counts our records, `linked` pairs, `only_crm` and `only_prm` what has no pair;
    `to_read` log rows not looked at yet; `read_at` when the CRM was last read; `verified_at` when
    both sides were last compared whole, and `verified` the counts of that; `waits` counts records
    that wait for the link of another: one they refer to, or one they were merged into."""

    name: str
    in_prm: int
    linked: int
    only_crm: int
    only_prm: int
    held: int
    parked: int
    to_read: int
    read_at: datetime | None
    verified_at: datetime | None = None
    verified: Mapping[str, Any] = field(default_factory=dict)
    waits: int = 0
    paused: str | None = None
    """Why a person has paused it."""


@dataclass(frozen=True, slots=True)
class CallsMade:
    """Calls of this connection in the CRM's present window, `forecast` those that carried the
    forecast, and how many of each there may be."""

    made: int
    allowed: int
    forecast: int
    forecast_allowed: int


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """How one connection stands; `paused` says why, None where it runs."""

    name: str
    connector: str
    org_id: str | None
    paused: str | None
    doubted: bool
    """It is paused because its database is a copy, was restored, or opens another account."""
    last_run: Run | None
    waiting: Run | None
    """The run whose writes a brake holds."""
    streams: list[StreamStatus] = field(default_factory=list)
    paused_parts: list[PausedPart] = field(default_factory=list)
    """What does not fit the CRM as it is, with its remedy; the rest goes on."""
    calls: CallsMade | None = None
    """None where nothing is known of the CRM's limit."""


def status(database: Database, now: datetime) -> list[ConnectionStatus]:
    with database.read() as connection:
        return [_connection(connection, one, now) for one in streams.all_connections(connection)]


def _connection(
    connection: sa.Connection, state: streams.ConnectionState, now: datetime
) -> ConnectionStatus:
    known = streams.streams_of(connection, state.name)
    counts = held.counts(connection, [one.id for one in known.values()])
    recent = runs.recent(connection, state.name, limit=1)
    waiting = runs.in_state(connection, state.name, RunState.WAITING)
    paused = pausing.paused_streams(connection, state.name)
    compared = verification.of_streams(connection, counts)
    waits = links.count_waiting(connection, list(counts))
    return ConnectionStatus(
        state.name,
        state.connector,
        state.org_id,
        (state.paused_why or pausing.BY_HAND) if state.paused else None,
        claims.is_doubted(connection, state.name),
        recent[0] if recent else None,
        waiting[0] if waiting else None,
        [
            _stream(
                connection,
                one,
                counts[one.id],
                compared[one.id],
                waits.get(one.id, 0),
                paused.get(one.name),
            )
            for one in known.values()
        ],
        misfits.of_connection(connection, state.name),
        _calls(connection, state.name, now),
    )


def _calls(connection: sa.Connection, name: str, now: datetime) -> CallsMade | None:
    known = quota.meter(connection, name)
    if known is None or known.allowed is None:
        return None
    return CallsMade(
        quota.calls_made(connection, name, now),
        known.allowed,
        quota.calls_made(connection, name, now, forecast=True),
        known.forecast or 0,
    )


def _stream(
    connection: sa.Connection,
    state: streams.StreamState,
    counts: tuple[int, int],
    compared: Verification,
    waits: int,
    paused: str | None,
) -> StreamStatus:
    by_state = tallies.count_by_state(connection, state.id)
    only_crm, only_prm = tallies.count_unlinked(connection, state.id)
    return StreamStatus(
        state.name,
        prm_records.count(connection, state.name),
        by_state.get(LinkState.LIVE, 0) + by_state.get(LinkState.DORMANT, 0),
        only_crm,
        only_prm,
        counts[0],
        counts[1],
        change_log.waiting(connection, state.prm_cursor, state.name),
        state.read_at,
        compared.verified_at,
        compared.found,
        waits,
        paused,
    )


def titles(connection: sa.Connection, stream: str, found: Sequence[Any]) -> dict[int, str]:
    """Link id → what people call the record: its number and name, else its CRM id."""
    ids = [str(one.prm_id) for one in found if one.prm_id]
    values = prm_records.read(connection, stream, ids) if ids else {}
    named = _ends(connection, values) if stream == RELATION else {}
    return {
        one.id: _title(
            values.get(str(one.prm_id)) or one.crm or {}, str(one.crm_id or one.prm_id), named
        )
        for one in found
    }


RELATION = "relation"


def _ends(connection: sa.Connection, values: Mapping[str, Values]) -> dict[str, str]:
    """Names of the partners and opportunities that relations join, by id."""
    named: dict[str, str] = {}
    for end in ("partner", "opportunity"):
        ids = {str(one[end]) for one in values.values() if one.get(end)}
        for found, record in prm_records.read(connection, end, sorted(ids)).items():
            named[found] = str(record.get("name") or record.get("number") or found)
    return named


def _title(values: Mapping[str, Any], fallback: str, named: Mapping[str, str]) -> str:
    name = values.get("name") or values.get("customer_name")
    parts = [values.get("number"), name, values.get("role")]
    parts += [named.get(str(values.get(end))) for end in ("partner", "opportunity") if named]
    return "  ".join(str(part) for part in parts if part) or fallback
