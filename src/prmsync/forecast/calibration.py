"""The model corrected by its own past: how its earlier forecasts, made as of their day and on what
was known then, compare with what came.

The bias factor is (won + K) / (expected + K) over the last quarters at the same week of the
quarter, recent ones first, so a short record moves little. The widening compares the errors with
the spread that was stated, over all groups of a dimension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prmsync.forecast.spells import Floats

WORTH = 150.0
"""Wins that the belief "the model is right" is worth."""
DECAY = 0.8
"""Weight of a quarter against the one after it."""
SPREAD_WORTH = 6.0
"""Past errors that the belief "the stated spread is right" is worth."""
_OUTLIER = 9.0


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier forecast of what was still to come, and what came.

    `expected` and `won` count deals; by dimension the groups' means, variances and sums won.
    """

    quarters_ago: int
    expected: float
    won: float
    mean: Mapping[str, Floats]
    variance: Mapping[str, Floats]
    came: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Calibration:
    """`bias` multiplies what is to come, `width[dimension]` its standard deviation. `record` is
    how many earlier forecasts it rests on."""

    bias: float
    width: Mapping[str, float]
    record: int


def calibrate(past: Sequence[Past], dimensions: Sequence[str]) -> Calibration:
    """What the past says; without any, nothing is changed."""
    weight = np.array([DECAY**one.quarters_ago for one in past])
    won = float(weight @ np.array([one.won for one in past])) if past else 0.0
    due = float(weight @ np.array([one.expected for one in past])) if past else 0.0
    bias = (won + WORTH) / (due + WORTH)
    width = {name: _width(past, name, bias) for name in dimensions}
    return Calibration(bias, width, len(past))


def _width(past: Sequence[Past], dimension: str, bias: float) -> float:
    """Root mean square of the standardised errors, leaning on 1."""
    squares = [_surprise(one, dimension, bias) for one in past]
    if not squares:
        return 1.0
    each = [float(one.mean()) for one in squares if len(one)]
    return float(np.sqrt((SPREAD_WORTH + sum(each)) / (SPREAD_WORTH + len(each))))


def _surprise(one: Past, dimension: str, bias: float) -> Floats:
    variance = one.variance[dimension]
    due = variance > 0
    error = one.came[dimension][due] - bias * one.mean[dimension][due]
    found: Floats = np.minimum(error**2 / (bias**2 * variance[due]), _OUTLIER)
    return found
