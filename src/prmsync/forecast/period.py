"""Forecast periods: calendar quarters, named like "2026Q4"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from prmsync.errors import ConfigurationError

_NAME = re.compile(r"(\d{4})[- ]?[Qq]([1-4])")


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """A calendar quarter; `number` is 1 to 4."""

    year: int
    number: int

    @classmethod
    def parse(cls, name: str) -> Quarter:
        """Raises ConfigurationError for anything but a year and a quarter."""
        match = _NAME.fullmatch(name.strip())
        if match is None:
            raise ConfigurationError(
                f"{name!r} is not a quarter", hint='write year and quarter, like "2026Q4"'
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Quarter:
        return cls(day.year, (day.month + 2) // 3)

    @property
    def name(self) -> str:
        return f"{self.year}Q{self.number}"

    @property
    def first(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last(self) -> date:
        """The last day of the quarter, which belongs to it."""
        return self._next().first - timedelta(days=1)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def day_number(self, day: date) -> int:
        """Which day of the quarter, from 1; 0 before it, `days` after it."""
        return min(max((day - self.first).days + 1, 0), self.days)

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def _next(self) -> Quarter:
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)
