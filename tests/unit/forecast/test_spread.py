"""Distributions of sums without drawing, against drawing them."""

from __future__ import annotations

import numpy as np
import pytest

from prmsync.forecast.spread import WEIGHTS, Lots, sums, tally

LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9])


def lots(seed: int, count: int, *, streams: int = 0, shock: float = 0.0) -> Lots:
    rng = np.random.default_rng(seed)
    base = rng.uniform(0.05, 0.6, count)
    base[:streams] *= 4
    shocks = np.exp(shock * np.array([-np.sqrt(3), 0, np.sqrt(3)]))
    mean = rng.lognormal(9, 0.7, count)
    stream = np.zeros(count)
    stream[:streams] = 1.0
    return Lots(np.outer(shocks, base), mean, mean**2 * 1.2, stream)


def drawn(given: Lots, runs: int = 40_000) -> np.ndarray:
    rng = np.random.default_rng(9)
    which = rng.choice(3, runs, p=WEIGHTS)
    scale = np.sqrt(np.log(1.2))
    total = np.zeros(runs)
    for index in range(len(given.mean)):
        chance = given.chance[which, index]
        if given.stream[index]:
            wins = rng.poisson(chance)
        else:
            wins = (rng.random(runs) < chance).astype(int)
        for step in range(int(wins.max())):
            amount = given.mean[index] * rng.lognormal(-(scale**2) / 2, scale, runs)
            total += np.where(wins > step, amount, 0.0)
    return total


@pytest.mark.parametrize("given", [lots(1, 60), lots(2, 60, streams=10), lots(3, 80, shock=0.15)])
def test_quantiles_agree_with_drawing(given: Lots) -> None:
    group = np.zeros(len(given.mean), dtype=int)
    found, real = sums(given, group, 1), drawn(given)
    assert found.mean[0] == pytest.approx(real.mean(), rel=0.02)
    assert np.sqrt(found.variance[0]) == pytest.approx(real.std(), rel=0.03)
    assert found.quantiles(LEVELS)[:, 0] == pytest.approx(np.quantile(real, LEVELS), rel=0.04)


def test_a_group_of_one_deal_is_often_nothing() -> None:
    one = Lots(np.full((3, 1), 0.3), np.array([100.0]), np.array([10_000.0]), np.zeros(1))
    found = sums(one, np.zeros(1, dtype=int), 1)
    assert found.nothing[0] == pytest.approx(0.7)
    assert list(found.quantiles(np.array([0.5, 0.69]))[:, 0]) == [0.0, 0.0]
    assert found.quantiles(np.array([0.95]))[0, 0] == pytest.approx(100.0, rel=0.01)


def test_parts_sum_to_the_total_and_a_shock_widens_the_total_most() -> None:
    given = lots(4, 200, shock=0.2)
    group = np.arange(200) % 10
    parts, whole = sums(given, group, 10), sums(given, group * 0, 1)
    assert parts.mean.sum() == pytest.approx(whole.mean[0])
    assert whole.variance[0] > parts.variance.sum()


def test_a_group_without_any_chance_is_certainly_nothing() -> None:
    none = Lots(np.zeros((3, 2)), np.ones(2), np.ones(2), np.zeros(2))
    assert (sums(none, np.array([0, 0]), 2).quantiles(LEVELS) == 0).all()


def test_exchanging_the_deals_that_changed_is_reckoning_everything_anew() -> None:
    before, after = lots(5, 300, shock=0.1), lots(6, 300, shock=0.1)
    changed, group = np.arange(300) < 20, np.arange(300) % 7
    old, new = (tally(some(given, changed), group[changed], 7) for given in (before, after))
    found = (tally(before, group, 7) - old + new).sums()
    kept = tally(some(before, ~changed), group[~changed], 7)
    anew = (kept + new).sums()
    assert found.quantiles(LEVELS) == pytest.approx(anew.quantiles(LEVELS))
    assert found.mean.sum() != pytest.approx(sums(before, group * 0, 1).mean[0])


def some(given: Lots, which: np.ndarray) -> Lots:
    return Lots(given.chance[:, which], given.mean[which], given.square[which], given.stream[which])
