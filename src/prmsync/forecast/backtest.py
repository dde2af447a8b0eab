"""How good forecasts were: every model asked again on earlier days, knowing only what was known.

Rolling origin: at days 0, 28 and 56 of each earlier quarter every model forecasts the quarter from
the history as it stood; its errors are scored against what came. Measures: WAPE (sum of absolute
errors over the sum of what came; total, and over the groups of each dimension), pinball loss of the
quantiles 0.1 to 0.9 (Koenker and Bassett 1978) over what came, coverage and width of the 80 %
interval, bias, and the Brier score of "won by the quarter's end" of the model that gives chances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from prmsync.forecast.groups import TOTAL, Cut, Groups, Model
from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.spells import Floats
from prmsync.forecast.weeks import Weeks

DAYS = (0, 28, 56)
"""Days of a quarter on which it is forecast."""
QUANTILES: Floats = np.arange(1, 10) / 10
_LOW, _HIGH = 0, 8

Progress = Callable[[int], None]
"""Told how many more cuts are done."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One forecast of the total: of the quarter that began on `first`, on its `day` (from 0), its
    `mean` and QUANTILES, and what `came`; in major units."""

    quarter: int
    first: date
    day: int
    mean: float
    quantiles: tuple[float, ...]
    came: float


BINS = 10
"""Classes of an open deal's chance, of equal width."""


@dataclass(slots=True)
class Score:
    """Sums over cuts, from which the measures follow; `came` in major units."""

    cuts: int = 0
    came: float = 0.0
    bias_sum: float = 0.0
    pinball_sum: float = 0.0
    width_sum: float = 0.0
    errors: dict[str, float] = field(default_factory=dict)
    brier_sum: float = 0.0
    chances: int = 0
    inside: dict[str, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    outcomes: int = 0
    """Groups in which something was won or expected, over all dimensions and cuts."""
    below: list[float] = field(default_factory=lambda: [0.0] * len(QUANTILES))
    """How many of their outcomes were at or below each quantile; nothing more to come is so as far
    as it was likely (the probability integral transform of counts; Czado, Gneiting, Held 2009)."""
    bins: list[tuple[int, float, int]] = field(default_factory=lambda: [(0, 0.0, 0)] * BINS)
    """By class of chance: open deals, the sum of their chances, how many were won."""

    @property
    def brier(self) -> float | None:
        """Mean square between an open deal's chance to be won by the quarter's end and what came
        of it (Brier 1950); None of models that give no chances."""
        return self.brier_sum / self.chances if self.chances else None

    def wape(self, dimension: str = TOTAL) -> float:
        """Sum of absolute errors over the sum of what came."""
        return self.errors[dimension] / self.came

    def coverage(self, dimension: str = TOTAL) -> float:
        """Share of outcomes within the 80 % interval."""
        return self.inside[dimension] / self.groups[dimension]

    @property
    def bias(self) -> float:
        return self.bias_sum / self.came

    @property
    def pinball(self) -> float:
        return self.pinball_sum / self.came

    @property
    def width(self) -> float:
        """Mean width of the 80 % interval over what came."""
        return self.width_sum / self.came


def cuts(history: DealHistory, weeks: Weeks, today: int, quarters: int) -> list[Cut]:
    """Cuts of the last `quarters` quarters that are over, where enough was on record then."""
    present = weeks.quarter(today)
    found = []
    for quarter in range(max(present - quarters, 0), present):
        start, end = weeks.bounds(quarter)
        for day in DAYS:
            cut = Cut.of(history, weeks, min(start + day, end - 1), quarter)
            if len(cut.history.created) and history.recorded_from <= cut.today:
                found.append(cut)
    return found


def backtest(
    history: DealHistory,
    at: Sequence[Cut],
    models: Mapping[str, Model],
    progress: Progress = lambda _more: None,
) -> dict[str, Score]:
    """Score of each model over the same cuts; `history` is the whole one, which knows what came.
    A quarter in which nothing was won is counted, but has no scale of its own."""
    scores = {name: Score() for name in models}
    for cut in at:
        for name, model in models.items():
            _score(scores[name], history, cut, model)
        progress(1)
    return scores


def _score(score: Score, history: DealHistory, cut: Cut, model: Model) -> None:
    start, end = cut.bounds
    came = history.won & (history.closed >= start) & (history.closed < end)
    answer = model(cut)
    answers = answer.groups
    score.cuts += 1
    if answer.chance is not None:
        open_ = np.flatnonzero(history.created < cut.today)[cut.history.closed == NEVER]
        score.brier_sum += float(((answer.chance - came[open_]) ** 2).sum())
        score.chances += len(open_)
        score.bins = _binned(score.bins, answer.chance, came[open_])
    for name, (rows, count) in cut.dimensions().items():
        real = np.bincount(
            rows[history.segment[came]], weights=history.worth[came], minlength=count
        )
        quantiles = answers[name].quantiles(QUANTILES)
        error = float(np.abs(answers[name].mean - real).sum())
        within = (quantiles[_LOW] - 1e-6 <= real) & (real <= quantiles[_HIGH] + 1e-6)
        score.errors[name] = score.errors.get(name, 0.0) + error
        score.inside[name] = score.inside.get(name, 0) + int(within.sum())
        score.groups[name] = score.groups.get(name, 0) + count
        due = (answers[name].mean > 0) | (real > 0)
        score.outcomes += int(due.sum())
        under = _below(answers[name], quantiles, real)[:, due].sum(axis=1)
        score.below = [a + float(b) for a, b in zip(score.below, under, strict=True)]
        if name == TOTAL:
            score.asked.append(
                Asked(
                    cut.quarter,
                    date.fromordinal(max(start, 1)),
                    cut.today - start,
                    float(answers[name].mean[0]),
                    tuple(float(q) for q in quantiles[:, 0]),
                    float(real[0]),
                )
            )
            score.came += float(real[0])
            score.bias_sum += float(answers[name].mean[0] - real[0])
            score.width_sum += float(quantiles[_HIGH, 0] - quantiles[_LOW, 0])
            score.pinball_sum += _pinball(real[0], quantiles[:, 0])


def _binned(
    bins: list[tuple[int, float, int]], chance: Floats, won: npt.NDArray[np.bool_]
) -> list[tuple[int, float, int]]:
    place = np.minimum((chance * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    stated = np.bincount(place, weights=chance, minlength=BINS)
    came = np.bincount(place, weights=won.astype(float), minlength=BINS)
    return [
        (one[0] + int(counts[at]), one[1] + float(stated[at]), one[2] + int(came[at]))
        for at, one in enumerate(bins)
    ]


def _below(groups: Groups, quantiles: Floats, real: npt.NDArray[np.number]) -> Floats:
    """Share [quantile, group] of each outcome that lies at or below each quantile."""
    none = np.maximum(groups.nothing, 1e-12)
    by_chance = np.minimum(QUANTILES[:, None] / none, 1.0)
    return np.where(real > groups.won + 1e-6, real <= quantiles + 1e-6, by_chance)


def _pinball(real: float, quantiles: Floats) -> float:
    miss = real - quantiles
    return float(2 * np.maximum(QUANTILES * miss, (QUANTILES - 1) * miss).mean())
