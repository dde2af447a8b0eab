"""Channel businesses that never were, to measure forecasts on: partners, deals, stages, wins.

A world runs week by week; a quarter has 13. Partners differ in size, pace and luck. A deal has a
quality that nobody sees, and may stall for good. Stages take time in the manner of Weibull clocks,
quarters end in a rush, the market has a mood that drifts, business grows at first and has a season.
Amounts are edited, and bargained down at the end; the date people expect the close is hopeful, and
pushed when it has passed. None of this has the shape of the forecast's model, which knows neither
quality nor stalling nor mood.

A world can be run on many times from what is true in a week: the oracle, which knows every hazard
and every hidden thing, but not the luck to come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.weeks import Weeks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

STAGES = 5
PROBABILITY = (0.1, 0.25, 0.4, 0.6, 0.8)
"""What the company's CRM says of its stages."""
QUARTER = 13
OPEN, WON, LOST = 0, 1, 2
MOOD_KEPT, MOOD_STEP = 0.93, 0.05
"""Share of the market's mood that the next week has, and the standard deviation of what is new."""
DIMENSIONS = ("partner", "tier", "region", "product")


@dataclass(frozen=True, slots=True)
class Settings:
    """What all worlds of a kind share. `shift_at`: the week from which the hazard of winning is
    multiplied by `shift`."""

    partners: int = 60
    deals_a_week: float = 24.0
    shift_at: int = 10**6
    shift: float = 1.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What nobody sees. By partner: `tier`, `region`, `size` (share of new deals), `pace`, `luck`;
    by stage the weekly hazards `advance`, `win`, `loss`; by product the typical `price`."""

    tier: Ints
    region: Ints
    size: Floats
    pace: Floats
    luck: Floats
    advance: Floats
    win: Floats
    loss: Floats
    price: Floats
    shape: float
    stall: float
    rush: float


def truth(rng: np.random.Generator, settings: Settings) -> Truth:
    """One business drawn at random."""
    n = settings.partners
    tier = rng.choice(3, n, p=[0.15, 0.35, 0.5])
    size = rng.lognormal(0, 0.7, n) * np.array([2.0, 1.3, 0.7])[tier]
    return Truth(
        tier=tier,
        region=rng.integers(0, 4, n),
        size=size / size.sum(),
        pace=rng.lognormal(0, 0.25, n) * np.array([1.1, 1.0, 0.95])[tier],
        luck=rng.lognormal(0, 0.15, n) * np.array([1.15, 1.0, 0.9])[tier],
        advance=np.append(rng.uniform(0.10, 0.25, STAGES - 1), 0.0),
        win=np.array([0.0, 0.0, 0.002, 0.012, rng.uniform(0.11, 0.19)]),
        loss=rng.uniform(0.025, 0.05, STAGES),
        price=rng.lognormal(9.6, 0.8, 4),
        shape=float(rng.uniform(1.0, 1.4)),
        stall=float(rng.uniform(0.005, 0.02)),
        rush=float(rng.uniform(1.3, 2.0)),
    )


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Open deals, one entry each, of one or many possible futures (`run`)."""

    run: Ints
    deal: Ints
    partner: Ints
    product: Ints
    stage: Ints
    entered: Ints
    expected: Ints
    amount: Floats
    quality: Floats
    stalled: Flags

    def __len__(self) -> int:
        return len(self.deal)

    @classmethod
    def empty(cls) -> Self:
        kinds = {"amount": np.float64, "quality": np.float64, "stalled": np.bool_}
        return cls(**{one.name: np.zeros(0, kinds.get(one.name, np.int64)) for one in fields(cls)})

    def keep(self, which: Flags) -> Self:
        return replace(self, **{one.name: getattr(self, one.name)[which] for one in fields(self)})

    def with_new(self, new: Self) -> Self:
        both = {
            one.name: np.concatenate([getattr(self, one.name), getattr(new, one.name)])
            for one in fields(self)
        }
        return replace(self, **both)

    def copies(self, runs: int) -> Self:
        """The same deals in many futures."""
        copied = {one.name: np.tile(getattr(self, one.name), runs) for one in fields(self)}
        return replace(self, **{**copied, "run": np.repeat(np.arange(runs), len(self))})


