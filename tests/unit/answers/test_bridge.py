"""From our number to the CRM's report: every line says one thing, and they sum to the cent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prmsync.answers.bridge import Bridge, bridges
from prmsync.answers.quarter_outlook import quarter_outlook
from prmsync.domain.fiscal import FiscalCalendar
from prmsync.domain.program import Program
from prmsync.domain.rates import Rates
from prmsync.forecast.rollup import total
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store import tables
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
RATES = Rates(
    "EUR",
    {date(2026, 1, 1): {"USD": Decimal("0.8")}, date(2026, 11, 10): {"USD": Decimal("0.9")}},
)
PROGRAM = replace(
    REFERENCE_PROGRAM,
    forecast=replace(
        REFERENCE_PROGRAM.forecast, rates=RATES, calendar=FiscalCalendar(start_month=2)
    ),
)
Add = Callable[..., str]

deals = st.lists(
    st.fixed_dictionaries(
        {
            "stage": st.sampled_from(["prospect", "committed", "launched", "closed_lost"]),
            "amount": st.decimals(Decimal("0.01"), Decimal(99999), places=2) | st.none(),
            "currency": st.sampled_from(["EUR", "USD", "GBP"]),
            "close_date": st.dates(date(2026, 9, 1), date(2027, 3, 1)) | st.none(),
            "partner": st.sampled_from(["p1", "p2", None]),
            "created_at": st.integers(2, 600).map(lambda days: NOW - timedelta(days=days)),
        }
    ),
    max_size=12,
)


def found(database: Database, program: Program, told: Decimal | None = None) -> list[Bridge]:
    outlook = quarter_outlook(database, program, None, None, NOW)
    return bridges(database, program, outlook, told)


def fill(database: Database, rows: list[dict[str, Any]]) -> None:
    """These deals alone, every third with a related partner."""
    with database.begin() as connection:
        for table in (tables.deal_partner, tables.opportunity, tables.partner):
            connection.execute(table.delete())
        names = [{"id": name, "name": name} for name in ("p1", "p2")]
        connection.execute(tables.partner.insert(), names)
        for number, row in enumerate(rows):
            ident = {"id": f"o{number}", "name": "deal"}
            connection.execute(tables.opportunity.insert().values(**ident, **row))
            if number % 3 == 0:
                link = {"id": f"r{number}", "opportunity": f"o{number}", "partner": "p2"}
                connection.execute(tables.deal_partner.insert().values(**link, role="reseller"))


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=deals, told=st.none() | st.decimals(0, 10**6, places=2))
def test_the_lines_sum_to_the_cent(
    database: Database, rows: list[dict[str, Any]], told: Decimal | None
) -> None:
    fill(database, rows)
    outlook = quarter_outlook(database, PROGRAM, None, None, NOW)
    for one, view in zip(bridges(database, PROGRAM, outlook, told), outlook.indirect, strict=True):
        assert one.ours + sum(line.amount for line in one.lines) == one.crm
        assert all(line.amount == round(line.amount, 2) for line in one.lines)
        assert float(one.ours) == pytest.approx(total(view.found, view.deals).forecast, abs=0.006)
        assert one.told is None or one.crm == one.told


def test_every_line_says_what_its_rule_changes(database: Database, add: Add) -> None:
    add("partner", "p1")
    add("partner", "p2")
    last = date(2026, 12, 31)
    add("opportunity", "open", stage="committed", partner="p1", close_date=last)
    add("opportunity", "due", stage="committed", partner="p1", close_date=date(2026, 11, 10))
    add("opportunity", "old", stage="launched", partner="p1", close_date=date(2026, 10, 5))
    won = {"stage": "launched", "partner": "p1", "currency": "USD"}
    add("opportunity", "usd", close_date=date(2026, 11, 5), **won)
    add("opportunity", "influenced", stage="committed", close_date=last)
    for ident, deal in (("r1", "influenced"), ("r2", "open")):
        add("deal_partner", ident, opportunity=deal, partner="p2", role="reseller")
    (one,) = found(database, PROGRAM)
    by = {line.what.split(":")[-1].strip(): (line.amount, line.deals) for line in one.lines}
    assert by["wins by their close date"] == (0, 0)
    assert by["past due deals"] == (Decimal("900.00"), 1)
    assert by["stale deals"] == (0, 0)
    # The fiscal quarter begins in November: October's win is only in the calendar's.
    assert by["2026Q4 of the calendar"] == (Decimal("1000.00"), 1)
    assert by["today's for what is won, too"] == (Decimal("100.00"), 1)
    assert by["a partner in any role"] == (Decimal("900.00"), 1)
    assert by["once for each partner"] == (Decimal("900.00"), 1)
    # open 900 twice, due 900, old 1000, usd 900, influenced 900.
    assert one.crm == Decimal("5500.00")
    assert one.crm_quarter.name == "2026Q4"


def test_stale_deals_are_told_apart(database: Database, add: Add) -> None:
    add("partner", "p1")
    made = NOW - timedelta(days=40)
    won = {"stage": "launched", "close_date": (made + timedelta(days=5)).date()}
    for number in range(20):
        add("opportunity", f"w{number}", partner="p1", created_at=made, **won)
    add("opportunity", "old", partner="p1", stage="committed")
    (one,) = found(database, REFERENCE_PROGRAM)
    by = {line.what: line.amount for line in one.lines}
    assert by["exclusions: stale deals"] == Decimal("900.00")


def test_what_the_crm_shows_leaves_a_rest(database: Database, add: Add) -> None:
    add("partner", "p1")
    add("opportunity", "open", partner="p1", stage="committed")
    (one,) = found(database, REFERENCE_PROGRAM, Decimal("1234.56"))
    assert one.lines[-1].what == "not explained"
    assert one.lines[-1].amount == Decimal("334.56")
    assert one.crm == Decimal("1234.56")
