"""What a deal is worth when it is won, against what it says while it is open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prmsync.forecast.history import DealHistory
from prmsync.forecast.spells import Floats, Ints

_FEWEST = 3
_LEAN = 20.0
"""Wins that a group's own mean is worth less than the whole company's."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """`kept`: the amount won as a share of the last amount stated before. `scatter`: its squared
    coefficient of variation. `typical[segment]`: the expected amount where none is stated."""

    kept: float
    scatter: float
    typical: Floats

    def expected(self, stated: Floats, segment: Ints) -> tuple[Floats, Floats]:
        """Expectation of the amount won and of its square."""
        known = np.isfinite(stated)
        mean = np.where(known, stated * self.kept, self.typical[segment])
        return mean, mean**2 * (1.0 + self.scatter)


def learn(history: DealHistory, by: int) -> Amounts:
    """From deals won so far; `by` is the dimension whose values differ most (the product)."""
    won = np.flatnonzero(history.won & (history.worth > 0))
    worth, stated = history.worth[won], history.amount[history.last_events()[won]]
    kept, scatter = _kept(worth, stated)
    known = history.amount[np.isfinite(history.amount)]
    overall = float(worth.mean()) if len(worth) else float(known.mean()) if len(known) else 0.0
    value = history.segments[:, by]
    groups = int(value.max(initial=0)) + 1
    mine = value[history.segment[won]]
    total = np.bincount(mine, weights=worth, minlength=groups) + _LEAN * overall
    typical = total / (np.bincount(mine, minlength=groups) + _LEAN)
    return Amounts(kept, scatter, typical[value])


def _kept(worth: Floats, stated: Floats) -> tuple[float, float]:
    """What share of the stated amount is left when a deal is won, and how much that scatters."""
    pairs = np.isfinite(stated) & (stated > 0)
    if pairs.sum() < _FEWEST:
        return 1.0, 0.0
    worth, stated = worth[pairs], stated[pairs]
    kept = float(worth.sum() / stated.sum())
    return kept, min(float(((worth - kept * stated) ** 2).sum() / (worth**2).sum()), 1.0)
