"""The reference program: what prmsync computes with until a program file says otherwise."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from prmsync.domain.partner import Tier
from prmsync.domain.program import CategoryRates, ForecastRules, MarginRules, Program
from prmsync.domain.stage import Stage

_TIER_RATES = {
    "Registered": Decimal(0),
    "Silver": Decimal(15),
    "Gold": Decimal(20),
    "Platinum": Decimal(25),
}

_MARGINS = MarginRules(
    categories={
        "licence": CategoryRates(tier=_TIER_RATES, registration_bonus=Decimal(5)),
        "services": CategoryRates(flat=Decimal(10)),
    },
    product_categories={"services": "services", "training": "services"},
    default_category="licence",
    reseller_cap=Decimal(35),
    distributor_points=Decimal(4),
    referral_pool=Decimal(10),
    renewal=Decimal(10),
)

_FORECAST = ForecastRules(
    probability={
        Stage.PROSPECT: Decimal(10),
        Stage.QUALIFIED: Decimal(25),
        Stage.TECHNICAL_VALIDATION: Decimal(40),
        Stage.BUSINESS_VALIDATION: Decimal(60),
        Stage.COMMITTED: Decimal(90),
    }
)

REFERENCE_PROGRAM = Program(
    name="Reference program",
    version="2026.2",
    valid_from=date(2026, 1, 1),
    tiers=tuple(Tier(name, rank) for rank, name in enumerate(_TIER_RATES, start=1)),
    margins=_MARGINS,
    forecast=_FORECAST,
    product_lines=("firewall", "backup", "endpoint", "email_security", "identity", "services"),
)
