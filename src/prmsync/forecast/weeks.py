"""Fiscal quarters and their weeks: where a day stands in the business year.

A quarter has 13 weeks, the last of which also holds the odd days, or the 14th week of a long year.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from prmsync.domain.fiscal import FiscalCalendar
from prmsync.forecast.spells import QUARTER, Ints


@dataclass(frozen=True, slots=True)
class Weeks:
    """Quarter starts as proleptic ordinals (`date.toordinal`), ascending and without gaps; week
    numbers count from the first one."""

    starts: Ints = field(repr=False)

    @classmethod
    def of(cls, calendar: FiscalCalendar, first: date, last: date) -> Weeks:
        """The quarters of a calendar that cover `first` to `last`."""
        year, number = calendar.quarter_of(first)
        starts: list[int] = []
        while not starts or starts[-1] <= last.toordinal():
            starts.append(calendar.first(year, number).toordinal())
            year, number = year + number // 4, number % 4 + 1
        return cls(np.array(starts))

    @classmethod
    def of_months(cls, first: date, last: date, start_month: int = 1) -> Weeks:
        """Quarters of three calendar months, the fiscal year beginning with `start_month`."""
        return cls.of(FiscalCalendar(start_month=start_month), first, last)

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
