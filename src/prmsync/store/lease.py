"""One run per connection: a lease with a fencing token, checked in every write transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from prmsync.errors import LeaseLostError
from prmsync.store.prepared import given
from prmsync.store.tables import lease as table

LEASE = timedelta(seconds=90)
"""For a holder that gives a sign of life by the clock."""

RUN_LEASE = timedelta(seconds=330)
"""For a run, which gives its signs between calls: longer than the longest write with its waits for
a CRM's limit, so that nothing of a run that was taken over is still on its way."""

_HERE = table.c.name == given("of")
_HELD = sa.and_(_HERE, table.c.token == given("held_as"))
_FREE = {
    "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
}
_LOCKED = sa.select(table).where(_HERE).with_for_update()
_TAKE = (
    table.update()
    .where(_HERE)
    .values(token=given("now_as"), holder=given("by"), until=given("till"))
)
_HOLDER = sa.select(table.c.holder).where(_HERE)
_RENEW = table.update().where(_HELD).values(until=given("till"))
_RELEASE = table.update().where(_HELD).values(holder=None)
_RELEASE_OTHERS = (
    table.update()
    .where(table.c.holder == given("by"), table.c.name != given("but"))
    .values(holder=None)
)


def acquire(
    connection: sa.Connection,
    name: str,
    holder: str,
    now: datetime,
    *,
    holder_is_dead: bool,
    length: timedelta = LEASE,
) -> int:
    """Take the lease and return its token. Raises LeaseLostError while another run holds it.

    `holder_is_dead` is the caller's evidence that the process that holds it no longer exists.
    """
    # Locked, or two that come at the same moment would both go on with the same token.
    row = connection.execute(_LOCKED, {"of": name}).one_or_none()
    if row is None:
        free = {"name": name, "token": 0, "holder": None, "until": now}
        connection.execute(_FREE[connection.dialect.name], free)
        row = connection.execute(_LOCKED, {"of": name}).one()
    if row.holder is not None and row.until > now and not holder_is_dead:
        raise LeaseLostError(
            f"{name} is being synced by another process ({row.holder})",
            hint="it finishes by itself; without a sign of life "
            f"it gives way at {row.until:%H:%M:%S} UTC",
        )
    token = int(row.token) + 1
    taken = {"of": name, "now_as": token, "by": holder, "till": now + length}
    connection.execute(_TAKE, taken)
    return token


def holder_of(connection: sa.Connection, name: str) -> str | None:
    """Who holds a connection's lease; None when nobody does."""
    return connection.execute(_HOLDER, {"of": name}).scalar_one_or_none()


def renew(
    connection: sa.Connection, name: str, token: int, now: datetime, *, length: timedelta = LEASE
) -> None:
    """Prolong the lease; raises LeaseLostError if it was taken over meanwhile."""
    held = {"of": name, "held_as": token, "till": now + length}
    if connection.execute(_RENEW, held).rowcount != 1:
        raise LeaseLostError(
            f"another process took {name} over",
            hint="nothing is lost: it goes on from what this one had stored",
        )


def release(connection: sa.Connection, name: str, token: int) -> None:
    """Give a lease up; one that was taken over meanwhile stays with its new holder."""
    connection.execute(_RELEASE, {"of": name, "held_as": token})


def release_all_of(connection: sa.Connection, holder: str, *, but: str) -> None:
    """Release what a predecessor of the same name left behind, except the lease `but`."""
    connection.execute(_RELEASE_OTHERS, {"by": holder, "but": but})
