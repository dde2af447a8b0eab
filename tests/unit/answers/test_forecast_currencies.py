"""Deals of several currencies in one forecast, at dated rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from prmsync.answers.forecast import forecast_quarter
from prmsync.answers.quarter_outlook import quarter_outlook
from prmsync.domain.program import Program
from prmsync.domain.rates import Rates
from prmsync.forecast.rollup import total
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
RATES = Rates(
    "EUR",
    {
        date(2026, 1, 1): {"USD": Decimal("0.5"), "JPY": Decimal("0.006")},
        date(2026, 11, 1): {"USD": Decimal("0.9")},
    },
)
Add = Callable[..., str]


def program(rates: Rates | None = RATES) -> Program:
    return replace(REFERENCE_PROGRAM, forecast=replace(REFERENCE_PROGRAM.forecast, rates=rates))


@pytest.fixture
def deals(database: Database, add: Add) -> Database:
    add("partner", "p1")
    won = {"partner": "p1", "stage": "launched"}
    add("opportunity", "eur", currency="EUR", close_date=date(2026, 11, 5), **won)
    add("opportunity", "old", currency="USD", close_date=date(2026, 10, 5), **won)
    add("opportunity", "new", currency="USD", close_date=date(2026, 11, 5), **won)
    add("opportunity", "open", currency="USD", partner="p1", stage="committed")
    add("opportunity", "odd", currency="GBP", close_date=date(2026, 11, 5), **won)
    return database


@pytest.mark.parametrize(
    ("currency", "day", "rate"),
    [
        ("EUR", date(2020, 1, 1), "1"),
        ("USD", date(2020, 1, 1), "0.5"),
        ("USD", date(2026, 10, 31), "0.5"),
        ("USD", date(2026, 11, 1), "0.9"),
        ("JPY", date(2026, 12, 1), "0.006"),
    ],
)
def test_the_latest_rate_of_a_day_counts(currency: str, day: date, rate: str) -> None:
    assert RATES.rate(currency, day) == Decimal(rate)
    assert RATES.rate("GBP", day) is None


def test_what_is_won_counts_at_the_rate_of_its_close_and_open_deals_at_todays(
    deals: Database,
) -> None:
    found = quarter_outlook(deals, program(), None, None, NOW)
    eur, gbp = found.indirect
    assert (eur.currency, gbp.currency) == ("EUR", "GBP")
    row = total(eur.found, eur.deals)
    assert (row.won, row.stated) == (1000 + 500 + 900, 900)
    assert total(gbp.found, gbp.deals).won == 1000
    assert found.book.findings == {"in GBP, which has no exchange rate: shown apart": 1}
    assert found.book.converted() == {"USD": (Decimal("0.9"), date(2026, 11, 1))}


def test_an_earlier_day_has_its_own_rates(deals: Database) -> None:
    found = quarter_outlook(deals, program(), None, date(2026, 10, 20), NOW)
    assert found.book.converted() == {"USD": (Decimal("0.5"), date(2026, 1, 1))}


def test_without_any_rate_that_fits_currencies_stay_as_they_are(
    database: Database, add: Add
) -> None:
    add("partner", "p1")
    add("opportunity", "odd", currency="GBP", partner="p1")
    assert quarter_outlook(database, program(), None, None, NOW).book.currencies() == ["GBP"]


def test_the_stage_weighted_forecast_converts_to_the_cent(deals: Database) -> None:
    answer = forecast_quarter(deals, program(), None, NOW)
    eur, gbp = answer.forecast.indirect
    assert eur.whole.won.amount == Decimal("2400.00")
    assert eur.whole.expected.amount == Decimal("810.00")
    assert (gbp.currency, answer.apart) == ("GBP", ("GBP",))
    apart = forecast_quarter(deals, program(None), None, NOW)
    assert [block.currency for block in apart.forecast.indirect] == ["EUR", "GBP", "USD"]
