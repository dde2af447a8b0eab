"""Where keys stand in a TOML file: the standard library's parser does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"(\s*)({_DOTTED})\s*=")

Key = tuple[str, ...]


def key_positions(text: str) -> dict[Key, tuple[int, int]]:
    """Key path → (line, column), counted from 1, for every table header and `key =` line.

    Keys of inline tables are not listed: `position` falls back to what holds them.
    """
    found: dict[Key, tuple[int, int]] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = _parts(header.group(1))
            _note_parents(found, table, (number, line.index("[") + 1))
        elif entry := _KEY.match(line):
            key = table + _parts(entry.group(2))
            _note_parents(found, key, (number, len(entry.group(1)) + 1))
    return found


def position(found: Mapping[Key, tuple[int, int]], key: Sequence[str]) -> tuple[int, int] | None:
    """Where `key` or the nearest thing around it stands; None when nothing is known."""
    path = tuple(key)
    while path:
        if path in found:
            return found[path]
        path = path[:-1]
    return None


def _note_parents(found: dict[Key, tuple[int, int]], key: Key, at: tuple[int, int]) -> None:
    for end in range(1, len(key) + 1):
        found.setdefault(key[:end], at)


def _parts(dotted: str) -> Key:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))
