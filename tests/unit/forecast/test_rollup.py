"""A forecast in rows: whatever they are by, they sum to the total."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deal_worlds import WEEKS, world
from prmsync.forecast.changes import Why, changes
from prmsync.forecast.deal_outlook import deal_outlooks
from prmsync.forecast.groups import Cut
from prmsync.forecast.hazard_forecast import QuarterForecast, hazard_forecast
from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.prior import prior_of
from prmsync.forecast.rollup import by_age, by_dimension, by_label, by_stage, total
from prmsync.forecast.timelines import Deals

WORLD = world(51)
PRIOR = prior_of([0.2, 0.4, 0.8])


def at(day: int, quarter: int | None = None) -> tuple[QuarterForecast, Deals]:
    quarter = WEEKS.quarter(day) if quarter is None else quarter
    cut = Cut.of(WORLD, WEEKS, day, quarter)
    names = {"partner": tuple("abcdef"), "tier": ("gold", "silver")}
    ids = tuple(f"d{n}" for n in range(len(cut.history.created)))
    return hazard_forecast(cut, lambda _: PRIOR, 0), Deals(cut.history, ids, names)


@settings(deadline=None, max_examples=10)
@given(day=st.integers(200, 900))
def test_rows_by_anything_sum_to_the_total_in_every_part(day: int) -> None:
    found, deals = at(day)
    whole = total(found, deals)
    owners = ["ana" if n % 3 else "bo" for n in range(len(deals.ids))]
    for rows in (
        by_dimension(found, deals, "partner"),
        by_dimension(found, deals, "tier"),
        by_label(found, owners),
        by_stage(found),
        by_age(found),
    ):
        for part in ("won", "open", "new", "forecast", "deals", "stated"):
            parts = sum(getattr(row, part) for row in rows)
            assert parts == pytest.approx(getattr(whole, part), abs=0.01)
        for row in rows:
            (low50, high50), (low95, high95) = row.ranges[50], row.ranges[95]
            assert low95 <= low50 <= high50 <= high95


@settings(deadline=None, max_examples=10)
@given(day=st.integers(370, 800))
def test_the_deals_sum_to_what_is_expected_of_open_deals(day: int) -> None:
    found, deals = at(day)
    listed = deal_outlooks(found, deals)
    assert sum(one.expected for one in listed) == pytest.approx(total(found, deals).open)
    assert all(0.0 <= one.chance <= 1.0 for one in listed)
    assert [one.expected for one in listed] == sorted((o.expected for o in listed), reverse=True)


@settings(deadline=None, max_examples=10)
@given(quarter=st.integers(4, 9), first=st.integers(0, 89), days=st.integers(1, 60))
def test_what_changed_adds_up_to_the_difference(quarter: int, first: int, days: int) -> None:
    start, end = WEEKS.bounds(quarter)
    one, two = start + first, min(start + first + days, end)
    found = changes(at(one, quarter), at(two, quarter))
    parts = sum(part.worth for part in found.parts)
    assert found.before + parts == pytest.approx(found.after)
    won = WORLD.won & (WORLD.closed >= one) & (WORLD.closed < two)
    named = {part.why: part.deals for part in found.parts}
    assert named.get(Why.WON, 0) == int(won.sum())


def with_(history: DealHistory) -> tuple[QuarterForecast, Deals]:
    """A forecast of the world of another history, from its own day."""
    cut = Cut.of(history, WEEKS, DAY, WEEKS.quarter(DAY))
    deals = Deals(cut.history, tuple(f"d{n}" for n in range(len(cut.history.created))), {})
    return hazard_forecast(cut, lambda _: PRIOR, 0), deals


DAY = WEEKS.bounds(8)[0] + 40
EARLIER = WEEKS.bounds(8)[0] + 30


def test_a_won_deal_that_is_opened_again_is_told_as_such() -> None:
    start = WEEKS.bounds(8)[0]
    one = int(np.flatnonzero(WORLD.won & (WORLD.closed >= start) & (WORLD.closed < EARLIER))[0])
    mine = np.arange(len(WORLD.created)) == one
    again = replace(
        WORLD,
        closed=np.where(mine, NEVER, WORLD.closed),
        won=WORLD.won & ~mine,
        worth=np.where(mine, 0.0, WORLD.worth),
    )
    parts = {part.why: part for part in changes(at(EARLIER), with_(again)).parts}
    assert parts[Why.REOPENED].deals == 1
    assert -WORLD.worth[one] <= parts[Why.REOPENED].worth < 0


def test_a_deal_grows_only_where_its_amount_was_edited() -> None:
    still = int(np.flatnonzero((WORLD.created < EARLIER - 30) & (WORLD.closed > DAY))[0])
    known = np.isin(WORLD.deal, still)
    later = replace(WORLD, amount=np.where(known, WORLD.amount * 3, WORLD.amount))
    parts = {part.why: part.deals for part in changes(at(EARLIER), with_(later)).parts}
    quiet = {part.why: part.deals for part in changes(at(EARLIER), with_(WORLD)).parts}
    assert parts[Why.GROWN] == quiet.get(Why.GROWN, 0) + 1


def test_a_quarter_to_come_leaves_out_what_is_won_before_it() -> None:
    day = WEEKS.bounds(8)[0]
    this, after = total(*at(day, 8)), total(*at(day, 9))
    assert after.won == 0.0
    assert 0 < after.open < this.open
    assert after.new > this.new
    both = hazard_forecast(Cut.of(WORLD, WEEKS, day, 9), lambda _: PRIOR, 0)
    assert (both.outlook.lots.chance[:, : both.outlook.open] <= 1).all()
    assert np.isfinite(after.ranges[95]).all()
