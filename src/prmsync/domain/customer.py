"""The end customer of a registration or opportunity, and a record's mark of channel conflict."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Customer:
    """As entered, not normalised; `country` is ISO 3166 alpha-2."""

    name: str | None = None
    domain: str | None = None
    duns: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class ConflictMark:
    """Flag, kind and reason of a record's worst open conflict; they travel as one group."""

    flag: bool = False
    kind: str | None = None
    reason: str | None = None


NO_CUSTOMER = Customer()
UNMARKED = ConflictMark()


def codes(text: str | None) -> frozenset[str]:
    """A set of codes from its stored form, joined by ";"."""
    return frozenset(part.strip() for part in (text or "").split(";") if part.strip())


def joined(values: frozenset[str]) -> str | None:
    """The stored form of a set of codes: sorted, joined by ";", None when empty."""
    return ";".join(sorted(values)) or None
