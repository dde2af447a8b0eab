"""Multipliers from counts: how much faster or slower than expected, as far as the counts tell.

A group of deals showed `seen` events where `expected` were due. Its multiplier is the mean of a
gamma posterior, (seen + k) / (expected + k): k expected events that say "as expected". How much k
must be is itself estimated from how much the groups differ beyond chance (empirical Bayes, method
of moments; Clayton and Kaldor 1987), so that groups that only differ by luck are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prmsync.forecast.spells import Exit, Floats

FEWEST = 5.0
"""Least expected events that the prior is worth: below it three wins would make a champion."""
MOST = 1e6


def prior_worth(seen: Floats, expected: Floats) -> float:
    """How many expected events the prior is worth, from the groups' spread beyond chance."""
    square = float((expected**2).sum())
    if square == 0.0:
        return MOST
    beyond = float(((seen - expected) ** 2 - expected).sum())
    return float(np.clip(square / beyond, FEWEST, MOST)) if beyond > 0 else MOST


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the groups of one dimension showed of one outcome: events `seen` and `expected` by
    group, and how many expected events the prior is `worth`."""

    outcome: Exit
    dimension: str
    seen: Floats
    expected: Floats
    worth: float

    @property
    def multiplier(self) -> Floats:
        """How much more often than expected, as far as the counts tell."""
        return multipliers(self.seen, self.expected, self.worth)

    @property
    def doubt(self) -> Floats:
        """Squared relative standard error of each group's multiplier (of the gamma posterior)."""
        return 1.0 / (self.seen + self.worth)


def multipliers(seen: Floats, expected: Floats, worth: float | None = None) -> Floats:
    """One multiplier for each group; exactly 1 on the whole where `seen` sums to `expected`."""
    k = prior_worth(seen, expected) if worth is None else worth
    return (seen + k) / (expected + k)
