"""Chances by exact sums over all ways that are left, against drawing them."""

from __future__ import annotations

import numpy as np
import pytest

from deal_worlds import LOSS, MOVE, RATES, STAGES, WIN
from prmsync.forecast import chances
from prmsync.forecast.chances import Window, of_new
from prmsync.forecast.hazards import LONGEST, OUTCOMES, Hazards, Learned
from prmsync.forecast.spells import QUARTER, Floats, Ints

MOVES = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
HAZARDS = Hazards(
    {k: np.broadcast_to(RATES[k][:, None, None], (STAGES, LONGEST, QUARTER)) for k in OUTCOMES},
    MOVES,
    Learned(np.zeros((STAGES, 1)), np.zeros((STAGES, 1))),
)
FACTOR = np.ones((3, 1))


def of_open(window: Window, factor: Floats, new: Floats, where: tuple[Ints, Ints, Ints]) -> Floats:
    """Chances under one scenario."""
    found: Floats = chances.of_open(HAZARDS, window, factor[None], new[None], where)[0]
    return found


def drawn(stage: int, weeks: int, runs: int = 200_000) -> float:
    """Share of wins among deals drawn week by week; who moves may go on within the week."""
    rng = np.random.default_rng(5)
    at, live, wins = np.full(runs, stage), np.ones(runs, dtype=bool), 0
    for _ in range(weeks):
        going = live.copy()
        while going.any():
            draw = rng.random(runs)
            win, loss, move = WIN[at], LOSS[at], MOVE[at]
            won = going & (draw < win)
            lost = going & (draw >= win) & (draw < win + loss)
            moved = going & (draw >= win + loss) & (draw < win + loss + move)
            wins += int(won.sum())
            live &= ~(won | lost)
            at = np.where(moved, at + 1, at)
            going = moved
    return wins / runs


@pytest.mark.parametrize("stage", range(STAGES))
def test_an_open_deals_chance_is_the_share_of_wins_among_many_like_it(stage: int) -> None:
    window = Window(0, 9)
    new = of_new(HAZARDS, window, FACTOR)
    where = (np.array([0]), np.array([stage]), np.array([4]))
    chance = of_open(window, FACTOR, new, where)
    assert chance[0] == pytest.approx(drawn(stage, 9), abs=0.004)


def test_with_less_time_left_the_chance_is_smaller_and_nothing_is_left_at_the_end() -> None:
    where = (np.zeros(1, dtype=int), np.array([2]), np.array([1]))
    found = []
    for end in range(9):
        window = Window(0, end)
        new = of_new(HAZARDS, window, FACTOR)
        found.append(float(of_open(window, FACTOR, new, where)[0]))
    assert found[0] == 0.0
    assert found == sorted(found)


def test_a_week_that_is_half_over_counts_half() -> None:
    where = (np.zeros(1, dtype=int), np.array([2]), np.array([1]))
    half = Window(0, 1, left=0.5)
    new = of_new(HAZARDS, half, FACTOR)
    assert of_open(half, FACTOR, new, where)[0] == pytest.approx(WIN[2] / 2)


def test_deals_alike_have_the_same_chance_in_any_order() -> None:
    window, rng = Window(3, 12), np.random.default_rng(2)
    where = (np.zeros(50, dtype=int), rng.integers(0, STAGES, 50), rng.integers(0, 30, 50))
    new = of_new(HAZARDS, window, FACTOR)
    chance = of_open(window, FACTOR, new, where)
    turned = of_open(window, FACTOR, new, (where[0][::-1], where[1][::-1], where[2][::-1]))
    assert turned[::-1] == pytest.approx(chance)
