"""How good the forecast is: on simulated channel businesses, and on public pipeline data.

    python benchmarks/forecast_accuracy.py [--worlds 20] [--seed 1000] [--runs 300] [--data FOLDER]

Every model forecasts quarters at days 0, 28 and 56, each time from what was known on that day.
Three kinds of worlds (`channel_world.py`): ordinary ones, ones whose wins become a quarter rarer
for good (scored from then on), and young small ones (4 deals a week, scored in quarters 3 to 5).
The oracle knows all hazards and hidden things: its error is the limit of luck.

Skill is 1 - error / error of another model, of the same world: mean over the worlds, with the 95 %
confidence interval of Student's t. FOLDER holds public data (`public_pipelines.py` says which);
those are single histories, so they are reported without an interval.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import channel_world as channel
import numpy as np
import public_pipelines
from scipy import stats

from prmsync.answers.quarter_outlook import Setting
from prmsync.forecast.backtest import DAYS, Score, backtest
from prmsync.forecast.groups import TOTAL, Answer, Cut, Model

HAZARD, ORACLE, FIRST = "hazard", "oracle", "hazard, first quarter"


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

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        return self.won + np.quantile(self.futures, levels, axis=0)


def oracle(cut: Cut, world: channel.World, runs: int, seed: int) -> Answer:
    """By dimension what one who knows everything but the luck would say."""
    futures = channel.oracle(world, cut.today // 7, cut.bounds[1] // 7, runs, seed)
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


def score(seed: int, kind: Kind, runs: int) -> dict[str, Score]:
    """Scores of one world by model; "NAME, first" is of its first scored quarter alone."""
    places = [(q, day) for q in range(kind.first, kind.last + 1) for day in DAYS]
    starts = frozenset(q * channel.QUARTER + day // 7 for q, day in places)
    world = channel.world(seed, kind.last + 1, kind.settings, starts)
    history, weeks = world.history, world.weeks
    cuts = [Cut.of(history, weeks, weeks.bounds(q)[0] + day, q) for q, day in places]
    models: dict[str, Model] = Setting(weeks, channel.PROBABILITY).models()
    models[ORACLE] = partial(oracle, world=world, runs=runs, seed=seed)
    first = backtest(history, cuts[: len(DAYS)], {HAZARD: models[HAZARD]})
    return {**backtest(history, cuts, models), FIRST: first[HAZARD]}


def interval(values: Sequence[float]) -> str:
    """Mean and its 95 % confidence interval."""
    mean, error = float(np.mean(values)), float(stats.sem(values))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return f"{mean:6.3f}  [{mean - half:.3f}, {mean + half:.3f}]"


def show_kind(kind: Kind, found: Sequence[Mapping[str, Score]]) -> None:
    """One kind of world: errors of every model, then the default against its targets."""
    print(f"\n{kind.name}: {len(found)} worlds, quarters {kind.first + 1} to {kind.last + 1}")
    show_models([(name, [one[name] for one in found]) for name in found[0] if name != FIRST])
    mine = [one[HAZARD] for one in found]
    for other in ("stage_weighted", "naive"):
        pairs = [(one[HAZARD], one[other]) for one in found]
        skill = [1 - a.wape() / b.wape() for a, b in pairs]
        print(f"  skill against {other:16} WAPE    {interval(skill)}")
        skill = [1 - a.pinball / b.pinball for a, b in pairs]
        print(f"  {'':30} pinball {interval(skill)}")
    best = [one[ORACLE] for one in found]
    ratio = sum(s.wape() for s in mine) / sum(s.wape() for s in best)
    pinball = sum(s.pinball for s in mine) / sum(s.pinball for s in best)
    print(f"  against the limit of luck: WAPE {ratio:.3f} x, pinball {pinball:.3f} x")
    print(f"  bias in the first scored quarter {np.mean([one[FIRST].bias for one in found]):+.3f}")


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


def public(folder: Path) -> None:
    """The public histories, each with its own cuts."""
    for one in public_pipelines.load(folder):
        setting = Setting(one.weeks, one.probability)
        models = setting.models()
        scores = backtest(one.history, one.cuts, models)
        print(f"\n{one.name}: {len(one.cuts)} forecasts of {one.quarters}")
        show_models([(name, [score]) for name, score in scores.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000, help="of the first world")
    parser.add_argument("--runs", type=int, default=300, help="futures that the oracle draws")
    parser.add_argument("--data", type=Path, help="folder of public pipeline data")
    chosen = parser.parse_args()
    seeds = range(chosen.seed, chosen.seed + chosen.worlds)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for kind in KINDS:
            work = partial(score, kind=kind, runs=chosen.runs)
            show_kind(kind, list(pool.map(work, seeds)))
    if chosen.data:
        public(chosen.data)


if __name__ == "__main__":
    main()
