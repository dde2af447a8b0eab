"""Deals' past as a file or a CRM tells it: events, put together to the states that ended.

What the triggers saw is never touched: events later than the first state they kept are dropped.
The last event of a deal must lead to the state that is known next. Where it does not, it held
until the known close, else until the day the source was made, and the deal is counted as one whose
told past does not meet its known one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import groupby, pairwise
from typing import Any

import sqlalchemy as sa

from prmsync.domain.stage import Stage
from prmsync.store import tables
from prmsync.store.bulk import among
from prmsync.store.links import chunks
from prmsync.store.opportunity_past import PastState, past_states, tell

SAID = ("stage", "amount", "currency", "close_date", "product_lines")
"""What an event may say of a deal; what it leaves out stays as it was."""
_BEFORE = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class DealEvent:
    """What of SAID a deal showed from `at` on, in the types of the `opportunity` table."""

    opportunity: str
    at: datetime
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """States that are `new`, were there already (`same`) or are `gone`; events that came `late`,
    after the triggers began to see; deals whose told past does not `meet` the known one."""

    new: int = 0
    same: int = 0
    gone: int = 0
    late: int = 0
    unmet: int = 0

    def __add__(self, other: Told) -> Told:
        pairs = ((name, getattr(self, name) + getattr(other, name)) for name in Told.__slots__)
        return Told(**dict(pairs))


def tell_history(
    connection: sa.Connection,
    events: Iterable[DealEvent],
    source: str,
    latest: datetime | None = None,
) -> Told:
    """Keep the past that these events tell, instead of what was told of the same deals before, and
    when deals were made that do not say so. Events of deals that do not exist are dropped.
    `latest` is the last moment of which the source knows; by default that of its last event."""
    ordered = sorted(events, key=lambda event: (event.opportunity, event.at))
    by_deal = {deal: list(mine) for deal, mine in groupby(ordered, lambda e: e.opportunity)}
    nothing = datetime.min.replace(tzinfo=UTC)
    latest = latest or max((event.at for event in ordered), default=nothing)
    found = Told()
    for part in chunks(sorted(by_deal)):
        known = _known_next(connection, part)
        found += _tell(
            connection, {d: by_deal[d] for d in part if d in known}, known, source, latest
        )
    return found


def _tell(
    connection: sa.Connection,
    by_deal: Mapping[str, Sequence[DealEvent]],
    known: Mapping[str, PastState],
    source: str,
    latest: datetime,
) -> Told:
    count: Counter[str] = Counter()
    states: list[PastState] = []
    for deal, events in by_deal.items():
        mine, late, met = told_states(events, known[deal], source, latest)
        states += mine
        count.update(late=late, unmet=not met)
    count.update(tell(connection, list(by_deal), states))
    _date(connection, {deal: events[0].at for deal, events in by_deal.items()})
    return Told(**count)


def _date(connection: sa.Connection, first: Mapping[str, datetime]) -> None:
    """A deal that does not say when it was made was made with its first event."""
    c = tables.opportunity.c
    undated = sa.select(c.id).where(among(connection, c.id, sorted(first)), c.created_at.is_(None))
    rows = [{"deal": row.id, "made": first[row.id]} for row in connection.execute(undated)]
    if rows:
        dated = tables.opportunity.update().where(c.id == sa.bindparam("deal"))
        connection.execute(dated.values(created_at=sa.bindparam("made")), rows)


def _known_next(connection: sa.Connection, deals: Sequence[str]) -> dict[str, PastState]:
    """By deal the first state that the triggers kept, else the present one."""
    c = tables.opportunity.c
    query = sa.select(tables.opportunity).where(among(connection, c.id, deals))
    found = {row.id: present_state(row) for row in connection.execute(query)}
    seen = [state for state in past_states(connection, deals) if state.source is None]
    return found | {state.opportunity: state for state in reversed(seen)}


def present_state(row: Any) -> PastState:
    """A row of `opportunity` as a state without an end."""
    return PastState(
        opportunity=row.id,
        until_at=datetime.max.replace(tzinfo=UTC),
        stage=row.stage,
        amount=row.amount,
        currency=row.currency,
        close_date=row.close_date,
        partner=row.partner,
        product_lines=row.product_lines,
        created_at=row.created_at,
        gone=False,
    )


def told_states(
    events: Sequence[DealEvent], known: PastState, source: str, latest: datetime
) -> tuple[list[PastState], int, bool]:
    """The states of one deal before `known`, how many events came late, and whether the last one
    leads to `known`. `latest` is the last moment of which the source knows anything."""
    early = [event for event in events if event.at < known.until_at]
    late = len(events) - len(early)
    if not early:
        return [], late, True
    standing = _filled(early, known)
    made = min(known.created_at or early[0].at, early[0].at)
    met = _same(standing[-1], known)
    if not met:
        end = _end(early[-1].at, known, latest)
        early = [*early, replace(early[-1], at=end)]
        standing = [*standing, known]
    pairs = zip(standing, pairwise(early), strict=False)
    ended = [
        replace(state, until_at=after.at, created_at=made, gone=False, source=source)
        for state, (event, after) in pairs
        if after.at > event.at
    ]
    return _merged(ended, standing[-1]), late, met


def _filled(events: Sequence[DealEvent], known: PastState) -> list[PastState]:
    """How the deal stood after each event. What no event has said yet is what the next one says,
    else what is known."""
    said: dict[str, Any] = {name: getattr(known, name) for name in SAID}
    for event in reversed(events):
        said |= event.said
    found = []
    for event in events:
        said |= event.said
        found.append(replace(known, **said))
    return found


def _same(one: PastState, two: PastState) -> bool:
    return all(getattr(one, name) == getattr(two, name) for name in SAID)


def _merged(states: Sequence[PastState], following: PastState) -> list[PastState]:
    """Without states that only repeat: the last of equal ones has their end."""
    return [one for one, two in pairwise([*states, following]) if not _same(one, two)]


def _end(last: datetime, known: PastState, latest: datetime) -> datetime:
    """When the last told state gave way to another one that is known."""
    end = latest
    if Stage(known.stage).is_closed and known.close_date is not None:
        end = datetime.combine(known.close_date, time(12), UTC)
    return max(min(end, known.until_at - _BEFORE), last + _BEFORE)
