"""How good the forecast is: on simulated channel businesses, and on public pipeline data.

    python benchmarks/forecast_accuracy.py [--worlds 20] [--seed 1000] [--runs 300]
                                           [--data FOLDER] [--speed]

Every model forecasts quarters at days 0, 28 and 56, each time from what was known on that day.
Three kinds of worlds (`channel_world.py`): ordinary ones, ones whose wins become a quarter rarer
for good (scored from then on), and young small ones (4 deals a week, scored in quarters 3 to 5).
The oracle knows all hazards and hidden things: its error is the limit of luck. After a shift there
is a second one, which knows all but that the wins have become rarer: its bias is what nobody can
avoid before the wins that fail to come are seen.

Skill is 1 - error / error of another model, of the same world: mean over the worlds, with the 95 %
confidence interval of Student's t. FOLDER holds public data (`public_pipelines.py` says which);
those are single histories, so they are reported without an interval. The end is a table of all
targets, with `--speed` also those of speed and memory (`forecast.py`).

Coverage as such is more than 80 % where a sum is likely nothing: a range that begins at nothing
holds all of that. "Of the rest" counts of it only the share that lies within the range, so that a
range that is right covers 80 % (the randomised probability integral transform; Czado, Gneiting and
Held 2009).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import channel_world as channel
import forecast as speed
import forecast_targets as targets
import numpy as np
import public_pipelines
from forecast_targets import Measured, Row

from prmsync.answers.quarter_outlook import Setting
from prmsync.forecast.backtest import DAYS, Score, backtest
from prmsync.forecast.groups import TOTAL, Answer, Cut, Groups, Model
from prmsync.forecast.history import NEVER, DealHistory

HAZARD, ORACLE, FIRST = "hazard", "oracle", "hazard, first quarter"
UNTOLD = "oracle that knows of no shift, first quarter"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of world, and the quarters in which forecasts are scored."""

    name: str
    settings: channel.Settings
    first: int
    last: int


