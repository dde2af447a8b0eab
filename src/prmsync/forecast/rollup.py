"""A quarter's forecast in rows: by partner, tier and any other grouping, with intervals.

Every row is won to date + expected of open deals + expected of deals that do not exist yet, and
the rows of a grouping sum to the total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from prmsync.forecast.groups import TOTAL
from prmsync.forecast.hazard_forecast import QuarterForecast
from prmsync.forecast.spells import Floats, Ints
from prmsync.forecast.spread import WEIGHTS
from prmsync.forecast.timelines import OPEN_STAGES, Deals

INTERVALS = (50, 80, 95)
"""Per cent of the possible outcomes that each interval holds."""
LEVELS: Floats = np.array([side for i in INTERVALS for side in (0.5 - i / 200, 0.5 + i / 200)])
NEW = "deals to come"
WON = "won to date"
AGES = (28, 91, 182, 364)
"""Days that end the classes of a deal's age."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, in major units of one currency. `ranges[per cent]` is (low, high); `deals` and
    `stated` are the open deals and what they say they are worth; deals that state 0, as those of
    another currency do, are not counted."""

    name: str
    won: float
    open: float
    new: float
    ranges: dict[int, tuple[float, float]]
    deals: int
    stated: float

    @property
    def forecast(self) -> float:
        return self.won + self.open + self.new


@dataclass(frozen=True, slots=True)
class _Grouping:
    """Group of each open deal and stream of the outlook, and of each deal won in the quarter;
    `dimension` where the groups are those of the forecast itself."""

    names: tuple[str, ...]
    lots: Ints
    won: Ints
    dimension: str | None = None


def total(found: QuarterForecast, deals: Deals) -> Row:
    """The whole in one row."""
    return _rows(found, _by_segment(found, deals, TOTAL))[0]


def by_dimension(found: QuarterForecast, deals: Deals, dimension: str) -> list[Row]:
    """One row for each value of a dimension of the history, the largest forecast first."""
    return _largest_first(_rows(found, _by_segment(found, deals, dimension)))


def by_label(found: QuarterForecast, labels: Sequence[str]) -> list[Row]:
    """Rows by any label of the deals (`labels[deal]`), and one for the deals to come."""
    names = (*sorted(set(labels)), NEW)
    place = {name: at for at, name in enumerate(names)}
    label = np.array([place[name] for name in labels], dtype=np.int64)
    grouping = _Grouping(names, _with_new(found, label, len(names) - 1), label[_won(found)])
    return _largest_first(_rows(found, grouping))


def by_stage(found: QuarterForecast) -> list[Row]:
    """Open deals by stage in the order of the stages, then what is won and the deals to come."""
    names = (*(stage.value for stage in OPEN_STAGES), WON, NEW)
    return _present(_rows(found, _of_open(found, found.outlook.stage, names)))


def by_age(found: QuarterForecast) -> list[Row]:
    """Open deals by days since they were made, then what is won and the deals to come."""
    bounds = np.array(AGES)
    age = found.cut.today - found.cut.history.created[found.outlook.deal]
    between = (f"{first} to {end - 1}" for first, end in pairwise(AGES))
    names = (f"under {AGES[0]} days", *between, f"{AGES[-1]} and more", WON, NEW)
    group = np.searchsorted(bounds, age, side="right")
    return _present(_rows(found, _of_open(found, group, names)))


def _of_open(found: QuarterForecast, group: Ints, names: tuple[str, ...]) -> _Grouping:
    """Open deals by `group`; the last two names are for what is won and for the deals to come."""
    streams = np.full(len(found.outlook.segment) - found.outlook.open, len(names) - 1)
    won = np.full(int(found.cut.won().sum()), len(names) - 2)
    return _Grouping(names, np.concatenate([group, streams]), won)


def _by_segment(found: QuarterForecast, deals: Deals, dimension: str) -> _Grouping:
    rows, count = found.cut.dimensions()[dimension]
    names = deals.names.get(dimension, (TOTAL,) * count)
    won = rows[found.cut.history.segment[_won(found)]]
    return _Grouping(names, rows[found.outlook.segment], won, dimension)


def _won(found: QuarterForecast) -> Ints:
    return np.flatnonzero(found.cut.won())


def _with_new(found: QuarterForecast, label: Ints, new: int) -> Ints:
    """Group of every lot: the open deals' own, and `new` for all streams."""
    streams = np.full(len(found.outlook.segment) - found.outlook.open, new)
    return np.concatenate([label[found.outlook.deal], streams])


def _rows(found: QuarterForecast, grouping: _Grouping) -> list[Row]:
    count, outlook, history = len(grouping.names), found.outlook, found.cut.history
    worth = history.worth[_won(found)]
    won = np.bincount(grouping.won, weights=worth, minlength=count)
    sums = (
        found.to_come(grouping.lots, count)
        if grouping.dimension is None
        else found.groups[grouping.dimension].to_come
    )
    mean = (WEIGHTS @ outlook.lots.chance) * outlook.lots.mean * found.calibration.bias
    new = np.bincount(grouping.lots[outlook.open :], weights=mean[outlook.open :], minlength=count)
    ends = won + sums.quantiles(LEVELS)
    mine = grouping.lots[: outlook.open]
    stated = np.nan_to_num(history.amount[history.last_events()[outlook.deal]])
    counted = (stated > 0) | np.isnan(history.amount[history.last_events()[outlook.deal]])
    deals = np.bincount(mine[counted], minlength=count)
    worth_open = np.bincount(mine, weights=stated, minlength=count)
    return [
        Row(
            grouping.names[at],
            float(won[at]),
            float(sums.mean[at] - new[at]),
            float(new[at]),
            {
                percent: (float(ends[2 * i, at]), float(ends[2 * i + 1, at]))
                for i, percent in enumerate(INTERVALS)
            },
            int(deals[at]),
            float(worth_open[at]),
        )
        for at in range(count)
    ]


def _largest_first(rows: list[Row]) -> list[Row]:
    return sorted(_present(rows), key=lambda row: -row.forecast)


def _present(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.deals or row.forecast >= 0.005]
