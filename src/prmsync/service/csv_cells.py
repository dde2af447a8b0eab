"""Cells of CSV files that people open in a spreadsheet."""

from __future__ import annotations

from prmsync.domain.values import Scalar

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Scalar) -> str:
    """A value as text that no spreadsheet takes for a formula: a leading `=`, `+`, `-` or `@` gets
    an apostrophe before it, numbers excepted."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    return text[:1] in "+-" and text[1:].replace(".", "", 1).isdigit()
