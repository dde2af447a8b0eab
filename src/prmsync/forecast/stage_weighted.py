"""The stage-weighted forecast of a quarter: won to date, and open deals at their stage's odds.

An open deal counts when its close date lies in the quarter and is not past. Two kinds of open
deals count nothing and are stated apart: past due (close date before the day of the forecast) and
stale (open longer than 95 % of this company's won deals took; judged from 20 wins on, direct and
indirect together).

The 80 % range takes deals as independent wins or losses of their whole amount, plus a shock that
all open deals share (a stated allowance of the program, not an estimate), under a normal
approximation; it never goes below what is won, nor above what is won and open together.
Currencies never mix: one block for each. Parts are exact decimals and sum to the total.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from prmsync.domain.money import Money, round_half_up, total
from prmsync.domain.program import ForecastRules
from prmsync.forecast.deal import ForecastDeal
from prmsync.forecast.period import Quarter

RANGE = Decimal(80)
_Z80 = 1.2815515655446004  # the 90 % point of the standard normal: 80 % lie within ± z
STALE_QUANTILE = 0.95
STALE_MINIMUM_WINS = 20
NOBODY = "–"


class Counted(StrEnum):
    """How a deal enters a quarter's forecast."""

    WON = "won"
    OPEN = "open"
    PAST_DUE = "past_due"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Part:
    """One row of a roll-up; `unweighted` is the open deals' whole worth."""

    name: str
    won: Money
    expected: Money
    unweighted: Money
    deals: int

    @property
    def forecast(self) -> Money:
        return self.won + self.expected


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Open deals that count nothing, and their whole worth."""

    deals: int
    worth: Money


@dataclass(frozen=True, slots=True)
class Block:
    """The forecast of one currency, direct or indirect. `low` and `high` bound the 80 % range."""

    currency: str
    whole: Part
    low: Money
    high: Money
    past_due: LeftOut
    stale: LeftOut
    by_partner: tuple[Part, ...]
    by_tier: tuple[Part, ...]
    by_stage: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Indirect and direct blocks by currency, and what they were computed with."""

    quarter: Quarter
    as_of: date
    indirect: tuple[Block, ...]
    direct: tuple[Block, ...]
    shared_shock: Decimal
    stale_after_days: int | None


@dataclass(frozen=True, slots=True)
class _Weighed:
    deal: ForecastDeal
    counted: Counted
    expected: Decimal
    probability: float


def stage_weighted(
    deals: Sequence[ForecastDeal], quarter: Quarter, as_of: date, rules: ForecastRules
) -> Forecast:
    """The forecast of `quarter` as it stands on `as_of`. Deals outside the quarter are ignored."""
    stale_after = stale_after_days(deals)
    weighed = [
        entry
        for deal in deals
        if (entry := _weigh(deal, quarter, as_of, rules, stale_after)) is not None
    ]
    return Forecast(
        quarter=quarter,
        as_of=as_of,
        indirect=_blocks([w for w in weighed if w.deal.partner is not None], rules),
        direct=_blocks([w for w in weighed if w.deal.partner is None], rules),
        shared_shock=rules.shared_shock,
        stale_after_days=stale_after,
    )


def stale_after_days(deals: Iterable[ForecastDeal]) -> int | None:
    """Days within which 95 % of won deals were won; None while fewer than 20 wins are known."""
    cycles = sorted(
        (deal.close_date - deal.created).days
        for deal in deals
        if deal.stage.is_won and deal.created is not None and deal.created <= deal.close_date
    )
    if len(cycles) < STALE_MINIMUM_WINS:
        return None
    return cycles[math.ceil(STALE_QUANTILE * len(cycles)) - 1]


