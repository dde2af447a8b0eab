"""The market's level: how the wins of recent weeks compare with those that were due by the hazards.

Hazards are what deals did on the average of the record. What a market does to all wins lasts for
weeks and passes, or stays. The level of a week is 1 + y, where y is drawn back to 0 and wanders:
a first-order autoregression, with the noise of counts on top (Kalman filter; Harvey 1989). How far
it wanders and how much of it is kept from week to week is not known: every pair of a grid is held,
each as likely as the record makes it, so that luck alone changes little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prmsync.forecast.hazards import Hazards
from prmsync.forecast.spells import LONGEST, QUARTER, Exit, Floats, Spells

WANDER: Floats = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3])
"""Standard deviations of y."""
KEPT: Floats = np.array([0.84, 0.92, 0.96, 0.98, 0.995])
"""Shares of y that the next week has: half of it is gone after a month, or after three years."""
LOOKED_AT = 104
"""Weeks of the record that the level is read from."""
_LEAST = 0.2


@dataclass(frozen=True, slots=True)
class Level:
    """For each pair of the grid: how far it wanders and how much is kept, how likely it is, and y
    of the last week seen with its variance."""

    wander: Floats
    kept: Floats
    weight: Floats
    last: Floats
    variance: Floats

    def ahead(self, weeks: int) -> Floats:
        """What the wins of each of the weeks to come are multiplied by."""
        y = self.kept[:, None] ** np.arange(1, weeks + 1) * self.last[:, None]
        found: Floats = np.maximum(1.0 + self.weight @ y, _LEAST)
        return found

    def shock(self, weeks: int) -> float:
        """How far the mean level of the weeks to come may be off: relative standard deviation."""
        if not weeks:
            return 0.0
        step = np.arange(1, weeks + 1)
        kept = self.kept[:, None, None]
        since = kept ** (step[:, None] + step)
        own = self.wander[:, None, None] ** 2 * (kept ** np.abs(step[:, None] - step) - since)
        within = (self.variance[:, None, None] * since + own).mean(axis=(1, 2))
        mean = (self.kept[:, None] ** step).mean(axis=1) * self.last
        middle = float(self.weight @ mean)
        spread = float(self.weight @ (within + (mean - middle) ** 2))
        return float(np.sqrt(spread)) / max(1.0 + middle, _LEAST)


def read_level(seen: Floats, due: Floats) -> Level:
    """From wins `seen` and `due` by week, the latest last."""
    wander, kept = (one.ravel() for one in np.meshgrid(WANDER, KEPT))
    y, variance, score = np.zeros(len(wander)), wander**2, np.zeros(len(wander))
    for came, fair in zip(seen, due, strict=True):
        y, variance = kept * y, kept**2 * variance + (1 - kept**2) * wander**2
        if fair <= 0:
            continue
        noise = fair**2 * variance + fair
        miss = came - fair * (1 + y)
        score -= (np.log(noise) + miss**2 / noise) / 2
        gain = variance * fair / noise
        y, variance = y + gain * miss, variance * (1 - gain * fair)
    weight = np.exp(score - score.max())
    return Level(wander, kept, weight / weight.sum(), y, variance)


def wins_by_week(
    hazards: Hazards, factor: Floats, spells: Spells, now: int
) -> tuple[Floats, Floats]:
    """Wins seen and due in each of the last weeks of the record before `now`. `factor[segment]`
    multiplies the hazards of winning."""
    first = max(now - LOOKED_AT, int(spells.seen.min(initial=now)))
    count, late = now - first, spells.last >= first
    won = spells.last[late & (spells.exit == Exit.WIN)] - first
    seen = np.bincount(won, minlength=count).astype(float)
    # Stays of one stage, first and last week are alike: all that follows counts these.
    start = np.maximum(spells.start[late] - first, -LONGEST) + LONGEST
    shape = (hazards.stages, LONGEST + count, count)
    cell = np.ravel_multi_index((spells.stage[late], start, spells.last[late] - first), shape)
    size = int(np.prod(shape))
    ended = np.bincount(cell, weights=factor[spells.segment[late]], minlength=size).reshape(shape)
    open_ = ended[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    due = np.zeros(count)
    for week in range(count):
        inside = np.minimum(np.arange(LONGEST + week, -1, -1), LONGEST - 1)
        rate = hazards.rate[Exit.WIN][:, inside, (first + week) % QUARTER]
        due[week] = (rate * open_[:, : LONGEST + week + 1, week]).sum()
    return seen, due
