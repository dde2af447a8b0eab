"""Calls to each CRM by the hour, and what the CRM last said of its own limit.

A run is told how many calls its connection made in the CRM's present window, so that the share of
one connection holds over all its runs and commands, restarts included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import sqlalchemy as sa

from prmsync.store.prepared import given
from prmsync.store.tables import call_count as table
from prmsync.store.tables import connection as connections

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
KEPT = 2 * DAY


_ADD = (
    table.update()
    .where(table.c.connection == given("of"), table.c.hour == given("at"))
    .values(calls=table.c.calls + given("more", sa.Integer))
)
_ADD_FORECAST = (
    table.update()
    .where(table.c.connection == given("of"), table.c.hour == given("at"))
    .values(forecast=table.c.forecast + given("more", sa.Integer))
)
_SAVE = connections.update().where(connections.c.name == given("of")).values(quota=given("text"))
_METER = sa.select(connections.c.quota).where(connections.c.name == given("of"))


@dataclass(frozen=True, slots=True)
class Meter:
    """What was known of a connection's limit at `at`.

    `used` and `limit` are the account's own meter, `allowed` what this connection may use of it in
    one window, `forecast` how many of these may carry the forecast. `resets_at`: when the CRM's
    window ends, where it has fixed ones; else it rolls over 24 hours. `goes_on_at` and `why` are
    there where a run was stopped.
    """

    at: datetime
    used: int | None = None
    limit: int | None = None
    allowed: int | None = None
    resets_at: datetime | None = None
    goes_on_at: datetime | None = None
    why: str | None = None
    forecast: int | None = None


def add_calls(connection: sa.Connection, name: str, now: datetime, calls: int) -> None:
    """Count calls of this hour; hours that no window reaches any more are forgotten."""
    hour = _hour(now)
    found = connection.execute(_ADD, {"of": name, "at": hour, "more": calls}).rowcount
    if not found:
        connection.execute(table.insert().values(connection=name, hour=hour, calls=calls))
        old = table.c.hour < now - KEPT
        connection.execute(table.delete().where(table.c.connection == name, old))


def add_forecast_calls(connection: sa.Connection, name: str, now: datetime, calls: int) -> None:
    """Note that so many calls, which `add_calls` counts, carried the forecast."""
    add_calls(connection, name, now, 0)
    connection.execute(_ADD_FORECAST, {"of": name, "at": _hour(now), "more": calls})


def calls_made(
    connection: sa.Connection, name: str, now: datetime, *, forecast: bool = False
) -> int:
    """Calls of this connection in the CRM's present window, as far as known; with `forecast` only
    those that carried the forecast."""
    return sum(calls for _, calls in _hours(connection, name, now, forecast=forecast))


def goes_on_at(
    connection: sa.Connection,
    name: str,
    now: datetime,
    allowed: int,
    resets_at: datetime | None,
    *,
    forecast: bool = False,
) -> datetime:
    """When fewer than `allowed` calls will have been made in the window: at its end where it has
    a fixed one, else when enough hours have left the last 24."""
    if resets_at is not None and resets_at > now:
        return resets_at
    hours = _hours(connection, name, now, forecast=forecast)
    made = sum(calls for _, calls in hours)
    for hour, calls in hours:
        made -= calls
        if made < allowed:
            return hour + HOUR + DAY
    return now + HOUR


def _hours(
    connection: sa.Connection, name: str, now: datetime, *, forecast: bool
) -> list[tuple[datetime, int]]:
    since = window_start(meter(connection, name), now)
    rows = connection.execute(
        sa.select(table.c.hour, table.c.forecast if forecast else table.c.calls)
        .where(table.c.connection == name, table.c.hour > since - HOUR)
        .order_by(table.c.hour)
    )
    return [(row[0], row[1]) for row in rows]


def window_start(known: Meter | None, now: datetime) -> datetime:
    """When the present window began."""
    if known is None or known.resets_at is None:
        return now - DAY
    start = known.resets_at
    while start > now:
        start -= DAY
    return start + (now - start) // DAY * DAY


def save_meter(connection: sa.Connection, name: str, known: Meter) -> None:
    text = orjson.dumps(known).decode()
    connection.execute(_SAVE, {"of": name, "text": text})


def meter(connection: sa.Connection, name: str) -> Meter | None:
    """What was last known; None before any run."""
    row = connection.execute(_METER, {"of": name}).scalar_one_or_none()
    return None if row is None else read_meter(row)


def read_meter(text: str) -> Meter:
    """A meter as it is stored."""
    stored = orjson.loads(text)
    return Meter(
        datetime.fromisoformat(stored["at"]),
        stored["used"],
        stored["limit"],
        stored["allowed"],
        _moment(stored["resets_at"]),
        _moment(stored["goes_on_at"]),
        stored["why"],
        stored.get("forecast"),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
