"""The deals of the partner database as the forecast sees them, on any day.

Opportunities and their kept past (`prmsync.store.opportunity_past`) are put together to how each
deal stood from when to when. What was not known at the end of the day asked for is left out, so the
pipeline of an earlier day is rebuilt, deleted deals included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Any

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.answers.before_record import CLOSED_LATER, open_until_close, record_began
from prmsync.answers.told_history import present_state
from prmsync.domain.customer import codes
from prmsync.domain.partner import Partner, TierHistory
from prmsync.domain.program import Program
from prmsync.domain.rates import Rates
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId
from prmsync.errors import InputError
from prmsync.forecast.history import NEVER
from prmsync.forecast.timelines import UNKNOWN, Deals, Standing, Timeline, gather
from prmsync.store import tables
from prmsync.store.opportunity_past import PastState, past_states

DIMENSIONS = ("partner", "tier", "region", "product")
ASSUMED_AGE = timedelta(days=90)
"""What a deal without a date of creation is taken to have lived before its close."""
_NEARLY_ALL = 0.9
_FEW_IN_ONE_STAGE = 5
_FEW_BLANK, _HARDLY, _MANY = 20, 0.02, 0.3
"""Deals without a product, the share of them that may be over, and the share of others that is,
from which products are taken to be entered with the close. By chance less than one in a hundred."""
_BLANK = (
    "without a product, next to all of them open: products seem to be entered with the close, so "
    "they are left out"
)
_TYPICAL = "open without an amount: a typical amount is taken"
_NO_AMOUNT = "without any amount among them: nothing can be said in money"
_CLOSE_TO_COME = "closed, with a close date still to come: taken as closed on the day it was seen"
_ONE_STAGE = "open, all in one stage ({stage}): only their age tells them apart"
_NO_CREATION = (
    f"without a date of creation: taken as made {ASSUMED_AGE.days} days before the close; "
    "`prmsync forecast backfill` asks the CRM, a file tells it as `created_at`"
)
_BROUGHT_OVER = (
    "with the date of a move from another system (made after their close, or on a day when many "
    f"such were): taken as made {ASSUMED_AGE.days} days before the close"
)
_MOVE = 20
"""Deals that say on one day that they were made after their close, from which all deals of that
day are taken to have been brought over."""


@dataclass(frozen=True, slots=True)
class DealBook:
    """Everything known of all deals at the end of `as_of`: states by deal, in order, the last one
    without an end. `recorded_from`: the day since which changes were seen, the one after `as_of`
    where none were."""

    as_of: date
    states: Mapping[str, tuple[PastState, ...]]
    numbers: Mapping[str, str]
    owners: Mapping[str, str]
    partner_names: Mapping[str, str]
    """By id; partners of one name have their ids behind it."""
    countries: Mapping[str, str]
    tiers: TierHistory
    recorded_from: date
    zone: tzinfo
    rates: Rates | None
    findings: Mapping[str, int]
    """What makes the forecast less sure, and of how many deals."""
    blank_until_closed: bool = False
    """Products are known of closed deals only: what tells the outcome is no help before it."""

    def currencies(self) -> list[str]:
        """Currencies in which deals are forecast, the commonest first. Those with an exchange rate
        are one: the program's."""
        count = self._deals_by_currency()
        found = sorted(count, key=lambda name: (-count[name], name))
        if self.rates is None:
            return found
        apart = [name for name in found if self.rates.rate(name, self.as_of) is None]
        return apart if len(apart) == len(found) else [self.rates.currency, *apart]

    def converted(self) -> dict[str, tuple[Decimal, date]]:
        """By currency that is converted its rate of the book's day, and since when it holds."""
        found = {}
        for name in sorted(self._deals_by_currency()) if self.rates else ():
            rate = self.rates and self.rates.rate(name, self.as_of)
            since = self.rates and self.rates.since(name, self.as_of)
            if rate and since:
                found[name] = (rate, since)
        return found

    def _deals_by_currency(self) -> Counter[str]:
        last = (states[-1] for states in self.states.values())
        return Counter(state.currency for state in last if state.currency)

    def deals(self, currency: str, *, indirect: bool) -> Deals:
        """Indirect or direct deals with their worth in one currency; deals of another currency
        that is not converted count in the hazards and are worth nothing here. A deal without an
        amount belongs to the commonest currency. Won amounts are converted at the rate of their
        close, open ones at that of the book's day."""
        main = currency == self.currencies()[0]
        mine = (s for s in self.states.values() if (s[-1].partner is not None) is indirect)
        timelines = [self._timeline(states, currency, main) for states in mine]
        return gather(timelines, DIMENSIONS, self.recorded_from.toordinal())

    def _timeline(self, states: tuple[PastState, ...], currency: str, main: bool) -> Timeline:
        created = _day(states[0].created_at, self.zone, self.as_of)
        starts = [created, *(_day(s.until_at, self.zone, self.as_of) for s in states[:-1])]
        today = self.as_of.toordinal()
        standings = tuple(
            Standing(
                max(start, created),
                _stage(state),
                self._amount(state, currency, main),
                _close(state, today),
            )
            for start, state in zip(starts, states, strict=True)
        )
        return Timeline(states[0].opportunity, created, standings, self._labels(states[-1]))

    def _amount(self, state: PastState, currency: str, main: bool) -> float:
        if state.amount is None or state.currency is None:
            return float("nan") if main else 0.0
        worth = float(state.amount)
        if self.rates is None or currency != self.rates.currency:
            return worth if state.currency == currency else 0.0
        won = state.close_date if _stage(state).is_won else None
        rate = self.rates.rate(state.currency, min(won or self.as_of, self.as_of))
        return 0.0 if rate is None else worth * float(rate)

    def _labels(self, state: PastState) -> tuple[str, ...]:
        partner = state.partner
        known = () if self.blank_until_closed else codes(state.product_lines)
        product = min(known, default=UNKNOWN)
        if partner is None:
            return (UNKNOWN, UNKNOWN, UNKNOWN, product)
        tier = self.tiers.on(PrmId(partner), self.as_of) or UNKNOWN
        return (partner, tier, self.countries.get(partner) or UNKNOWN, product)

    def shown(self, dimension: str, label: str) -> str:
        """What people call a group of a dimension: partners are told apart by id."""
        return self.partner_names.get(label, label) if dimension == "partner" else label


