"""The market's level is read from wins against those that were due, and moves what is to come."""

from __future__ import annotations

import numpy as np
import pytest

from prmsync.forecast.hazards import Prior, count, expected, fit
from prmsync.forecast.level import LOOKED_AT, read_level, wins_by_week
from prmsync.forecast.spells import Exit, Spells

STAGES = 3


def stays(rng: np.random.Generator, n: int) -> Spells:
    start = rng.integers(0, 140, n)
    stage = rng.integers(0, STAGES, n)
    return Spells(
        stage=stage,
        start=start,
        last=start + rng.integers(0, 100, n),
        exit=rng.choice([Exit.OPEN, Exit.MOVE, Exit.WIN, Exit.LOSS], n),
        target=(stage + 1) % STAGES,
        segment=rng.integers(0, 4, n),
        seen=np.maximum(start, 30),
    ).seen_at_all()


def test_wins_due_by_week_are_those_of_the_stays_at_risk_in_it() -> None:
    now = 150
    spells = stays(np.random.default_rng(1), 400).until(now)
    flat = np.full(STAGES, 0.05)
    prior = Prior(dict.fromkeys((Exit.MOVE, Exit.WIN, Exit.LOSS), flat), np.arange(STAGES))
    hazards = fit(count(spells, STAGES), prior)
    factor = np.array([1.0, 0.5, 2.0, 1.3])
    seen, due = wins_by_week(hazards, factor, spells, now)
    first = now - LOOKED_AT

    def until(week: int) -> float:
        known = spells.until(week)
        return float(expected(hazards, Exit.WIN, known) @ factor[known.segment])

    assert due == pytest.approx([until(w + 1) - until(w) for w in range(first, now)])
    assert seen.sum() == ((spells.exit == Exit.WIN) & (spells.last >= first)).sum()


def test_a_market_that_wins_less_lasts_into_the_weeks_to_come() -> None:
    due = np.full(60, 8.0)
    seen = np.concatenate([np.full(40, 8.0), np.full(20, 5.0)])
    ahead = read_level(seen, due).ahead(13)
    assert 0.6 < ahead[0] < 0.85
    assert (np.diff(ahead) > 0).all()  # and is drawn back to what was usual


def test_the_luck_of_single_deals_changes_little() -> None:
    rng = np.random.default_rng(7)
    due = np.full(104, 6.0)
    found = [read_level(rng.poisson(due).astype(float), due).ahead(1)[0] for _ in range(50)]
    assert np.std(found) < 0.06
    assert np.mean(found) == pytest.approx(1.0, abs=0.03)


def test_without_a_record_nothing_is_moved_and_the_shock_is_that_of_the_belief() -> None:
    level = read_level(np.zeros(0), np.zeros(0))
    assert level.ahead(13) == pytest.approx(np.ones(13))
    assert 0.08 < level.shock(13) < 0.2
    assert level.shock(0) == 0.0


def test_a_long_steady_record_leaves_less_room_for_a_shock_than_none() -> None:
    due = np.full(104, 40.0)
    steady = read_level(due.copy(), due)
    wild = read_level(due * (1 + 0.5 * np.sin(np.arange(104) / 8)), due)
    nothing = read_level(np.zeros(0), np.zeros(0))
    assert steady.shock(13) < nothing.shock(13)
    assert wild.shock(13) > 2 * steady.shock(13)
