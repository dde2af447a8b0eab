"""The default model: hazards, multipliers by segment, and chances of every open and new deal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prmsync.forecast.amounts import Amounts, learn
from prmsync.forecast.chances import Window, of_new, of_open
from prmsync.forecast.evidence import Evidence, prior_worth
from prmsync.forecast.hazards import OUTCOMES, Hazards, Prior, by_class, count, expected, fit
from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.level import Level, read_level, wins_by_week
from prmsync.forecast.spells import LONGEST, QUARTER, Exit, Floats, Ints, Spells
from prmsync.forecast.spread import SHOCKS, WEIGHTS, Lots, Tally, tally
from prmsync.forecast.weeks import Weeks

MOST_DOUBT = 1.0
"""Bound of the squared relative error for what is not known of the hazards: beyond it the spread
would be all that the numbers say."""
RECENT = 26
"""Weeks whose new deals stand for those to come."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was learned up to a day."""

    hazards: Hazards
    factor: Floats
    """Multipliers [outcome, segment]."""
    evidence: tuple[Evidence, ...]
    """Where they come from."""
    amounts: Amounts
    level: Level
    """What the market lately does to wins."""


@dataclass(frozen=True)
class Outlook:
    """Lots that may be won before the window ends: the open deals, whose index, stage and weeks in
    it are `deal`, `stage` and `weeks_in`, then one stream of new deals a segment. `segment` is
    each lot's."""

    lots: Lots
    segment: Ints
    deal: Ints
    stage: Ints
    weeks_in: Ints

    @property
    def open(self) -> int:
        """How many open deals there are."""
        return len(self.deal)

    @cached_property
    def by_segment(self) -> Tally:
        """What the lots of each segment add up to: the least that all dimensions are made of."""
        return tally(self.lots, self.segment, len(self.segment) - self.open)

    doubt: float
    """Squared relative error of what is to come, for what is not known of the hazards."""

    @property
    def expected_wins(self) -> float:
        """Wins to come, of open deals and new ones."""
        return float((WEIGHTS @ self.lots.chance).sum())


def learn_all(history: DealHistory, weeks: Weeks, today: int, prior: Prior, product: int) -> Fitted:
    """Fit to a history that is already cut at `today`."""
    spells = history.spells(weeks, today)
    hazards = fit(count(spells, history.stages), prior)
    factor, evidence = _evidence(history, hazards, spells)
    now = int(weeks.week(np.array([today]))[0])
    wins = wins_by_week(hazards, factor[OUTCOMES.index(Exit.WIN)], spells, now)
    return Fitted(hazards, factor, evidence, learn(history, product), read_level(*wins))


def _evidence(
    history: DealHistory, hazards: Hazards, spells: Spells
) -> tuple[Floats, tuple[Evidence, ...]]:
    """How each segment differs, one dimension after the other, the widest first; wins and moves
    only, losses tell too little."""
    factor = np.ones((len(OUTCOMES), len(history.segments)))
    found = []
    for row, outcome in enumerate(OUTCOMES[:2]):
        due = expected(hazards, outcome, spells)
        happened = (spells.exit == outcome).astype(float)
        for column in reversed(range(len(history.dimensions))):
            value = history.segments[:, column]
            groups = int(value.max(initial=0)) + 1
            seen = _per_group(value[spells.segment], happened, groups)
            fair = _per_group(value[spells.segment], due * factor[row][spells.segment], groups)
            name = history.dimensions[column]
            evidence = Evidence(outcome, name, seen, fair, prior_worth(seen, fair))
            factor[row] *= evidence.multiplier[value]
            found.append(evidence)
    return factor, tuple(found)


def _per_group(group: Ints, weight: Floats, groups: int) -> Floats:
    return np.bincount(group, weights=weight, minlength=groups).astype(float)


def doubt(fitted: Fitted, dimension: str, groups: int) -> Floats:
    """How far a dimension's own multipliers of wins may be off: squared relative standard error
    by group; nothing for dimensions without multipliers (the total)."""
    for evidence in fitted.evidence:
        if evidence.dimension == dimension and evidence.outcome is Exit.WIN:
            return evidence.doubt[:groups]
    return np.zeros(groups)


