"""The connection's share of the CRM's calls: what a plan costs, when to stop, when it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil

import sqlalchemy as sa

from prmsync.connector.protocol import JobWriter, ManyWriter, RelationReader, Usage
from prmsync.domain.merge import Side
from prmsync.errors import ConnectorError, QuotaError
from prmsync.reconcile.causes import Lane
from prmsync.store import quota
from prmsync.store.database import Database
from prmsync.store.quota import Meter
from prmsync.store.sending import ToSend
from prmsync.sync.session import Session, Stream
from prmsync.sync.typed_meanwhile import reader_of

FOR_PEOPLE = 0.1
"""The part of the share that backfill and the forecast leave to the edits of people until the
window's end."""
GOES_ON = "; goes on at "
"""Stands in the message of an error that was explained."""
_CALLS = {
    "create": {"write": 1},
    "update": {"guard": 1, "write": 1},
    "delete": {"guard": 1, "write": 1},
}
_RELATION_CALLS = {
    "create": {"read": 1, "write": 1},
    "update": {"guard": 1, "read": 1, "write": 2},
    "delete": {"guard": 1, "write": 1},
}
_LOOKS_AT_ENDS = {"create": 2, "update": 4, "delete": 2}
"""Guard calls besides, where relations are no records (`prmsync.sync.relation_guard`)."""


def cost(session: Session, rows: Mapping[ToSend, int]) -> Counter[str]:
    """About how many calls of which kind it takes to send these rows, full batches assumed."""
    streams = {one.id: one for one in session.streams.values()}
    calls: Counter[str] = Counter()
    for row, count in rows.items():
        if row.side != Side.CRM:
            continue
        batches = ceil(count / session.connector.batch_size)
        stream = streams.get(row.stream_id)  # none for one whose mapping was taken away
        spec = None if stream is None else stream.spec
        relation = spec is not None and spec.relation is not None
        kinds = _RELATION_CALLS if relation else _CALLS
        for kind, each in kinds.get(row.op, {}).items():
            calls[kind] += each * batches
        if relation and (looks := _looks_at_ends(session, row.op)):
            calls["guard"] += looks * batches
        if spec is not None and not relation and isinstance(session.connector, ManyWriter):
            made = session.connector.write_calls(spec, row.op, count)
            calls["write"] += made - batches
            if "guard" in kinds.get(row.op, {}):
                calls["guard"] += session.connector.look_calls(count) - batches
        if stream is not None and (looks := _looks_back(session, stream, row.op, count)):
            calls["history"] += looks
    return calls


def _looks_back(session: Session, stream: Stream, op: str, count: int) -> int:
    """Calls that look at what updates replaced unseen."""
    reader = reader_of(session, stream) if op == "update" else None
    return 0 if reader is None else reader.history_calls(count)


def saved(session: Session, rows: Mapping[ToSend, int]) -> int:
    """How many calls jobs for many rows save of sending these."""
    connector = session.connector
    if not isinstance(connector, JobWriter):
        return 0
    specs = {one.id: one.spec for one in session.streams.values()}
    return sum(
        connector.calls_saved(specs[row.stream_id], row.op, count)
        for row, count in rows.items()
        if row.side == Side.CRM and row.stream_id in specs
    )


def _looks_at_ends(session: Session, op: str) -> int:
    return _LOOKS_AT_ENDS.get(op, 0) if isinstance(session.connector, RelationReader) else 0


def rows_at_once(
    session: Session, stream: Stream, op: str, lane: Lane
) -> tuple[int, QuotaError | None]:
    """How many rows are sent next, and why none is, decided before anything of them leaves."""
    connector = session.connector
    most = connector.rows_at_once() if isinstance(connector, ManyWriter) else connector.batch_size
    usage = connector.usage()
    if usage.left is None:
        return most, None
    kept = 0 if lane is Lane.PEOPLE else int((usage.allowed or 0) * FOR_PEOPLE)
    each = sum(_RELATION_CALLS[op].values())
    each += 0 if stream.spec.relation is None else _looks_at_ends(session, op)
    each += _looks_back(session, stream, op, connector.batch_size)
    left, code = usage.left - kept, "OWN_SHARE" if kept == 0 else "FOR_PEOPLE"
    own = left_to_forecast(session) if lane is Lane.FORECAST else None
    if own is not None and own < left:
        left, code = own, "FORECAST_SHARE"
    batches = left // each
    if batches > 0:
        return min(most, batches * connector.batch_size), None
    return most, QuotaError("", code=code)


def _for_forecast(session: Session, usage: Usage) -> int | None:
    """How many calls of one window may carry the forecast; None where no limit is known."""
    return None if usage.allowed is None else usage.allowed * session.forecast_share // 100


def left_to_forecast(session: Session) -> int | None:
    """How many calls may still carry the forecast in the present window, where a limit is known."""
    allowed = _for_forecast(session, session.connector.usage())
    if allowed is None:
        return None
    with session.database.read() as connection:
        made = quota.calls_made(connection, session.name, session.now(), forecast=True)
    return max(0, allowed - made)


@contextmanager
def counted_in(session: Session, lane: Lane) -> Iterator[None]:
    """Calls that carry the forecast are counted by themselves as soon as they were made."""
    if lane is not Lane.FORECAST:
        yield
        return
    before = sum(session.connector.usage().calls.values())
    try:
        yield
    finally:
        made = sum(session.connector.usage().calls.values()) - before
        with session.database.begin() as connection:
            quota.add_forecast_calls(connection, session.name, session.now(), made)


