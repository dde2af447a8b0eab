"""Hazards learned from stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deal_worlds import LOSS, MOVE, RATES, STAGES, WEEKS, WIN, world
from prmsync.forecast.evidence import multipliers, prior_worth
from prmsync.forecast.hazards import BINS, OUTCOMES, PRIOR_WEEKS, Prior, count, expected, fit
from prmsync.forecast.prior import prior_of
from prmsync.forecast.spells import Exit, Spells

PRIOR = Prior(RATES, np.array([1, 2, 2]))
SPELLS = world(3, a_week=40).spells(WEEKS, 130 * 7)


def test_a_long_history_shows_the_hazards_that_made_it() -> None:
    blind = prior_of([0.1, 0.3, 0.5])
    hazards = fit(count(SPELLS, STAGES), blind)
    for outcome, true in zip(OUTCOMES, (MOVE, WIN, LOSS), strict=True):
        # Weeks 1 to 11 of a stay: in the week of its creation no deal of this world moves.
        learned = hazards.rate[outcome][:, 1:12, :].mean(axis=(1, 2))
        assert learned == pytest.approx(true, abs=0.02)


def test_wins_that_come_in_one_week_of_a_stay_are_due_in_that_week() -> None:
    """300 deals that are won in their 17th week or never: no other week is likely to win them."""
    start = np.arange(300) % 40
    won = np.arange(300) % 2 == 0
    stays = Spells(
        stage=np.zeros(300, dtype=np.int64),
        start=start,
        last=np.where(won, start + 17, 80),
        exit=np.where(won, Exit.WIN, Exit.OPEN),
        target=np.zeros(300, dtype=np.int64),
        segment=np.zeros(300, dtype=np.int64),
        seen=start,
    )
    rate = fit(count(stays, 1), prior_of([0.5])).rate[Exit.WIN][0].mean(axis=1)
    assert rate[17] > 4 * rate[16]
    assert rate[17] > 3 * rate[18]
    assert rate[17] > 10 * rate[22]


def test_without_history_the_hazards_are_the_priors() -> None:
    nothing = SPELLS.until(0)
    hazards = fit(count(nothing, STAGES), PRIOR)
    for outcome in OUTCOMES:
        expected_ = np.broadcast_to(RATES[outcome][:, None, None], hazards.rate[outcome].shape)
        assert hazards.rate[outcome] == pytest.approx(expected_)


def test_hazards_of_a_week_never_exceed_certainty() -> None:
    greedy = Prior({k: np.full(STAGES, 0.9) for k in OUTCOMES}, np.array([1, 2, 2]))
    hazards = fit(count(SPELLS.until(20), STAGES), greedy)
    assert (sum(hazards.rate.values()) <= 1.0).all()


def test_what_was_due_sums_to_what_was_seen() -> None:
    hazards = fit(count(SPELLS, STAGES), PRIOR)
    for outcome in OUTCOMES:
        due = float(expected(hazards, outcome, SPELLS).sum())
        assert due == pytest.approx(float((SPELLS.exit == outcome).sum()), rel=0.05)


def test_counting_in_two_parts_is_counting_once() -> None:
    whole = count(SPELLS, STAGES)
    since = replace(SPELLS, seen=np.maximum(SPELLS.seen, 50)).seen_at_all()
    early, late = count(SPELLS.until(50), STAGES), count(since, STAGES)
    assert early.risk + late.risk == pytest.approx(whole.risk)
    for outcome in OUTCOMES:
        assert early.exits[outcome] + late.exits[outcome] == pytest.approx(whole.exits[outcome])


def test_groups_that_differ_only_by_luck_are_left_alone() -> None:
    rng = np.random.default_rng(1)
    due = np.full(200, 12.0)
    assert np.abs(multipliers(rng.poisson(due).astype(float), due) - 1).max() < 0.25
    real = rng.poisson(due * rng.lognormal(0, 0.5, 200)).astype(float)
    assert np.abs(multipliers(real, due) - 1).max() > 0.5
    assert prior_worth(real, due) < 20


def test_a_single_lucky_group_is_no_champion() -> None:
    assert multipliers(np.array([3.0, 0.0]), np.array([0.5, 0.5]))[0] < 1.6


@pytest.mark.parametrize("probability", [[0.1, 0.2, 0.5], [0.05, 0.05, 0.9], [0.5], [0.0, 0.0]])
def test_a_prior_wins_in_the_end_what_the_stage_promises(probability: list[float]) -> None:
    prior = prior_of(probability)
    exits = sum(prior.rate[k] for k in OUTCOMES)
    chance = 0.0
    for stage in reversed(range(len(probability))):
        win = prior.rate[Exit.WIN][stage] / exits[stage]
        chance = win + prior.rate[Exit.MOVE][stage] / exits[stage] * chance
        assert chance == pytest.approx(probability[stage])


def shares(stage: int, *classes: int) -> np.ndarray:
    """All that is won comes from these classes of time in a stage, the same from each."""
    found = np.zeros((STAGES, len(BINS)))
    found[stage, list(classes)] = 1 / len(classes)
    return found


def test_hazards_at_an_age_that_no_deal_has_reached_yet_are_the_doubtful_ones() -> None:
    young = fit(count(SPELLS.until(9), STAGES), PRIOR).learned
    old = fit(count(SPELLS, STAGES), PRIOR).learned
    late = np.flatnonzero(BINS >= 11)
    assert young.doubt(shares(2, *late)) > 3 * young.doubt(shares(2, 0, 1, 2))
    assert old.doubt(shares(2, 0, 1, 2)) < young.doubt(shares(2, 0, 1, 2))
    assert old.doubt(shares(2, *late)) < young.doubt(shares(2, *late)) / 3


def test_ages_that_nobody_saw_are_wrong_together_and_those_that_were_seen_each_by_itself() -> None:
    nothing = fit(count(SPELLS.until(0), STAGES), PRIOR).learned
    one, both = (nothing.doubt(shares(2, *ages)) for ages in ((11,), (11, 12)))
    assert both > 0.9 * one
    seen = fit(count(SPELLS, STAGES), PRIOR).learned
    one, both = (seen.doubt(shares(2, *ages)) for ages in ((0,), (0, 1)))
    assert both < 0.7 * one


def test_the_doubt_of_one_class_is_that_of_the_gamma_posterior_behind_it() -> None:
    """Without history: the stage's own, and that of the class which leans on it."""
    learned = fit(count(SPELLS.until(0), STAGES), PRIOR).learned
    worth = PRIOR_WEEKS * WIN[2]
    assert learned.doubt(shares(2, 0)) == pytest.approx(2 / worth)
