"""What a forecast costs, against plain numpy loops in the same run.

    python benchmarks/forecast.py [--deals 1000000] [--weeks 20000000]

- fit: everything that is learned (hazards, multipliers of 2,000 partners and other segments,
  amounts) from a history of so many deal-weeks. The loop counts who was at risk week by week.
- forecast: chances of so many open deals, and their sums with quantiles for 2,000 partners, tiers,
  regions, products and stages. The loop draws who wins; 20 of its 10,000 paths are timed.
- exchange: 100 of those deals change; sums and quantiles of the partners follow.
- daily: 2,000 open deals with five years of history: fit, six looks back, forecast, all roll-ups.

Times are of a quiet machine; each part is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import channel_world as channel
import numpy as np

from prmsync.answers.quarter_outlook import PRODUCT, Setting
from prmsync.forecast.groups import Cut
from prmsync.forecast.hazard_forecast import hazard_forecast
from prmsync.forecast.hazard_model import Fitted, Outlook, learn_all, outlook
from prmsync.forecast.hazards import Prior
from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.prior import prior_at
from prmsync.forecast.spread import Lots, tally
from prmsync.forecast.weeks import Weeks

LEVELS = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
PARTNERS, REGIONS, PRODUCTS, YEARS = 2000, 4, 4, 5
QUARTERS = 4 * YEARS + 1
TODAY = 4 * YEARS * 91 + 28
WEEKS = Weeks(np.arange(QUARTERS + 1) * 91)
PATHS, TIMED = 10_000, 20


def business(deals: int, stays: int, *, still_open: bool) -> DealHistory:
    """Deals of 2,000 partners that passed through `stays` stages at random paces."""
    rng = np.random.default_rng(1)
    deal = np.repeat(np.arange(deals), stays)
    stay = rng.geometric(1 / 7, (deals, stays)) * 7
    reach = stay.cumsum(axis=1)
    span = TODAY - 7 if not still_open else TODAY - 7 - reach[:, -1]
    created = np.sort(rng.integers(0, np.maximum(span, 1), deals))
    day = created[:, None] + np.concatenate([np.zeros((deals, 1), int), reach[:, :-1]], axis=1)
    closed = created + reach[:, -1]
    won = rng.random(deals) < 0.3
    amount = rng.lognormal(9, 1, deals)
    partner = rng.integers(0, PARTNERS, deals)
    product = rng.integers(0, PRODUCTS, deals)
    grid = np.arange(PARTNERS * PRODUCTS)
    owner = grid // PRODUCTS
    return DealHistory(
        created=created,
        closed=np.full(deals, NEVER) if still_open else closed,
        won=won & (not still_open),
        worth=np.where(won & (not still_open), amount, 0.0),
        segment=partner * PRODUCTS + product,
        deal=deal,
        day=day.ravel(),
        stage=np.tile(np.arange(stays), deals),
        amount=np.repeat(amount, stays),
        expected_close=day.ravel() + 91,
        segments=np.stack([owner, owner % 3, owner % REGIONS, grid % PRODUCTS], axis=1),
        dimensions=channel.DIMENSIONS,
        stages=channel.STAGES,
    )


def timed(work: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds (wall, CPU) and what was found."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return (time.perf_counter() - wall, time.process_time() - cpu), found


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fit(weeks: int) -> dict[str, Any]:
    """Everything that is learned, and a loop over the weeks that counts who is at risk."""
    history = business(weeks // 21, 3, still_open=False).as_of(TODAY)
    believed = believed_of(history)
    spells = history.spells(WEEKS, TODAY)
    ours, _ = timed(lambda: learn_all(history, WEEKS, TODAY, believed, PRODUCT))

    def loop() -> np.ndarray:
        risk = np.zeros((channel.STAGES, 300))
        for week in range(int(spells.last.max()) + 1):
            here = (spells.start <= week) & (week <= spells.last)
            np.add.at(risk, (spells.stage[here], week - spells.start[here]), 1.0)
        return risk

    plain, risk = timed(loop)
    return {"deal_weeks": float(risk.sum()), "ours": ours, "loop": plain, "peak_mb": peak_mb()}


def learned() -> Fitted:
    history = business(20_000, 3, still_open=False).as_of(TODAY)
    return learn_all(history, WEEKS, TODAY, believed_of(history), PRODUCT)


def believed_of(history: DealHistory) -> Prior:
    return prior_at(Cut(history, WEEKS, TODAY, QUARTERS - 1), channel.PROBABILITY)


def roll_ups(history: DealHistory, found: Outlook) -> None:
    """Quantiles of every dimension, and of open deals by stage."""
    for rows, count in Cut(history, WEEKS, TODAY, QUARTERS - 1).dimensions().values():
        found.by_segment.gathered(rows, count).sums().quantiles(LEVELS)
    stage = np.concatenate([found.stage, np.full(len(history.segments), channel.STAGES)])
    tally(found.lots, stage, channel.STAGES + 1).sums().quantiles(LEVELS)


def forecast(deals: int) -> dict[str, Any]:
    """From open deals to quantiles; then 100 of them change; then the loop that draws."""
    fitted, history = learned(), business(deals, 1, still_open=True)
    end = WEEKS.bounds(QUARTERS - 1)[1]

    def work() -> Outlook:
        found = outlook(fitted, history, WEEKS, TODAY, end)
        roll_ups(history, found)
        return found

    ours, found = timed(work)
    peak = peak_mb()
    rows = history.segments[:, 0]
    exchange, _ = timed(lambda: exchanged(found, rows))
    drawn, _ = timed(lambda: draws(found, rows))
    return {"ours": ours, "loop": drawn, "exchange": exchange, "peak_mb": peak}


def exchanged(found: Outlook, rows: np.ndarray) -> np.ndarray:
    """Quantiles of the partners after 100 deals have doubled in chance."""
    some = np.arange(100) * (found.open // 100)
    group, lots = found.segment[some], found.lots
    one = Lots(lots.chance[:, some], lots.mean[some], lots.square[some], lots.stream[some])
    two = replace(one, chance=np.minimum(2 * one.chance, 1.0))
    segments = len(rows)
    changed = found.by_segment - tally(one, group, segments) + tally(two, group, segments)
    quantiles: np.ndarray = changed.gathered(rows, PARTNERS).sums().quantiles(LEVELS)
    return quantiles


def draws(found: Outlook, rows: np.ndarray) -> np.ndarray:
    """Who wins, path by path, summed by partner."""
    rng = np.random.default_rng(2)
    lots, partner = found.lots, rows[found.segment]
    sums = np.empty((TIMED, PARTNERS))
    for path in range(TIMED):
        won = rng.random(len(partner)) < lots.chance[path % 3]
        sums[path] = np.bincount(partner, weights=won * lots.mean, minlength=PARTNERS)
    return np.quantile(sums, LEVELS, axis=0)


def daily(_size: int) -> dict[str, Any]:
    """A middle-sized channel business on a usual day."""
    world = channel.world(7, QUARTERS, channel.Settings(deals_a_week=136.0), frozenset())
    cut = Cut.of(world.history, world.weeks, TODAY, QUARTERS - 1)
    believe = Setting(world.weeks, channel.PROBABILITY).prior

    def work() -> int:
        found = hazard_forecast(cut, believe, PRODUCT)
        for groups in found.groups.values():
            groups.quantiles(LEVELS)
        stage = np.concatenate([found.outlook.stage, np.full(len(cut.history.segments), 5)])
        found.to_come(stage, 6).quantiles(LEVELS)
        return found.outlook.open

    ours, still = timed(work)
    return {"ours": ours, "open": still, "deals": len(cut.history.created), "peak_mb": peak_mb()}


PARTS = {"fit": fit, "forecast": forecast, "daily": daily}


def measured(part: str, size: int) -> dict[str, Any]:
    """One part in a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--size", str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def row(what: str, figure: str, met: bool | None = None) -> None:
    verdict = "" if met is None else "met" if met else "NOT MET"
    print(f"{what:58} {figure:34} {verdict}")


