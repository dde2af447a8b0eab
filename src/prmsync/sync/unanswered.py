"""Creations that were sent and have no answer yet: the record may be there, edited by somebody
since, and one more under the same key would write over it. Reading it comes first, in the next
run (`prmsync.sync.recover`); until then the record waits, whatever marked it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.store import journal
from prmsync.store.journal import Action
from prmsync.store.links import Link
from prmsync.sync.session import Stream


def unanswered(
    connection: sa.Connection, stream: Stream, decided: Iterable[tuple[Link, Sequence[Action]]]
) -> set[int]:
    """Of these links the ids of those that would be created in the CRM a second time."""
    if stream.spec.relation is not None:  # looked for right before it is made, and taken over
        return set()
    made = {
        link.id
        for link, actions in decided
        if any(one.op == "create" and one.side == Side.CRM for one in actions)
    }
    return made & creations(connection, stream) if made else made


def creations(connection: sa.Connection, stream: Stream) -> set[int]:
    """The ids of all links whose creation in the CRM was sent and has no answer yet."""
    sent = journal.open_intents(connection, stream.id)
    return {one.link_id for one in sent if (one.side, one.op) == (Side.CRM, "create")}
