"""A day that was stored is rebuilt as it was, whatever happened since."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prmsync.answers.day_snapshots import difference, keep_day_before, snapshot_of
from prmsync.answers.deal_history import deal_book
from prmsync.answers.told_history import DealEvent, tell_history
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store import snapshots, tables
from prmsync.store.database import Database
from prmsync.store.opportunity_past import opportunity_past

FIRST = date(2026, 10, 1)
Add = Callable[..., str]

edits = st.one_of(
    st.tuples(st.just("stage"), st.sampled_from(["prospect", "committed", "launched"])),
    st.tuples(st.just("amount"), st.integers(1, 9).map(Decimal)),
    st.tuples(st.just("close_date"), st.dates(FIRST, date(2027, 3, 1))),
    st.tuples(st.just("partner"), st.sampled_from(["p1", None])),
    st.tuples(st.just("delete"), st.none()),
)
histories = st.lists(st.lists(st.tuples(st.integers(0, 2), edits), max_size=4), max_size=6)


@pytest.fixture
def partner(database: Database, add: Add) -> Database:
    add("partner", "p1")
    return database


def noon(day: int) -> datetime:
    return datetime.combine(FIRST + timedelta(days=day), time(12), UTC)


def live(database: Database, day: int, changes: list[tuple[int, tuple[str, Any]]]) -> None:
    """One day's edits of three deals, dated to that day; a deal that is not there is made."""
    c = tables.opportunity.c
    with database.begin() as connection:
        for number, (what, value) in changes:
            there = connection.execute(sa.select(c.id).where(c.id == f"o{number}-{day}")).first()
            ident = f"o{number}" if there is None else f"o{number}-{day}"
            mine = c.id == ident
            if connection.execute(sa.select(c.id).where(mine)).first() is None:
                row = {"id": ident, "name": ident, "stage": "qualified", "created_at": noon(day)}
                connection.execute(tables.opportunity.insert(), row)
            elif what == "delete":
                connection.execute(tables.opportunity.delete().where(mine))
            else:
                connection.execute(tables.opportunity.update().where(mine).values({what: value}))
        connection.execute(
            opportunity_past.update()
            .where(opportunity_past.c.until_at > noon(400))
            .values(until_at=noon(day))
        )


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=histories)
def test_a_day_is_rebuilt_as_it_was_stored(
    partner: Database, history: list[list[tuple[int, tuple[str, Any]]]]
) -> None:
    with partner.begin() as connection:
        for table in (snapshots.deal_snapshot, opportunity_past, tables.opportunity):
            connection.execute(table.delete())
        connection.execute(opportunity_past.delete())
    for day, changes in enumerate(history):
        live(partner, day, changes)
        keep_day_before(partner, REFERENCE_PROGRAM, noon(day + 1))
    with partner.read() as connection:
        kept = snapshots.all_days(connection)
        assert len(kept) == len(history)
        for one in kept:
            book = deal_book(connection, REFERENCE_PROGRAM, one.day, noon(9).date())
            assert snapshot_of(book, one.taken_at) == one


def test_a_day_is_stored_once_and_a_retold_past_is_seen(partner: Database, add: Add) -> None:
    add("opportunity", "o1", partner="p1", stage="committed", created_at=noon(0))
    keep_day_before(partner, REFERENCE_PROGRAM, noon(3))
    keep_day_before(partner, REFERENCE_PROGRAM, noon(3) + timedelta(hours=2))
    with partner.begin() as connection:
        (one,) = snapshots.all_days(connection)
        assert (one.day, one.deals, one.taken_at) == (FIRST + timedelta(days=2), 1, noon(3))
        assert "committed" in one.pipeline
        book = deal_book(connection, REFERENCE_PROGRAM, one.day, noon(9).date())
    assert difference(partner, book) is None
    events = [DealEvent("o1", noon(0), {"stage": "prospect"})]
    events.append(DealEvent("o1", noon(5), {"stage": "committed"}))
    with partner.begin() as connection:
        tell_history(connection, events, "file")
        book = deal_book(connection, REFERENCE_PROGRAM, one.day, noon(9).date())
    found = difference(partner, book)
    assert found is not None
    assert (found.kept, found.rebuilt, found.taken_at) == (1, 1, noon(3))
