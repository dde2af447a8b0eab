"""Deals on a day before the record began: what they became later was not known then.

A state that nobody saw begin is taken to have held since the deal was made. Of a deal that was
first seen closed that is not so: until its close it was open, how it stood is on record nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta, tzinfo

import sqlalchemy as sa

from prmsync.domain.stage import Stage
from prmsync.forecast.timelines import OPEN_STAGES
from prmsync.store import snapshots
from prmsync.store.opportunity_past import PastState, first_seen_change

CLOSED_LATER = (
    "closed after this day, and not seen before their close: this day lies before the record "
    "began, so they are taken as open, in the first stage, worth what they were at the close"
)


def record_began(connection: sa.Connection, zone: tzinfo) -> date | None:
    """The day since which changes of deals are seen; None where nothing tells."""
    kept = snapshots.first_day(connection)
    changed = first_seen_change(connection)
    # The first sync stores the day before it: nothing was seen of that day itself.
    days = [] if kept is None else [kept + timedelta(days=1)]
    days += [] if changed is None else [changed.astimezone(zone).date()]
    return min(days, default=None)


def open_until_close(
    states: Mapping[str, tuple[PastState, ...]], as_of: date, today: date, began: date | None
) -> tuple[dict[str, tuple[PastState, ...]], int]:
    """The states known at `as_of`, deals that closed after it and were not seen before as open;
    and how many these are. A close dated after `today` is no close to wait for: it stays."""
    if as_of >= min(began or today, today):
        return dict(states), 0
    found = {
        deal: (replace(mine[0], stage=OPEN_STAGES[0].value),)
        for deal, mine in states.items()
        if len(mine) == 1 and _closes(mine[0], as_of, today)
    }
    return dict(states) | found, len(found)


def _closes(state: PastState, as_of: date, today: date) -> bool:
    close = state.close_date
    return state.stage in _CLOSED and close is not None and as_of < close <= today


_CLOSED = frozenset(stage.value for stage in Stage if stage.is_closed)