def deal_book(connection: sa.Connection, program: Program, as_of: date, today: date) -> DealBook:
    """Everything that was known of the deals when `as_of` ended in the program's time zone; closes
    dated up to `today` have come by now.

    Raises InputError where the database holds a stage that is none.
    """
    zone = program.review.time_zone
    end = datetime.combine(as_of + timedelta(days=1), time(), zone).astimezone(UTC)
    present = list(connection.execute(sa.select(tables.opportunity)))
    past = list(past_states(connection))
    began = record_began(connection, zone)
    states, unseen = open_until_close(_known(present, past, end), as_of, today, began)
    kept, findings = _usable(states, as_of, zone)
    if unseen:
        findings = {CLOSED_LATER: unseen} | findings
    late = _blank_until_closed(kept.values())
    if late:
        findings[_BLANK] = late
    partners = list(rows.partners(connection))
    return DealBook(
        as_of=as_of,
        states=kept,
        numbers={row.id: row.number or row.name for row in present},
        owners={row.id: row.owner for row in present if row.owner},
        partner_names=_shown_names(partners),
        countries={partner.id: partner.country for partner in partners if partner.country},
        tiers=rows.tier_history(connection),
        recorded_from=_recorded_from(kept.values(), past, as_of, zone),
        zone=zone,
        rates=program.forecast.rates,
        findings=findings | _without_rate(kept.values(), program.forecast.rates, as_of),
        blank_until_closed=late > 0,
    )


