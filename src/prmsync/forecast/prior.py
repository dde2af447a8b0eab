"""What is believed before any history: hazards from the CRM's own stage probabilities.

A deal leaves a stage after its typical time. Where it goes follows from the probabilities: a stage
that wins with chance p before one that wins with chance q loses the share 1 - p / q of those who
leave, and passes on the others; the last stage wins p of them. So day one is a stage-weighted
pipeline with a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from prmsync.forecast.groups import Cut
from prmsync.forecast.hazards import Prior
from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.spells import Exit, Floats, Ints

WEEKS_IN_STAGE = 5.0
"""Typical stay: five open stages of it make the half year that a channel deal takes."""

_STAY = (1.0, 3 * WEEKS_IN_STAGE)
"""Bounds of a stay that is read from deals."""
_CLOSES_FOR_PACE = 20
_DEALS_FOR_STAGES = 20


def prior_at(cut: Cut, probability: Sequence[float]) -> Prior:
    """What is believed at a cut, of the stages that are in use. A company that uses some of them
    only goes from one of these to the next; one that uses a single stage tells how often it wins
    by its closes, for its stage's own odds say how far a deal is among several."""
    used = stages_in_use(cut.history)
    if len(used) == len(probability):
        return _prior_at(cut, probability)
    mine, wins = [probability[stage] for stage in used], 0.0
    if len(mine) == 1:
        closed = cut.history.closed < NEVER
        wins = float(cut.history.won[closed].sum())
        belief = mine[0] * _CLOSES_FOR_PACE
        mine = [(wins + belief) / (float(closed.sum()) + _CLOSES_FOR_PACE)]
    found = _spread_out(_prior_at(cut, mine), used, len(probability))
    return replace(found, wins=wins)


def stages_in_use(history: DealHistory) -> Ints:
    """The stages in which open deals stand, or deals stood since stages are on record; all of them
    where too few deals are there to tell."""
    open_ = history.closed == NEVER
    now = history.last_events()[open_]
    seen = np.concatenate([now, np.flatnonzero(history.day >= history.recorded_from)])
    if len(np.unique(history.deal[seen])) < _DEALS_FOR_STAGES:
        return np.arange(history.stages)
    return np.unique(history.stage[seen])


def _spread_out(prior: Prior, used: Ints, stages: int) -> Prior:
    """A prior of some stages as one of all; a stage that is not in use is like the next one that
    is, or else the last."""
    like = np.minimum(np.searchsorted(used, np.arange(stages)), len(used) - 1)
    rate = {outcome: table[like] for outcome, table in prior.rate.items()}
    return Prior(rate, used[prior.target[like]])


def _prior_at(cut: Cut, probability: Sequence[float]) -> Prior:
    """What is believed at a cut: the stages' probabilities, and the pace at which deals closed.

    The pace is closes over deal-weeks, those of open deals included (the occurrence / exposure rate
    of survival analysis): the age of deals won alone would only know the quick ones of a young
    company. It counts from the first close on record, before which nobody could be seen to close.
    """
    history = cut.history
    closed = history.closed < NEVER
    if int(closed.sum()) < _CLOSES_FOR_PACE:
        return prior_of(probability)
    since = np.maximum(history.created, history.closed.min())
    lived = np.maximum(np.minimum(history.closed, cut.today) - since, 0).sum() / 7
    stay = float(lived / closed.sum()) / _stages_met(probability)
    return prior_of(probability, min(max(stay, _STAY[0]), _STAY[1]))


def _stages_met(probability: Sequence[float]) -> float:
    """How many stages a new deal sees before it ends."""
    return float(np.cumprod(np.append(1.0, _kept(probability)[:-1])).sum())


def prior_of(probability: Sequence[float], weeks: float = WEEKS_IN_STAGE) -> Prior:
    """Weekly hazards of the open stages, in their order. `probability[stage]`, 0 to 1, is the
    chance of a deal in it to be won some day; a stage below the one before it passes all on."""
    kept, leave = _kept(probability), 1.0 / weeks
    last = np.arange(len(kept)) == len(kept) - 1
    rate = {
        Exit.MOVE: np.where(last, 0.0, leave * kept),
        Exit.WIN: np.where(last, leave * kept, 0.0),
        Exit.LOSS: leave * (1.0 - kept),
    }
    return Prior(rate, np.minimum(np.arange(len(kept)) + 1, len(kept) - 1))


def _kept(probability: Sequence[float]) -> Floats:
    """The share of those leaving a stage that move on, or of the last one that are won."""
    p = np.clip(np.asarray(probability, dtype=float), 0.0, 1.0)
    onward = np.append(p[1:], 1.0)
    share = np.divide(p, onward, out=np.zeros_like(p), where=onward > 0)
    kept: Floats = np.clip(share, 0.0, 1.0)
    return kept
