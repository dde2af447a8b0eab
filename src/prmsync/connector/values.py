"""CRM values into canonical ones (see `prmsync.domain.values`), fast enough for a row loop."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from prmsync.domain.values import Scalar

Canon = Callable[[Any], Scalar]
"""A value as a CRM's JSON gives it → its canonical form. Raises ValueError for what is not one."""
CanonColumn = Callable[[Sequence[Any]], Sequence[Scalar]]
"""The same for one field of many records: a call for each cell would cost more than its work."""

_DECIMAL = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:\.[0-9]+)?")
_EXACT_FLOAT = 1e15
"""Below it a float without decimals is that whole number."""


def each(canon: Canon) -> CanonColumn:
    """Cell by cell, blanks left out."""
    return lambda cells: [None if cell is None else canon(cell) for cell in cells]


def once(canon: Canon) -> CanonColumn:
    """Each distinct value once: days, codes and stamps repeat. Not for numbers, where JSON's `1`
    and `true` would count as the same."""

    def column(cells: Sequence[Any]) -> list[Scalar]:
        try:
            known = {cell: canon(cell) for cell in set(cells)}
        except TypeError:  # JSON that is no scalar has no hash
            return [canon(cell) for cell in cells]
        return [known[cell] for cell in cells]

    return column


def texts(cells: Sequence[Any]) -> list[Scalar]:
    """As `text` for each cell."""
    try:
        plain = "\r" not in "".join(filter(None, cells))
    except TypeError:  # not all of them are text
        plain = False
    if plain:
        return [cell if cell and not cell.isspace() else None for cell in cells]
    return [text(cell) for cell in cells]


def text(value: Any) -> str | None:
    """Text with "\\n" line ends; blank is None."""
    if value is None:
        return None
    found = value if isinstance(value, str) else str(value)
    if "\r" in found:
        found = found.replace("\r\n", "\n").replace("\r", "\n")
    return found if found and not found.isspace() else None


def number(scale: int | None) -> Canon:
    """Numbers (JSON numbers or decimal text) as plain decimal text at `scale` places, halves
    rounded up as the CRMs do; without a scale as they are, trailing zeros dropped."""
    return _plain_number if scale is None else _scaled(scale)


def _plain_number(value: Any) -> str | None:
    exact = _decimal(value)
    if exact is None:
        return None
    shown = f"{exact:f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "0" if shown in ("-0", "") else shown


def _scaled(scale: int) -> Canon:
    unit = Decimal(1).scaleb(-scale)
    zeros = "0" * scale
    tail = "." + zeros if scale else ""
    negative_zero = "-0" + tail

    def canon(value: Any) -> str | None:
        if value is None or value == "":
            return None
        if type(value) is float and value.is_integer() and -_EXACT_FLOAT < value < _EXACT_FLOAT:
            return f"{int(value)}{tail}"
        # repr of a float is the shortest decimal that reads back to it: no binary drift.
        shown = value if isinstance(value, str) else repr(value)
        match = _DECIMAL.fullmatch(shown)
        if match and match.end(1) < len(shown) <= match.end(1) + 1 + scale:
            shown = shown + zeros[len(shown) - match.end(1) - 1 :]
        elif match and match.end(1) == len(shown):
            shown = shown + tail
        else:
            exact = _decimal(value)
            if exact is None:
                return None
            shown = f"{_quantized(exact, unit):f}"
        return shown if shown != negative_zero else shown[1:]

    return canon


def _quantized(exact: Decimal, unit: Decimal) -> Decimal:
    try:
        return exact.quantize(unit, rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise ValueError("a number with more than 28 digits") from None


def _decimal(value: Any) -> Decimal | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        exact = Decimal(value.strip() if isinstance(value, str) else repr(value))
    except InvalidOperation:
        raise ValueError(f"not a number: {value!r}") from None
    if isinstance(value, bool) or not exact.is_finite():
        raise ValueError(f"not a number: {value!r}")
    return exact


def boolean(value: Any) -> bool | None:
    """JSON booleans and the texts "true" and "false"; blank is None."""
    if value is None or isinstance(value, bool):
        return value
    known = {"true": True, "false": False, "": None}
    lowered = str(value).strip().lower()
    if lowered not in known:
        raise ValueError(f"not true or false: {value!r}")
    return known[lowered]


def date(value: Any) -> str | None:
    """ISO dates; the day of a longer ISO text as it stands, without any zone arithmetic."""
    if value is None or value == "":
        return None
    day = str(value)[:10]
    if len(day) != 10 or day[4] != "-":
        raise ValueError(f"not an ISO date: {value!r}")
    datetime.fromisoformat(day)
    return day


def moment(value: Any) -> str | None:
    """ISO times, epoch milliseconds (a number, or text of digits) as UTC with milliseconds and
    "Z". A time without a zone is taken as UTC."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) >= 20 and value[10] == "T":
        if len(value) == 24 and value[-1] == "Z" and value[19] == ".":
            return value
        if len(value) == 28 and value.endswith("+0000") and value[19] == ".":
            return value[:23] + "Z"
    return in_utc(parse_moment(value))


def parse_moment(value: str | int | float) -> datetime:
    """A CRM's time as aware UTC. Raises ValueError."""
    if isinstance(value, int | float) or value.lstrip("-").isdigit():
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    found = datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def in_utc(when: datetime) -> str:
    """Aware time → canonical text, "2026-11-22T09:14:00.000Z"; microseconds are cut."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def codes(value: Any) -> str | None:
    """A multi picklist: its codes sorted, without repeats, joined by ";"."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and ";" not in value:
        return value.strip() or None
    parts = {part.strip() for part in str(value).split(";")} - {""}
    return ";".join(sorted(parts)) or None
