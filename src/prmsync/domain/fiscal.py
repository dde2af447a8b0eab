"""Fiscal calendars: which days make the quarters of a business year.

Two kinds are known. Calendar months: quarters of three months, the year beginning with any month.
Whole weeks: quarters of 13 weeks, whether the company calls their months 4-4-5, 4-5-4, 5-4-4 or
has none; a long year has a 53rd week, which belongs to its last quarter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

_MONTHS = 3
_QUARTER = timedelta(weeks=13)
_YEAR = timedelta(weeks=52)
_WEEK = timedelta(weeks=1)


class Pattern(StrEnum):
    """How a year is cut into quarters."""

    MONTHS = "months"
    FOUR_FOUR_FIVE = "4-4-5"
    FOUR_FIVE_FOUR = "4-5-4"
    FIVE_FOUR_FOUR = "5-4-4"
    THIRTEEN_WEEKS = "13-weeks"


class Named(StrEnum):
    """Which calendar year a fiscal year is called by: that of its last day, or of its first."""

    END = "end"
    START = "start"


@dataclass(frozen=True, slots=True)
class FiscalCalendar:
    """`start_month` belongs to MONTHS. The other patterns need `first_day`, on which some fiscal
    year begins, and `long_years`, the names of those with 53 weeks."""

    pattern: Pattern = Pattern.MONTHS
    start_month: int = 1
    first_day: date | None = None
    long_years: frozenset[int] = frozenset()
    named: Named = Named.END

    def first(self, year: int, number: int) -> date:
        """The first day of quarter `number` (1 to 4; 5 is the next year's first) of a year."""
        if number > 4:
            return self.first(year + 1, number - 4)
        if self.first_day is None:
            later = self.named is Named.END and self.start_month > 1
            months = (year - later) * 12 + self.start_month - 1 + _MONTHS * (number - 1)
            return date(months // 12, months % 12 + 1, 1)
        return self._year_begins(year, self.first_day) + (number - 1) * _QUARTER

    def quarter_of(self, day: date) -> tuple[int, int]:
        """Year and number of the quarter that holds a day."""
        year = day.year
        # A calendar of weeks may have drifted by any number of years: a week in six.
        while self.first(year + 1, 1) <= day:
            year += 1
        while self.first(year, 1) > day:
            year -= 1
        return year, max(number for number in (1, 2, 3, 4) if self.first(year, number) <= day)

    @property
    def words(self) -> str:
        """What people call it; nothing for calendar years."""
        if self.first_day is not None:
            return str(self.pattern)
        return "" if self.start_month == 1 else f"years from {date(2000, self.start_month, 1):%B}"

    def _year_begins(self, year: int, anchor: date) -> date:
        known = anchor.year if self.named is Named.START else (anchor + _YEAR - _WEEK).year
        between = range(min(known, year), max(known, year))
        extra = sum(1 for long in self.long_years if long in between)
        whole = (year - known) * _YEAR
        return anchor + whole + (extra if year > known else -extra) * _WEEK


CALENDAR_YEARS = FiscalCalendar()
