"""Decisions taken in the CRM: the picklist on a record, read back as `held decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from prmsync.domain.values import Scalar
from prmsync.mapping.status import DECISION
from prmsync.store import held as held_store
from prmsync.store import links, lost_links, told
from prmsync.store.held import HeldState
from prmsync.store.links import MERGED, OURS, Link
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
            _given_elsewhere(connection, stream, found, asked)
            answered = [
                _answer(connection, session, stream, link, asked[link.id])
                for link in found.values()
                if (link.crm or {}).get(DECISION) and not asked[link.id].note.get("answered")
            ]
            told.save(connection, answered)


def _given_elsewhere(
    connection: sa.Connection, stream: Stream, found: Mapping[int, Link], asked: dict[int, Told]
) -> None:
    """A merge fills the blanks of the record that is left, also its decision: of what was merged
    since the last run, nobody can say on which one it was given, and it counts for none."""
    lost = [one for one in found.values() if one.crm_gone and asked[one.id].items]
    merged = [str(one.crm_id) for one in lost if MERGED in (one.crm or {})]
    if not merged:
        return
    left = lost_links.survivors(connection, stream.id, merged).values()
    kept = {row.id for row in left if isinstance(row, Link)}
    for link_id in kept & asked.keys():
        asked[link_id] = replace(asked[link_id], items=())
    gone = [Told(one.id) for one in lost if str(one.crm_id) in merged]  # nobody reads it there now
    told.save(connection, gone)


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