def _shown_names(partners: Iterable[Partner]) -> dict[str, str]:
    names = {partner.id: partner.name for partner in partners}
    count = Counter(names.values())
    return {
        ident: name if count[name] == 1 else f"{name} ({ident})" for ident, name in names.items()
    }


def _known(
    present: Iterable[Any], past: Iterable[PastState], end: datetime
) -> dict[str, tuple[PastState, ...]]:
    """By deal its states that had begun before `end`; what ended later had not ended yet."""
    by_deal = {deal: list(states) for deal, states in groupby(past, lambda s: s.opportunity)}
    for row in present:
        by_deal.setdefault(row.id, []).append(present_state(row))
    found = {}
    for deal, states in by_deal.items():
        starts = [states[0].created_at, *(state.until_at for state in states)]
        begun = [
            state
            for start, state in zip(starts, states, strict=False)
            if start is None or start < end
        ]
        over = begun and begun[-1].gone and begun[-1].until_at < end
        if begun and not over:
            found[deal] = tuple(begun)
    return found


def _usable(
    states: Mapping[str, tuple[PastState, ...]], as_of: date, zone: tzinfo
) -> tuple[dict[str, tuple[PastState, ...]], dict[str, int]]:
    """Deals that can enter a forecast, and what was found wrong with how many."""
    kept: dict[str, tuple[PastState, ...]] = {}
    findings: Counter[str] = Counter()
    moves = _days_of_moves(states.values(), zone)
    for deal, mine in states.items():
        last = mine[-1]
        closed = _stage(last).is_closed
        if closed and last.close_date is not None and last.close_date > as_of:
            findings[_CLOSE_TO_COME] += 1
        if closed and last.close_date is None and len(mine) == 1:
            findings["closed without a close date: left out"] += 1
            continue
        if all(state.created_at is None for state in mine):
            findings[_NO_CREATION] += 1
        if _made(mine, zone) in moves or _brought_over(mine, zone):
            findings[_BROUGHT_OVER] += 1
            mine = tuple(replace(state, created_at=None) for state in mine)
        if not closed and (last.amount is None or last.currency is None):
            findings[_TYPICAL] += 1
        if _stage(last).is_won and last.amount is None:
            findings["won without an amount: worth nothing here"] += 1
        if any(_stage(a).is_closed and not _stage(b).is_closed for a, b in pairwise(mine)):
            findings["opened again after a close: only the last close counts"] += 1
        kept[deal] = _with_creation(mine, as_of)
    found = dict(findings) | _of_all(kept.values())
    if _NO_AMOUNT in found:
        found.pop(_TYPICAL, None)
    return kept, found


def _made(states: tuple[PastState, ...], zone: tzinfo) -> date | None:
    made = min((s.created_at for s in states if s.created_at is not None), default=None)
    return None if made is None else made.astimezone(zone).date()


def _brought_over(states: tuple[PastState, ...], zone: tzinfo) -> bool:
    """A deal that was never seen open and says that it was made after its close: the date is that
    of its record, and to count it as won on that day would make a quarter of old deals."""
    made, close = _made(states, zone), states[-1].close_date
    if made is None or close is None or not all(_stage(state).is_closed for state in states):
        return False
    return made > close


def _days_of_moves(deals: Iterable[tuple[PastState, ...]], zone: tzinfo) -> set[date | None]:
    """Days on which deals were brought over: the open ones among them are older than they say."""
    count = Counter(_made(mine, zone) for mine in deals if _brought_over(mine, zone))
    return {day for day, deals_ in count.items() if deals_ >= _MOVE}


