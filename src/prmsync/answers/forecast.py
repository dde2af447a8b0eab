"""The quarter's forecast over the partner database: indirect beside direct."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.domain.money import Money
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.partner import TierHistory
from prmsync.domain.program import Program
from prmsync.domain.rates import Rates
from prmsync.domain.registration import Registration
from prmsync.forecast.deal import ForecastDeal
from prmsync.forecast.period import Quarter
from prmsync.forecast.stage_weighted import Forecast, stage_weighted
from prmsync.store import tables
from prmsync.store.database import Database


@dataclass(frozen=True, slots=True)
class ForecastAnswer:
    """A forecast, the partners' names by id, how many open deals could not enter it because
    amount, currency or close date is missing, and the currencies without an exchange rate."""

    forecast: Forecast
    partners: dict[str, str]
    incomplete: int
    apart: tuple[str, ...] = ()


def forecast_quarter(
    database: Database, program: Program, quarter: Quarter | None, now: datetime
) -> ForecastAnswer:
    """The forecast of a quarter, by default the present one, in the program's time zone."""
    today = now.astimezone(program.review.time_zone).date()
    with database.read() as connection:
        everything = list(rows.opportunities(connection))
        tiers = rows.tier_history(connection)
        approved = _approved(connection)
        names = rows.partner_names(connection)
    rates = program.forecast.rates
    deals = [d for o in everything if (d := _deal(o, approved, tiers, now, rates, today))]
    period = quarter or Quarter.of(today, program.forecast.calendar)
    forecast = stage_weighted(deals, period, today, program.forecast)
    incomplete = sum(not o.stage.is_closed and _is_incomplete(o) for o in everything)
    blocks = (block.currency for block in (*forecast.indirect, *forecast.direct))
    apart = {code for code in blocks if rates is not None and rates.rate(code, today) is None}
    return ForecastAnswer(forecast, names, incomplete, tuple(sorted(apart)))


def _is_incomplete(o: Opportunity) -> bool:
    return o.amount is None or o.close_date is None


def _approved(connection: sa.Connection) -> dict[str, Registration]:
    """Opportunity → the registration that was approved for it, the last one if several were."""
    c = tables.registration.c
    found: Iterator[Registration] = rows.registrations(
        connection, c.opportunity.is_not(None), c.approved_at.is_not(None)
    )
    ordered = sorted(found, key=lambda r: str(r.approved_at))
    return {r.opportunity: r for r in ordered if r.opportunity is not None}


def in_currency_of_forecast(o: Opportunity, rates: Rates | None, today: date) -> Money | None:
    """A deal's amount: won ones at the rate of their close, others at today's; as it is where
    nothing is converted or the currency has no rate."""
    if o.amount is None or rates is None:
        return o.amount
    day = min(o.close_date, today) if o.stage.is_won and o.close_date else today
    rate = rates.rate(o.amount.currency, day)
    return o.amount if rate is None else Money(o.amount.amount * rate, rates.currency).rounded()


def _deal(
    o: Opportunity,
    approved: dict[str, Registration],
    tiers: TierHistory,
    now: datetime,
    rates: Rates | None,
    today: date,
) -> ForecastDeal | None:
    amount = in_currency_of_forecast(o, rates, today)
    if amount is None or o.close_date is None:
        return None
    tier = None
    if o.partner is not None:
        registration = approved.get(o.id)
        day = registration.approved_at if registration else o.created_at
        tier = tiers.on(o.partner, (day or now).date())
    return ForecastDeal(
        id=o.id,
        stage=o.stage,
        amount=amount,
        close_date=o.close_date,
        partner=o.partner,
        tier=tier,
        created=o.created_at.date() if o.created_at else None,
    )
