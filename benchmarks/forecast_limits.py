"""What an oracle loses that forgets what no record holds: how near to it any model could come.

    python benchmarks/forecast_limits.py [--worlds 20] [--seed 1000] [--runs 200]

On the ordinary worlds of `forecast_accuracy.py` the oracle keeps all hazards of the company, but
of the market's mood, of deals' quality and stalls, and of the partners' luck it knows only what one
who knows the hazards could infer from the record:

- mood: what wins so far, against those due at a calm market, say of it (extended Kalman filter);
- quality and stalls: those of some deal in the same stage, for as many weeks, of the same age, out
  of a dozen other lives of the same company;
- luck: the tier's, moved by the partner's wins as far as they are many (by the empirical Bayes of
  `prmsync.forecast.evidence`).

Errors are told as a multiple of the oracle's that knows everything, with the 95 % interval over the
worlds (jackknife). The model's own row is beside them, of the same worlds and futures.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import channel_world as channel
import forecast_targets as targets
import numpy as np
from forecast_accuracy import HAZARD, KINDS, ORACLE, oracle, ratio

from prmsync.answers.quarter_outlook import Setting
from prmsync.forecast.backtest import DAYS, Score, backtest
from prmsync.forecast.evidence import prior_worth
from prmsync.forecast.groups import Answer, Cut, Model

KIND = KINDS[0]
LIVES, SETTLED = 12, 4 * channel.QUARTER
"""Other lives of a company, and the week from which on their deals are looked at."""
WEEKS_IN_STAGE = np.array([0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 26, 34, 52])
AGES = np.array([0, 4, 8, 12, 18, 26, 40, 60, 90])
TIER_LUCK = np.array([1.15, 1.0, 0.9])
CALM = channel.MOOD_STEP / np.sqrt(1 - channel.MOOD_KEPT**2)
"""Standard deviation of the mood where nothing is known of it."""


@dataclass
class Record:
    """Wins seen, and those due by the true hazards at a calm market: [week][partner]."""

    seen: list[np.ndarray] = field(default_factory=list)
    due: list[np.ndarray] = field(default_factory=list)

    def watch(
        self, market: channel.Market, deals: channel.Pipeline, week: int, found: channel.Week
    ) -> None:
        calm = replace(market, mood=np.zeros(len(market.mood)))
        win, _, _ = calm.hazards(deals, week)
        partners = market.settings.partners
        self.due.append(np.bincount(deals.partner, weights=win, minlength=partners))
        won = deals.partner[found.outcome == channel.WON]
        self.seen.append(np.bincount(won, minlength=partners).astype(float))

    def mood(self, week: int) -> tuple[float, float]:
        """Mean and variance of the mood's log as `week` begins."""
        mean, variance = 0.0, float(CALM) ** 2
        for seen, due in zip(self.seen[:week], self.due[:week], strict=True):
            mean *= channel.MOOD_KEPT
            variance = channel.MOOD_KEPT**2 * variance + channel.MOOD_STEP**2
            fair = float(due.sum()) * np.exp(mean)
            if fair > 0:
                gain = variance * fair / (variance * fair**2 + fair)
                mean += gain * (float(seen.sum()) - fair)
                variance *= 1 - gain * fair
        return mean, variance

    def luck(self, truth: channel.Truth, week: int) -> np.ndarray:
        """Each partner's luck as its wins tell it."""
        tier = TIER_LUCK[truth.tier]
        seen, due = (np.sum(one[:week], axis=0) for one in (self.seen, self.due))
        fair = due / truth.luck * tier
        worth = prior_worth(seen, fair)
        told: np.ndarray = tier * (seen + worth) / (fair + worth)
        return told


@dataclass(frozen=True, slots=True)
class Alike:
    """Quality and stalls of many deals, sorted by what is seen of a deal; `made[deal]` is the week
    in which a deal of the world was made, -1 for all where age is not to be looked at."""

    keys: np.ndarray
    quality: np.ndarray
    stalled: np.ndarray
    made: np.ndarray
    aged: bool

    def drawn(
        self, deals: channel.Pipeline, week: int, runs: int, rng: np.random.Generator
    ) -> channel.Pipeline:
        """The deals in many futures, with hidden things of deals that look like them."""
        age = week - self.made[deals.deal]
        key = _key(deals.stage, week - deals.entered, age if self.aged else 0 * age)
        low = np.searchsorted(self.keys, key)
        high = np.searchsorted(self.keys, key, side="right")
        any_ = high > low
        low, high = np.where(any_, low, 0), np.where(any_, high, len(self.keys))
        pick = (low + rng.random((runs, len(key))) * (high - low)).astype(np.int64).ravel()
        copies = deals.copies(runs)
        return replace(copies, quality=self.quality[pick], stalled=self.stalled[pick])


