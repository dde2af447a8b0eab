"""Weekly hazards of moving on, winning and losing, by stage, weeks in it and week of the quarter.

Discrete-time competing risks: in each week at risk a deal moves to another stage, is won, is lost,
or stays. A hazard is the share of deals at risk. Each is fitted as stage x time in stage x week of
the quarter, then bent towards what the single cells showed as far as they showed it
(`prmsync.forecast.evidence`). A prior worth `PRIOR_WEEKS` deal-weeks a stage carries a company
through its first months.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prmsync.forecast.evidence import multipliers
from prmsync.forecast.spells import LONGEST, QUARTER, Exit, Floats, Ints, Spells

PRIOR_WEEKS = 60.0
OUTCOMES = (Exit.MOVE, Exit.WIN, Exit.LOSS)
BINS: Ints = np.array([*range(21), 22, 24, 26, 30, 34, 43, 52])
"""First week in stage of each class of time in stage. The first weeks stand for themselves: where
deals end within a few weeks of one another, a class of several weeks blurs when."""
_BIN = np.searchsorted(BINS, np.arange(LONGEST), side="right") - 1
_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed before any history: weekly hazards of each stage by outcome, and where a
    move goes to (`target[stage]`). `wins`: how many wins its level rests on, where it was not
    merely said."""

    rate: Mapping[Exit, Floats]
    target: Ints
    wins: float = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Deal-weeks at risk and exits by stage, week in stage and week of the quarter."""

    risk: Floats
    exits: Mapping[Exit, Floats]
    moves: Floats
    """Moves from stage to stage."""


@dataclass(frozen=True, slots=True)
class Learned:
    """How surely hazards of winning are known, by stage and class of time in it (first the stage as
    a whole, on which the first class leans): squared relative error of what each class adds of its
    own, and how much of the error of the class before it goes along."""

    own: Floats
    leaning: Floats

    def doubt(self, share: Floats) -> float:
        """Squared relative error of a sum of wins of which `share[stage, class]` comes from each
        class."""
        found, weight = 0.0, np.zeros(len(share))
        for index in reversed(range(share.shape[1])):
            weight = weight + share[:, index]
            found += float((weight**2 * self.own[:, index + 1]).sum())
            weight = weight * self.leaning[:, index + 1]
        return found + float((weight**2 * self.own[:, 0]).sum())


@dataclass(frozen=True, slots=True)
class Hazards:
    """Weekly hazards `rate[outcome][stage, weeks in stage, week of quarter]`, and the shares of
    moves by target stage."""

    rate: Mapping[Exit, Floats]
    moves: Floats
    learned: Learned

    @property
    def stages(self) -> int:
        return len(self.moves)


def count(spells: Spells, stages: int) -> Counts:
    """All there is to know of `spells` for the hazards; cost grows with spells, not with weeks."""
    phase = spells.start % QUARTER
    after = np.minimum(spells.last - spells.start, LONGEST - 1)
    unseen = np.minimum(spells.seen - spells.start, LONGEST)
    shape = (stages, QUARTER, LONGEST + 1)
    cell = (spells.stage * QUARTER + phase) * (LONGEST + 1)
    begun = np.bincount(cell + unseen, minlength=stages * QUARTER * (LONGEST + 1)).reshape(shape)
    ended = np.bincount(cell + after + 1, minlength=stages * QUARTER * (LONGEST + 1)).reshape(shape)
    risk = (begun - ended).cumsum(axis=2)[:, :, :LONGEST].astype(float)
    exits = {}
    for outcome in OUTCOMES:
        mine = spells.exit == outcome
        found = np.bincount(cell[mine] + after[mine], minlength=stages * QUARTER * (LONGEST + 1))
        exits[outcome] = _by_week(found.reshape(shape)[:, :, :LONGEST].astype(float))
    moved = spells.exit == Exit.MOVE
    moves = np.bincount(
        spells.stage[moved] * stages + spells.target[moved], minlength=stages * stages
    )
    return Counts(_by_week(risk), exits, moves.reshape(stages, stages).astype(float))


def _by_week(table: Floats) -> Floats:
    """From [stage, week of quarter at entry, weeks in stage] to [stage, weeks in stage, week of
    quarter now]."""
    weeks = np.arange(LONGEST)
    turned = np.empty((table.shape[0], LONGEST, QUARTER))
    for entry in range(QUARTER):
        turned[:, weeks, (entry + weeks) % QUARTER] = table[:, entry, :]
    return turned


def fit(counts: Counts, prior: Prior) -> Hazards:
    """Hazards of these counts. Stages nobody was ever in keep the prior's."""
    risk = _binned(counts.risk)
    exits = {k: _binned(counts.exits[k]) for k in OUTCOMES}
    rate = {k: _fit_one(risk, exits[k], prior.rate[k]) for k in OUTCOMES}
    learned = _learned(risk.sum(axis=2), exits[Exit.WIN].sum(axis=2), prior)
    crowded = np.maximum(sum(rate.values()) / 0.98, 1.0)
    rate = {k: (table / crowded)[:, _BIN, :] for k, table in rate.items()}
    moves = counts.moves.copy()
    moves[np.arange(len(moves)), prior.target] += 1.0
    return Hazards(rate, moves / moves.sum(axis=1, keepdims=True), learned)


