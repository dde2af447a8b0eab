"""The record of models: asked again on earlier days, scored on what came."""

from __future__ import annotations

import numpy as np
import pytest

from deal_worlds import WEEKS, world
from prmsync.forecast.backtest import DAYS, backtest, cuts
from prmsync.forecast.groups import Answer, Cut, Groups
from prmsync.forecast.history import NEVER
from prmsync.forecast.spread import Sums

WORLD = world(61)
TODAY = WEEKS.bounds(8)[0] + 10


def knows_all(cut: Cut) -> Answer:
    """A model that looks ahead: what a perfect score is."""
    start, end = cut.bounds
    came = WORLD.won & (WORLD.closed >= start) & (WORLD.closed < end)
    found = {}
    for name, (rows, count) in cut.dimensions().items():
        real = np.bincount(rows[WORLD.segment[came]], weights=WORLD.worth[came], minlength=count)
        nothing = Sums(np.zeros(count), np.zeros(count), np.ones(count))
        found[name] = Groups(real.astype(float), nothing)
    still = np.flatnonzero(WORLD.created < cut.today)[cut.history.closed == NEVER]
    return Answer(found, came[still].astype(float))


def says_nothing(cut: Cut) -> Answer:
    zero = {name: np.zeros(count) for name, (_, count) in cut.dimensions().items()}
    return Answer({name: Groups(z, Sums(z, z, z + 1)) for name, z in zero.items()})


def test_the_days_of_the_quarters_that_are_over_are_asked() -> None:
    found = cuts(WORLD, WEEKS, TODAY, 3)
    starts = [WEEKS.bounds(q)[0] for q in (5, 6, 7)]
    assert [cut.today for cut in found] == [start + day for start in starts for day in DAYS]
    assert all(cut.history.closed.min() < cut.today for cut in found)


def test_a_cut_knows_nothing_of_its_day_or_later() -> None:
    for cut in cuts(WORLD, WEEKS, TODAY, 3):
        assert cut.history.created.max() < cut.today
        assert not (cut.history.won & (cut.history.closed >= cut.today)).any()


def test_days_before_stages_were_recorded_are_not_asked() -> None:
    late = type(WORLD)(
        **{name: getattr(WORLD, name) for name in WORLD.__slots__}
        | {"recorded_from": WEEKS.bounds(7)[0]}
    )
    assert {cut.quarter for cut in cuts(late, WEEKS, TODAY, 4)} == {7}


def test_perfect_and_empty_answers_have_the_scores_they_deserve() -> None:
    at = cuts(WORLD, WEEKS, TODAY, 3)
    scores = backtest(WORLD, at, {"oracle": knows_all, "nothing": says_nothing})
    perfect, empty = scores["oracle"], scores["nothing"]
    assert (perfect.wape(), perfect.bias, perfect.coverage()) == (0.0, 0.0, 1.0)
    assert perfect.pinball == pytest.approx(0.0)
    assert (perfect.brier, empty.brier) == (0.0, None)
    assert empty.wape() == pytest.approx(1.0)
    assert empty.bias == pytest.approx(-1.0)
    assert empty.pinball == pytest.approx(1.0)
    assert (empty.coverage(), empty.width) == (0.0, 0.0)
    assert perfect.cuts == len(at)


def test_progress_is_told_cut_by_cut() -> None:
    told: list[int] = []
    at = cuts(WORLD, WEEKS, TODAY, 1)
    backtest(WORLD, at, {"nothing": says_nothing}, told.append)
    assert told == [1, 1, 1]