def outlook(fitted: Fitted, history: DealHistory, weeks: Weeks, today: int, end: int) -> Outlook:
    """Open deals and new ones, with their chances to be won from `today` to before `end`
    (ordinals). How far the market's level may be off is a shock that all of them share."""
    now = int(weeks.week(np.array([today]))[0])
    until = int(weeks.week(np.array([end - 1]))[0]) + 1
    ahead = max(until - now, 0)
    level, shock = fitted.level.ahead(ahead), fitted.level.shock(ahead)
    window = Window(now, until, weeks.left_of_week(today), tuple(level))
    factors = np.array([_under(fitted.factor, shock * z) for z in SHOCKS])
    new = np.array([of_new(fitted.hazards, window, factor) for factor in factors])
    still = np.flatnonzero(history.closed == NEVER)
    segment = history.segment[still]
    where = (segment, *_standing(history, weeks, still, now))
    chance = of_open(fitted.hazards, window, factors, new, where)
    mean, square = fitted.amounts.expected(history.amount[history.last_events()[still]], segment)
    streams = _streams(fitted, history, weeks, window, new)
    lots = Lots(
        np.concatenate([chance, streams.chance], axis=1),
        np.concatenate([mean, streams.mean]),
        np.concatenate([square, streams.square]),
        np.concatenate([np.zeros(len(still)), streams.stream]),
    )
    rows = np.arange(len(history.segments))
    learned = fitted.hazards.learned.doubt(_sources(fitted.hazards, window, where, mean))
    unsure = min(learned, MOST_DOUBT)
    return Outlook(lots, np.concatenate([segment, rows]), still, where[1], where[2], unsure)


def _sources(
    hazards: Hazards, window: Window, where: tuple[Ints, Ints, Ints], worth: Floats
) -> Floats:
    """Which share of what open deals win comes from each stage and class of time in it."""
    here = np.zeros((hazards.stages, LONGEST))
    np.add.at(here, (where[1], np.clip(where[2], 0, LONGEST - 1)), worth)
    won = np.zeros_like(here)
    for week in window.weeks:
        move, win, loss = (
            hazards.rate[kind][:, :, week % QUARTER] * part
            for kind, part in zip(OUTCOMES, window.parts(week), strict=True)
        )
        won += here * win
        moved = (here * move).sum(axis=1) @ hazards.moves
        here = here * np.maximum(1.0 - move - win - loss, 0.0)
        here = np.concatenate([moved[:, None], here[:, :-2], here[:, -2:].sum(1, keepdims=True)], 1)
    found = by_class(won)
    total = float(found.sum())
    return found / total if total > 0 else found


def _standing(history: DealHistory, weeks: Weeks, deals: Ints, now: int) -> tuple[Ints, Ints]:
    """The stage of each open deal and how many weeks it has been in it."""
    entered = np.flatnonzero(history.entries())
    latest = entered[np.searchsorted(history.deal[entered], deals, side="right") - 1]
    return history.stage[latest], now - weeks.week(history.day[latest])


def _under(factor: Floats, log_shock: float) -> Floats:
    changed = factor.copy()
    changed[OUTCOMES.index(Exit.WIN)] *= np.exp(log_shock)
    return changed


def _streams(
    fitted: Fitted, history: DealHistory, weeks: Weeks, window: Window, new: Floats
) -> Lots:
    """One stream of new deals for each segment, at the pace of the last `RECENT` weeks."""
    rows = len(history.segments)
    week = weeks.week(history.created)
    first = max(window.now - RECENT, int(week.min()) if len(week) else window.now)
    recent = np.flatnonzero((week >= first) & (week < window.now))
    span = max(window.now - first, 1)
    entry = np.searchsorted(history.deal, recent)
    share = _entries(history, entry[history.created[recent] >= history.recorded_from])
    pace = np.bincount(history.segment[recent], minlength=rows) / span
    mean, square = fitted.amounts.expected(history.amount[entry], history.segment[recent])
    count_ = np.maximum(np.bincount(history.segment[recent], minlength=rows), 1)
    parts = np.array([window.part(week) for week in window.weeks])
    chance = np.array([parts @ (one @ share) for one in new])
    return Lots(
        chance * pace,
        np.bincount(history.segment[recent], weights=mean, minlength=rows) / count_,
        np.bincount(history.segment[recent], weights=square, minlength=rows) / count_,
        np.ones(rows),
    )


def _entries(history: DealHistory, entry: Ints) -> Floats:
    """Shares of the stages in which new deals begin, the first stage where none was seen to."""
    seen = np.bincount(history.stage[entry], minlength=history.stages).astype(float)
    seen[0] += 1.0
    found: Floats = seen / seen.sum()
    return found
