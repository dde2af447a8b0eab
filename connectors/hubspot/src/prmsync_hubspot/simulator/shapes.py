"""Parts of JSON bodies, of the shape that HubSpot's typed endpoints expect.

Every function raises ApiError 400 "Invalid input JSON" for another shape; null means empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync_hubspot.simulator.problems import JSON, ApiError, bad_request

_LONGEST_NUMBER = 15


def is_number(text: str) -> bool:
    """Whether it is a whole number of a size that ids have."""
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER


def mapping(value: Any, what: str) -> JSON:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(what, "an object")
    return value


def items(value: Any, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(what, "a list")
    return value


def texts(value: Any, what: str) -> list[str]:
    """A list of texts (numbers count as texts)."""
    found = items(value, what)
    if any(isinstance(item, bool) or not isinstance(item, str | int | float) for item in found):
        raise _wrong(what, "a list of texts")
    return [str(item) for item in found]


def objects(value: Any, what: str) -> list[JSON]:
    """A list of objects."""
    return [mapping(item, what) if item is not None else _no(what) for item in items(value, what)]


def whole(value: Any, what: str, default: int) -> int:
    """A whole number, also as text; "" counts as null."""
    if value is None or value == "":
        return default
    negative = str(value).startswith("-")
    digits = str(value)[1:] if negative else str(value)
    if isinstance(value, bool) or not is_number(digits):
        raise _wrong(what, "a whole number")
    return -int(digits) if negative else int(digits)


def reference(value: Any) -> str:
    """The id in `{"id": …}`; "" where there is none."""
    found = value.get("id") if isinstance(value, Mapping) else None
    return str(found) if isinstance(found, str | int) else ""


def _no(what: str) -> JSON:
    raise _wrong(what, "a list of objects")


def _wrong(what: str, expected: str) -> ApiError:
    return bad_request(f"Invalid input JSON: {what} must be {expected}")
