"""The forecast of a quarter: won to date + open deals + deals that do not exist yet, as sums over
any grouping of the deals, with the model's own past built in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prmsync.forecast.calibration import Calibration, Past, calibrate
from prmsync.forecast.groups import LOOK_BACKS, TOTAL, Cut, Groups
from prmsync.forecast.hazard_model import Fitted, Outlook, doubt, learn_all, outlook
from prmsync.forecast.hazards import Prior
from prmsync.forecast.history import DealHistory
from prmsync.forecast.spells import Floats, Ints
from prmsync.forecast.spread import WEIGHTS, Sums, sums

SHOCK = 0.1
"""Standard deviation of the market's common log factor on win hazards before any record."""


@dataclass(frozen=True, slots=True)
class QuarterForecast:
    """By dimension ("total" and the history's own) the groups; `outlook` has each open deal's
    chance before calibration."""

    cut: Cut
    groups: Mapping[str, Groups]
    outlook: Outlook
    fitted: Fitted
    calibration: Calibration

    @property
    def chance(self) -> Floats:
        """Chance of each open deal, in the outlook's order, to be won in the period; calibrated."""
        chance = WEIGHTS @ self.outlook.lots.chance * self.calibration.bias
        found: Floats = np.minimum(chance[: self.outlook.open], 1.0)
        return found

    def to_come(self, group: Ints, groups: int, width: str = TOTAL) -> Sums:
        """Any other grouping of the lots (open deals first, then the streams of new ones)."""
        found = sums(self.outlook.lots, group, groups)
        return found.scaled(self.calibration.bias).widened(self.calibration.width[width])


def hazard_forecast(cut: Cut, prior: Prior, product: int) -> QuarterForecast:
    """The forecast as it stands at the cut. `product` is the dimension, by index, whose values
    differ most in worth."""
    calibration = calibrate(_past(cut, prior, product), list(cut.dimensions()))
    fitted, ahead = _ahead(cut, prior, product)
    groups = {}
    for name, (rows, count) in cut.dimensions().items():
        to_come = sums(ahead.lots, rows[ahead.segment], count).unsure(doubt(fitted, name, count))
        to_come = to_come.scaled(calibration.bias).widened(calibration.width[name])
        groups[name] = Groups(cut.won_by(rows, count), to_come)
    return QuarterForecast(cut, groups, ahead, fitted, calibration)


def _ahead(cut: Cut, prior: Prior, product: int) -> tuple[Fitted, Outlook]:
    fitted = learn_all(cut.history, cut.weeks, cut.today, prior, product)
    return fitted, outlook(fitted, cut.history, cut.weeks, cut.today, cut.bounds[1], SHOCK)


def _past(cut: Cut, prior: Prior, product: int) -> list[Past]:
    """Earlier forecasts at the same distance from their quarter's start."""
    cuts = [(ago, cut.earlier(ago)) for ago in range(1, LOOK_BACKS + 1)]
    return [
        _look_back(cut.history, before, ago, prior, product)
        for ago, before in cuts
        if before is not None
    ]


def _look_back(known: DealHistory, before: Cut, ago: int, prior: Prior, product: int) -> Past:
    fitted, ahead = _ahead(before, prior, product)
    came = before.came(known)
    mean, variance, real = {}, {}, {}
    for name, (rows, count) in before.dimensions().items():
        to_come = sums(ahead.lots, rows[ahead.segment], count).unsure(doubt(fitted, name, count))
        mean[name], variance[name] = to_come.mean, to_come.variance
        group = rows[known.segment[came]]
        real[name] = np.bincount(group, weights=known.worth[came], minlength=count).astype(float)
    expected = float((WEIGHTS @ ahead.lots.chance).sum())
    return Past(ago, expected, float(came.sum()), mean, variance, real)