def _weigh(
    deal: ForecastDeal,
    quarter: Quarter,
    as_of: date,
    rules: ForecastRules,
    stale_after: int | None,
) -> _Weighed | None:
    if deal.close_date not in quarter or deal.stage.is_lost:
        return None
    if deal.stage.is_won:
        # A win dated after the day of the forecast was not known on that day.
        known = deal.close_date <= as_of
        return _Weighed(deal, Counted.WON, Decimal(0), 0.0) if known else None
    if deal.close_date < as_of:
        return _Weighed(deal, Counted.PAST_DUE, Decimal(0), 0.0)
    if _is_stale(deal, as_of, stale_after):
        return _Weighed(deal, Counted.STALE, Decimal(0), 0.0)
    rate = rules.probability.get(deal.stage, Decimal(0))
    expected = round_half_up(deal.amount.amount * rate / 100, deal.amount.currency)
    return _Weighed(deal, Counted.OPEN, expected, float(rate) / 100)


def _is_stale(deal: ForecastDeal, as_of: date, stale_after: int | None) -> bool:
    if stale_after is None or deal.created is None:
        return False
    return (as_of - deal.created).days > stale_after


def _blocks(weighed: list[_Weighed], rules: ForecastRules) -> tuple[Block, ...]:
    by_currency: dict[str, list[_Weighed]] = {}
    for entry in weighed:
        by_currency.setdefault(entry.deal.amount.currency, []).append(entry)
    return tuple(_block(code, by_currency[code], rules) for code in sorted(by_currency))


def _block(currency: str, weighed: list[_Weighed], rules: ForecastRules) -> Block:
    counted = [w for w in weighed if w.counted in (Counted.WON, Counted.OPEN)]
    whole = _part("total", currency, counted)
    low, high = _range(whole, counted, rules)
    return Block(
        currency=currency,
        whole=whole,
        low=low,
        high=high,
        past_due=_left_out(currency, weighed, Counted.PAST_DUE),
        stale=_left_out(currency, weighed, Counted.STALE),
        by_partner=_parts(currency, counted, lambda deal: deal.partner or NOBODY),
        by_tier=_parts(currency, counted, lambda deal: deal.tier or NOBODY),
        by_stage=_parts(currency, counted, lambda deal: deal.stage.value),
    )


def _parts(
    currency: str, weighed: list[_Weighed], name: Callable[[ForecastDeal], str]
) -> tuple[Part, ...]:
    groups: dict[str, list[_Weighed]] = {}
    for entry in weighed:
        groups.setdefault(name(entry.deal), []).append(entry)
    parts = [_part(key, currency, entries) for key, entries in groups.items()]
    return tuple(sorted(parts, key=lambda part: (-part.forecast.amount, part.name)))


def _part(name: str, currency: str, weighed: list[_Weighed]) -> Part:
    won = [w.deal.amount.rounded() for w in weighed if w.counted is Counted.WON]
    opened = [w for w in weighed if w.counted is Counted.OPEN]
    return Part(
        name=name,
        won=total(won, currency),
        expected=total((Money(w.expected, currency) for w in opened), currency),
        unweighted=total((w.deal.amount.rounded() for w in opened), currency),
        deals=len(opened),
    )


def _left_out(currency: str, weighed: list[_Weighed], counted: Counted) -> LeftOut:
    worths = [w.deal.amount.rounded() for w in weighed if w.counted is counted]
    return LeftOut(len(worths), total(worths, currency))


def _range(whole: Part, weighed: list[_Weighed], rules: ForecastRules) -> tuple[Money, Money]:
    own = sum(
        float(w.deal.amount.amount) ** 2 * w.probability * (1 - w.probability) for w in weighed
    )
    shared = float(whole.expected.amount) * float(rules.shared_shock) / 100
    half = Decimal(_Z80 * math.sqrt(own + shared**2))
    currency = whole.won.currency
    low = max(whole.expected.amount - half, Decimal(0))
    high = min(whole.expected.amount + half, whole.unweighted.amount)
    return whole.won + Money(low, currency).rounded(), whole.won + Money(high, currency).rounded()
