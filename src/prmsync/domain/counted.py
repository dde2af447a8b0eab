"""Numbers with the word for what they count, as people write them."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """ "1 call", "2,000 calls"; `many` where an s does not make the plural."""
    word = one if number == 1 else many if many is not None else f"{one}s"
    return f"{number:,} {word}"
