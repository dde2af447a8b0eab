"""Forecast periods: quarters of the company's fiscal calendar, named like "2026Q4"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta

from prmsync.domain.fiscal import CALENDAR_YEARS, FiscalCalendar
from prmsync.errors import ConfigurationError

_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_NAME = re.compile(r"(\d{4})[- ]?[Qq]([1-4])")


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """A fiscal quarter; `number` is 1 to 4."""

    year: int
    number: int
    calendar: FiscalCalendar = field(default=CALENDAR_YEARS, compare=False)

    @classmethod
    def parse(cls, name: str, calendar: FiscalCalendar = CALENDAR_YEARS) -> Quarter:
        """Raises ConfigurationError for anything but a year and a quarter."""
        match = _NAME.fullmatch(name.strip())
        if match is None or not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
            raise ConfigurationError(
                f"{name!r} is not a quarter", hint='write year and quarter, like "2026Q4"'
            )
        return cls(int(match[1]), int(match[2]), calendar)

    @classmethod
    def of(cls, day: date, calendar: FiscalCalendar = CALENDAR_YEARS) -> Quarter:
        """The quarter that holds a day."""
        return cls(*calendar.quarter_of(day), calendar)

    @property
    def name(self) -> str:
        return f"{self.year}Q{self.number}"

    @property
    def first(self) -> date:
        return self.calendar.first(self.year, self.number)

    @property
    def last(self) -> date:
        """The last day of the quarter, which belongs to it."""
        return self.calendar.first(self.year, self.number + 1) - timedelta(days=1)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def day_number(self, day: date) -> int:
        """Which day of the quarter, from 1; 0 before it, `days` after it."""
        return min(max((day - self.first).days + 1, 0), self.days)

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last
