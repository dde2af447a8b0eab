"""Records that a CRM keeps from being edited for a while: an approval locks them.

They are refused like others and stand in the list of refusals, but they wait for the unlock: the
same write is tried again by itself, first soon and then ever more rarely, and whenever the record
is decided anew because it moved.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from prmsync.store import held, links
from prmsync.sync.session import Session

SOONEST = timedelta(minutes=15)
LATEST = timedelta(hours=6)


def again_at(since: datetime, now: datetime) -> datetime:
    """When a record that is locked since `since` is tried again: after half as long again."""
    return now + min(max((now - since) / 2, SOONEST), LATEST)


def look_again(session: Session) -> None:
    """Mark the records whose time has come to be decided, and so tried, by this run."""
    ids = [stream.id for stream in session.active]
    with session.database.read() as connection:
        due = held.due_again(connection, ids, session.now())
    if due:
        with session.database.begin() as connection:
            session.fence(connection)
            links.set_dirty(connection, due, links.Dirty.CHANGED)
