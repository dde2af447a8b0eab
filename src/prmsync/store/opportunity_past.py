"""How opportunities looked before: each row is a state that ended, kept by triggers.

A trigger writes the old state whenever stage, amount, close date, partner or product lines change,
or the opportunity is deleted, in the writer's own transaction and whoever writes. The present state
stands in `opportunity`, so nothing is written twice and a first load costs nothing. Together they
rebuild the pipeline of any day since the database exists. What was before comes from files
(`prmsync import --as deal_history`) and from the CRMs (`prmsync forecast backfill`): its rows name
their source, so that a later import replaces them and never what the triggers saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from prmsync.store.bulk import among
from prmsync.store.column_types import ExactDecimal, UtcDateTime
from prmsync.store.links import chunks
from prmsync.store.tables import metadata

opportunity_past = sa.Table(
    "opportunity_past",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("opportunity", sa.Text, nullable=False),
    sa.Column("until_at", UtcDateTime, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("amount", ExactDecimal),
    sa.Column("currency", sa.Text),
    sa.Column("close_date", sa.Date),
    sa.Column("partner", sa.Text),
    sa.Column("product_lines", sa.Text),
    sa.Column("created_at", UtcDateTime),
    sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("source", sa.Text),
    sa.Index(None, "opportunity", "until_at"),
    sqlite_autoincrement=True,
)

KEPT = ("stage", "amount", "currency", "close_date", "partner", "product_lines")
"""Columns of `opportunity` whose changes end a state."""
_INSERT = """INSERT INTO opportunity_past (opportunity, until_at, stage, amount, currency,
    close_date, partner, product_lines, created_at, gone)"""
_OLD = """OLD.stage, OLD.amount, OLD.currency, OLD.close_date, OLD.partner,
    OLD.product_lines, OLD.created_at"""
POSTGRES_FUNCTION = f"""
CREATE FUNCTION prmsync_keep_past() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  {_INSERT}
  VALUES (OLD.id, clock_timestamp(),
    {_OLD},
    TG_OP = 'DELETE');
  RETURN NULL;
END
$$
""".strip()


def trigger_names(dialect: str) -> tuple[str, ...]:
    """Names of the triggers on `opportunity`, for "sqlite" or "postgresql"."""
    if dialect == "postgresql":
        return ("keep_past", "keep_past_deleted")
    return ("opportunity_past_update", "opportunity_past_delete")


def trigger_statements(dialect: str) -> tuple[str, ...]:
    """DDL that keeps the past, in the order to run it; PostgreSQL's function comes first."""
    update, delete = trigger_names(dialect)
    if dialect == "postgresql":
        changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in KEPT)
        run = "EXECUTE FUNCTION prmsync_keep_past()"
        return (
            POSTGRES_FUNCTION,
            f"CREATE TRIGGER {update} AFTER UPDATE ON opportunity\n"
            f"FOR EACH ROW WHEN ({changed})\n{run}",
            f"CREATE TRIGGER {delete} AFTER DELETE ON opportunity\nFOR EACH ROW {run}",
        )
    changed = "\n  OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in KEPT)
    return (
        f"CREATE TRIGGER {update} AFTER UPDATE ON opportunity\nWHEN {changed}\n{_sqlite_body(0)}",
        f"CREATE TRIGGER {delete} AFTER DELETE ON opportunity\n{_sqlite_body(1)}",
    )


def _sqlite_body(gone: int) -> str:
    return (
        "BEGIN\n"
        f"  {_INSERT}\n"
        "  VALUES (OLD.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),\n"
        f"    {_OLD}, {gone});\n"
        "END"
    )


@dataclass(frozen=True, slots=True)
class PastState:
    """A state of an opportunity that held until `until_at`; `gone`: it was deleted then. `amount`
    is in major units of `currency`; `product_lines` as the column keeps them."""

    opportunity: str
    until_at: datetime
    stage: str
    amount: Decimal | None
    currency: str | None
    close_date: date | None
    partner: str | None
    product_lines: str | None
    created_at: datetime | None
    gone: bool
    source: str | None = None
    """Where it was told; None where a trigger saw it."""


_COLUMNS = [column for column in opportunity_past.columns if column.name != "seq"]


def first_seen_change(connection: sa.Connection) -> datetime | None:
    """When the triggers saw a deal change or go for the first time."""
    c = opportunity_past.c
    query = sa.select(c.until_at).where(c.source.is_(None)).order_by(c.until_at).limit(1)
    found: datetime | None = connection.scalar(query)
    return found


def past_states(
    connection: sa.Connection, deals: Collection[str] | None = None
) -> Iterator[PastState]:
    """States that ended, of some deals or of all, by opportunity and in the order they ended."""
    c = opportunity_past.c
    query = sa.select(*_COLUMNS).order_by(c.opportunity, c.until_at, c.seq)
    if deals is not None:
        query = query.where(among(connection, c.opportunity, sorted(deals)))
    for row in connection.execute(query):
        yield PastState(*row)


def tell(
    connection: sa.Connection, deals: Collection[str], states: Iterable[PastState]
) -> Counter[str]:
    """Keep what was told of these deals instead of what was told of them before; what triggers saw
    stays. Counts states as `new`, `same` and `gone`."""
    c = opportunity_past.c
    told, there = set(states), set()
    for part in chunks(sorted(deals)):
        there |= {one for one in past_states(connection, part) if one.source is not None}
    changed = {one.opportunity for one in told ^ there}
    for part in chunks(sorted(changed)):
        connection.execute(
            opportunity_past.delete().where(
                among(connection, c.opportunity, part), c.source.is_not(None)
            )
        )
    add(connection, [one for one in told if one.opportunity in changed])
    return Counter(new=len(told - there), same=len(told & there), gone=len(there - told))


def add(connection: sa.Connection, states: Iterable[PastState]) -> int:
    """Keep states from before; returns how many."""
    rows = [{column.name: getattr(state, column.name) for column in _COLUMNS} for state in states]
    rows.sort(key=lambda row: (row["opportunity"], row["until_at"]))
    if rows:
        connection.execute(opportunity_past.insert(), rows)
    return len(rows)
