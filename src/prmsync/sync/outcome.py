"""How a run's CRM writes ended, and what becomes of a row that the CRM refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.errors import ConnectorError, LockedError, RejectedError
from prmsync.mapping.status import STATUS_KEYS
from prmsync.store import held, journal, links
from prmsync.store.held import ParkedItem
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, Link
from prmsync.sync.locked import again_at
from prmsync.sync.session import Session


@dataclass(slots=True)
class Outcome:
    """How a run's CRM writes ended; `stopped` is the error that ended them early."""

    written: int = 0
    refused: int = 0
    retry: int = 0
    stopped: ConnectorError | None = None
    passed_over: int = 0
    """Rows that wait for the link of a record which is still to be sent in this run."""
    held: int = 0
    """Values that came to wait for a person while it wrote."""
    errors: list[str] = field(default_factory=list)


def collision() -> RejectedError:
    """What is told of a record whose key leads to another of our records."""
    return RejectedError(
        "the CRM record with this record's key is linked to another of our records",
        hint="Two records of the partner database mean the same one in the CRM: keep one of them.",
        code="KEY_COLLISION",
    )


def refuse(
    connection: sa.Connection,
    session: Session,
    action: Action,
    error: ConnectorError,
    outcome: Outcome,
) -> None:
    """The CRM will not take this content: it waits until the content, or the rule, changes; a
    record that is locked there, until it is tried again. Of that a run speaks once."""
    if action.fields and all(name in STATUS_KEYS for name in action.fields):
        # The record cannot be told how it stands: no reason to set anything of it aside.
        journal.mark(connection, [action.id], ActionState.SUPERSEDED, error=error.message)
        return
    now = session.now()
    since = session.locked.get(action.link_id)
    known = since is not None and isinstance(error, LockedError)
    state = ActionState.SUPERSEDED if known else ActionState.PARKED
    journal.mark(connection, [action.id], state, error=error.message)
    item = ParkedItem(
        action.link_id,
        action.fingerprint,
        Side.CRM,
        error.code,
        error.message,
        error.hint,
        since if known and since is not None else now,
    )
    if isinstance(error, LockedError):
        item = replace(item, again_at=again_at(item.since, now))
    held.park(connection, [item])
    outcome.refused += not known


def wait(connection: sa.Connection, action: Action, link: Link, missing: set[str]) -> None:
    """Leave a row until the records that it names are there."""
    message = "waits for the link of its " + ", ".join(sorted(missing))
    journal.mark(connection, [action.id], not_sent(action), error=message)
    links.set_dirty(connection, [link.id], Dirty.WAITS)


def not_sent(action: Action) -> ActionState:
    """What becomes of a write that did not happen: a person who let it go is not asked again."""
    return ActionState.RETRY if action.brake_id is None else ActionState.RELEASED
