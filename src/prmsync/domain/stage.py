"""Neutral sales stages: AWS Partner Central's seven (ACE opportunity stages).

Where the deal stands is not whether we accepted the registration (review state), and not how it
ended in words (outcome). A stage map translates per pipeline and record type.
"""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where a deal stands; the CRMs' own stages are mapped to these."""

    PROSPECT = "prospect"
    QUALIFIED = "qualified"
    TECHNICAL_VALIDATION = "technical_validation"
    BUSINESS_VALIDATION = "business_validation"
    COMMITTED = "committed"
    LAUNCHED = "launched"
    CLOSED_LOST = "closed_lost"

    @property
    def rank(self) -> int:
        """Position on the way to a win; both ends share no order (see `is_closed`)."""
        return _RANK[self]

    @property
    def is_won(self) -> bool:
        return self is Stage.LAUNCHED

    @property
    def is_lost(self) -> bool:
        return self is Stage.CLOSED_LOST

    @property
    def is_closed(self) -> bool:
        return self in (Stage.LAUNCHED, Stage.CLOSED_LOST)


_RANK = {stage: position for position, stage in enumerate(Stage)}
