"""Fiscal quarters and their weeks: where a day stands in the business year.

A quarter has 13 weeks, the last of which also holds the odd days. Three calendars are known:
calendar months from any start month, 4-4-5 and its sisters and plain 13-week quarters (all of the
latter begin on a given first day and count 52 weeks a year, 53 where `long_years` says so).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from prmsync.forecast.spells import QUARTER, Ints

_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Weeks:
    """Quarter starts as proleptic ordinals (`date.toordinal`), ascending and without gaps; week
    numbers count from the first one."""

    starts: Ints = field(repr=False)

    @classmethod
    def of_months(cls, first: date, last: date, start_month: int = 1) -> Weeks:
        """Quarters of three calendar months that cover `first` to `last`, the fiscal year
        beginning with `start_month`."""
        shift = (first.month - start_month) % _MONTHS
        at = _add_months(date(first.year, first.month, 1), -shift)
        starts = []
        while True:
            starts.append(at.toordinal())
            if at > last:
                return cls(np.array(starts))
            at = _add_months(at, _MONTHS)

    @classmethod
    def of_thirteen(cls, anchor: date, first: date, last: date) -> Weeks:
        """Quarters of 13 weeks (4-4-5, 4-5-4, 5-4-4 alike), one of which begins on `anchor`."""
        length = QUARTER * 7
        before = -(-(anchor - first).days // length)
        start = anchor.toordinal() - before * length
        count = (last.toordinal() - start) // length + 2
        return cls(start + length * np.arange(count))

    def week(self, days: Ints) -> Ints:
        """The week of each day (an ordinal); days outside the known quarters count as the nearest
        known week."""
        quarter = np.clip(np.searchsorted(self.starts, days, side="right") - 1, 0, None)
        within = np.clip((days - self.starts[quarter]) // 7, 0, QUARTER - 1)
        found: Ints = quarter * QUARTER + within
        return found

    def quarter(self, day: int) -> int:
        """Index of the quarter that holds this day."""
        return int(np.searchsorted(self.starts, day, side="right") - 1)

    def bounds(self, quarter: int) -> tuple[int, int]:
        """First day of a quarter and of the next one, as ordinals."""
        return int(self.starts[quarter]), int(self.starts[quarter + 1])

    def left_of_week(self, day: int) -> float:
        """How much of this day's week is still to come when the day begins, 0 to 1."""
        quarter = self.quarter(day)
        start, end = self.bounds(quarter)
        week = min((day - start) // 7, QUARTER - 1)
        begins = start + 7 * week
        ends = end if week == QUARTER - 1 else begins + 7
        return (ends - day) / (ends - begins)


def _add_months(day: date, months: int) -> date:
    month = day.year * 12 + day.month - 1 + months
    return date(month // 12, month % 12 + 1, 1)
