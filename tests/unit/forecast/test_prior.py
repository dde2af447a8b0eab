"""What is believed before any stage was seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deal_worlds import WEEKS, world
from prmsync.forecast.groups import Cut
from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.prior import WEEKS_IN_STAGE, prior_at, prior_of
from prmsync.forecast.spells import Exit

PROBABILITY = (0.2, 0.4, 0.8)
DAY = WEEKS.bounds(6)[0] + 30


def stay(history: DealHistory, day: int = DAY) -> float:
    """Weeks in a stage that are believed at a day."""
    prior = prior_at(Cut.of(history, WEEKS, day, WEEKS.quarter(day)), PROBABILITY)
    return float(1 / sum(prior.rate.values())[0])


def test_a_deal_is_won_as_often_as_its_stages_probability_says() -> None:
    prior = prior_of(PROBABILITY)
    chance = 1.0
    for stage in reversed(range(3)):
        leave = sum(rate[stage] for rate in prior.rate.values())
        step = prior.rate[Exit.WIN][stage] + prior.rate[Exit.MOVE][stage]
        chance *= step / leave
        assert chance == pytest.approx(PROBABILITY[stage])


def test_the_pace_is_that_of_closes_in_all_the_time_that_deals_lived() -> None:
    # Constant hazards of the made world: a deal lives about 14 weeks and sees 2 stages.
    assert stay(world(3)) == pytest.approx(7.0, rel=0.25)


def test_a_young_company_whose_quick_deals_have_closed_is_not_taken_for_a_quick_company() -> None:
    deals = 400
    created = np.full(deals, DAY - 60)
    quick = np.arange(deals) < 40
    young = replace(
        world(3),
        created=created,
        closed=np.where(quick, DAY - 55, NEVER),
        won=quick,
        worth=quick * 1000.0,
        segment=np.zeros(deals, dtype=np.int64),
        deal=np.arange(deals),
        day=created,
        stage=np.zeros(deals, dtype=np.int64),
        amount=np.full(deals, 1000.0),
        expected_close=created + 90,
    )
    assert stay(young) > WEEKS_IN_STAGE


def test_few_closes_say_nothing_of_the_pace() -> None:
    begun = world(3).as_of(WEEKS.bounds(1)[0] - 60)
    assert int((begun.closed < NEVER).sum()) < 20
    assert stay(begun, WEEKS.bounds(1)[0] - 60) == pytest.approx(WEEKS_IN_STAGE)


def only(stage: int, history: DealHistory) -> DealHistory:
    """The same deals in a company that knows one stage."""
    return replace(history, stage=np.full_like(history.stage, stage))


def test_a_company_of_one_stage_wins_from_it_as_often_as_it_closed_deals_won() -> None:
    history = only(0, world(4, a_week=10)).as_of(DAY)
    prior = prior_at(Cut.of(history, WEEKS, DAY, WEEKS.quarter(DAY)), PROBABILITY)
    won = history.won[history.closed < NEVER].mean()
    assert prior.rate[Exit.MOVE][0] == 0.0
    share = prior.rate[Exit.WIN][0] / (prior.rate[Exit.WIN][0] + prior.rate[Exit.LOSS][0])
    assert share == pytest.approx(won, abs=0.05)
    assert prior.wins == history.won.sum()


def test_stages_that_nobody_uses_are_passed_over() -> None:
    history = world(4, a_week=10)
    skipped = replace(history, stage=np.where(history.stage == 1, 2, history.stage))
    prior = prior_at(Cut.of(skipped, WEEKS, DAY, WEEKS.quarter(DAY)), PROBABILITY)
    assert prior.target[0] == 2
    assert prior.rate[Exit.WIN][2] > 0 == prior.rate[Exit.WIN][0]
