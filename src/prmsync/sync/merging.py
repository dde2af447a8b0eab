"""Merges in the CRM: a link goes on with the record into which its own was merged.

Nothing is written to either side: as with matching, only what belongs together becomes known.
What the winner shows is merged field by field afterwards, on the link's own base.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from prmsync.connector.protocol import MergeReader, Record
from prmsync.domain.values import Values
from prmsync.mapping.status import DECISION
from prmsync.reconcile.record import RECORD, Decision, Held, Op, Present, Winner, reconcile
from prmsync.store import held, journal, links, lost_links, told
from prmsync.store import records as prm_records
from prmsync.store.held import HeldState
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import MERGED, Dirty, Link, LinkState
from prmsync.sync.observe import store_records
from prmsync.sync.relation_renaming import rename_relations
from prmsync.sync.session import Session, Stream
from prmsync.sync.status import titles
from prmsync.sync.third_ids import is_free, kept_records


def follow_merges(session: Session, run_id: int, *, kept_only: bool = False) -> int:
    """Let all links follow their merged CRM records, or with `kept_only` those that people kept
    and that got another id; returns how many did."""
    return sum(_follow_stream(session, run_id, one, kept_only) for one in session.marked())


def _follow_stream(session: Session, run_id: int, stream: Stream, kept_only: bool) -> int:
    with session.database.read() as connection:
        lost = lost_links.merged_away(connection, stream.id)
        unclear = _unclear(connection, stream, lost)
    if not lost:
        return 0
    winners = _read(session, stream, unclear)
    with session.database.begin() as connection:
        session.fence(connection)
        store_records(connection, session, stream, winners)
        _remember(connection, stream, winners)
        lost = lost_links.merged_away(connection, stream.id)
        kept = kept_records(connection, stream, lost)
        wanted = [one for one in lost if one.id in kept or not kept_only]
        first = sorted(wanted, key=lambda one: one.id not in kept)
        return _follow_page(connection, session, stream, run_id, first, kept)


def _unclear(connection: sa.Connection, stream: Stream, lost: Sequence[Link]) -> list[str]:
    """Winners of which nothing was read yet, and those that belong to nobody: which of the records
    that went into one was kept is known only when all of these are."""
    found = lost_links.survivors(connection, stream.id, [str(one.crm_id) for one in lost])
    return sorted(
        {
            str(one.crm_id) if isinstance(one, Link) else one
            for one in found.values()
            if isinstance(one, str) or is_free(one)
        }
    )


def _read(session: Session, stream: Stream, ids: Sequence[str]) -> list[Record]:
    """These records, where they were merged themselves those that are left of them, and what is
    told to have gone into them."""
    connector, found = session.connector, dict[str, Record]()
    read = connector.with_merged if isinstance(connector, MergeReader) else connector.fetch
    while ids:
        found |= read(stream.spec, ids)
        further = {one.merged_into for one in found.values() if one.deleted and one.merged_into}
        ids = sorted(further - found.keys() - set(ids))
    return list(found.values())


def _remember(connection: sa.Connection, stream: Stream, records: Sequence[Record]) -> None:
    """Winners that were merged before anybody read them: only the way past them is kept."""
    known = links.by_crm_ids(connection, stream.id, [one.id for one in records])
    for one in records:
        if one.deleted and one.merged_into is not None and one.id not in known:
            lost_links.remember_merge(connection, stream.id, one.id, one.version, one.merged_into)


def winners_of(
    connection: sa.Connection, stream: Stream, found: Sequence[Link]
) -> Mapping[int, Winner]:
    """Link id → the record into which its CRM record was merged, where there is one."""
    merged = [one for one in found if one.crm_gone and MERGED in (one.crm or {})]
    if not merged:
        return {}
    rows = lost_links.survivors(connection, stream.id, [str(one.crm_id) for one in merged])
    left = {
        one.id: row
        for one in merged
        if isinstance(row := rows.get(str(one.crm_id)), Link) and not row.crm_gone
    }
    taken = [row for row in left.values() if row.is_linked]
    named = titles(connection, stream.name, taken) if taken else {}
    return {
        link_id: Winner(str(row.crm_id), row.crm or {}, named.get(row.id))
        for link_id, row in left.items()
    }


def as_written(stream: Stream, asked: Held, winner: Values) -> Held:
    """The question of a merge, with what this run writes to the winner: an answer to what the
    winner shows before that would not fit any more."""
    if asked.group != RECORD or asked.crm is None:
        return asked
    members = [member for group in stream.rule.groups for member in group.members]
    shown = zip(members, asked.crm, strict=True)
    return replace(asked, crm=tuple(winner.get(name, seen) for name, seen in shown))


def _follow_page(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    run_id: int,
    lost: Sequence[Link],
    kept: Collection[int],
) -> int:
    """One link after another: of two that were merged into one record, the second finds it
    taken. `kept` are ids of links."""
    ours = prm_records.read(connection, stream.name, [str(one.prm_id) for one in lost])
    count = 0
    for link in lost:
        winner = winners_of(connection, stream, [link]).get(link.id)
        prm = Present(ours.get(str(link.prm_id)), link.prm_gone)
        rule = stream.rule_for(prm.values, session.name)
        decision = reconcile(link.base, prm, Present(None, gone=True, into=winner), rule)
        if winner is not None and prm.deleted and link.id in kept:
            decision = _renumbered(winner.id)
        if winner is not None and decision.op is Op.FOLLOW:
            journal.add(connection, run_id, [_row(session, link, winner.id, decision)])
            _move(connection, session, stream, link, winner.id, decision)
            count += 1
    return count


def _renumbered(into: str) -> Decision:
    """Ours was deleted, and what was kept of its CRM record has a third id: it must not be taken
    for a new one."""
    return Decision(Op.FOLLOW, reasons={RECORD: f"merged in the CRM into {into}"})


def _move(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    link: Link,
    into: str,
    decision: Decision,
) -> None:
    old = str(link.crm_id)
    link.base = None if link.base is None else {**link.base, **decision.base}
    before = _follow(connection, link, into)
    if before is not None:
        _take_over(connection, session, stream, before, str(link.prm_id))
    rename_relations(connection, session, stream, old, into)


def _row(session: Session, link: Link, into: str, decision: Decision) -> Action:
    """Not a write, but history tells it: from here on the record has another id."""
    old = link.base or {}
    fields = {name: (old.get(name), value) for name, value in decision.base.items()}
    fields[RECORD] = (link.crm_id, into)
    reason = decision.reasons[RECORD]
    row = Action(link.id, link.stream_id, "base", "merge", fields, reason)
    row.state, row.done_at = ActionState.DONE, session.stamp()
    return row


def _follow(connection: sa.Connection, link: Link, into: str) -> str | None:
    """The winner's own row gives its id up, the link takes it, and a tombstone keeps the old id
    for the references that still name it. Returns the id of the record of ours that the winner
    was linked to before it was gone here."""
    lost, version = str(link.crm_id), link.crm_version
    row = links.by_crm_ids(connection, link.stream_id, [into])[into]
    items = held.of_links(connection, [row.id]).get(row.id, ())
    held.close_items(connection, [item.id for item in items], HeldState.MOVED)
    links.give_up(connection, [row])
    link.crm_id, link.crm, link.crm_gone = into, row.crm, False
    link.crm_version, link.crm_modified_by = row.crm_version, row.crm_modified_by
    if link.state != LinkState.DORMANT and not (link.state == LinkState.ENDED and link.prm_gone):
        link.state = LinkState.LIVE
    link.dirty = Dirty.CHANGED
    links.save(connection, [link])
    if (link.crm or {}).get(DECISION):
        told.look_again(connection, link.stream_id, [into], [into])
    lost_links.remember_merge(connection, link.stream_id, lost, version, into)
    return row.prm_id


def _take_over(
    connection: sa.Connection, session: Session, stream: Stream, before: str, now: str
) -> None:
    """Relations that the winner kept when its record here was gone are those of the record that
    it is linked to from here on: to us they are new."""
    for relation in session.active:
        fields = [field for field, name in relation.references.items() if name == stream.name]
        if relation.spec.relation is None or not fields:
            continue
        taken = []
        for one in lost_links.left_in_crm(connection, relation.id):
            named = [field for field in fields if (one.base or {}).get(field) == before]
            if named:
                one.crm = {**(one.crm or {}), **dict.fromkeys(named, now)}
                one.prm_id, one.base, one.prm_gone = None, None, False
                one.state, one.dirty = LinkState.NEW, Dirty.CHANGED
                taken.append(one)
        links.save(connection, taken)