def target(what: str, spent: tuple[float, float], most: float) -> bool:
    """A row of wall time, judged, and of CPU."""
    wall, cpu = spent
    row(f"{what}, <= {most} s", f"{wall:.3f} s, CPU {cpu:.3f} s", wall <= most)
    return wall <= most


def ratio(what: str, loop: tuple[float, float], ours: tuple[float, float], paths: int = 1) -> None:
    """How much more CPU a loop takes."""
    cpu = loop[1] * paths
    row(f"  {what}", f"CPU {cpu:.1f} s = {cpu / ours[1]:.1f} x")


def show(deals: int, weeks: int) -> list[bool]:
    """The table; which targets are met."""
    one = measured("fit", weeks)
    met = [target(f"fit of {one['deal_weeks'] / 1e6:.1f} M deal-weeks", one["ours"], 2.0)]
    ratio("the loop over weeks, counting alone", one["loop"], one["ours"])
    two = measured("forecast", deals)
    met.append(target(f"forecast of {deals:,} open deals", two["ours"], 1.5))
    ratio(f"the loop of {PATHS:,} draws ({TIMED} timed)", two["loop"], two["ours"], PATHS // TIMED)
    met.append(two["peak_mb"] <= 1024)
    row("  its peak memory, <= 1024 MB", f"{two['peak_mb']:.0f} MB", met[-1])
    met.append(target("  100 of them change", two["exchange"], 0.05))
    three = measured("daily", 0)
    what = f"{three['open']:,} open of {three['deals']:,} deals, 5 years"
    return [*met, target(what, three["ours"], 0.5)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--weeks", type=int, default=20_000_000)
    parser.add_argument("--part", choices=PARTS, help="one part, as JSON")
    parser.add_argument("--size", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.part:
        print(json.dumps(PARTS[chosen.part](chosen.size)))
    else:
        show(chosen.deals, chosen.weeks)


if __name__ == "__main__":
    main()