@dataclass(frozen=True, slots=True)
class Week:
    """What one week did to the deals that were open when it began: how each ended (OPEN, WON,
    LOST), what those won brought, which of the others show something new; and the deals made in
    it."""

    after: Pipeline
    outcome: Ints
    brought: Floats
    edited: Flags
    new: Pipeline


@dataclass(slots=True)
class Market:
    """A business on the move. `mood[run]`: log of what the market does to wins."""

    truth: Truth
    settings: Settings
    rng: np.random.Generator
    mood: Floats
    made: int = 0

    def live(self, deals: Pipeline, week: int) -> Week:
        """One week."""
        step = self.rng.normal(0, MOOD_STEP, len(self.mood))
        self.mood = MOOD_KEPT * self.mood + step
        win, move, loss = self.hazards(deals, week)
        draw = self.rng.random(len(deals))
        outcome = np.where(draw < win, WON, np.where(draw < win + loss, LOST, OPEN))
        going = outcome == OPEN
        moves = going & (draw < win + loss + move)
        priced = going & (self.rng.random(len(deals)) < 0.02)
        pushed = going & (deals.expected <= week)
        later = week + self.rng.integers(4, 9, len(deals))
        after = replace(
            deals,
            stage=deals.stage + moves,
            entered=np.where(moves, week, deals.entered),
            expected=np.where(pushed, later, deals.expected),
            amount=deals.amount * np.where(priced, self._factor(-0.02, 0.2, len(deals)), 1.0),
            stalled=deals.stalled | (self.rng.random(len(deals)) < self.truth.stall),
        )
        brought = np.where(
            outcome == WON, deals.amount * self._factor(-0.06, 0.17, len(deals)), 0.0
        )
        return Week(after, outcome, brought, moves | priced | pushed, self._arrivals(week))

    def _factor(self, center: float, spread: float, count: int) -> Floats:
        return self.rng.lognormal(center, spread, count)

    def hazards(self, deals: Pipeline, week: int) -> tuple[Floats, Floats, Floats]:
        """Of each deal in this week: of being won, moving on, being lost."""
        truth, phase = self.truth, week % QUARTER
        rush = truth.rush if phase >= QUARTER - 4 else 1.0
        in_stage = np.maximum(week - deals.entered, 0)
        clock = np.minimum((in_stage / 6.0) ** (truth.shape - 1.0), 1.5)
        awake = np.where(deals.stalled, 0.04, 1.0)
        quality = np.exp(deals.quality)
        down = self.settings.shift if week >= self.settings.shift_at else 1.0
        push = down * rush * (0.7 + 0.05 * phase) * np.exp(self.mood[deals.run])
        win = truth.win[deals.stage] * truth.luck[deals.partner] * quality * clock * awake * push
        move = truth.advance[deals.stage] * truth.pace[deals.partner] * clock * awake
        loss = truth.loss[deals.stage] / np.sqrt(quality) * rush
        settled = in_stage >= 1
        return win * settled, move * settled, loss * settled

    def _arrivals(self, week: int) -> Pipeline:
        season = 1.0 + 0.1 * np.sin(2 * np.pi * week / (4 * QUARTER))
        growth = min(1.0, 0.4 + week / 40)
        pace = self.settings.deals_a_week * season * growth * self.truth.size
        counts = self.rng.poisson(pace, (len(self.mood), self.settings.partners))
        run, partner = (np.repeat(place, counts[counts > 0]) for place in np.nonzero(counts))
        n = len(run)
        product = self.rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
        first, self.made = self.made, self.made + n
        return Pipeline(
            run=run,
            deal=first + np.arange(n),
            partner=partner,
            product=product,
            stage=np.zeros(n, dtype=np.int64),
            entered=np.full(n, week),
            expected=week + np.maximum(2, self.rng.normal(14, 5, n)).astype(np.int64),
            amount=self.truth.price[product] * self.rng.lognormal(0, 0.9, n),
            quality=self.rng.normal(0, 0.4, n),
            stalled=np.zeros(n, dtype=bool),
        )


