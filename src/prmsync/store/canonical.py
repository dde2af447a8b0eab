"""Stored values ↔ canonical ones, a whole column at a time because rows are many.

Stored means: what the driver takes and gives. SQLite keeps texts and whole numbers; PostgreSQL
gives Decimal, date and datetime, and takes texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from prmsync.domain.money import MINOR_UNITS
from prmsync.domain.values import Scalar
from prmsync.store.columns import Column, Storage

Faults = dict[int, str]
"""Index of a row → what is wrong with its value."""

_PLACES_WITHOUT_CURRENCY = 2
# NUMERIC(20, 4) would round or refuse more; SQLite is held to the same.
_DECIMAL = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,4})?")
_COUNT = re.compile(r"-?[0-9]{1,9}")
# Negative zero is not canonical.
_AT_SCALE = {
    places: re.compile(
        r"(?!-0(\.0*)?$)-?(0|[1-9][0-9]*)" + (rf"\.[0-9]{{{places}}}" if places else "")
    )
    for places in set(MINOR_UNITS.values())
}


# --- stored → canonical ---------------------------------------------------------------------


def canonical(column: Column, stored: Sequence[Any], currencies: Sequence[Any]) -> list[Scalar]:
    """Canonical values of one column; `currencies` holds the money's currency of each row.

    SQLite checks no types: a value that is not of the column's kind is passed on as its text, so
    that translation reports it for this one record.
    """
    if column.storage is Storage.MONEY:
        return [_money(v, c) for v, c in zip(stored, currencies, strict=True)]
    return _READERS[column.storage](stored)


def _texts(stored: Sequence[Any]) -> list[Scalar]:
    return [_text(v) if v and ("\r" in v or v.isspace()) else v or None for v in stored]


def _text(value: str) -> str | None:
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return None if text.isspace() else text


def _codes(stored: Sequence[Any]) -> list[Scalar]:
    return [";".join(sorted(_parts(v))) or None if v else None for v in stored]


def _parts(value: str) -> set[str]:
    return {part.strip() for part in value.split(";")} - {""}


def _money(value: Any, currency: Any) -> str | None:
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else f"{value:f}"
    places = MINOR_UNITS.get(currency, _PLACES_WITHOUT_CURRENCY)
    if _AT_SCALE[places].fullmatch(text):
        return text
    if not _DECIMAL.fullmatch(text):
        return text
    return _at_least(places, Decimal(text))


def _at_least(places: int, exact: Decimal) -> str:
    """Plain text with `places` decimals, more only where they are not zero: nothing is cut."""
    whole, _, decimals = f"{exact:f}".partition(".")
    decimals = decimals.rstrip("0").ljust(places, "0")
    text = f"{whole}.{decimals}" if decimals else whole
    return text.removeprefix("-") if not exact else text


def _numbers(stored: Sequence[Any]) -> list[Scalar]:
    return [None if v is None or v == "" else _number(v) for v in stored]


def _number(value: Any) -> str:
    text = value if isinstance(value, str) else f"{value:f}"
    return _at_least(0, Decimal(text)) if _DECIMAL.fullmatch(text) else text


def _counts(stored: Sequence[Any]) -> list[Scalar]:
    return [None if v is None else str(v) for v in stored]


def _days(stored: Sequence[Any]) -> list[Scalar]:
    return [v.isoformat() if isinstance(v, date) else v or None for v in stored]


def _times(stored: Sequence[Any]) -> list[Scalar]:
    return [_time(v) if v else None for v in stored]


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return _in_utc(value)
    if len(value) == 24 and value[23] == "Z" and value[19] == "." and value[10] == "T":
        return str(value)
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        return str(value)
    return _in_utc(when if when.tzinfo else when.replace(tzinfo=UTC))


def _in_utc(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _flags(stored: Sequence[Any]) -> list[Scalar]:
    return [None if v is None else bool(v) for v in stored]


_READERS: dict[Storage, Callable[[Sequence[Any]], list[Scalar]]] = {
    Storage.TEXT: _texts,
    Storage.CODES: _codes,
    Storage.NUMBER: _numbers,
    Storage.COUNT: _counts,
    Storage.DAY: _days,
    Storage.TIME: _times,
    Storage.FLAG: _flags,
}


# --- canonical → stored ---------------------------------------------------------------------


def stored(column: Column, values: Sequence[Scalar]) -> tuple[list[Any], Faults]:
    """What to write for canonical values of one column, and the rows whose value is wrong.

    Blank text becomes None. The same for both databases: texts, whole numbers and booleans.
    """
    written, faults = _WRITERS[column.storage](values)
    if column.codes:
        faults |= _unknown_codes(column, written)
    return written, faults


def _unknown_codes(column: Column, written: Sequence[Any]) -> Faults:
    several = column.storage is Storage.CODES
    wrong = {
        value
        for value in set(written) - {None}
        if not (_parts(value) <= column.codes if several else value in column.codes)
    }
    if not wrong:
        return {}
    known = ", ".join(sorted(column.codes))
    return {
        index: f"{value!r} is not one of {known}"
        for index, value in enumerate(written)
        if value in wrong
    }


def _write_texts(values: Sequence[Scalar]) -> tuple[list[Any], Faults]:
    if set(map(type, values)) <= {str, type(None)}:
        present = "".join(filter(None, values))  # type: ignore[arg-type]  # all are str or None
        if "\0" not in present and _encodes(present):
            return [v if v and not v.isspace() else None for v in values], {}  # type: ignore[union-attr]  # as above
    faults = {i: fault for i, v in enumerate(values) if (fault := _text_fault(v))}
    return [None if i in faults else v or None for i, v in enumerate(values)], faults


def _text_fault(value: Scalar) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return f"{value!r} is not text"
    if "\0" in value or not _encodes(value):
        return "the text holds a character that no database stores"
    return ""


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _write_matching(pattern: re.Pattern[str], what: str) -> Callable[..., tuple[list[Any], Faults]]:
    def write(values: Sequence[Scalar]) -> tuple[list[Any], Faults]:
        match = pattern.fullmatch
        faults = {
            i: f"{v!r} is not {what}"
            for i, v in enumerate(values)
            if v is not None and v != "" and not (isinstance(v, str) and match(v))
        }
        return [None if i in faults else v or None for i, v in enumerate(values)], faults

    return write


def _write_parsed(
    parse: Callable[[str], str], what: str
) -> Callable[..., tuple[list[Any], Faults]]:
    def write(values: Sequence[Scalar]) -> tuple[list[Any], Faults]:
        parsed: dict[Scalar, str | None] = {None: None, "": None}
        wrong: set[Scalar] = set()
        for value in set(values) - {None, ""}:
            try:
                parsed[value] = parse(value if isinstance(value, str) else "")
            except ValueError:
                wrong.add(value)
        faults = {i: f"{v!r} is not {what}" for i, v in enumerate(values) if v in wrong}
        return [parsed.get(v) for v in values], faults

    return write


def _parse_day(value: str) -> str:
    if len(value) != 10:
        raise ValueError(value)
    return date.fromisoformat(value).isoformat()


def _parse_time(value: str) -> str:
    when = datetime.fromisoformat(value)
    if when.tzinfo is None:
        raise ValueError(value)
    return _in_utc(when)


def _write_flags(values: Sequence[Scalar]) -> tuple[list[Any], Faults]:
    faults = {
        i: f"{v!r} is not true or false"
        for i, v in enumerate(values)
        if v is not None and not isinstance(v, bool)
    }
    return [None if i in faults else v for i, v in enumerate(values)], faults


_write_decimals = _write_matching(
    _DECIMAL, "a plain decimal with at most 16 digits before and 4 behind the point"
)
_WRITERS: dict[Storage, Callable[[Sequence[Scalar]], tuple[list[Any], Faults]]] = {
    Storage.TEXT: _write_texts,
    Storage.CODES: _write_texts,
    Storage.MONEY: _write_decimals,
    Storage.NUMBER: _write_decimals,
    Storage.COUNT: _write_matching(_COUNT, "a whole number"),
    Storage.DAY: _write_parsed(_parse_day, "a date like 2026-11-22"),
    Storage.TIME: _write_parsed(_parse_time, "a UTC time like 2026-11-22T09:14:00.000Z"),
    Storage.FLAG: _write_flags,
}
