"""A deal's chance of being won by the end of the period, from where it stands now. Exact: all
ways through the stages and weeks that are left are summed, nothing is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prmsync.forecast.hazards import OUTCOMES, Hazards
from prmsync.forecast.spells import LONGEST, QUARTER, Exit, Floats, Ints

_TOGETHER = 4096
"""Deals that are walked through the weeks together: what the processor's cache holds."""


@dataclass(frozen=True, slots=True)
class Window:
    """The weeks of a forecast: from `now` to before `end`. `left` is how much of the week `now`
    is still to come (1: all of it); `level` what the wins of each week are multiplied by, all 1
    where nothing is known of it."""

    now: int
    end: int
    left: float = 1.0
    level: tuple[float, ...] = ()

    @property
    def weeks(self) -> range:
        return range(self.now, self.end)

    def part(self, week: int) -> float:
        return self.left if week == self.now else 1.0

    def parts(self, week: int) -> Floats:
        """What each outcome's hazards are multiplied by in a week."""
        found: Floats = np.full(len(OUTCOMES), self.part(week))
        if self.level:
            found[OUTCOMES.index(Exit.WIN)] *= self.level[week - self.now]
        return found


def of_new(hazards: Hazards, window: Window, factor: Floats) -> Floats:
    """Chances [week of the window, segment, stage] of a deal that enters a stage in that week.

    `factor[outcome, segment]` multiplies hazards (rows: move, win, loss). The weeks are walked
    backwards; a deal that is new in the window stays in a stage no longer than the window.
    """
    count = len(window.weeks)
    later = np.zeros((factor.shape[1], hazards.stages, count + 1))
    found = np.empty((count, factor.shape[1], hazards.stages))
    for index in reversed(range(count)):
        week = window.weeks[index]
        later = _one_week(hazards, later, week % QUARTER, factor * window.parts(week)[:, None])
        found[index] = later[:, :, 0]
    return found


def _one_week(hazards: Hazards, later: Floats, phase: int, factor: Floats) -> Floats:
    keep = later.shape[2]
    move, win, loss = (
        hazards.rate[kind][None, :, :keep, phase] * factor[row][:, None, None]
        for row, kind in enumerate(OUTCOMES)
    )
    crowded = np.maximum(move + win + loss, 1.0)
    stayed = np.concatenate([later[:, :, 1:], later[:, :, -1:]], axis=2)
    alone = win / crowded + (1 - (move + win + loss) / crowded) * stayed
    # Who moves enters the next stage within the same week, and may go on from there.
    onward = (move / crowded)[:, :, :1] * hazards.moves
    fresh = np.linalg.solve(np.eye(hazards.stages) - onward, alone[:, :, :1])
    chances: Floats = alone + move / crowded * (hazards.moves @ fresh)
    return chances


def of_open(
    hazards: Hazards, window: Window, factors: Floats, new: Floats, where: tuple[Ints, Ints, Ints]
) -> Floats:
    """Chances [scenario, deal] of deals that are open when the window begins. `where` names each
    one's segment, stage and weeks in it; `factors[scenario]` and `new[scenario]` are what `of_new`
    was given and found."""
    states, back = _distinct(where, factors.shape[2], hazards.stages)
    rates = [
        _after(hazards, index, week % QUARTER, window.parts(week))
        for index, week in enumerate(window.weeks)
    ]
    onward = new @ hazards.moves.T
    found = np.empty((len(factors), len(states[0])))
    for at in range(0, len(states[0]), _TOGETHER):
        some = slice(at, at + _TOGETHER)
        segment, stage, weeks_in = (one[some] for one in states)
        entered = onward[:, :, segment, stage]
        cell = stage * LONGEST + weeks_in
        found[:, some] = _walked(rates, factors[:, :, segment], entered, cell)
    return found[:, back]


def _walked(rates: list[Floats], factor: Floats, entered: Floats, cell: Ints) -> Floats:
    """Week by week: `factor[scenario, outcome, deal]`, `entered[scenario, week, deal]`."""
    still = np.ones((len(factor), len(cell)))
    chance = np.zeros_like(still)
    for index, rate in enumerate(rates):
        move, win, loss = (rate[row].take(cell) * factor[:, row] for row in range(len(OUTCOMES)))
        gone = move + win + loss
        left = still / np.maximum(gone, 1.0)
        chance += left * (win + move * entered[:, index])
        still = still - left * gone
    return chance


def _after(hazards: Hazards, weeks: int, phase: int, parts: Floats) -> Floats:
    """Hazards [outcome, cell] of a week of the quarter; cells are stages and weeks in them `weeks`
    weeks ago."""
    at = np.minimum(np.arange(LONGEST) + weeks, LONGEST - 1)
    pairs = zip(OUTCOMES, parts, strict=True)
    return np.array([(hazards.rate[kind][:, at, phase] * part).ravel() for kind, part in pairs])


def _distinct(
    where: tuple[Ints, Ints, Ints], segments: int, stages: int
) -> tuple[tuple[Ints, Ints, Ints], Ints]:
    """The different states, and which one each deal is in: deals alike are reckoned once."""
    segment, stage, weeks_in = where
    shape = (segments, stages, LONGEST)
    keys = np.ravel_multi_index((segment, stage, np.clip(weeks_in, 0, LONGEST - 1)), shape)
    distinct, back = np.unique(keys, return_inverse=True)
    one, two, three = np.unravel_index(distinct, shape)
    return (one, two, three), back
