"""A partner program as data: versioned, dated settings and rates. All rates are per cent.

The program file is read in `prmsync.service`; the reference program is
`prmsync.program.reference.REFERENCE_PROGRAM`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal

from prmsync.domain.fiscal import CALENDAR_YEARS, FiscalCalendar
from prmsync.domain.partner import Tier
from prmsync.domain.rates import Rates
from prmsync.domain.stage import Stage


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """Periods in days. They end with the local day in `time_zone`."""

    protection_days: int = 60
    decision_days: int = 2
    resubmit_days: int = 14
    extension_days: int = 60
    max_extensions: int = 1
    time_zone: tzinfo = UTC

    def end_after(self, start: datetime, days: int) -> datetime:
        """The last second of the local day `days` after `start`, in UTC."""
        day = start.astimezone(self.time_zone).date() + timedelta(days=days)
        return datetime.combine(day, time(23, 59, 59), self.time_zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class CategoryRates:
    """Rates of a product category, in per cent of list; `flat` replaces the tier rate."""

    tier: Mapping[str, Decimal] = field(default_factory=dict)
    registration_bonus: Decimal = Decimal(0)
    flat: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MarginRules:
    """Every percentage names its base in the field name or in its docstring."""

    categories: Mapping[str, CategoryRates]
    """By product category."""
    product_categories: Mapping[str, str]
    """Product line → category; a line that is not named has `default_category`."""
    default_category: str
    reseller_cap: Decimal
    """Of list: tier, registration and promotion together, trimmed in the reverse order."""
    distributor_points: Decimal
    """Of list, outside the cap."""
    referral_pool: Decimal
    """Of net."""
    renewal: Decimal
    """Of list, for the incumbent only."""

    def category_of(self, product_line: str) -> str:
        return self.product_categories.get(product_line, self.default_category)


@dataclass(frozen=True, slots=True)
class ConflictRules:
    """`direct_activity_days`: how long after its last activity a closed direct deal counts."""

    direct_activity_days: int = 60
    target_hours: int = 48


@dataclass(frozen=True, slots=True)
class ForecastRules:
    """Probability per neutral stage (per cent), and the stated allowance for a shared shock."""

    probability: Mapping[Stage, Decimal]
    shared_shock: Decimal = Decimal(20)
    """Standard deviation of a shock that all open deals share, in per cent of their expectation."""
    calendar: FiscalCalendar = CALENDAR_YEARS
    rates: Rates | None = None
    """Into the currency that forecasts are shown in; None keeps every currency apart."""


@dataclass(frozen=True, slots=True)
class Program:
    """One version of the program. `version` is stored with everything computed from it."""

    name: str
    version: str
    valid_from: date
    tiers: tuple[Tier, ...]
    margins: MarginRules
    forecast: ForecastRules
    review: ReviewSettings = ReviewSettings()
    conflicts: ConflictRules = ConflictRules()
    product_lines: tuple[str, ...] = ()
