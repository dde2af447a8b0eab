"""What of a forecast goes to partners, by the margin engine's own rates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from prmsync.answers.margin_outlook import MarginOutlook, margin_outlook, margin_rates
from prmsync.answers.quarter_outlook import quarter_outlook
from prmsync.forecast.rollup import total
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
Add = Callable[..., str]


def margins(database: Database) -> tuple[MarginOutlook, float]:
    outlook = quarter_outlook(database, REFERENCE_PROGRAM, None, None, NOW)
    (view,) = outlook.indirect
    rates = margin_rates(database, REFERENCE_PROGRAM, outlook)
    return margin_outlook(view, rates), total(view.found, view.deals).forecast


@pytest.fixture
def tiers(add: Add) -> None:
    for rank, tier in enumerate(("Silver", "Gold", "Wood"), 1):
        add("tier", tier, rank=rank)
        add("partner", tier, tier=tier)


@pytest.mark.usefixtures("tiers")
def test_deals_of_one_rate_earn_that_share_of_the_forecast(database: Database, add: Add) -> None:
    for number in range(5):
        add("opportunity", f"o{number}", partner="Gold", stage="committed")
    add("opportunity", "w", partner="Gold", stage="launched", close_date=date(2026, 11, 5))
    found, forecast = margins(database)
    assert found.won == pytest.approx(200.0)
    assert found.forecast == pytest.approx(0.20 * forecast)
    low, high = found.ranges[80]
    assert found.won <= low < found.forecast < high


@pytest.mark.usefixtures("tiers")
def test_registration_distributor_and_services_change_the_rate(
    database: Database, add: Add
) -> None:
    won = {"stage": "launched", "close_date": date(2026, 11, 5)}
    add("partner", "dist")
    add("opportunity", "plain", partner="Silver", **won)
    add("opportunity", "registered", partner="Silver", **won)
    add("opportunity", "service", partner="Silver", product_lines="services", **won)
    approved = {"review_state": "approved", "approved_at": NOW, "partner": "Silver"}
    add("registration", "r1", opportunity="registered", distributor="dist", **approved)
    found, _ = margins(database)
    # 15 %; 15 + 5 + 4 to the distributor; 10 % flat.
    assert found.won == pytest.approx(150 + 240 + 100)


@pytest.mark.usefixtures("tiers")
def test_a_tier_that_the_program_does_not_know_is_counted(database: Database, add: Add) -> None:
    won = {"stage": "launched", "close_date": date(2026, 11, 5)}
    add("opportunity", "gold", partner="Gold", **won)
    add("opportunity", "wood", partner="Wood", **won)
    add("opportunity", "direct", **won)
    found, _ = margins(database)
    assert found.unknown == 1
    assert found.won == pytest.approx(400.0)


def test_without_any_deal_there_is_no_margin(database: Database, add: Add) -> None:
    add("opportunity", "direct")
    found, _ = margins(database)
    assert (found.forecast, found.ranges[80], found.unknown) == (0.0, (0.0, 0.0), 0)
