"""What of the forecast goes to partners: each deal's worth times the margin engine's rate for it.

A deal's rate is that of the program for its partner's tier, its product lines, whether it is an
approved registration, and whether it goes through a distributor. Deals to come earn what the deals
of their partner, tier, region and product earn on average, else what all do. The range is that of
margins, not a share of the forecast's range: deals of different rates are won by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import sqlalchemy as sa

from prmsync.answers.margins import shared_lines
from prmsync.answers.quarter_outlook import QuarterOutlook, View
from prmsync.domain.customer import codes
from prmsync.domain.money import Money
from prmsync.domain.program import Program
from prmsync.domain.values import PrmId
from prmsync.errors import PrmsyncError
from prmsync.forecast.rollup import INTERVALS, LEVELS
from prmsync.forecast.spells import Floats, Ints
from prmsync.program.margins import Deal, margin_of
from prmsync.store import tables
from prmsync.store.database import Database

_NOMINAL = Money(Decimal(1_000_000), "EUR")
"""A list amount that rates are read from; they do not depend on it but for rounding."""


@dataclass(frozen=True, slots=True)
class MarginOutlook:
    """Margin of resellers and distributors together, in major units of the view's currency.
    `ranges[per cent]` is (low, high); `unknown` counts deals for which the program has no rate:
    they earn what the others do on average."""

    won: float
    open: float
    new: float
    ranges: Mapping[int, tuple[float, float]]
    unknown: int

    @property
    def forecast(self) -> float:
        return self.won + self.open + self.new


@dataclass(frozen=True, slots=True)
class MarginRates:
    """`by_deal[opportunity]`: margin as a share of list; deals without a rate are left out."""

    by_deal: Mapping[str, float]
    unknown: int


def margin_rates(database: Database, program: Program, outlook: QuarterOutlook) -> MarginRates:
    """The rate of every indirect deal of a book, with the tiers of its day."""
    with database.read() as connection:
        approved = _approved(connection)
    known: dict[tuple[str | None, str, bool, bool], float | None] = {}
    found: dict[str, float] = {}
    unknown = 0
    for deal, states in outlook.book.states.items():
        last = states[-1]
        if last.partner is None:
            continue
        tier = outlook.book.tiers.on(PrmId(last.partner), outlook.as_of)
        key = (tier, last.product_lines or "", deal in approved, approved.get(deal, False))
        if key not in known:
            known[key] = _rate(key, program)
        rate = known[key]
        if rate is None:
            unknown += 1
        else:
            found[deal] = rate
    return MarginRates(found, unknown)


def margin_outlook(view: View, rates: MarginRates) -> MarginOutlook:
    """The margin forecast of a view."""
    found, cut = view.found, view.cut
    each = np.array([rates.by_deal.get(deal, np.nan) for deal in view.deals.ids])
    typical = _typical(each, cut.history.segment, len(cut.history.segments))
    deal = np.where(np.isnan(each), typical[cut.history.segment], each) if len(each) else each
    ahead = found.outlook
    of_lots = np.concatenate([deal[ahead.deal], typical])
    whole = found.to_come(np.zeros(len(of_lots), dtype=np.int64), 1, of_lots)
    kind = np.where(np.arange(len(of_lots)) < ahead.open, 0, 1)
    parts = found.to_come(kind, 2, of_lots)
    won = float((cut.history.worth * deal)[cut.won()].sum())
    ends = won + whole.quantiles(LEVELS)[:, 0]
    ranges = {
        percent: (float(ends[2 * at]), float(ends[2 * at + 1]))
        for at, percent in enumerate(INTERVALS)
    }
    return MarginOutlook(won, float(parts.mean[0]), float(parts.mean[1]), ranges, rates.unknown)


def _typical(each: Floats, segment: Ints, segments: int) -> Floats:
    """Mean rate of each segment's deals, the overall one where none is known."""
    known = np.isfinite(each)
    overall = float(each[known].mean()) if known.any() else 0.0
    count = np.bincount(segment[known], minlength=segments)
    total = np.bincount(segment[known], weights=each[known], minlength=segments)
    found: Floats = np.where(count > 0, total / np.maximum(count, 1), overall)
    return found


def _rate(key: tuple[str | None, str, bool, bool], program: Program) -> float | None:
    tier, lines, registered, distributed = key
    deal = Deal(
        tier=tier,
        registered=registered,
        lines=tuple(shared_lines(codes(lines), _NOMINAL, program)),
        through_distributor=distributed,
    )
    try:
        margin = margin_of(deal, program)
    except PrmsyncError:
        return None
    return float((margin.reseller + margin.distributor).amount / margin.listed.amount)


def _approved(connection: sa.Connection) -> dict[str, bool]:
    """Opportunity of each approved registration, and whether it goes through a distributor."""
    c = tables.registration.c
    query = sa.select(c.opportunity, c.distributor).where(
        c.opportunity.is_not(None), c.approved_at.is_not(None)
    )
    return {row.opportunity: row.distributor is not None for row in connection.execute(query)}
