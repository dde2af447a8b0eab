"""Dated exchange rates into the currency that a company reports in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Rates:
    """`dated[day][currency]`: what one unit of a currency is worth in `currency` from that day on.
    The first rate of a currency also holds for all days before."""

    currency: str
    dated: Mapping[date, Mapping[str, Decimal]]

    def rate(self, currency: str, day: date) -> Decimal | None:
        """What one unit is worth on a day; None where the currency has no rate at all."""
        if currency == self.currency:
            return Decimal(1)
        since = self.since(currency, day)
        return None if since is None else self.dated[since][currency]

    def since(self, currency: str, day: date) -> date | None:
        """The day from which the rate of a day holds; None where there is none."""
        days = sorted(at for at, rates in self.dated.items() if currency in rates)
        return max((at for at in days if at <= day), default=days[0] if days else None)