def by_class(table: Floats) -> Floats:
    """[stage, class of time in stage] of a table by stage and weeks in it."""
    found: Floats = np.add.reduceat(table, BINS, axis=1)
    return found


def _binned(table: Floats) -> Floats:
    return np.add.reduceat(table, BINS, axis=1)


def _fit_one(risk: Floats, exits: Floats, prior: Floats) -> Floats:
    """One outcome's hazard by stage, class of time in stage and week of the quarter."""
    phase = np.ones(QUARTER)
    for _ in range(_ROUNDS):
        at_risk = (risk * phase).sum(axis=2)
        base = _by_time(at_risk, exits.sum(axis=2), prior)
        expected = (risk * base[:, :, None]).sum(axis=(0, 1))
        phase = multipliers(exits.sum(axis=(0, 1)), expected, worth=10.0)
    smooth = base[:, :, None] * phase
    return smooth * multipliers(exits, risk * smooth)


def _by_time(risk: Floats, exits: Floats, prior: Floats) -> Floats:
    """Each stage's hazard by time in it: every class leans on the one before it."""
    before = (exits.sum(axis=1) + PRIOR_WEEKS * prior) / (risk.sum(axis=1) + PRIOR_WEEKS)
    rates = np.empty_like(risk)
    for index in range(risk.shape[1]):
        before = (exits[:, index] + PRIOR_WEEKS * before) / (risk[:, index] + PRIOR_WEEKS)
        rates[:, index] = before
    return rates


def _learned(risk: Floats, exits: Floats, prior: Prior) -> Learned:
    """The relative variance of each gamma posterior of `_by_time`, 1 / its shape."""
    rate = prior.rate[Exit.WIN]
    rates = _by_time(risk, exits, rate)
    whole = exits.sum(axis=1) + PRIOR_WEEKS * rate
    before = np.concatenate([(whole / (risk.sum(axis=1) + PRIOR_WEEKS))[:, None], rates], axis=1)
    lent = PRIOR_WEEKS * before[:, :-1]
    shape = np.concatenate([(whole + prior.wins)[:, None], exits + lent], axis=1)
    own = np.divide(1.0, shape, out=np.zeros_like(shape), where=shape > 0)
    leaning = np.divide(lent, shape[:, 1:], out=np.zeros_like(lent), where=shape[:, 1:] > 0)
    return Learned(own, np.concatenate([np.zeros((len(own), 1)), leaning], axis=1))


def expected(hazards: Hazards, outcome: Exit, spells: Spells) -> Floats:
    """How many exits of this kind each spell was due to show while it was seen."""
    due = np.concatenate(
        [np.zeros((hazards.stages, QUARTER, 1)), _along(hazards.rate[outcome])], axis=2
    )
    phase = spells.start % QUARTER
    until = np.minimum(spells.last - spells.start + 1, LONGEST)
    unseen = np.minimum(spells.seen - spells.start, LONGEST)
    found: Floats = due[spells.stage, phase, until] - due[spells.stage, phase, unseen]
    return found


def _along(rate: Floats) -> Floats:
    """Summed hazards along a stay: [stage, week of quarter at entry, weeks in stage]."""
    weeks = np.arange(LONGEST)
    walked = np.empty((rate.shape[0], QUARTER, LONGEST))
    for entry in range(QUARTER):
        walked[:, entry, :] = rate[:, weeks, (entry + weeks) % QUARTER]
    return walked.cumsum(axis=2)
