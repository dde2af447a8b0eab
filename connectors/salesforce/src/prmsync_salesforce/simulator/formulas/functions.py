"""The functions of Salesforce's formula language that admins use in rules and fields.

Values are text, numbers, booleans and None; days and times are their ISO text. Blank numbers count
as zero and blank text as empty, as by default in Salesforce.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

Value = Any


def number(value: Value) -> float:
    """A blank is zero; text that is no number is zero as well."""
    if isinstance(value, bool | int | float):
        return float(value)
    try:
        return float(value or 0)
    except ValueError:
        return 0.0


def words(value: Value) -> str:
    """A value as TEXT() and `&` show it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def equal(left: Value, right: Value) -> bool:
    """Equality by the kind of what is there."""
    if isinstance(left, bool) or isinstance(right, bool):
        return bool(left) is bool(right)
    if isinstance(left, int | float) or isinstance(right, int | float):
        return number(left) == number(right)
    return words(left) == words(right)


def less(left: Value, right: Value) -> bool:
    """Order of numbers, or of text such as days."""
    if isinstance(left, str) or isinstance(right, str):
        return words(left) < words(right)
    return number(left) < number(right)


def plus(left: Value, right: Value, sign: int) -> Value:
    """Sums of numbers, days moved by numbers, days between two days, joined text."""
    moved, other = _day(left), _day(right)
    if moved is not None and other is not None and sign < 0:
        return float((moved - other).days)
    if moved is not None and other is None:
        return (moved + timedelta(days=sign * number(right))).isoformat()
    if isinstance(left, str) or isinstance(right, str):
        return words(left) + words(right)
    return number(left) + sign * number(right)


def _day(value: Value) -> date | None:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d.*", value):
        return date.fromisoformat(value[:10])
    return None


def _case(values: Sequence[Value]) -> Value:
    found, *rest = values
    for place in range(0, len(rest) - 1, 2):
        if equal(found, rest[place]):
            return rest[place + 1]
    return rest[-1]


def _part(values: Sequence[Value], at: int) -> int:
    day = _day(values[0])
    return 0 if day is None else (day.year, day.month, day.day)[at]


def _middle(values: Sequence[Value]) -> str:
    start, length = int(number(values[1])) - 1, int(number(values[2]))
    return words(values[0])[start : start + length]


def _is_number(values: Sequence[Value]) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", words(values[0])) is not None


def _includes(values: Sequence[Value]) -> bool:
    return words(values[1]) in words(values[0]).split(";")


def _blank(value: Value) -> bool:
    return value is None or value == ""


FUNCTIONS: Mapping[str, tuple[int, Callable[[Sequence[Value]], Value]]] = {
    "ABS": (1, lambda values: abs(number(values[0]))),
    "AND": (0, lambda values: all(values)),
    "BEGINS": (2, lambda values: words(values[0]).startswith(words(values[1]))),
    "BLANKVALUE": (2, lambda values: values[1] if _blank(values[0]) else values[0]),
    "CASE": (4, _case),
    "CONTAINS": (2, lambda values: words(values[1]) in words(values[0])),
    "DAY": (1, lambda values: _part(values, 2)),
    "IF": (3, lambda values: values[1] if values[0] else values[2]),
    "INCLUDES": (2, _includes),
    "ISBLANK": (1, lambda values: _blank(values[0])),
    "ISNULL": (1, lambda values: _blank(values[0])),
    "ISNUMBER": (1, _is_number),
    "ISPICKVAL": (2, lambda values: words(values[0]) == words(values[1])),
    "LEFT": (2, lambda values: words(values[0])[: int(number(values[1]))]),
    "LEN": (1, lambda values: len(words(values[0]))),
    "LOWER": (1, lambda values: words(values[0]).lower()),
    "MAX": (1, lambda values: max(map(number, values))),
    "MID": (3, _middle),
    "MIN": (1, lambda values: min(map(number, values))),
    "MONTH": (1, lambda values: _part(values, 1)),
    "NOT": (1, lambda values: not values[0]),
    "NULLVALUE": (2, lambda values: values[1] if _blank(values[0]) else values[0]),
    "OR": (0, lambda values: any(values)),
    "REGEX": (2, lambda values: re.fullmatch(words(values[1]), words(values[0])) is not None),
    "RIGHT": (2, lambda values: words(values[0])[-int(number(values[1])) :]),
    "ROUND": (2, lambda values: round(number(values[0]), int(number(values[1])))),
    "TEXT": (1, lambda values: words(values[0])),
    "TRIM": (1, lambda values: words(values[0]).strip()),
    "UPPER": (1, lambda values: words(values[0]).upper()),
    "VALUE": (1, lambda values: number(values[0])),
    "YEAR": (1, lambda values: _part(values, 0)),
}
"""The least number of arguments, and what the function does with them."""
