"""What the forecast says of each deal and partner, kept on its record: the mapping takes it to the
CRMs like any other field, one way.

A record is touched only where its number moved: by 5 points of the chance, by 5 % of the amount,
or into another quarter. A deal that is won or lost is told so once and left alone then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.answers.deal_history import DealBook
from prmsync.answers.quarter_outlook import QuarterOutlook, View, quarter_outlook
from prmsync.domain.money import round_half_up
from prmsync.domain.program import Program
from prmsync.domain.stage import Stage
from prmsync.forecast.deal_outlook import deal_outlooks
from prmsync.store import tables
from prmsync.store.database import Database
from prmsync.store.opportunity_past import PastState

POINTS = Decimal(5)
"""Points of the chance from which a change is told."""
SHARE = Decimal("0.05")
"""Change of the amount, as a share of what was told, from which it is told."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`chance` in per cent, None on partners; `amount` in major units of `currency`."""

    chance: Decimal | None
    amount: Decimal | None
    currency: str | None
    period: str | None


@dataclass(frozen=True, slots=True)
class Apart:
    """A partner with forecasts in currencies that no rate makes one: told in `told`, `left_out`
    are the others with their worth. Unlike currencies are never added up."""

    partner: str
    name: str
    told: str
    left_out: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Marked:
    """How many records were touched, how many forecasts there are, and of which partners some is
    left out."""

    deals: int
    partners: int
    open_deals: int
    apart: tuple[Apart, ...] = ()


def mark_forecasts(database: Database, program: Program, now: datetime) -> Marked:
    """Bring deals and partners in line with today's forecast of the present quarter, where it
    moved. Raises InputError as the forecast does."""
    outlook = quarter_outlook(database, program, None, None, now)
    deals = dict(_of_deals(outlook))
    partners, apart = _of_partners(outlook)
    with database.begin() as connection:
        rows.alone(connection, "forecast marks")
        told = _told(connection)
        closed = _of_closed(outlook, told)
        wanted = {
            deal: mark
            for deal, mark in (deals | closed).items()
            if deal in told and moved(told[deal], mark)
        }
        _save(connection, tables.opportunity, wanted, ("chance", "amount", "period"))
        before = _told_of_partners(connection)
        gone = {one: _NONE for one, mark in before.items() if mark != _NONE and one not in partners}
        totals = {
            partner: mark
            for partner, mark in (partners | gone).items()
            if partner in before and moved(before[partner], mark)
        }
        _save(connection, tables.partner, totals, ("amount", "currency", "period"))
    return Marked(len(wanted), len(totals), len(deals), tuple(apart))


def moved(told: Mark, mark: Mark) -> bool:
    """Whether a number is far enough from the one that was told to be told anew."""
    if (told.period, told.currency) != (mark.period, mark.currency):
        return True
    return _points(told.chance, mark.chance) or _share(told.amount, mark.amount)


_NONE = Mark(None, None, None, None)


def _points(told: Decimal | None, chance: Decimal | None) -> bool:
    if told is None or chance is None:
        return told != chance
    return abs(chance - told) >= POINTS


def _share(told: Decimal | None, amount: Decimal | None) -> bool:
    if told is None or amount is None:
        return told != amount
    return amount != told and abs(amount - told) >= SHARE * abs(told)


def _of_deals(outlook: QuarterOutlook) -> Iterator[tuple[str, Mark]]:
    """Every open indirect deal, its amount in its own currency."""
    for view in outlook.indirect:
        for deal in deal_outlooks(view.found, view.deals):
            state = outlook.book.states[deal.id][-1]
            if deal.stated == 0.0 and state.amount:
                continue  # of another currency: another view has it
            chance = Decimal(round(deal.chance * 100))
            amount = _own(deal.expected, deal.stated, state)
            yield deal.id, Mark(chance, amount, state.currency, outlook.quarter.name)


def _own(expected: float, stated: float | None, state: PastState) -> Decimal | None:
    """An expectation in the deal's currency; None where the deal states no amount."""
    if state.amount is None or state.currency is None or stated is None:
        return None
    share = Decimal(repr(expected / stated)) if stated else Decimal(0)
    return round_half_up(state.amount * share, state.currency)


def _of_closed(outlook: QuarterOutlook, told: Mapping[str, Mark]) -> dict[str, Mark]:
    """Deals of which a forecast was told and that are closed since: 100 or 0."""
    found = {}
    for deal, mark in told.items():
        states = outlook.book.states.get(deal)
        if mark.period is None or states is None or not Stage(states[-1].stage).is_closed:
            continue
        won = Stage(states[-1].stage).is_won
        amount = states[-1].amount if won else Decimal(0)
        found[deal] = Mark(Decimal(100 * won), amount, states[-1].currency, mark.period)
    return found


def _of_partners(outlook: QuarterOutlook) -> tuple[dict[str, Mark], list[Apart]]:
    """Each partner's forecast in one currency: the program's, into which dated rates convert, else
    the one of most of the partner's deals."""
    worth: dict[str, dict[str, Decimal]] = {}
    for view in outlook.indirect:
        for partner, each in _forecasts(view):
            if each >= 0.005:
                amount = round_half_up(Decimal(repr(each)), view.currency)
                worth.setdefault(partner, {})[view.currency] = amount
    usual = _usual_currencies(outlook.book)
    marks, apart = {}, []
    for partner, by_currency in worth.items():
        told = max(by_currency, key=lambda name: usual(partner, name))
        marks[partner] = Mark(None, by_currency.pop(told), told, outlook.quarter.name)
        if by_currency:
            name = outlook.book.shown("partner", partner)
            apart.append(Apart(partner, name, told, by_currency))
    return marks, apart


def _usual_currencies(book: DealBook) -> Callable[[str, str], tuple[bool, int, str]]:
    """How usual a currency is for a partner, to compare with others: the one that rates lead to
    first, then the one of more deals."""
    count: Counter[tuple[str | None, str | None]] = Counter()
    for states in book.states.values():
        count[states[-1].partner, states[-1].currency] += 1
    main = book.rates.currency if book.rates is not None else None
    return lambda partner, name: (name == main, count[partner, name], name)


def _forecasts(view: View) -> Iterator[tuple[str, float]]:
    groups = view.found.groups["partner"]
    for partner, worth in zip(view.deals.names["partner"], groups.mean, strict=False):
        yield partner, float(worth)


def _told(connection: sa.Connection) -> dict[str, Mark]:
    c = tables.opportunity.c
    query = sa.select(c.id, c.forecast_chance, c.forecast_amount, c.currency, c.forecast_period)
    return {row[0]: Mark(*row[1:]) for row in connection.execute(query)}


def _told_of_partners(connection: sa.Connection) -> dict[str, Mark]:
    c = tables.partner.c
    query = sa.select(c.id, c.forecast_amount, c.forecast_currency, c.forecast_period)
    return {row[0]: Mark(None, *row[1:]) for row in connection.execute(query)}


def _save(
    connection: sa.Connection,
    table: sa.Table,
    marks: Mapping[str, Mark],
    names: tuple[str, ...],
) -> None:
    if not marks:
        return
    values: dict[str, Any] = {f"forecast_{name}": sa.bindparam(f"new_{name}") for name in names}
    connection.execute(
        table.update().where(table.c.id == sa.bindparam("record")).values(values),
        [
            {"record": record, **{f"new_{name}": getattr(mark, name) for name in names}}
            for record, mark in marks.items()
        ],
    )
