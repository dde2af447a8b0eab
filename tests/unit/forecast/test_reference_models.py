"""The models a forecast must beat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deal_worlds import WEEKS, world
from prmsync.forecast.groups import TOTAL, Cut, Model
from prmsync.forecast.history import NEVER
from prmsync.forecast.reference_models import average, conversion, naive, stage_weighted_model

DEALS = world(41)
PROBABILITY = np.array([0.2, 0.4, 0.8])
MODELS = {
    "naive": naive(),
    "conversion": conversion(),
    "stage_weighted": stage_weighted_model(PROBABILITY),
    "average": average(naive(), conversion()),
}


def cut(day: int, quarter: int = 7) -> Cut:
    return Cut.of(DEALS, WEEKS, WEEKS.bounds(quarter)[0] + day, quarter)


def test_naive_is_won_to_date_plus_what_last_quarter_still_brought() -> None:
    start = WEEKS.bounds(7)[0]
    day = start + 28
    won = DEALS.worth[DEALS.won & (DEALS.closed >= start) & (DEALS.closed < day)].sum()
    last = DEALS.worth[DEALS.won & (DEALS.closed >= day - 91) & (DEALS.closed < start)].sum()
    assert naive()(cut(28)).groups[TOTAL].mean[0] == pytest.approx(won + last)


def test_stage_weighted_counts_open_deals_expected_in_the_quarter() -> None:
    at = cut(28)
    latest = at.history.last_events()
    close = at.history.expected_close[latest]
    due = (at.history.closed == NEVER) & (close >= at.today) & (close < at.bounds[1])
    worth = (at.history.amount[latest] * PROBABILITY[at.history.stage[latest]])[due].sum()
    answer = MODELS["stage_weighted"](at)
    assert answer.groups[TOTAL].to_come.mean[0] == pytest.approx(worth)
    still = np.flatnonzero(at.history.closed == NEVER)
    stated = np.where(due, PROBABILITY[at.history.stage[latest]], 0.0)[still]
    assert answer.chance == pytest.approx(stated)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_parts_sum_to_the_total_and_intervals_hold_the_mean(model: Model) -> None:
    found = model(cut(28)).groups
    for groups in found.values():
        assert groups.mean.sum() == pytest.approx(found[TOTAL].mean[0])
    low, high = found[TOTAL].quantiles(np.array([0.05, 0.95]))[:, 0]
    assert low <= found[TOTAL].mean[0] <= high


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_no_later_row_changes_an_earlier_answer(model: Model) -> None:
    day = WEEKS.bounds(6)[0] + 40
    one = model(Cut.of(DEALS, WEEKS, day, 6)).groups
    two = model(Cut.of(DEALS.as_of(day + 30), WEEKS, day, 6)).groups
    assert np.array_equal(one[TOTAL].mean, two[TOTAL].mean)
    assert np.array_equal(one[TOTAL].to_come.variance, two[TOTAL].to_come.variance)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_without_any_record_no_model_fails(model: Model) -> None:
    found = model(Cut.of(DEALS, WEEKS, 10, 0)).groups
    assert np.isfinite(found[TOTAL].quantiles(np.array([0.1, 0.9]))).all()


def test_models_that_go_by_earlier_quarters_say_where_there_is_none() -> None:
    first, later = cut(28, quarter=0), cut(28)
    for name in ("naive", "conversion", "average"):
        assert MODELS[name](first).unknown
        assert not MODELS[name](later).unknown
    assert not MODELS["stage_weighted"](first).unknown


def test_an_average_leaves_out_the_model_that_knows_nothing() -> None:
    """Closes are known of the last quarter, stages are not: only naive has something to go by."""
    since = WEEKS.bounds(7)[0] + 20
    young = replace(DEALS, recorded_from=since)
    at = Cut.of(young, WEEKS, since + 10, 7)
    assert MODELS["conversion"](at).unknown
    both = MODELS["average"](at).groups[TOTAL]
    assert both.mean == pytest.approx(naive()(at).groups[TOTAL].mean)
