"""What our own side refuses. A write that names a record of ours which is gone waits for it to come
back; every other one waits for new content, as what a CRM refuses does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.store import held, links
from prmsync.store.held import ParkedItem
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty
from prmsync.store.row_checks import NO_SUCH_RECORD, RowProblem
from prmsync.sync.session import Session

Refused = Mapping[str, Sequence[RowProblem]]
"""Our id → why its row was not written."""


def by_record(problems: Sequence[RowProblem]) -> Refused:
    """The problems of each record together."""
    found: dict[str, list[RowProblem]] = {}
    for one in problems:
        found.setdefault(one.id, []).append(one)
    return found


def parked(session: Session, action: Action, problems: Sequence[RowProblem]) -> ParkedItem:
    """Mark a row as refused; returns what is kept of that."""
    message = "; ".join(map(str, problems))
    action.state, action.error = ActionState.PARKED, message
    absent = any(one.code == NO_SUCH_RECORD for one in problems)
    code = NO_SUCH_RECORD if absent else None
    return ParkedItem(
        action.link_id, action.fingerprint, Side.PRM, code, message, None, session.now()
    )


def try_again(connection: sa.Connection, session: Session) -> None:
    """Records have come to our side: what was refused because it named one that was not there is
    decided again."""
    ids = held.refused_as(connection, [one.id for one in session.active], NO_SUCH_RECORD)
    if ids:
        held.unpark(connection, ids)
        links.set_dirty(connection, ids, Dirty.CHANGED)
