"""Sums over groups of deals: what every model answers with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prmsync.forecast.history import DealHistory
from prmsync.forecast.spells import Floats, Ints
from prmsync.forecast.spread import Sums
from prmsync.forecast.weeks import Weeks

TOTAL = "total"
LOOK_BACKS = 6
"""Earlier quarters whose forecasts are looked at."""
LEAST_RECORD = 28
"""Days of recorded closes that must lie before an earlier forecast for it to teach anything."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Forecast by group of one dimension: `won` to date, and what is `to_come`."""

    won: Floats
    to_come: Sums

    @property
    def mean(self) -> Floats:
        return self.won + self.to_come.mean

    @property
    def nothing(self) -> Floats:
        """Each group's chance that nothing more comes."""
        return self.to_come.nothing

    def quantiles(self, levels: Floats) -> Floats:
        """[level, group]"""
        return self.won + self.to_come.quantiles(levels)

    def at_least(self, worth: Floats) -> Floats:
        """Each group's chance to reach `worth`."""
        return self.to_come.at_least(worth - self.won)


@dataclass(frozen=True, slots=True)
class Cut:
    """A day to forecast from: `history` as known when `today` (an ordinal) began, and the quarter
    (an index of `weeks`) to forecast."""

    history: DealHistory
    weeks: Weeks
    today: int
    quarter: int

    @property
    def bounds(self) -> tuple[int, int]:
        """First day of the quarter and of the next one."""
        return self.weeks.bounds(self.quarter)

    @classmethod
    def of(cls, history: DealHistory, weeks: Weeks, today: int, quarter: int) -> Cut:
        """Drops what was not known on that day."""
        return cls(history.as_of(today), weeks, today, quarter)

    def earlier(self, quarters: int, *, staged: bool = True) -> Cut | None:
        """The same place in an earlier quarter that is over; None where too little was on record
        then: no closes, or (`staged`) no stages of open deals."""
        quarter = self.quarter - quarters
        if quarter < 0 or self.weeks.bounds(quarter)[1] > self.today:
            return None
        start, end = self.weeks.bounds(quarter)
        day = min(start + self.today - self.bounds[0], end - 1)
        before = self.history.as_of(day)
        if not len(before.closed) or before.closed.min() > day - LEAST_RECORD:
            return None
        if staged and self.history.recorded_from > day - LEAST_RECORD:
            return None
        return Cut(before, self.weeks, day, quarter)

    def dimensions(self) -> dict[str, tuple[Ints, int]]:
        """By dimension each segment's group, and how many groups there are."""
        segments = self.history.segments
        named = {
            name: (segments[:, i], int(segments[:, i].max(initial=0)) + 1)
            for i, name in enumerate(self.history.dimensions)
        }
        return {TOTAL: (np.zeros(len(segments), dtype=np.int64), 1), **named}

    def won(self) -> npt.NDArray[np.bool_]:
        """Which deals are won in the quarter so far."""
        start, end = self.bounds
        return self.history.won & (self.history.closed >= start) & (self.history.closed < end)

    def won_by(self, rows: Ints, count: int) -> Floats:
        """Worth of the deals won in the quarter so far, by group."""
        return self.sum_by(self.won(), self.history.worth, rows, count)

    def sum_by(self, which: npt.NDArray[np.bool_], worth: Floats, rows: Ints, count: int) -> Floats:
        """Worth of some deals by group."""
        group = rows[self.history.segment[which]]
        return np.bincount(group, weights=worth[which], minlength=count).astype(float)

    def came(self, later: DealHistory) -> npt.NDArray[np.bool_]:
        """Which deals, of a history that knows more, were won in the quarter from `today` on."""
        start, end = self.bounds
        return later.won & (later.closed >= max(self.today, start)) & (later.closed < end)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says: the groups by dimension ("total" and the history's own), and, of models
    that look at single deals, `chance`: of each open deal of the cut, in their order, to be won by
    the quarter's end. `unknown`: it goes by earlier quarters and none is on record, so that it
    knows of nothing but what is won."""

    groups: Mapping[str, Groups]
    chance: Floats | None = None
    unknown: bool = False


Model = Callable[[Cut], Answer]
