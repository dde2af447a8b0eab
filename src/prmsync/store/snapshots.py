"""How all deals stood at the end of a day, one row a day: a digest of every deal's state, and the
open deals' numbers by currency and stage. With it anybody can tell whether a rebuilt day is still
what it was, or whether history was told anew since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from prmsync.store.column_types import UtcDateTime
from prmsync.store.tables import metadata

deal_snapshot = sa.Table(
    "deal_snapshot",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("taken_at", UtcDateTime, nullable=False),
    sa.Column("deals", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("pipeline", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`deals` that were known; `pipeline` is JSON: a list of {direct, currency, stage, deals,
    amount}."""

    day: date
    taken_at: datetime
    deals: int
    digest: str
    pipeline: str


def keep(connection: sa.Connection, snapshot: Snapshot) -> None:
    """Store a day once; what is stored of a day never changes."""
    if of_day(connection, snapshot.day) is None:
        row = {name: getattr(snapshot, name) for name in Snapshot.__slots__}
        connection.execute(deal_snapshot.insert(), row)


def of_day(connection: sa.Connection, day: date) -> Snapshot | None:
    """The snapshot of a day, where one was taken."""
    query = sa.select(deal_snapshot).where(deal_snapshot.c.day == day)
    row = connection.execute(query).one_or_none()
    return None if row is None else Snapshot(*row)


def first_day(connection: sa.Connection) -> date | None:
    """The earliest day that was stored."""
    found: date | None = connection.scalar(sa.select(sa.func.min(deal_snapshot.c.day)))
    return found


def all_days(connection: sa.Connection) -> Sequence[Snapshot]:
    """All snapshots, the latest first."""
    query = sa.select(deal_snapshot).order_by(deal_snapshot.c.day.desc())
    return [Snapshot(*row) for row in connection.execute(query)]
