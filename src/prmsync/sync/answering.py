"""Decisions taken in the CRM: the picklist on a record, read back as `held decide`."""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.domain.values import Scalar
from prmsync.mapping.status import DECISION
from prmsync.store import held as held_store
from prmsync.store import links, told
from prmsync.store.held import HeldState
from prmsync.store.links import OURS, Link
from prmsync.store.told import Told
from prmsync.sync.session import Session, Stream
from prmsync.sync.standing import answerable


def take_answers(session: Session) -> None:
    """Note what people of the CRM decided, for what they were told: what had opened since, or had
    moved, is not decided by it. A decision is noted once, and told again when it is carried out."""
    for stream in session.marked():
        codec = stream.translator.status
        if codec is None or DECISION not in codec.fields:
            continue
        with session.database.begin() as connection:
            session.fence(connection)
            asked = told.of_marked(connection, stream.id)
            found = links.by_ids(connection, asked, lock=True) if asked else {}
            answered = [
                _answer(connection, session, stream, link, asked[link.id])
                for link in found.values()
                if (link.crm or {}).get(DECISION) and not asked[link.id].note.get("answered")
            ]
            told.save(connection, answered)


def _answer(
    connection: sa.Connection, session: Session, stream: Stream, link: Link, row: Told
) -> Told:
    take: Scalar = (link.crm or {})[DECISION]
    by = who(session, link)
    items = held_store.of_links(connection, [link.id]).get(link.id, [])
    asked = [
        one
        for one in items
        if one.id in row.items and one.state == HeldState.OPEN and answerable(stream, one)
    ]
    known = take in ("crm", "prm")
    for item in asked if known else ():
        held_store.decide(connection, item.id, str(take), by, session.now())
    ids = [one.id for one in asked] if known else []
    note = {"answered": True, "known": known, "take": take, "by": by, "ids": ids}
    return Told(link.id, None, row.items, note)


def who(session: Session, link: Link) -> str:
    """Who last modified the CRM record, as well as the CRM tells."""
    user = (link.crm_modified_by or "").removeprefix(OURS)
    title = session.connector_title
    if not user:
        return f"somebody in {title}"
    return f"{session.people.get(user, 'user ' + user)} in {title}"