def _of_all(deals: Collection[tuple[PastState, ...]]) -> dict[str, int]:
    """What is wrong with all open deals together."""
    open_ = [mine for mine in deals if not _over(mine)]
    found = {}
    stages = {mine[-1].stage for mine in open_}
    if len(stages) == 1 and len(open_) >= _FEW_IN_ONE_STAGE:
        found[_ONE_STAGE.format(stage=stages.pop().replace("_", " "))] = len(open_)
    if open_ and not any(state.amount for mine in deals for state in mine):
        found[_NO_AMOUNT] = len(deals)
    return found


def _blank_until_closed(deals: Iterable[tuple[PastState, ...]]) -> int:
    """How many indirect deals have no product, where next to none of these is over though many
    of the others are: it is entered with the close. 0 where that is not so."""
    count: Counter[tuple[bool, bool]] = Counter()
    for mine in deals:
        if mine[-1].partner is not None:
            count[bool(codes(mine[-1].product_lines)), _over(mine)] += 1
    blank = count[False, True] + count[False, False]
    known = count[True, True] + count[True, False]
    if blank < _FEW_BLANK or count[False, True] > _HARDLY * blank:
        return 0
    return blank if count[True, True] > _MANY * known else 0


def _recorded_from(
    deals: Iterable[tuple[PastState, ...]], past: Iterable[PastState], as_of: date, zone: tzinfo
) -> date:
    """The day since which stages are on record: nearly all deals that closed since were seen open.
    A file that tells the past of a few old deals does not make a record of their time. Where
    nothing is on record yet, the day after `as_of`: closes of deals never seen open teach nothing.
    """
    tomorrow = as_of + timedelta(days=1)
    earliest = min((s.until_at.astimezone(zone).date() for s in past), default=date.max)
    closes = sorted(
        (
            (min(mine[-1].close_date or as_of, as_of), len(mine) > 1)
            for mine in deals
            if _over(mine)
        ),
        reverse=True,
    )
    seen, day = 0, date.max
    for count, (close, was_seen) in enumerate(closes, 1):
        seen += was_seen
        if seen >= _NEARLY_ALL * count:
            day = close
    whole = closes and seen >= _NEARLY_ALL * len(closes)
    return min(earliest if whole or not closes else max(earliest, day), tomorrow)


def _over(states: tuple[PastState, ...]) -> bool:
    return _stage(states[-1]).is_closed


def _without_rate(
    deals: Iterable[tuple[PastState, ...]], rates: Rates | None, as_of: date
) -> dict[str, int]:
    if rates is None:
        return {}
    named = Counter(states[-1].currency for states in deals if states[-1].currency)
    return {
        f"in {name}, which has no exchange rate: shown apart": count
        for name, count in sorted(named.items())
        if rates.rate(name, as_of) is None
    }


def _with_creation(states: tuple[PastState, ...], as_of: date) -> tuple[PastState, ...]:
    """The same states, all of them with the date of creation, or a guess at it. A deal that is seen
    before the date that it states was made when it was seen first."""
    created = min((s.created_at for s in states if s.created_at is not None), default=None)
    if created is None:
        close = min(states[-1].close_date or as_of, as_of)
        guess = datetime.combine(close, time(), UTC) - ASSUMED_AGE
        created = min(guess, states[0].until_at)
    return tuple(replace(state, created_at=created) for state in states)


def _stage(state: PastState) -> Stage:
    try:
        return Stage(state.stage)
    except ValueError:
        raise InputError(
            f"opportunity {state.opportunity} holds {state.stage!r}, which is no stage",
            hint=f"correct it in the partner database to one of: {', '.join(Stage)}",
        ) from None


def _day(moment: datetime | None, zone: tzinfo, latest: date) -> int:
    """The day of a moment in the program's zone, as an ordinal, not after `latest`."""
    if moment is None:
        return latest.toordinal()
    return min(moment.astimezone(zone).date(), latest).toordinal()


def _close(state: PastState, today: int) -> int:
    """The expected close, or of a closed deal the close, which is never after today."""
    if state.close_date is None:
        return NEVER
    day = state.close_date.toordinal()
    return min(day, today) if _stage(state).is_closed else day
