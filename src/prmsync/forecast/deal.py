"""What the forecast needs to know of a deal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from prmsync.domain.money import Money
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId


@dataclass(frozen=True, slots=True)
class ForecastDeal:
    """A deal counts once, under its primary partner; `partner` None is a direct deal.

    `tier` is the partner's tier at approval. `close_date` is the expected day while open, the
    day of the win or loss once closed.
    """

    id: PrmId
    stage: Stage
    amount: Money
    close_date: date
    partner: PrmId | None = None
    tier: str | None = None
    created: date | None = None
