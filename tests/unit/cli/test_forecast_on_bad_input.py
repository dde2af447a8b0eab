"""Whatever the deals look like, the forecast answers: with findings, finite numbers, no failure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prmsync.answers.bridge import bridges
from prmsync.answers.margin_outlook import margin_rates
from prmsync.answers.quarter_outlook import QuarterOutlook, quarter_outlook
from prmsync.cli import bridge, outlook, outlook_parts
from prmsync.cli.forecast import MODELS
from prmsync.domain.stage import Stage
from prmsync.forecast.period import Quarter
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store import tables
from prmsync.store.database import Database
from prmsync.store.opportunity_past import PastState, add, opportunity_past

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
EARLIER = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = st.dates(date(2023, 1, 1), date(2029, 12, 31))
MOMENTS = st.integers(0, 1100).map(lambda n: datetime.fromtimestamp(1.70e9 + n * 86400, UTC))

standing = st.fixed_dictionaries(
    {
        "stage": st.sampled_from([stage.value for stage in Stage]),
        "amount": st.sampled_from(
            [None, Decimal(0), Decimal(-500), Decimal("0.01"), Decimal(10**12)]
        ),
        "currency": st.sampled_from(["EUR", "USD", None]),
        "close_date": DAYS | st.none(),
        "partner": st.sampled_from(["p1", "p2", None]),
        "product_lines": st.sampled_from(["firewall", "backup;firewall", None]),
        "created_at": MOMENTS | st.none(),
    }
)
deals = st.lists(
    st.tuples(standing, st.lists(st.tuples(MOMENTS, standing), max_size=3)), max_size=9
)


def fill(database: Database, rows: list[tuple[dict[str, Any], list[tuple[datetime, Any]]]]) -> None:
    with database.begin() as connection:
        for table in (opportunity_past, tables.opportunity, tables.partner):
            connection.execute(table.delete())
        partners = [{"id": name, "name": "Globex", "country": None} for name in ("p1", "p2")]
        connection.execute(tables.partner.insert(), partners)
        for number, (present, past) in enumerate(rows):
            ident = f"o{number}"
            row = {"id": ident, "name": "deal"} | present
            connection.execute(tables.opportunity.insert().values(**row))
            ended = (PastState(ident, at, gone=False, **one) for at, one in past)
            add(connection, sorted(ended, key=lambda one: one.until_at))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def numbers(found: object) -> Iterator[float]:
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        for one in found:
            yield from numbers(one)
    elif isinstance(found, float):
        yield found


def show_all(found: QuarterOutlook, database: Database) -> None:
    """Every view that the commands have."""
    rates = margin_rates(database, REFERENCE_PROGRAM, found)
    for model in MODELS:
        if model != "stage_weighted":
            beside = outlook.Beside(margins=rates if model == MODELS[0] else None)
            outlook.show(found, model, outlook.GROUPINGS, beside=beside, as_json=False)
    outlook_parts.show_deals(found, 0, as_json=False)
    outlook_parts.show_evidence(found, as_json=False)
    outlook_parts.show_changes(found, found, as_json=False)
    bridge.show(found, bridges(database, REFERENCE_PROGRAM, found, None), as_json=False)


ONE_STAGE = [
    (
        {
            **dict.fromkeys(("amount", "currency", "close_date", "partner")),
            "stage": "prospect",
            "product_lines": None,
            "created_at": EARLIER,
        },
        [],
    )
]


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=deals, period=st.sampled_from([None, "2026Q3", "2027Q1"]))
@example(rows=[], period=None)
@example(rows=ONE_STAGE * 4, period=None)
def test_no_deal_breaks_the_forecast(
    database: Database,
    capsys: pytest.CaptureFixture[str],
    rows: list[tuple[dict[str, Any], list[tuple[datetime, Any]]]],
    period: str | None,
) -> None:
    fill(database, rows)
    quarter = Quarter.parse(period) if period else None
    found = quarter_outlook(database, REFERENCE_PROGRAM, quarter, None, NOW)
    show_all(found, database)
    assert "nan" not in said(capsys).replace("financ", "")
    outlook.show(found, MODELS[0], (), beside=outlook.Beside(), as_json=True)
    told = json.loads(said(capsys))
    assert all(math.isfinite(one) for one in numbers(told))