def _key(stage: np.ndarray, weeks_in: np.ndarray, age: np.ndarray) -> np.ndarray:
    classes = np.searchsorted(WEEKS_IN_STAGE, weeks_in, side="right") * (len(AGES) + 1)
    return (
        stage * (len(WEEKS_IN_STAGE) + 1) * (len(AGES) + 1)
        + classes
        + np.searchsorted(AGES, age, side="right")
    )


def other_lives(world: channel.World, seed: int) -> tuple[np.ndarray, ...]:
    """Stage, weeks in it, age, quality and stall of every deal in every week of other lives."""
    rng = np.random.default_rng([seed, 99])
    market = channel.Market(world.truth, world.settings, rng, rng.normal(0, CALM, LIVES))
    deals, made, rows = channel.Pipeline.empty(), np.zeros(0, dtype=np.int64), []
    for week in range((KIND.last + 1) * channel.QUARTER):
        if week >= SETTLED:
            age = week - made[deals.deal]
            rows.append((deals.stage, week - deals.entered, age, deals.quality, deals.stalled))
        lived = market.live(deals, week)
        made = np.concatenate([made, np.full(len(lived.new), week)])
        deals = lived.after.keep(lived.outcome == channel.OPEN).with_new(lived.new)
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def alike(world: channel.World, lives: tuple[np.ndarray, ...], *, aged: bool) -> Alike:
    stage, weeks_in, age, quality, stalled = lives
    keys = _key(stage, weeks_in, age if aged else 0 * age)
    order = np.argsort(keys, kind="stable")
    made = world.history.created // 7
    return Alike(keys[order], quality[order], stalled[order], made, aged)


@dataclass(frozen=True, slots=True)
class Forgetful:
    """An oracle that knows of mood, of hidden things and of luck what a record tells."""

    world: channel.World
    record: Record
    runs: int
    seed: int
    mood: bool = False
    hidden: Alike | None = None
    luck: bool = False

    def __call__(self, cut: Cut) -> Answer:
        truth = self.world.truth
        if self.luck:
            truth = replace(truth, luck=self.record.luck(truth, cut.today // 7))
        world = replace(self.world, truth=truth)
        return oracle(cut, world, self.runs, self.seed, self.believe)

    def believe(
        self, week: int, deals: channel.Pipeline, mood: np.ndarray, runs: int
    ) -> tuple[channel.Pipeline, np.ndarray]:
        rng = np.random.default_rng([self.seed, week, 7])
        moods = np.repeat(mood, runs)
        if self.mood:
            mean, variance = self.record.mood(week)
            moods = rng.normal(mean, np.sqrt(variance), runs)
        if self.hidden is None:
            return deals.copies(runs), moods
        return self.hidden.drawn(deals, week, runs, rng), moods


def score(seed: int, runs: int) -> Mapping[str, Score]:
    """Scores of one world by who forecasts."""
    places = [(q, day) for q in range(KIND.first, KIND.last + 1) for day in DAYS]
    starts = frozenset(q * channel.QUARTER + day // 7 for q, day in places)
    record = Record()
    world = channel.world(seed, KIND.last + 1, KIND.settings, starts, record.watch)
    lives = other_lives(world, seed)
    seen, ageless = (alike(world, lives, aged=aged) for aged in (True, False))
    knows = Forgetful(world, record, runs, seed)
    models: dict[str, Model] = {
        ORACLE: knows,
        "without the mood": replace(knows, mood=True),
        "without quality and stalls": replace(knows, hidden=seen),
        "without both": replace(knows, mood=True, hidden=seen),
        "and without luck": replace(knows, mood=True, hidden=seen, luck=True),
        "and without age": replace(knows, mood=True, hidden=ageless, luck=True),
        HAZARD: Setting(world.weeks, channel.PROBABILITY).models()[HAZARD],
    }
    weeks = world.weeks
    cuts = [Cut.of(world.history, weeks, weeks.bounds(q)[0] + day, q) for q, day in places]
    return backtest(world.history, cuts, models)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000, help="of the first world")
    parser.add_argument("--runs", type=int, default=200, help="futures that an oracle draws")
    chosen = parser.parse_args()
    seeds = range(chosen.seed, chosen.seed + chosen.worlds)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(partial(score, runs=chosen.runs), seeds))
    rows = [
        (
            name,
            ratio(found, name, Score.wape).shown(percent=False),
            ratio(found, name, lambda one: one.pinball).shown(percent=False),
        )
        for name in found[0]
        if name != ORACLE
    ]
    targets.table(("the oracle", "WAPE, of the limit of luck", "pinball loss"), rows)


if __name__ == "__main__":
    main()