KINDS = (
    Kind("ordinary", channel.Settings(), 5, 10),
    Kind("shift", channel.Settings(shift_at=8 * channel.QUARTER, shift=0.75), 8, 11),
    Kind("cold start", channel.Settings(deals_a_week=4.0), 2, 4),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """An oracle's answer for one group, by its possible futures."""

    won: np.ndarray
    futures: np.ndarray
    """[run, group], what is still to come"""

    @property
    def mean(self) -> np.ndarray:
        return self.won + self.futures.mean(axis=0)

    @property
    def nothing(self) -> np.ndarray:
        return (self.futures == 0).mean(axis=0)

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        return self.won + np.quantile(self.futures, levels, axis=0)


def oracle(
    cut: Cut,
    world: channel.World,
    runs: int,
    seed: int,
    believe: channel.Believe = channel.in_truth,
) -> Answer:
    """By dimension what one who knows everything but the luck would say, or all but what is to be
    believed instead."""
    futures = channel.oracle(world, cut.today // 7, cut.bounds[1] // 7, runs, seed, believe)
    truth, (_, partners, products) = world.truth, futures.shape
    partner = np.repeat(np.arange(partners), products)
    groups = {
        TOTAL: np.zeros_like(partner),
        "partner": partner,
        "tier": truth.tier[partner],
        "region": truth.region[partner],
        "product": np.tile(np.arange(products), partners),
    }
    found = {}
    for name, (rows, count) in cut.dimensions().items():
        member = groups[name][:, None] == np.arange(count)
        found[name] = Drawn(cut.won_by(rows, count), futures.reshape(runs, -1) @ member)
    return Answer(found)


@dataclass
class Held:
    """A model that is asked as before, and how much of what came its 80 % ranges held, by dimension
    and with what is likely nothing counted by its share: [held, asked]."""

    model: Model
    history: DealHistory
    found: dict[str, np.ndarray] = field(default_factory=dict)

    def __call__(self, cut: Cut) -> Answer:
        answer = self.model(cut)
        came = cut.came(self.history)
        for name, (rows, count) in cut.dimensions().items():
            worth = np.bincount(
                rows[self.history.segment[came]], weights=self.history.worth[came], minlength=count
            )
            held = _held(answer.groups[name], worth)
            before = self.found.get(name, np.zeros(2))
            self.found[name] = before + np.array([held.sum(), len(held)])
        return answer

    def share(self, name: str) -> float:
        held, asked = self.found[name]
        return float(held / asked)


def _held(groups: Groups | Drawn, came: np.ndarray) -> np.ndarray:
    """What share of each group's outcome lies within its 80 % range."""
    low, high = groups.quantiles(np.array([0.1, 0.9])) - groups.won
    none = groups.nothing
    share = np.clip(np.minimum(none, 0.9) - 0.1, 0.0, None) / np.maximum(none, 1e-12)
    within = (low - 1e-6 <= came) & (came <= high + 1e-6)
    return np.where(came > 0, within, share)


@dataclass(frozen=True, slots=True)
class Found:
    """One world: scores by model, and how much the ranges of the default and the oracle held."""

    scores: dict[str, Score]
    held: dict[str, dict[str, float]]


def score(seed: int, kind: Kind, runs: int) -> Found:
    """Scores of one world by model; "NAME, first quarter" is of its first scored one alone."""
    places = [(q, day) for q in range(kind.first, kind.last + 1) for day in DAYS]
    starts = frozenset(q * channel.QUARTER + day // 7 for q, day in places)
    world = channel.world(seed, kind.last + 1, kind.settings, starts)
    history, weeks = world.history, world.weeks
    cuts = [Cut.of(history, weeks, weeks.bounds(q)[0] + day, q) for q, day in places]
    models: dict[str, Model] = Setting(weeks, channel.PROBABILITY).models()
    models[ORACLE] = partial(oracle, world=world, runs=runs, seed=seed)
    steady = replace(world, settings=replace(world.settings, shift=1.0))
    early = {FIRST: models[HAZARD], UNTOLD: partial(oracle, world=steady, runs=runs, seed=seed)}
    first = backtest(history, cuts[: len(DAYS)], early)
    watched = {name: Held(models[name], history) for name in (HAZARD, ORACLE)}
    scores = backtest(history, cuts, {**models, **watched})
    held = {name: {d: one.share(d) for d in one.found} for name, one in watched.items()}
    return Found({**scores, **first}, held)


def show_kind(kind: Kind, worlds: Sequence[Found]) -> None:
    """One kind of world: errors of every model, then the default against others."""
    found = [one.scores for one in worlds]
    print(f"\n{kind.name}: {len(found)} worlds, quarters {kind.first + 1} to {kind.last + 1}")
    whole = [name for name in found[0] if name not in (FIRST, UNTOLD)]
    show_models([(name, [one[name] for one in found]) for name in whole])
    for who in (HAZARD, ORACLE):
        shares = (f"{d} {np.mean([one.held[who][d] for one in worlds]):.3f}" for d in SPANS)
        print(f"  of the rest, the ranges of {who:6} hold: {', '.join(shares)}")
    mine, untold = (np.mean([one[name].bias for one in found]) for name in (FIRST, UNTOLD))
    print(
        f"  bias in the first scored quarter {mine:+.3f}, of an oracle told no shift {untold:+.3f}"
    )


SPANS = (TOTAL, "partner", "tier", "region")


def skills_of(kind: Kind, worlds: Sequence[Found]) -> list[tuple[str, str, str, str]]:
    """Skill against the models that companies use today, world by world."""
    found = []
    for other in ("stage_weighted", "naive"):
        pairs = [(one.scores[HAZARD], one.scores[other]) for one in worlds]
        wape = Measured.over([1 - a.wape() / b.wape() for a, b in pairs])
        pinball = Measured.over([1 - a.pinball / b.pinball for a, b in pairs])
        shown = (one.shown(percent=False) for one in (wape, pinball))
        found.append((kind.name, other, *shown))
    return found


def ratio(
    found: Sequence[Mapping[str, Score]], name: str, of: Callable[[Score], float]
) -> Measured:
    """A model's error over the oracle's, of all worlds; the interval by the jackknife."""
    mine = np.array([of(one[name]) for one in found])
    best = np.array([of(one[ORACLE]) for one in found])
    whole = float(mine.sum() / best.sum())
    without = (mine.sum() - mine) / (best.sum() - best)
    pseudo = Measured.over(list(len(mine) * whole - (len(mine) - 1) * without))
    if pseudo.low is None or pseudo.high is None:
        return Measured(whole)
    half = (pseudo.high - pseudo.low) / 2
    return Measured(whole, whole - half, whole + half)


def rows_of(kind: Kind, worlds: Sequence[Found]) -> list[Row]:
    """A kind of world against its targets."""
    found = [one.scores for one in worlds]
    mine, best = ([one[name] for one in found] for name in (HAZARD, ORACLE))
    wape, luck = (Measured.over([s.wape() for s in one]) for one in (mine, best))
    relative = ratio(found, HAZARD, Score.wape)
    if kind.name == "shift":
        bias, untold = (Measured.over([one[n].bias for one in found]) for n in (FIRST, UNTOLD))
        return [
            Row("shift", "WAPE", wape, 0.11, beside=luck),
            Row("shift", "WAPE / limit of luck", relative, 11 / targets.OTHER_SHIFT, percent=False),
            Row("shift", "bias of the first quarter", bias, 0.12, -0.12, beside=untold),
        ]
    inside = {d: Measured.over([s.coverage(d) for s in mine]) for d in SPANS}
    luckily = {d: Measured.over([s.coverage(d) for s in best]) for d in SPANS}
    if kind.name == "cold start":
        return [
            Row("cold start", "WAPE", wape, 0.26, beside=luck),
            Row(
                "cold start",
                "WAPE / limit of luck",
                relative,
                26 / targets.OTHER_COLD,
                percent=False,
            ),
            Row(
                "cold start",
                "80 % range holds, total",
                inside[TOTAL],
                1.0,
                0.78,
                beside=luckily[TOTAL],
            ),
        ]
    rest, theirs = (
        {d: Measured.over([one.held[who][d] for one in worlds]) for d in SPANS}
        for who in (HAZARD, ORACLE)
    )
    return [
        Row("ordinary", "WAPE / limit of luck", relative, 1.03, percent=False),
        Row(
            "ordinary",
            "pinball / limit of luck",
            ratio(found, HAZARD, lambda s: s.pinball),
            1.03,
            percent=False,
        ),
        *(
            Row("ordinary", f"80 % range holds, {d}", inside[d], 0.82, 0.78, beside=luckily[d])
            for d in SPANS[:3]
        ),
        Row(
            "ordinary",
            "the same of the rest, partner",
            rest["partner"],
            0.82,
            0.78,
            beside=theirs["partner"],
        ),
    ]


def show_models(rows: Sequence[tuple[str, Sequence[Score]]]) -> None:
    """Means over the scores of each model."""
    inside = [name for name in rows[0][1][0].inside if name != "product"]
    spans = "  ".join(f"{name:>8}" for name in inside)
    columns = "   WAPE by partner pinball    bias   width   Brier  coverage of the 80 % interval"
    print(f"  {'':16} {columns}")
    print(f"  {'':16} {'':50}  {spans}")
    for name, scores in rows:
        figures = [
            float(np.mean([one(score) for score in scores]))
            for one in (Score.wape, _by_partner, *map(_of, ("pinball", "bias", "width")))
        ]
        spans = "  ".join(f"{np.mean([s.coverage(one) for s in scores]):8.3f}" for one in inside)
        total, partner, *rest = figures
        row = f"{total:7.3f} {partner:10.3f} " + " ".join(f"{figure:7.3f}" for figure in rest)
        chances = [score.brier for score in scores if score.brier is not None]
        brier = f"{np.mean(chances):7.3f}" if chances else f"{'':7}"
        print(f"  {name:16} {row} {brier}  {spans}")


def _by_partner(score: Score) -> float:
    return score.wape("partner")


def _of(name: str) -> Callable[[Score], float]:
    return lambda score: float(getattr(score, name))


def hindsight(one: public_pipelines.Pipeline) -> float:
    """Brier score of one who knew afterwards which share of the open deals of each age in weeks was
    won, for each day asked: no model that goes by age alone can do better."""
    squares, deals = 0.0, 0
    for cut in one.cuts:
        still = np.flatnonzero(one.history.created < cut.today)[cut.history.closed == NEVER]
        won = cut.came(one.history)[still]
        age = (cut.today - one.history.created[still]) // 7
        count, wins = np.bincount(age), np.bincount(age, weights=won)
        squares += float((wins * (1 - wins / np.maximum(count, 1))).sum())
        deals += len(still)
    return squares / deals


def public(folder: Path) -> list[Row]:
    """The public histories, each with its own cuts; those that have targets against them."""
    rows: list[Row] = []
    cells = []
    for one in public_pipelines.load(folder):
        setting = Setting(one.weeks, one.probability)
        models = setting.models()
        scores = backtest(one.history, one.cuts, models)
        print(f"\n{one.name}: {len(one.cuts)} forecasts of {one.quarters}")
        show_models([(name, [score]) for name, score in scores.items()])
        mine = scores[HAZARD]
        held = " / ".join(f"{mine.coverage(d) * 100:.0f}" for d in (TOTAL, "partner", "tier"))
        errors = (f"{share * 100:.1f} %" for share in (mine.wape(), mine.wape("partner")))
        cells.append((one.name, *errors, f"{mine.bias * 100:+.0f} %", f"{held} %"))
        if one.name.startswith("Maven"):
            rows += [
                Row("Maven", "WAPE", Measured(mine.wape()), 0.05),
                Row("Maven", "WAPE by agent", Measured(mine.wape("partner")), 0.155),
                Row(
                    "Maven",
                    "Brier",
                    Measured(mine.brier or 0.0),
                    0.137,
                    percent=False,
                    beside=Measured(hindsight(one)),
                ),
            ]
    held = "80 % range holds total / partner / tier"
    targets.table(("data", "WAPE", "by partner", "bias", held), cells)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000, help="of the first world")
    parser.add_argument("--runs", type=int, default=300, help="futures that the oracle draws")
    parser.add_argument("--data", type=Path, help="folder of public pipeline data")
    parser.add_argument("--speed", action="store_true", help="speed and memory as well")
    chosen = parser.parse_args()
    rows: list[Row] = []
    skills: list[tuple[str, str, str, str]] = []
    seeds = range(chosen.seed, chosen.seed + chosen.worlds)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for kind in KINDS:
            work = partial(score, kind=kind, runs=chosen.runs)
            found = list(pool.map(work, seeds))
            show_kind(kind, found)
            rows += rows_of(kind, found)
            skills += skills_of(kind, found)
    if chosen.data:
        rows = [*public(chosen.data), *rows]
    targets.table(("worlds", "skill against", "WAPE", "pinball loss"), skills)
    met = targets.show(rows)
    if chosen.speed:
        print()
        met += speed.show(1_000_000, 20_000_000)
    print(f"\n{sum(met)} of {len(met)} targets met")


if __name__ == "__main__":
    main()
