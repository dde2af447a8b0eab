"""Right before relations are written: are the records that they join still there?

Where a relation is no record of its own (HubSpot's associations), the CRM takes the id of a
record that was merged away for the one that is left, and what is written stands on somebody
else's record. A search that lags has not told of the merge yet: so both ends are read.

What these reads show is not stored: the guards of the ends' own writes find it anew, and decide
by it that something has moved.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from prmsync.connector.protocol import Page, Record, RelationReader
from prmsync.domain.values import Values
from prmsync.store import links, streams
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.store.streams import StreamState
from prmsync.sync import references
from prmsync.sync.observe import missing_relations
from prmsync.sync.session import Session, Stream


def lost_ends(session: Session, stream: Stream, rows: Sequence[Values]) -> list[set[str]]:
    """Of each of these relations, in our ids, the fields that name a record which is gone there."""
    found: list[set[str]] = [set() for _ in rows]
    for field, parent in stream.references.items():
        ids = {str(row[field]) for row in rows if row.get(field)}
        if not ids or session.aside.get(parent) is not None:
            continue
        gone = _gone(session, session.streams[parent], ids)
        for row, missing in zip(rows, found, strict=True):
            if row.get(field) in gone:
                missing.add(field)
    return found


def _gone(session: Session, parent: Stream, prm_ids: set[str]) -> set[str]:
    if not isinstance(session.connector, RelationReader):
        return set()
    with session.database.read() as connection:
        ends = links.prm_to_crm(connection, parent.id, prm_ids)
    shown = session.connector.fetch(parent.spec, sorted(ends.values()))
    deleted = {crm_id for crm_id, record in shown.items() if record.deleted}
    return {prm_id for prm_id, crm_id in ends.items() if crm_id in deleted}


def gone_with_their_ends(
    session: Session, stream: Stream, found: Sequence[Link], rows: Sequence[Values]
) -> dict[str, Record]:
    """A relation is gone with either of its ends. Where that was merged away, what the CRM shows
    under its id is the other record's. `rows` say in our ids what the relations in `found` are."""
    with session.database.read() as connection:
        known = references.name_what_is_gone(connection, stream, session.streams, rows)
    looked = lost_ends(session, stream, rows)
    return {
        str(one.crm_id): Record(str(one.crm_id), one.crm_version or "", {}, deleted=True)
        for one, is_known, fields in zip(found, known, looked, strict=True)
        if is_known or fields
    }


def was_taken_off(session: Session, link: Link, key: str) -> bool:
    """A CRM whose relations are no records of their own restores a record with its relations. One
    that is not there between the same two records was taken off by somebody, nobody knows when."""
    resting = link.state == LinkState.DORMANT and link.crm_gone
    same = str(link.crm_id).split(":")[:2] == key.split(":")[:2]
    return resting and same and isinstance(session.connector, RelationReader)


def taken_off_elsewhere(
    connection: sa.Connection, session: Session, stream: Stream, found: Sequence[Link]
) -> set[int]:
    """The ids of those relations that are gone here, and in another CRM too, where their deal and
    their partner are the same records as before: there somebody took them off."""
    said = {str(one.prm_id): one for one in found}
    off: set[int] = set()
    for other in streams.all_connections(connection) if said else ():
        known = streams.streams_of(connection, other.name)
        if other.name == session.name or stream.name not in known:
            continue
        for one in links.by_prm_ids(connection, known[stream.name].id, said).values():
            mine = said[str(one.prm_id)]
            if one.prm_gone and one.crm_gone and _has_ends(connection, known, one, mine.base or {}):
                off.add(mine.id)
    return off


def _has_ends(
    connection: sa.Connection, known: Mapping[str, StreamState], link: Link, base: Values
) -> bool:
    """Whether the records that a relation joined are there still. Its own id tells whether they are
    the same ones only where it is made of theirs; where it is not, they may have been deleted and
    restored without it, and a person is asked once more than was needed."""
    ends: list[str] = []
    for parent in ("opportunity", "partner"):
        if parent in known:
            named = [str(base.get(parent))]
            found = links.by_prm_ids(connection, known[parent].id, named).values()
            ends += [str(one.crm_id) for one in found if one.crm_id and not one.crm_gone]
    joined = str(link.crm_id).split(":")[:2]
    return len(ends) == 2 and (len(joined) == 1 or joined == ends)


def ask_about(link: Link) -> None:
    """Nothing counts as agreed on any more, so that a person is asked: `relation_ends.BACK_THERE`
    says why."""
    link.base, link.state, link.dirty = {}, LinkState.LIVE, Dirty.CHANGED


def go_along(
    connection: sa.Connection, session: Session, stream: Stream, deleted: Sequence[Link]
) -> None:
    """What hung on these records, which were deleted in the CRM just now, is gone with them. Were
    it not noted, a relation that waits to be made here would be made once its deal is back, and one
    that was refused here be told of until it is read again."""
    if not isinstance(session.connector, RelationReader):
        return
    ids = [str(one.crm_id) for one in deleted if one.crm_gone]
    for one in session.streams.values() if ids else ():
        if one.spec.relation is None:
            continue
        if one.references.get("opportunity") == stream.name:
            missing_relations(connection, one, Page([], None, tuple(ids)))
        elif one.references.get("partner") == stream.name:
            _unlinked_go_along(connection, one, ids)


def _unlinked_go_along(
    connection: sa.Connection, stream: Stream, partners: Collection[str]
) -> None:
    """Of relations with partners that were deleted, those that only the CRM had; the others are
    decided with their partner. A relation's id says its deal's first, then its partner's."""
    alone = links.unlinked(connection, stream.id, crm_side=True, dirty_only=False)
    gone = [one for one in alone if str(one.crm_id).split(":")[1] in partners]
    for one in gone:
        one.crm_gone, one.dirty = True, Dirty.CHANGED
    links.save(connection, gone)
