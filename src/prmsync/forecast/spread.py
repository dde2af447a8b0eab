"""From deals' chances to the distribution of sums over any groups of deals, without drawing.

Given the common shock of the market, deals are won independently, and new deals arrive as a
Poisson stream. Three shocks with the weights of Gauss-Hermite quadrature stand for all. A group's
sum has an atom at nothing (nobody wins) and otherwise the gamma distribution of the same mean and
variance: exact for the first two moments and for the chance of nothing, cheap for any number of
groups and paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import gammaincc, gammaincinv

from prmsync.forecast.spells import Floats, Ints

SHOCKS: Floats = np.array([-np.sqrt(3.0), 0.0, np.sqrt(3.0)])
WEIGHTS: Floats = np.array([1.0, 4.0, 1.0]) / 6.0


@dataclass(frozen=True)
class Lots:
    """Open deals, or streams of new ones, that may be won: arrays of one length.

    `chance[shock, lot]`: of a deal its chance to be won, of a stream the expected number of wins.
    `mean` and `square`: expectation of the amount won and of its square. `stream` marks streams.
    """

    chance: Floats
    mean: Floats
    square: Floats
    stream: Floats

    @cached_property
    def terms(self) -> tuple[Floats, Floats, Floats]:
        """[shock, lot]: expectation and variance of what is won, and the log of the chance that
        it is nothing."""
        mean = self.chance * self.mean
        single = self.stream == 0
        spread = self.chance * self.square - np.where(single, mean**2, 0.0)
        never = np.where(single, np.log1p(-np.minimum(self.chance, 1 - 1e-12)), -self.chance)
        return mean, spread, never


@dataclass(frozen=True, slots=True)
class Sums:
    """Each group's mean, variance and chance that nothing is won."""

    mean: Floats
    variance: Floats
    nothing: Floats

    def widened(self, factor: float) -> Sums:
        """The same means with `factor` times the standard deviation."""
        return Sums(self.mean, self.variance * factor**2, self.nothing)

    def unsure(self, doubt: Floats) -> Sums:
        """The same means, each known only up to a factor of squared relative error `doubt`."""
        return Sums(self.mean, self.variance + doubt * self.mean**2, self.nothing)

    def scaled(self, factor: float) -> Sums:
        """The same shape with `factor` times the mean."""
        return Sums(self.mean * factor, self.variance * factor**2, self.nothing)

    def quantiles(self, levels: Floats) -> Floats:
        """[level, group]. A group without any chance has 0 everywhere."""
        shape, scale = self._gamma()
        within = (levels[:, None] - self.nothing) / np.clip(1.0 - self.nothing, 1e-12, 1.0)
        found: Floats = gammaincinv(shape, np.clip(within, 0.0, 1.0)) * scale
        return np.where(within > 0, found, 0.0)

    def at_least(self, worth: Floats) -> Floats:
        """Each group's chance that its sum reaches `worth`."""
        shape, scale = self._gamma()
        over = gammaincc(shape, np.maximum(worth, 0.0) / np.where(scale > 0, scale, 1.0))
        some = np.where(scale > 0, (1.0 - self.nothing) * over, 0.0)
        found: Floats = np.where(worth <= 0, 1.0, some)
        return found

    def _gamma(self) -> tuple[Floats, Floats]:
        """Shape and scale of each group's sum where something is won; scale 0 without a chance."""
        some = np.clip(1.0 - self.nothing, 1e-12, 1.0)
        mean = self.mean / some
        variance = np.maximum(self.variance / some - self.nothing * mean**2, 1e-9 * mean**2)
        shape = np.where(mean > 0, mean**2 / np.maximum(variance, 1e-300), 1.0)
        return shape, np.where(mean > 0, mean / shape, 0.0)


@dataclass(frozen=True, slots=True)
class Tally:
    """What lots add up to, by shock and group; tallies add up too, so that of a large pipeline
    only the deals that changed need to be reckoned again."""

    mean: Floats
    spread: Floats
    """variance within each shock"""
    never: Floats
    """log of the chance that nothing is won"""

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.mean + other.mean, self.spread + other.spread, self.never + other.never)

    def __sub__(self, other: Tally) -> Tally:
        return Tally(self.mean - other.mean, self.spread - other.spread, self.never - other.never)

    def gathered(self, into: Ints, groups: int) -> Tally:
        """The same lots in fewer groups; `into` names each present group's new one."""
        return Tally(
            *(_by_group(term, into, groups) for term in (self.mean, self.spread, self.never))
        )

    def sums(self) -> Sums:
        """The shocks taken together."""
        mean = WEIGHTS @ self.mean
        between = WEIGHTS @ (self.mean - mean) ** 2
        return Sums(mean, WEIGHTS @ self.spread + between, WEIGHTS @ np.exp(self.never))


def tally(lots: Lots, group: Ints, groups: int) -> Tally:
    """What the lots of each group add up to; `group` names each lot's."""
    return Tally(*(_by_group(term, group, groups) for term in lots.terms))


def _by_group(term: Floats, group: Ints, groups: int) -> Floats:
    return np.array([np.bincount(group, weights=one, minlength=groups) for one in term])


def sums(lots: Lots, group: Ints, groups: int) -> Sums:
    """Totals of each group; `group` names each lot's."""
    return tally(lots, group, groups).sums()
