"""From our number to the one that the CRM's own report shows, line by line.

The CRM's report is taken to be the usual one: opportunities with a partner, by close date in its
quarter, won ones whole and open ones at the odds of their stage, all at today's rates, and a deal
once for every partner that is related to it. Each line changes one rule and nothing else, so the
lines sum to the difference to the cent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import sqlalchemy as sa

from prmsync.answers.deal_history import DealBook
from prmsync.answers.quarter_outlook import QuarterOutlook, View
from prmsync.domain.money import Money, round_half_up
from prmsync.domain.program import Program
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId
from prmsync.forecast.deal import ForecastDeal
from prmsync.forecast.period import Quarter
from prmsync.forecast.rollup import total
from prmsync.forecast.stage_weighted import stale_after_days
from prmsync.store import tables
from prmsync.store.database import Database
from prmsync.store.opportunity_past import PastState

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """One step: what it changes, in major units, and of how many deals the counting changed."""

    what: str
    amount: Decimal
    deals: int = 0


@dataclass(frozen=True, slots=True)
class Bridge:
    """`ours` + all `lines` = `crm`, to the cent. `crm_quarter` is the CRM's; `told` what a person
    says that it shows, which ends in a line of its own."""

    currency: str
    ours: Decimal
    lines: tuple[Line, ...]
    crm: Decimal
    crm_quarter: Quarter
    told: Decimal | None


@dataclass(frozen=True, slots=True)
class _Rule:
    """How a report counts deals."""

    quarter: Quarter
    past_due: bool = False
    stale: bool = False
    todays_rates: bool = False
    any_partner: bool = False
    per_partner: bool = False


@dataclass(frozen=True, slots=True)
class _Deals:
    """Everything that the steps count with. `related` is how many partners a deal has."""

    book: DealBook
    program: Program
    currency: str
    related: Mapping[str, int]
    stale_after: int | None

    def worth(self, rule: _Rule) -> dict[str, Decimal]:
        """By deal what it counts for; deals that count nothing are left out."""
        found = {}
        for deal, states in self.book.states.items():
            amount = self._counted(states[-1], rule) * self._times(states[-1], rule)
            if amount:
                found[deal] = amount
        return found

    def _times(self, state: PastState, rule: _Rule) -> int:
        partners = self.related.get(state.opportunity, 0)
        counts = state.partner is not None or (rule.any_partner and partners > 0)
        if not counts:
            return 0
        return max(partners, 1) if rule.per_partner else 1

    def _counted(self, state: PastState, rule: _Rule) -> Decimal:
        stage, close = Stage(state.stage), state.close_date
        if close is None or close not in rule.quarter or stage.is_lost:
            return NOTHING
        amount = self._amount(state, rule)
        if stage.is_won:
            return amount
        if close < self.book.as_of:
            counts = rule.past_due
        else:
            counts = rule.stale or not self._is_stale(state)
        odds = self.program.forecast.probability.get(stage, NOTHING)
        return round_half_up(amount * odds / 100, self.currency) if counts else NOTHING

    def _is_stale(self, state: PastState) -> bool:
        if self.stale_after is None or state.created_at is None:
            return False
        made = state.created_at.astimezone(self.book.zone).date()
        return (self.book.as_of - made).days > self.stale_after

    def _amount(self, state: PastState, rule: _Rule) -> Decimal:
        if state.amount is None or state.currency is None:
            return NOTHING
        rates = self.book.rates
        if rates is None or rates.currency != self.currency:
            same = state.currency == self.currency
            return round_half_up(state.amount, self.currency) if same else NOTHING
        closed = state.close_date if Stage(state.stage).is_won and not rule.todays_rates else None
        rate = rates.rate(state.currency, min(closed or self.book.as_of, self.book.as_of))
        return NOTHING if rate is None else round_half_up(state.amount * rate, self.currency)


def bridges(
    database: Database, program: Program, outlook: QuarterOutlook, told: Decimal | None
) -> list[Bridge]:
    """The bridge of each currency; `told` is of the first."""
    with database.read() as connection:
        related = _related(connection)
    stale_after = stale_after_days(_won(outlook.book))
    found = []
    for at, view in enumerate(outlook.indirect):
        deals = _Deals(outlook.book, program, view.currency, related, stale_after)
        found.append(_bridge(outlook, view, deals, told if at == 0 else None))
    return found


def crm_quarter(quarter: Quarter) -> Quarter:
    """The calendar quarter that has the most days in common with a fiscal one."""
    middle = quarter.first + timedelta(days=quarter.days // 2)
    return Quarter.of(middle)


def _bridge(outlook: QuarterOutlook, view: View, deals: _Deals, told: Decimal | None) -> Bridge:
    row, theirs = total(view.found, view.deals), crm_quarter(outlook.quarter)
    ours, won = _cents(row.forecast, view.currency), _cents(row.won, view.currency)
    rule = _Rule(outlook.quarter)
    start = deals.worth(rule)
    closed = _won_in(deals.book, start)
    lines = [
        Line("deals to come: no CRM knows them", won + _cents(row.open, view.currency) - ours),
        Line("wins by their close date", closed - won),
        Line(
            "model: odds of the stage, by close date",
            sum(start.values(), NOTHING) - closed - _cents(row.open, view.currency),
        ),
        *_steps(deals, rule, theirs),
    ]
    crm = ours + sum((line.amount for line in lines), NOTHING)
    if told is not None:
        lines.append(Line("not explained", told - crm))
        crm = told
    return Bridge(view.currency, ours, tuple(lines), crm, theirs, told)


def _steps(deals: _Deals, rule: _Rule, theirs: Quarter) -> Iterator[Line]:
    """One rule after the other becomes the CRM's."""
    names = {
        "exclusions: past due deals": replace(rule, past_due=True),
        "exclusions: stale deals": replace(rule, past_due=True, stale=True),
    }
    last = names["exclusions: stale deals"]
    for what, change in (
        (f"fiscal calendar: {theirs.name} of the calendar", {"quarter": theirs}),
        ("exchange rates: today's for what is won, too", {"todays_rates": True}),
        ("indirect: a partner in any role", {"any_partner": True}),
        ("duplicates: once for each partner", {"per_partner": True}),
    ):
        last = replace(last, **change)
        names[what] = last
    before = deals.worth(rule)
    for what, one in names.items():
        after = deals.worth(one)
        moved = [deal for deal in before.keys() | after.keys() if _differs(deal, before, after)]
        amount = sum(after.values(), NOTHING) - sum(before.values(), NOTHING)
        yield Line(what, amount, len(moved))
        before = after


