"""The forecast of a quarter: won to date + open deals + deals that do not exist yet, as sums over
any grouping of the deals, with the model's own past built in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from prmsync.forecast.calibration import Calibration, Past, calibrate
from prmsync.forecast.groups import LOOK_BACKS, TOTAL, Cut, Groups
from prmsync.forecast.hazard_model import Fitted, Outlook, doubt, learn_all, outlook
from prmsync.forecast.hazards import Prior
from prmsync.forecast.history import DealHistory
from prmsync.forecast.spells import Floats, Ints
from prmsync.forecast.spread import WEIGHTS, Sums, sums

COLD = 0.25
"""Relative error of the prior hazards, before any win was seen from stage to stage."""
COLD_WINS = 10.0
"""Wins seen that halve the square of it."""

Believe = Callable[[Cut], Prior]
"""What is believed of stages, given what was known on a day and nothing later."""


@dataclass(frozen=True, slots=True)
class QuarterForecast:
    """By dimension ("total" and the history's own) the groups; `outlook` has each open deal's
    chance before calibration, `past` the earlier forecasts that calibrate it, the latest first."""

    cut: Cut
    groups: Mapping[str, Groups]
    outlook: Outlook
    fitted: Fitted
    calibration: Calibration
    past: tuple[Past, ...]

    @property
    def chance(self) -> Floats:
        """Chance of each open deal, in the outlook's order, to be won in the period; calibrated."""
        chance = WEIGHTS @ self.outlook.lots.chance * self.calibration.bias
        found: Floats = np.minimum(chance[: self.outlook.open], 1.0)
        return found

    def to_come(self, group: Ints, groups: int, share: Floats | None = None) -> Sums:
        """Any other grouping of the lots (open deals first, then the streams of new ones); with
        `share`, of each lot that share of its worth."""
        lots = self.outlook.lots
        if share is not None:
            lots = replace(lots, mean=lots.mean * share, square=lots.square * share**2)
        found = sums(lots, group, groups).unsure(np.full(groups, self.outlook.doubt))
        found = found.scaled(self.calibration.bias)
        found = found.widened(self.calibration.width[TOTAL])
        return found.unsure(np.full(groups, _cold(self.cut.history)))


def hazard_forecast(cut: Cut, believe: Believe, product: int) -> QuarterForecast:
    """The forecast as it stands at the cut. `believe` is asked anew for every earlier forecast,
    so that none knows the pace of a later day; `product` is the dimension, by index, whose values
    differ most in worth."""
    past = tuple(_past(cut, believe, product))
    calibration = calibrate(past, list(cut.dimensions()))
    fitted, ahead = _ahead(cut, believe, product)
    cold = _cold(cut.history)
    groups = {}
    for name, (rows, count) in cut.dimensions().items():
        to_come = _stated(fitted, ahead, name, rows, count)
        to_come = to_come.scaled(calibration.bias).widened(calibration.width[name])
        to_come = to_come.unsure(np.full(count, cold))
        groups[name] = Groups(cut.won_by(rows, count), to_come)
    return QuarterForecast(cut, groups, ahead, fitted, calibration, past)


def _stated(fitted: Fitted, ahead: Outlook, dimension: str, rows: Ints, count: int) -> Sums:
    """What the model says of a dimension before its own past corrects it."""
    found = ahead.by_segment.gathered(rows, count).sums()
    return found.unsure(doubt(fitted, dimension, count) + ahead.doubt)


def _cold(history: DealHistory) -> float:
    """Squared relative error of a forecast that rests on the prior: less with every win seen."""
    seen = int((history.won & (history.closed >= history.recorded_from)).sum())
    return COLD**2 * COLD_WINS / (COLD_WINS + seen)


def _ahead(cut: Cut, believe: Believe, product: int) -> tuple[Fitted, Outlook]:
    fitted = learn_all(cut.history, cut.weeks, cut.today, believe(cut), product)
    start, end = cut.bounds
    ahead = outlook(fitted, cut.history, cut.weeks, cut.today, end)
    if start <= cut.today:
        return fitted, ahead
    # A quarter to come: what is won before it begins is not its own.
    before = outlook(fitted, cut.history, cut.weeks, cut.today, start)
    chance = np.maximum(ahead.lots.chance - before.lots.chance, 0.0)
    return fitted, replace(ahead, lots=replace(ahead.lots, chance=chance))


def _past(cut: Cut, believe: Believe, product: int) -> list[Past]:
    """Earlier forecasts at the same distance from their quarter's start."""
    cuts = [(ago, cut.earlier(ago)) for ago in range(1, LOOK_BACKS + 1)]
    return [
        _look_back(cut.history, before, ago, believe, product)
        for ago, before in cuts
        if before is not None
    ]


def _look_back(known: DealHistory, before: Cut, ago: int, believe: Believe, product: int) -> Past:
    fitted, ahead = _ahead(before, believe, product)
    came = before.came(known)
    mean, variance, real = {}, {}, {}
    for name, (rows, count) in before.dimensions().items():
        to_come = _stated(fitted, ahead, name, rows, count)
        mean[name], variance[name] = to_come.mean, to_come.variance
        group = rows[known.segment[came]]
        real[name] = np.bincount(group, weights=known.worth[came], minlength=count).astype(float)
    return Past(ago, ahead.expected_wins, float(came.sum()), mean, variance, real)
