"""Days as they stood, kept from the first sync on, and whether a rebuilt day is still the same.

A rebuilt day may differ from what was kept of it for two reasons: its past was told anew since (an
import, a backfill), or deals arrived later that say they were made before.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from prmsync.answers import rows
from prmsync.answers.deal_history import DealBook, deal_book
from prmsync.domain.program import Program
from prmsync.domain.stage import Stage
from prmsync.store import snapshots
from prmsync.store.database import Database
from prmsync.store.opportunity_past import PastState
from prmsync.store.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class Difference:
    """A day that is no longer rebuilt as it was kept: deals known then, and rebuilt now."""

    kept: int
    rebuilt: int
    taken_at: datetime


def keep_day_before(database: Database, program: Program, now: datetime) -> None:
    """Store how all deals stood when the day before `now` ended; a day is stored once."""
    today = now.astimezone(program.review.time_zone).date()
    day = today - timedelta(days=1)
    with database.read() as connection:
        if snapshots.of_day(connection, day) is not None:
            return
        book = deal_book(connection, program, day, today)
    with database.begin() as connection:
        rows.alone(connection, "day snapshot")
        snapshots.keep(connection, snapshot_of(book, now))


def snapshot_of(book: DealBook, now: datetime) -> Snapshot:
    """A book's day in one row."""
    last = [states[-1] for states in book.states.values()]
    return Snapshot(book.as_of, now, len(last), _digest(last), _pipeline(last))


def difference(database: Database, book: DealBook) -> Difference | None:
    """How a rebuilt day differs from what was stored of it; None where nothing differs, or nothing
    was stored."""
    with database.read() as connection:
        kept = snapshots.of_day(connection, book.as_of)
    if kept is None or kept.digest == snapshot_of(book, kept.taken_at).digest:
        return None
    return Difference(kept.deals, len(book.states), kept.taken_at)


def _digest(states: list[PastState]) -> str:
    lines = sorted(
        "|".join(
            str(part)
            for part in (
                state.opportunity,
                state.stage,
                None if state.amount is None else state.amount.normalize(),
                state.currency,
                state.close_date,
                state.partner,
                state.product_lines,
            )
        )
        for state in states
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _pipeline(states: list[PastState]) -> str:
    found: dict[tuple[bool, str, str], list[Decimal]] = defaultdict(list)
    for state in states:
        if not Stage(state.stage).is_closed:
            place = (state.partner is None, state.currency or "", state.stage)
            found[place].append(state.amount or Decimal(0))
    found_rows = [
        {"direct": direct, "currency": currency, "stage": stage, "deals": len(worth)}
        | {"amount": f"{sum(worth):f}"}
        for (direct, currency, stage), worth in sorted(found.items())
    ]
    return json.dumps(found_rows)
