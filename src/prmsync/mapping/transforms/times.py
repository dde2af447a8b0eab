"""Yes and no, days and moments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from prmsync.domain.values import Scalar
from prmsync.mapping.transforms.codec import Codec, Untranslatable, composed

_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False, "yes": True, "no": False}


def canon_boolean(value: Scalar) -> Scalar:
    """Blank is no: a CRM checkbox knows no third state."""
    if value is None or value == "":
        return False
    if isinstance(value, bool):
        return value
    known = _BOOLEANS.get(value.strip().lower())
    if known is None:
        raise Untranslatable("neither yes nor no", "write true or false")
    return known


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.A)


def canon_date(value: Scalar) -> Scalar:
    """A day as YYYY-MM-DD; blank is None. Raises Untranslatable."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _DAY.fullmatch(value):
        return value
    raise Untranslatable("not a day", "days are written like 2026-11-22")


def canon_datetime(value: Scalar) -> Scalar:
    """UTC, to the second: Salesforce keeps no more."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) == 24 and value.endswith(".000Z"):
        return value
    return _moment_text(_moment(value))


def _moment(value: Scalar) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        wrong = "not a moment that prmsync can read"
    else:
        wrong = "a moment without time zone"
    raise Untranslatable(wrong, "moments are written like 2026-11-22T09:14:00Z")


def _moment_text(moment: datetime) -> str:
    return f"{moment.replace(microsecond=0, tzinfo=None).isoformat()}.000Z"


def day_codec(zone: str) -> Codec:
    """A day here, a moment in the CRM, which shows it as a day in the account's zone.

    Noon of that day is written: it exists in every zone on every day (midnight does not, where
    the clock springs forward at midnight), and it stays on its day for users some hours east or
    west of the account.
    """
    place = ZoneInfo(zone)

    @lru_cache(maxsize=4096)
    def read(value: Scalar) -> Scalar:
        if value is None or value == "":
            return None
        try:
            return _moment(value).astimezone(place).date().isoformat()
        except OverflowError:
            raise Untranslatable("a moment out of range") from None

    @lru_cache(maxsize=4096)
    def write(value: Scalar) -> Scalar:
        text = canon_date(value)
        if text is None:
            return None
        try:
            noon = datetime.combine(date.fromisoformat(str(text)), time(12), place)
            return _moment_text(noon.astimezone(UTC))
        except (ValueError, OverflowError):
            raise Untranslatable("a day out of range") from None

    return composed(read, write)
