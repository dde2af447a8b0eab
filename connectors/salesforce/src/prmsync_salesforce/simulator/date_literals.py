"""SOQL's date literals, such as LAST_MONTH and NEXT_N_DAYS:3, as spans of days.

Weeks begin on Sunday, quarters and years with the calendar's; days are UTC's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

_DAY = timedelta(days=1)
_UNITS = "WEEK|MONTH|QUARTER|YEAR"
LITERAL = re.compile(
    rf"(?:(TODAY|YESTERDAY|TOMORROW|LAST_90_DAYS|NEXT_90_DAYS)"
    rf"|(THIS|LAST|NEXT)_({_UNITS})"
    rf"|(LAST|NEXT)_N_(DAY|{_UNITS})S:(\d+)"
    rf"|N_(DAY|{_UNITS})S_AGO:(\d+))$",
    re.IGNORECASE,
)


def span(text: str, today: date) -> tuple[date, date]:
    """The first and the last day that a literal means. `text` is in capitals and matches
    `LITERAL`."""
    match = LITERAL.match(text)
    if match is None:
        raise ValueError(f"{text} is no date literal")
    single, which, unit, side, counted, count, ago_unit, ago = match.groups()
    if single:
        return _SINGLE[single](today)
    if which:
        start = _shifted(_begin(unit, today), unit, {"LAST": -1, "THIS": 0, "NEXT": 1}[which])
        return start, _shifted(start, unit, 1) - _DAY
    if ago_unit:
        start = _shifted(_begin(ago_unit, today), ago_unit, -int(ago))
        return start, _shifted(start, ago_unit, 1) - _DAY
    return _counted(side, counted, int(count), today)


def _counted(side: str, unit: str, count: int, today: date) -> tuple[date, date]:
    """LAST_N_DAYS ends today; longer units leave out the one that is under way."""
    begin = _begin(unit, today)
    if side == "NEXT":
        first = _shifted(begin, unit, 1)
        return first, _shifted(first, unit, count) - _DAY
    return _shifted(begin, unit, -count), today if unit == "DAY" else begin - _DAY


def _begin(unit: str, day: date) -> date:
    if unit == "WEEK":
        return day - timedelta(days=(day.weekday() + 1) % 7)
    if unit == "MONTH":
        return day.replace(day=1)
    if unit == "QUARTER":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if unit == "YEAR" else day


def _shifted(day: date, unit: str, count: int) -> date:
    """`day`, the first of its unit, so many units on."""
    if unit in ("DAY", "WEEK"):
        return day + timedelta(days=count * (7 if unit == "WEEK" else 1))
    months = count * {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit]
    years, month = divmod(day.month - 1 + months, 12)
    return day.replace(year=day.year + years, month=month + 1)


_SINGLE: Mapping[str, Callable[[date], tuple[date, date]]] = {
    "TODAY": lambda today: (today, today),
    "YESTERDAY": lambda today: (today - _DAY, today - _DAY),
    "TOMORROW": lambda today: (today + _DAY, today + _DAY),
    "LAST_90_DAYS": lambda today: (today - 90 * _DAY, today),
    "NEXT_90_DAYS": lambda today: (today + _DAY, today + 90 * _DAY),
}
