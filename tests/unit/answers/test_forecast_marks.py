"""Deals and partners are told their forecast, only where it moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from prmsync.answers.forecast_marks import Mark, Marked, mark_forecasts, moved
from prmsync.answers.quarter_outlook import quarter_outlook
from prmsync.domain.rates import Rates
from prmsync.forecast.rollup import total
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store import tables
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
Add = Callable[..., str]
Fetch = Callable[..., list[Any]]
TODAY = datetime.now(UTC)
"""Edits of deals are dated by the database's own clock: these tests are of today."""
TOMORROW = TODAY + timedelta(days=1)
TOLD = Mark(Decimal(40), Decimal(1000), "EUR", "2026Q4")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"chance": Decimal(44)}, False),
        ({"chance": Decimal(45)}, True),
        ({"chance": Decimal(35)}, True),
        ({"amount": Decimal(1049)}, False),
        ({"amount": Decimal(1050)}, True),
        ({"amount": None}, True),
        ({"period": "2027Q1"}, True),
        ({"currency": "USD"}, True),
    ],
)
def test_what_moves_by_5_points_or_5_percent_is_told(
    change: dict[str, Any], expected: bool
) -> None:
    assert moved(TOLD, replace(TOLD, **change)) is expected


def test_of_nothing_any_amount_is_a_move() -> None:
    assert moved(replace(TOLD, amount=Decimal(0)), replace(TOLD, amount=Decimal("0.01")))
    assert not moved(replace(TOLD, amount=Decimal(0)), replace(TOLD, amount=Decimal(0)))


def test_deals_and_partners_carry_what_the_forecast_says(
    database: Database, add: Add, fetch: Fetch
) -> None:
    add("partner", "p1")
    add("partner", "p2", name="Initech")
    add("opportunity", "eur", partner="p1", stage="committed")
    add("opportunity", "usd", partner="p1", stage="committed", currency="USD")
    add("opportunity", "direct", stage="committed")
    rates = Rates("EUR", {date(2026, 1, 1): {"USD": Decimal("0.5")}})
    program = replace(REFERENCE_PROGRAM, forecast=replace(REFERENCE_PROGRAM.forecast, rates=rates))
    assert mark_forecasts(database, program, NOW) == Marked(2, 1, 2)
    deals = {row.id: row for row in fetch(tables.opportunity)}
    assert deals["direct"].forecast_period is None
    for deal in ("eur", "usd"):
        share = deals[deal].forecast_amount / 1000 * 100
        assert abs(share - deals[deal].forecast_chance) <= 1
    one, two = fetch(tables.partner)
    outlook = quarter_outlook(database, program, None, None, NOW)
    forecast = total(outlook.indirect[0].found, outlook.indirect[0].deals).forecast
    assert float(one.forecast_amount) == pytest.approx(forecast, abs=0.006)
    assert (one.forecast_currency, one.forecast_period) == ("EUR", "2026Q4")
    assert two.forecast_amount is None
    assert mark_forecasts(database, program, NOW) == Marked(0, 0, 2)


def test_a_deal_that_is_over_is_told_so_once(database: Database, add: Add, fetch: Fetch) -> None:
    add("partner", "p1")
    add("opportunity", "w", partner="p1", stage="committed")
    add("opportunity", "l", partner="p1", stage="committed")
    mark_forecasts(database, REFERENCE_PROGRAM, TODAY)
    ends = {"w": "launched", "l": "closed_lost"}
    with database.begin() as connection:
        for deal, stage in ends.items():
            c = tables.opportunity.c
            change = {"stage": stage, "close_date": TODAY.date()}
            connection.execute(tables.opportunity.update().where(c.id == deal).values(**change))
    assert mark_forecasts(database, REFERENCE_PROGRAM, TOMORROW).deals == 2
    told = {r.id: (r.forecast_chance, r.forecast_amount) for r in fetch(tables.opportunity)}
    assert told == {"w": (100, 1000), "l": (0, 0)}
    assert mark_forecasts(database, REFERENCE_PROGRAM, TOMORROW).deals == 0


def test_a_partner_without_deals_left_has_no_forecast_left(
    database: Database, add: Add, fetch: Fetch
) -> None:
    add("partner", "p1")
    add("opportunity", "o", partner="p1", stage="committed")
    mark_forecasts(database, REFERENCE_PROGRAM, TODAY)
    with database.begin() as connection:
        connection.execute(sa.delete(tables.opportunity))
    mark_forecasts(database, REFERENCE_PROGRAM, TOMORROW)
    (one,) = fetch(tables.partner)
    assert (one.forecast_amount, one.forecast_currency, one.forecast_period) == (None, None, None)


def test_a_partner_of_unlike_currencies_is_told_in_that_of_most_of_its_deals_and_the_rest_is_named(
    database: Database, add: Add, fetch: Fetch
) -> None:
    add("partner", "p1")
    add("partner", "p2", name="Initech")
    for at in range(4):
        add("opportunity", f"eur{at}", partner="p2", stage="committed")
    add("opportunity", "usd0", partner="p1", stage="committed", currency="USD")
    add("opportunity", "usd1", partner="p1", stage="committed", currency="USD")
    add("opportunity", "few", partner="p1", stage="committed")
    marked = mark_forecasts(database, REFERENCE_PROGRAM, NOW)
    one, two = fetch(tables.partner)
    assert (one.forecast_currency, two.forecast_currency) == ("USD", "EUR")
    (apart,) = marked.apart
    assert (apart.partner, apart.told, set(apart.left_out)) == ("p1", "USD", {"EUR"})
    outlook = quarter_outlook(database, REFERENCE_PROGRAM, None, None, NOW)
    (usd,) = (view for view in outlook.indirect if view.currency == "USD")
    assert float(one.forecast_amount) == pytest.approx(total(usd.found, usd.deals).forecast, abs=1)


def test_rates_lead_to_one_total_even_where_most_deals_have_none(
    database: Database, add: Add, fetch: Fetch
) -> None:
    add("partner", "p1")
    add("opportunity", "usd", partner="p1", stage="committed", currency="USD")
    for at in range(2):
        add("opportunity", f"gbp{at}", partner="p1", stage="committed", currency="GBP")
    rates = Rates("EUR", {date(2026, 1, 1): {"USD": Decimal("0.5")}})
    program = replace(REFERENCE_PROGRAM, forecast=replace(REFERENCE_PROGRAM.forecast, rates=rates))
    (apart,) = mark_forecasts(database, program, NOW).apart
    assert (apart.told, set(apart.left_out)) == ("EUR", {"GBP"})
    (one,) = fetch(tables.partner)
    assert one.forecast_currency == "EUR"
    assert mark_forecasts(database, program, NOW) == Marked(0, 0, 3, (apart,))
