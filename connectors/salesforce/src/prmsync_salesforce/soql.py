"""SOQL text: names checked, values quoted, lists cut to what a URL may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote_plus

from prmsync.errors import SchemaError

URL_ROOM = 12_000
"""Characters of a query's URL, of the 16,384 that Salesforce takes for URL and headers."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)


def name(text: str) -> str:
    """An object's or field's API name, as it may stand in a query or path. Raises SchemaError."""
    if _NAME.fullmatch(text):
        return text
    raise SchemaError(
        f"{text!r} is not a Salesforce API name",
        hint="API names hold letters, digits and “_” only; see the object in Setup.",
    )


def is_id(text: str) -> bool:
    """Whether this has the form of a record id (15 or 18 characters)."""
    return _ID.fullmatch(text) is not None


def quoted(value: str) -> str:
    """A text literal."""
    return f"'{value.translate(_ESCAPES)}'"


def time_literal(moment: datetime) -> str:
    """A datetime literal, to the second: finer parts are not compared."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def select(fields: Sequence[str], object_name: str, where: str = "", order: str = "") -> str:
    """One query over one object. Names are the org's own or ours; the values in `where` went
    through `quoted`, `equal` or `one_of`."""
    words = ["SELECT", ", ".join(fields), "FROM", object_name]
    words += ["WHERE", where] if where else []
    words += ["ORDER BY", order] if order else []
    return " ".join(words)


def after(stamp: datetime, record_id: str) -> str:
    """A condition: the rows behind this one, in the order of SystemModstamp and id."""
    literal = time_literal(stamp)
    behind = f"SystemModstamp = {literal} AND Id > {quoted(record_id)}"
    return f"SystemModstamp > {literal} OR ({behind})"


def equal(field: str, value: str) -> str:
    """A condition."""
    return f"{field} = {quoted(value)}"


def one_of(field: str, values: Iterable[str]) -> str:
    """A condition for a few values; many are cut by `in_lists`."""
    return f"{field} IN ({','.join(map(quoted, values))})"


def in_lists(field: str, values: Iterable[str], room: int) -> Iterator[str]:
    """`field IN (…)` conditions that hold every value once, each short enough for `room`
    characters of URL."""
    chunk: list[str] = []
    used = 0
    for literal in dict.fromkeys(quoted(value) for value in values):
        size = len(quote_plus(literal)) + 3
        if chunk and used + size > room:
            yield f"{field} IN ({','.join(chunk)})"
            chunk, used = [], 0
        chunk.append(literal)
        used += size
    if chunk:
        yield f"{field} IN ({','.join(chunk)})"
