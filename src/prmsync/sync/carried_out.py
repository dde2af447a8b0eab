"""Decisions that a run has carried out: they are done with it, and count for nothing later.

Left standing, a decision would decide again, unasked, once both sides happen to show its values
once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from prmsync.connector.values import in_utc
from prmsync.store import held, journal, sending, written
from prmsync.store.held import HeldItem, HeldState
from prmsync.sync.matching import MATCH
from prmsync.sync.session import Session


def close_carried_out(connection: sa.Connection, session: Session) -> None:
    """Close what was decided and written since, on links with nothing left to do."""
    for stream in session.active:
        decided = [
            (one, at)
            for one, at in held.decided_at_rest(connection, stream.id)
            if one.group != MATCH and one.group not in stream.paused
        ]
        if decided:
            _close(connection, decided)


def _close(connection: sa.Connection, decided: Sequence[tuple[HeldItem, datetime]]) -> None:
    ids = sorted({one.link_id for one, _ in decided})
    open_still = {
        *sending.standing_of(connection, ids),
        *journal.under_way(connection, ids),
        *held.parked_of(connection, ids),
    }
    done = written.done_of(connection, ids)
    over = [
        one.id
        for one, decided_at in decided
        if one.link_id not in open_still
        and any(
            at >= in_utc(decided_at) and (op != "update" or not names.isdisjoint(one.fields))
            for op, names, at in done.get(one.link_id, ())
        )
    ]
    held.close_items(connection, over, HeldState.DONE)
