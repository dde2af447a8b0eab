"""The words of merging: policies, directions, first rules, sides. See docs/mapping-reference.md."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """The two sides of a connection: our partner database, and the CRM."""

    PRM = "prm"
    CRM = "crm"


class Policy(StrEnum):
    """What happens when a mapped field was edited; the default is `hold`."""

    HOLD = "hold"
    PRM = "prm"
    CRM = "crm"
    PROPOSAL = "proposal"
    FILL_BLANK = "fill_blank"
    STAGE = "stage"


class Direction(StrEnum):
    """Which way a field crosses; the side that a one-way field comes from owns it."""

    BOTH = "both"
    TO_CRM = "to_crm"
    TO_PRM = "to_prm"


class First(StrEnum):
    """Which side's value holds when a pair is linked for the first time and they differ."""

    CRM = "crm"
    PRM = "prm"
    FILL_BLANK = "fill_blank"
    HOLD = "hold"


class OnDelete(StrEnum):
    """What a deletion on one side does while the other side is untouched."""

    UNLINK = "unlink"
    PROPAGATE = "propagate"


class Guard(StrEnum):
    """How an update makes sure that nobody edited the record since it was decided."""

    LOOK = "look"
    STRICT = "strict"
    HISTORY = "history"


class Writes(StrEnum):
    """Which sides a connection may write; `none` is shadow mode."""

    BOTH = "both"
    PRM = "prm"
    CRM = "crm"
    NONE = "none"
