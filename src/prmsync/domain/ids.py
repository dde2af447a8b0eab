"""Ids of records: UUIDs of version 7 (RFC 9562), random behind the moment they were made in.

Ids of one time stand side by side in an index, so that a database writes few pages for many new
records; a purely random id touches a page of its own each time.
"""

from __future__ import annotations


def ordered_uuid(milliseconds: int, chance: bytes) -> str:
    """A UUID in text form from the Unix time in milliseconds and ten random bytes."""
    when, tail = f"{milliseconds:012x}", chance.hex()
    variant = "89ab"[chance[9] & 3]
    return f"{when[:8]}-{when[8:]}-7{tail[:3]}-{variant}{tail[3:6]}-{tail[6:18]}"
