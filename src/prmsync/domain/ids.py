"""Ids of records: UUIDs of version 7 (RFC 9562), random behind the moment they were made in.

Ids of one time stand side by side in an index, so that a database writes few pages for many new
records; a purely random id touches a page of its own each time.
"""

from __future__ import annotations

from functools import lru_cache


def ordered_uuid(milliseconds: int, chance: bytes) -> str:
    """A UUID in text form from the Unix time in milliseconds and ten random bytes."""
    tail = chance.hex()
    return f"{_when(milliseconds)}{tail[:3]}-{_VARIANTS[chance[9]]}{tail[3:6]}-{tail[6:18]}"


_VARIANTS = "89ab" * 64
"""The variant's digit by a random byte, of which two bits count."""


@lru_cache(maxsize=1)
def _when(milliseconds: int) -> str:
    """Everything up to the version: many ids are made within one millisecond."""
    text = f"{milliseconds:012x}"
    return f"{text[:8]}-{text[8:]}-7"