def _differs(deal: str, one: Mapping[str, Decimal], two: Mapping[str, Decimal]) -> bool:
    return one.get(deal, NOTHING) != two.get(deal, NOTHING)


def _won_in(book: DealBook, counted: Mapping[str, Decimal]) -> Decimal:
    won = (w for deal, w in counted.items() if Stage(book.states[deal][-1].stage).is_won)
    return sum(won, NOTHING)


def _cents(worth: float, currency: str) -> Decimal:
    return round_half_up(Decimal(repr(worth)), currency)


def _won(book: DealBook) -> Iterator[ForecastDeal]:
    """Deals won so far, direct ones too: what "stale" is judged by."""
    for states in book.states.values():
        last = states[-1]
        if Stage(last.stage).is_won and last.close_date is not None and last.created_at:
            made: date = last.created_at.astimezone(book.zone).date()
            nothing = Money(NOTHING, "EUR")
            yield ForecastDeal(
                PrmId(last.opportunity), Stage(last.stage), nothing, last.close_date, created=made
            )


def _related(connection: sa.Connection) -> dict[str, int]:
    """How many partners each deal has: its primary one and those that relations name."""
    c, o = tables.deal_partner.c, tables.opportunity.c
    queries = (
        sa.select(c.opportunity, c.partner),
        sa.select(o.id, o.partner).where(o.partner.is_not(None)),
    )
    pairs = {(row[0], row[1]) for query in queries for row in connection.execute(query)}
    count: dict[str, int] = {}
    for deal, _ in pairs:
        count[deal] = count.get(deal, 0) + 1
    return count