def note(connection: sa.Connection, session: Session, *, keep_stop: bool = False) -> None:
    """Store the calls since the last note, and what the CRM says of its limit. With `keep_stop`
    it stays noted that the connection was stopped and when it goes on."""
    usage, now = session.connector.usage(), session.now()
    calls = sum(usage.calls.values())
    if calls > session.noted:
        quota.add_calls(connection, session.name, now, calls - session.noted)
        session.noted = calls
    before = quota.meter(connection, session.name) if keep_stop else None
    stopped = before is not None and before.goes_on_at is not None and before.goes_on_at > now
    known = _meter(session, usage)
    if stopped and before is not None:
        known = replace(known, goes_on_at=before.goes_on_at, why=before.why)
    quota.save_meter(connection, session.name, known)


def _meter(session: Session, usage: Usage) -> Meter:
    return Meter(
        session.now(),
        usage.used,
        usage.limit,
        usage.allowed,
        usage.resets_at,
        forecast=_for_forecast(session, usage),
    )


@dataclass(frozen=True, slots=True)
class _Account:
    """A connection that meets a limit: what it is called, what is known of its calls, and how many
    of them may carry the forecast."""

    name: str
    title: str
    now: datetime
    usage: Usage
    for_forecast: int = 0


def _goes_on_at(connection: sa.Connection, account: _Account, error: QuotaError) -> datetime:
    name, now, usage = account.name, account.now, account.usage
    if error.code == "FORECAST_SHARE":
        own = account.for_forecast
        return quota.goes_on_at(connection, name, now, own, usage.resets_at, forecast=True)
    allowed = usage.allowed if usage.allowed is not None and error.code in _OURS else 0
    return quota.goes_on_at(connection, name, now, allowed, usage.resets_at)


_OURS = ("OWN_SHARE", "FOR_PEOPLE")


def explained(session: Session, error: QuotaError) -> QuotaError:
    """The same error with what was used of what, and when it goes on; both are stored too."""
    with session.database.begin() as connection:
        session.fence(connection)
        note(connection, session)
        usage = session.connector.usage()
        own = _for_forecast(session, usage) or 0
        account = _Account(session.name, session.connector_title, session.now(), usage, own)
        return _told(connection, account, _meter(session, usage), error)


def explained_before(
    database: Database, name: str, title: str, now: datetime, usage: Usage, error: QuotaError
) -> QuotaError:
    """The same of a connection that met the limit before it could be opened."""
    with database.begin() as connection:
        known = quota.meter(connection, name)
        if usage.limit is not None or known is None:
            forecast = None if known is None else known.forecast
            known = Meter(
                now, usage.used, usage.limit, usage.allowed, usage.resets_at, forecast=forecast
            )
        return _told(connection, _Account(name, title, now, usage), known, error)


def _told(
    connection: sa.Connection, account: _Account, known: Meter, error: QuotaError
) -> QuotaError:
    mine = error.code == "FORECAST_SHARE"
    made = quota.calls_made(connection, account.name, account.now, forecast=mine)
    at = _goes_on_at(connection, account, error)
    quota.save_meter(connection, account.name, replace(known, goes_on_at=at, why=error.code))
    told = QuotaError(
        f"{_what(account, error, made)}{GOES_ON}{_moment(at)}",
        hint=_HINTS.get(error.code, error.hint or _HINTS["CRM"]),
        code=error.code,
    )
    told.retry_after = max((at - account.now).total_seconds(), error.retry_after or 0)
    return told


_APART = ("FOR_PEOPLE", "FORECAST_SHARE")
"""Bounds that people's edits do not meet."""


def goes_on_in(error: ConnectorError | None) -> float | None:
    """Seconds in which nothing can be called, None where people's edits can still be sent."""
    if not isinstance(error, QuotaError) or error.code in _APART:
        return None
    return error.retry_after


def _what(account: _Account, error: QuotaError, made: int) -> str:
    title, usage = account.title, account.usage
    if error.code == "OWN_SHARE":
        return f"stopped at the daily share of {title} calls ({made:,} of {usage.allowed or 0:,})"
    if error.code == "FOR_PEOPLE":
        return (
            f"stopped before the daily share of {title} calls is used up "
            f"({made:,} of {usage.allowed or 0:,}): the rest is kept for edits of people"
        )
    if error.code == "FORECAST_SHARE":
        return (
            f"stopped before the forecast's daily share of {title} calls is used up "
            f"({made:,} of {account.for_forecast:,}); all else was sent"
        )
    if error.code == "CALL_SHARE":
        return (
            f"stopped because {usage.used or 0:,} of the account's {usage.limit or 0:,} {title} "
            "calls are used, by everybody together"
        )
    return f"stopped by {title}: {error.message.rstrip('.')}"


_HINTS = {
    "OWN_SHARE": "Nothing is lost. To let prmsync use more a day, raise `share` (in per cent) of "
    "this connection in prmsync.toml.",
    "FOR_PEOPLE": "Nothing is lost. To let prmsync use more a day, raise `share` (in per cent) of "
    "this connection in prmsync.toml.",
    "FORECAST_SHARE": "Nothing is lost. To let the forecast use more a day, raise `forecast_share` "
    "(in per cent of the connection's own calls) in prmsync.toml.",
    "CALL_SHARE": "Nothing is lost. See in the CRM which integrations use its calls up.",
    "CRM": "Nothing is lost; the next run goes on with what is left.",
}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
