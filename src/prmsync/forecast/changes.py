"""What changed between two forecasts of the same quarter, in parts that sum to the difference.

Each deal's part is what it counted for later less what it counted for before. It is named by what
happened to the deal: it was won or lost, opened again after a close, is new, was taken out, was
pulled into the quarter or slipped out of it, grew or shrank; of a deal to which nothing happened,
the part is the clock's and the model's. What an edit of its amount alone did is told apart from the
rest.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from prmsync.forecast.hazard_forecast import QuarterForecast
from prmsync.forecast.rollup import total
from prmsync.forecast.spread import WEIGHTS
from prmsync.forecast.timelines import Deals


class Why(StrEnum):
    """What moved a forecast."""

    WON = "won"
    LOST = "lost"
    REOPENED = "opened again"
    NEW = "new"
    GONE = "gone"
    PULLED_IN = "pulled in"
    SLIPPED = "slipped"
    GROWN = "grown"
    SHRUNK = "shrunk"
    MOVED = "chance changed"
    TO_COME = "deals to come"


@dataclass(frozen=True, slots=True)
class Change:
    """One part of the difference: how many deals, and how much in major units."""

    why: Why
    deals: int
    worth: float


@dataclass(frozen=True, slots=True)
class Changes:
    """From one forecast to another; `before` + all parts = `after`."""

    before: float
    after: float
    parts: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    counted: float
    chance: float
    worth: float
    """Expected amount when won."""
    stated: float
    """Amount stated; NaN where none is."""
    close: int
    won: bool
    closed: bool


def changes(one: tuple[QuarterForecast, Deals], two: tuple[QuarterForecast, Deals]) -> Changes:
    """The way from forecast `one` to forecast `two`."""
    before, after = _deals(*one), _deals(*two)
    found: dict[Why, list[float]] = defaultdict(list)
    end = one[0].cut.bounds[1]
    for deal in sorted(before.keys() | after.keys()):
        for why, worth in _parts(before.get(deal), after.get(deal), end):
            found[why].append(worth)
    found[Why.TO_COME].append(total(*two).new - total(*one).new)
    parts = tuple(Change(why, len(found[why]), sum(found[why])) for why in Why if found[why])
    return Changes(total(*one).forecast, total(*two).forecast, parts)


def _parts(before: _Seen | None, after: _Seen | None, end: int) -> list[tuple[Why, float]]:
    if before is None or after is None:
        why = Why.GONE if after is None else Why.WON if after.won else Why.NEW
        worth = (after.counted if after else 0.0) - (before.counted if before else 0.0)
        return [(why, worth)] if worth else []
    difference = after.counted - before.counted
    if after.closed:
        return [(Why.WON if after.won else Why.LOST, difference)] if difference else []
    if before.closed:
        return [(Why.REOPENED, difference)] if difference else []
    edited = not np.array_equal(after.stated, before.stated, equal_nan=True)
    size = after.chance * (after.worth - before.worth) if edited else 0.0
    parts = [(Why.GROWN if size > 0 else Why.SHRUNK, size)] if size else []
    rest = difference - size
    return [*parts, (_moved(before, after, end), rest)] if rest else parts


def _moved(before: _Seen, after: _Seen, end: int) -> Why:
    if before.close >= end > after.close:
        return Why.PULLED_IN
    if before.close < end <= after.close:
        return Why.SLIPPED
    return Why.MOVED


def _deals(found: QuarterForecast, deals: Deals) -> dict[str, _Seen]:
    """What every deal counts for; deals closed outside the quarter count nothing."""
    history, outlook = found.cut.history, found.outlook
    latest = history.last_events()
    bias = found.calibration.bias
    chance = (WEIGHTS @ outlook.lots.chance)[: outlook.open] * bias
    mean = outlook.lots.mean[: outlook.open]
    seen = {
        deals.ids[deal]: _Seen(
            float(p * m),
            float(p),
            float(m),
            float(history.amount[latest[deal]]),
            int(history.expected_close[latest[deal]]),
            False,
            False,
        )
        for deal, p, m in zip(outlook.deal, chance, mean, strict=True)
    }
    won = found.cut.won()
    for deal in np.setdiff1d(np.arange(len(history.created)), outlook.deal):
        counted = float(history.worth[deal]) if won[deal] else 0.0
        day = int(history.closed[deal])
        stated = float(history.amount[latest[deal]])
        seen[deals.ids[deal]] = _Seen(counted, 1.0, counted, stated, day, bool(won[deal]), True)
    return seen
