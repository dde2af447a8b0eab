"""The default model, whole: what it says, what it may know, and how it sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deal_worlds import WEEKS, world
from prmsync.forecast.groups import TOTAL, Cut
from prmsync.forecast.hazard_forecast import QuarterForecast, hazard_forecast
from prmsync.forecast.history import DealHistory
from prmsync.forecast.prior import prior_of
from prmsync.forecast.spells import Exit

PRIOR = prior_of([0.2, 0.4, 0.8])
LONG = world(11)
SHORT = world(11, weeks=117)


def at(day: int, history: DealHistory = LONG) -> QuarterForecast:
    quarter = WEEKS.quarter(day)
    return hazard_forecast(Cut.of(history, WEEKS, day, quarter), lambda _: PRIOR, 0)


@settings(deadline=None, max_examples=12)
@given(day=st.integers(370, 800))
def test_no_later_row_changes_an_earlier_forecast(day: int) -> None:
    one, two = at(day), at(day, SHORT)
    assert np.array_equal(one.chance, two.chance)
    for name, groups in one.groups.items():
        assert np.array_equal(groups.mean, two.groups[name].mean)
        assert np.array_equal(groups.to_come.variance, two.groups[name].to_come.variance)


@settings(deadline=None, max_examples=12)
@given(day=st.integers(100, 900))
def test_the_parts_of_every_dimension_sum_to_the_total(day: int) -> None:
    found = at(day)
    whole = found.groups[TOTAL].mean.sum()
    for groups in found.groups.values():
        assert groups.mean.sum() == pytest.approx(whole)
    lots = found.outlook.lots
    kind = np.where(lots.stream > 0, 2, 0)
    assert found.to_come(kind, 3).mean.sum() == pytest.approx(found.groups[TOTAL].to_come.mean[0])


def test_it_beats_the_last_quarter_and_its_80_percent_interval_holds() -> None:
    errors, last, inside, cuts = 0.0, 0.0, 0, 0
    for seed in range(20, 24):
        deals = world(seed)
        for quarter in range(5, 10):
            for week in (0, 4, 8):
                start, end = WEEKS.bounds(quarter)
                day = start + week * 7
                found = at(day, deals).groups[TOTAL]
                came = _won(deals, start, end)
                before = _won(deals, start - 91 + week * 7, start) + _won(deals, start, day)
                errors += abs(found.mean[0] - came)
                last += abs(before - came)
                low, high = found.quantiles(np.array([0.1, 0.9]))[:, 0]
                inside, cuts = inside + (low <= came <= high), cuts + 1
    assert errors < 0.85 * last
    assert 0.65 <= inside / cuts <= 0.95


def _won(deals: DealHistory, start: int, end: int) -> float:
    mask = deals.won & (deals.closed >= start) & (deals.closed < end)
    return float(deals.worth[mask].sum())


def test_a_partner_that_wins_twice_as_often_is_seen_with_its_evidence() -> None:
    deals = world(31, speed=np.array([2.0, 1, 1, 1, 1, 1]))
    found = at(880, deals)
    wins = next(
        e for e in found.fitted.evidence if e.outcome is Exit.WIN and e.dimension == "partner"
    )
    assert wins.multiplier[0] == max(wins.multiplier)
    assert wins.multiplier[0] > 1.2
    assert wins.seen[0] > wins.expected[0]


def test_on_the_first_day_of_a_company_the_answer_is_wide_and_does_not_fail() -> None:
    found = at(14)
    low, high = found.groups[TOTAL].quantiles(np.array([0.1, 0.9]))[:, 0]
    assert low < found.groups[TOTAL].mean[0] < high
    assert found.calibration.record == 0


def test_with_no_deal_at_all_the_forecast_is_nothing() -> None:
    nothing = at(0)
    assert nothing.groups[TOTAL].mean[0] == 0.0
    assert nothing.groups[TOTAL].quantiles(np.array([0.9]))[0, 0] == 0.0


def test_when_the_quarter_is_over_only_what_was_won_is_left() -> None:
    start, end = WEEKS.bounds(8)
    found = hazard_forecast(Cut.of(LONG, WEEKS, end, 8), lambda _: PRIOR, 0).groups[TOTAL]
    assert found.mean[0] == pytest.approx(_won(LONG, start, end))
    assert found.quantiles(np.array([0.1, 0.9]))[:, 0] == pytest.approx(found.won[0])
