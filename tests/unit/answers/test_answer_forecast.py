from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from prmsync.answers.forecast import forecast_quarter
from prmsync.answers.pipeline import pipeline_by_stage
from prmsync.domain.money import total
from prmsync.domain.stage import Stage
from prmsync.forecast.period import Quarter
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.sample import SampleProgram
from prmsync.store import tables
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
PROGRAM = REFERENCE_PROGRAM
Fetch = Callable[..., list[Any]]
Add = Callable[..., str]


def test_the_samples_forecast_stands_by_currency_beside_direct(
    sampled: Database, fetch: Fetch
) -> None:
    answer = forecast_quarter(sampled, PROGRAM, None, NOW)
    forecast = answer.forecast
    assert (forecast.quarter.name, forecast.as_of) == ("2026Q4", NOW.date())
    assert [b.currency for b in forecast.indirect] == ["EUR", "USD"]
    assert [b.currency for b in forecast.direct] == ["EUR", "USD"]
    c = tables.opportunity.c
    won = fetch(
        tables.opportunity,
        c.partner.is_not(None),
        c.stage == "launched",
        c.currency == "EUR",
        c.close_date.between(date(2026, 10, 1), date(2026, 11, 22)),
    )
    euro = forecast.indirect[0]
    assert euro.whole.won.amount == sum((o.amount for o in won), Decimal(0)) > 0
    assert euro.low < euro.whole.forecast < euro.high
    assert total((p.forecast for p in euro.by_partner), "EUR") == euro.whole.forecast
    assert set(answer.partners) >= {p.name for p in euro.by_partner}
    assert {p.name for p in euro.by_tier} <= {t.name for t in PROGRAM.tiers}


def test_the_tier_of_a_deal_is_that_of_its_approval(database: Database, add: Add) -> None:
    add("tier", "Gold")
    add("tier", "Silver", rank=2)
    add("partner", "p1", tier="Gold")
    row = {"partner": "p1", "tier": "Silver", "valid_from": date(2026, 1, 1)}
    add("membership", "m1", **row, valid_to=date(2026, 10, 31))
    add("opportunity", "o1", partner="p1", stage="committed")
    approved = datetime(2026, 10, 20, tzinfo=UTC)
    add("registration", "DR-1", partner="p1", opportunity="o1", approved_at=approved)
    (block,) = forecast_quarter(database, PROGRAM, Quarter(2026, 4), NOW).forecast.indirect
    assert [p.name for p in block.by_tier] == ["Silver"]


def test_deals_without_amount_or_day_are_counted_apart(database: Database, add: Add) -> None:
    add("opportunity", "o1", amount=None)
    add("opportunity", "o2", close_date=None)
    add("opportunity", "o3", currency=None)
    add("opportunity", "o4", amount=None, stage="closed_lost")
    answer = forecast_quarter(database, PROGRAM, None, NOW)
    assert answer.incomplete == 3
    assert answer.forecast.direct == ()


def test_an_empty_database_has_an_empty_forecast(database: Database) -> None:
    answer = forecast_quarter(database, PROGRAM, None, NOW)
    assert (answer.forecast.indirect, answer.forecast.direct) == ((), ())
    assert pipeline_by_stage(database) == []


def test_the_pipeline_counts_every_active_deal_once(
    sampled: Database, sample: SampleProgram, fetch: Fetch
) -> None:
    rows = pipeline_by_stage(sampled)
    c = tables.opportunity.c
    active = fetch(
        tables.opportunity, c.partner.is_not(None), c.stage.not_in(["launched", "closed_lost"])
    )
    assert sum(row.deals for row in rows) == len(active) > 100
    worth = sum(
        (row.worth.amount for row in rows if row.worth and row.currency == "EUR"), Decimal(0)
    )
    assert worth == sum((o.amount for o in active if o.currency == "EUR"), Decimal(0))
    euro = [row.worth.amount for row in rows if row.worth and row.currency == "EUR"]
    assert euro == sorted(euro, reverse=True)


def test_the_pipeline_of_one_partner_keeps_currencies_apart(database: Database, add: Add) -> None:
    add("partner", "p1")
    add("partner", "p2", name="Other")
    add("opportunity", "o1", partner="p1", stage="qualified")
    add("opportunity", "o2", partner="p1", stage="qualified", currency="USD")
    add("opportunity", "o3", partner="p1", amount=None)
    add("opportunity", "o4", partner="p2")
    rows = pipeline_by_stage(database, "Globex")
    assert [(row.currency, row.deals) for row in rows] == [("EUR", 1), ("USD", 1), (None, 1)]
    assert rows[0].cells[Stage.QUALIFIED].worth.amount == Decimal("1000.00")