@dataclass(slots=True)
class Log:
    """Everything that could be seen, in order. Days are 7 x week."""

    created: list[tuple[int, int, int]] = field(default_factory=list)
    """(week, partner, product) by deal."""
    events: list[tuple[int, int, int, float, int]] = field(default_factory=list)
    """(deal, week, stage, amount, week of the expected close)"""
    closed: dict[int, tuple[int, bool, float]] = field(default_factory=dict)
    """By deal (week, won, amount won)."""

    def note(self, week: int, found: Week) -> None:
        after, new = found.after, found.new
        for one in np.flatnonzero(found.edited):
            self.events.append(self._event(after, one, week))
        for one in np.flatnonzero(found.outcome):
            won = bool(found.outcome[one] == WON)
            self.closed[int(after.deal[one])] = (week, won, float(found.brought[one]))
        for one in range(len(new)):
            self.created.append((week, int(new.partner[one]), int(new.product[one])))
            self.events.append(self._event(new, one, week))

    def _event(self, deals: Pipeline, one: int, week: int) -> tuple[int, int, int, float, int]:
        numbers = (deals.stage, deals.amount, deals.expected)
        stage, amount, expected = (column[one] for column in numbers)
        return int(deals.deal[one]), week, int(stage), float(amount), int(expected)


@dataclass(frozen=True, slots=True)
class World:
    """A business and all that happened in it; `kept[week]` is what was true when it began."""

    truth: Truth
    settings: Settings
    history: DealHistory
    weeks: Weeks
    kept: dict[int, tuple[Pipeline, Floats]]


Watch = Callable[[Market, Pipeline, int, Week], None]
"""Told of every week: the market after it, the deals open before it, its number, what it did."""
Believe = Callable[[int, Pipeline, Floats, int], tuple[Pipeline, Floats]]
"""What is believed in a week, in so many futures, of open deals and the mood, given the truth."""


def world(
    seed: int,
    quarters: int,
    settings: Settings,
    keep: frozenset[int],
    watch: Watch = lambda *_: None,
) -> World:
    """Live through whole quarters; what is true at the start of the weeks in `keep` is kept."""
    rng = np.random.default_rng(seed)
    market = Market(truth(rng, settings), settings, rng, np.zeros(1))
    deals, log, kept = Pipeline.empty(), Log(), {}
    for week in range(quarters * QUARTER):
        if week in keep:
            kept[week] = (deals, market.mood)
        found = market.live(deals, week)
        watch(market, deals, week, found)
        log.note(week, found)
        deals = found.after.keep(found.outcome == OPEN).with_new(found.new)
    weeks = Weeks(np.arange(quarters + 1) * QUARTER * 7)
    return World(market.truth, settings, _history(market.truth, log), weeks, kept)


def _history(truth: Truth, log: Log) -> DealHistory:
    made, partner, product = (np.array(column) for column in zip(*log.created, strict=True))
    labels = np.stack([partner, truth.tier[partner], truth.region[partner], product], axis=1)
    segments, segment = np.unique(labels, axis=0, return_inverse=True)
    never = (NEVER // 7, False, 0.0)
    ends = [log.closed.get(deal, never) for deal in range(len(made))]
    closed, won, worth = (np.array(column) for column in zip(*ends, strict=True))
    columns = zip(*sorted(log.events), strict=True)
    deal, week, stage, amount, expected = (np.array(column) for column in columns)
    return DealHistory(
        created=made * 7,
        closed=np.where(closed == never[0], NEVER, closed * 7),
        won=won,
        worth=worth,
        segment=segment.ravel(),
        deal=deal,
        day=week * 7,
        stage=stage,
        amount=amount,
        expected_close=expected * 7,
        segments=segments,
        dimensions=DIMENSIONS,
        stages=STAGES,
    )


def in_truth(_week: int, deals: Pipeline, mood: Floats, runs: int) -> tuple[Pipeline, Floats]:
    """The belief of one who knows everything."""
    return deals.copies(runs), np.repeat(mood, runs)


def oracle(
    found: World, week: int, end: int, runs: int, seed: int, believe: Believe = in_truth
) -> Floats:
    """What is won from `week` to before `end` by [run, partner, product], in `runs` futures."""
    deals, moods = believe(week, *found.kept[week], runs)
    rng = np.random.default_rng([seed, week])
    market = Market(found.truth, found.settings, rng, moods)
    won = np.zeros((runs, found.settings.partners, len(found.truth.price)))
    for now in range(week, end):
        lived = market.live(deals, now)
        np.add.at(won, (deals.run, deals.partner, deals.product), lived.brought)
        deals = lived.after.keep(lived.outcome == OPEN).with_new(lived.new)
    return won
