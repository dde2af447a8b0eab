"""Writing the partner database: a page of rows with their base moves in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.domain.values import PrmId, Values
from prmsync.store import held as held_store
from prmsync.store import journal, links, tallies
from prmsync.store import records as prm_records
from prmsync.store.bulk import select_rows
from prmsync.store.held import ParkedItem
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.store.streams import save_stream
from prmsync.store.tables import PRM_TABLES
from prmsync.sync import newcomers, own_writes, references, relation_ends, returning, second_pass
from prmsync.sync.refused_here import Refused, by_record, parked, try_again
from prmsync.sync.relation_matching import not_said_any_more, unagreed
from prmsync.sync.session import HOME, Session, Stream

PAGE = 2000


@dataclass(slots=True)
class _Batch:
    """One page on its way into the partner database."""

    links: Mapping[int, Link]
    stamp: str
    inserts: list[tuple[Action, PrmId, Values]] = field(default_factory=list)
    updates: list[tuple[Action, PrmId, Values]] = field(default_factory=list)
    deletes: list[tuple[Action, PrmId]] = field(default_factory=list)
    keyed: returning.Keyed = field(default_factory=returning.Keyed)
    parked: list[ParkedItem] = field(default_factory=list)
    marked: bool = False
    """Whether a row refers to a record that has no link yet."""


def apply_prm(session: Session, run_id: int, states: Sequence[ActionState]) -> None:
    """Write all rows of the run that go to our side, and its base moves: parents first, and last
    what is deleted, children first."""
    sides = ["base"] if not session.may_write(Side.PRM) else ["prm", "base"]
    with session.database.read() as connection:
        there = {
            (stream_id, op == "delete")
            for stream_id, side, op in journal.open_kinds(connection, run_id, states)
            if side in sides
        }
    streams = session.active
    for stream in streams:
        if (stream.id, False) in there:
            _apply_stream(session, run_id, stream, sides, _NOT_DELETE, states)
    for stream in reversed(streams):
        if (stream.id, True) in there:
            _apply_stream(session, run_id, stream, sides, ("delete",), states)


_NOT_DELETE = ("create", "update", "base", "end", "rest")


def _apply_stream(
    session: Session,
    run_id: int,
    stream: Stream,
    sides: Sequence[str],
    ops: Sequence[str],
    states: Sequence[ActionState],
) -> None:
    after = 0
    while True:
        with session.database.begin() as connection:
            session.fence(connection)
            page = journal.page(
                connection,
                run_id,
                states,
                stream_id=stream.id,
                sides=sides,
                ops=ops,
                after=after,
                limit=PAGE,
            )
            if not page:
                return
            _apply_page(connection, session, stream, page)
        after = page[-1].id
        session.progress(f"writing {stream.name} to the partner database", len(page))


def _apply_page(
    connection: sa.Connection, session: Session, stream: Stream, page: Sequence[Action]
) -> None:
    found = links.by_ids(connection, {one.link_id for one in page}, lock=True)
    if carry_out(connection, session, stream, page, found):
        save_stream(connection, stream.state)
    journal.settle(connection, page)


def carry_out(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    actions: Sequence[Action],
    known: Mapping[int, Link],
) -> bool:
    """Write these rows to our side in the transaction at hand, with their base moves.

    Each row's `state` says afterwards what became of it; storing that is the caller's part. So is
    storing the stream's place in the change log, where it has moved: that is the answer.
    """
    batch = _Batch(known, session.stamp())
    created = [one.link_id for one in actions if one.side == "prm" and one.op == "create"]
    if created:
        newcomers.lock(connection, stream)
        batch.keyed = returning.keyed(connection, stream, [known[one] for one in created])
    ids = [
        str(known[one.link_id].prm_id)
        for one in actions
        if one.side == "prm" and one.op != "create"
    ]
    if ids and connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        table = PRM_TABLES[stream.name]
        select_rows(connection, [table.c.id], table.c.id, ids, lock=True)
    present = prm_records.read(connection, stream.name, ids) if ids else {}
    news = [one.new_values for one in actions]
    batch.marked = references.resolve_marked(connection, stream, session.streams, news)
    for action, values in zip(actions, news, strict=True):
        _sort(session, stream, batch, action, values, present)
    creates = bool(batch.inserts)
    seen = own_writes.all_seen(connection, stream) if creates or batch.updates else False
    if creates:
        _pass_over(connection, stream, batch, seen=seen)
    moving = _links_of([*(row[0] for row in batch.updates), *(row[0] for row in batch.deletes)])
    unsaid = unagreed(stream, [known[one] for one in moving], present)
    _write(connection, session, stream, batch)
    not_said_any_more(connection, stream, unsaid)
    settled = seen and _is_settled(stream, batch, present)
    if settled:
        own_writes.pass_over(connection, stream)
    elif creates:
        newcomers.written(connection, stream.newcomers)
    made = [action for action, _, _ in batch.inserts if action.state == ActionState.DONE]
    if made:  # a creation that was itself refused brings nobody what they wait for
        try_again(connection, session)
    tallies.created(connection, made)
    alike = settled and len(batch.inserts) == len(actions)
    links.save_ours(connection, [known[one] for one in _links_of(actions)], alike=alike)
    held_store.park(connection, batch.parked)
    return settled


def _pass_over(connection: sa.Connection, stream: Stream, batch: _Batch, *, seen: bool) -> None:
    """What another connection has created meanwhile is linked by the next run, not made twice.
    `seen`: this one has looked at all that was changed here."""
    rows = [values for _, _, values in batch.inserts]
    overtaken = newcomers.overtaken(connection, stream, stream.newcomers, rows, seen=seen)
    if not any(overtaken):
        return
    for row, late in zip(batch.inserts, overtaken, strict=True):
        if late:
            batch.links[row[0].link_id].dirty = Dirty.CHANGED
            row[0].state = ActionState.SUPERSEDED
    batch.inserts = [row for row, late in zip(batch.inserts, overtaken, strict=True) if not late]


def _is_settled(stream: Stream, batch: _Batch, before: Mapping[str, Values]) -> bool:
    """Whether the next run has nothing to decide about what was written now."""
    if batch.deletes:
        return False
    new = ((batch.links[action.link_id], values) for action, _, values in batch.inserts)
    changed = (
        (batch.links[action.link_id], {**before[prm_id], **values})
        for action, prm_id, values in batch.updates
    )
    return own_writes.are_settled(stream, new, changed)


def _links_of(actions: Sequence[Action]) -> list[int]:
    return list(dict.fromkeys(one.link_id for one in actions))


def _sort(
    session: Session,
    stream: Stream,
    batch: _Batch,
    action: Action,
    values: Values,
    present: Mapping[str, Values],
) -> None:
    link = batch.links[action.link_id]
    if action.side == "base":
        _move_base(batch, link, action)
    elif action.op == "create":
        if batch.marked and references.any_marked(stream, values):
            link.dirty = Dirty.WAITS
            action.state = ActionState.RETRY
        elif link.id in batch.keyed.there:
            link.dirty = Dirty.CHANGED
            action.state = ActionState.SUPERSEDED
        else:
            # A record that comes again keeps the id that the CRM's key names.
            prm_id = link.prm_id or batch.keyed.free.get(link.id) or session.new_id()
            batch.inserts.append((action, PrmId(prm_id), values))
    else:
        _sort_existing(batch, link, action, values, present.get(link.prm_id or ""))


def _sort_existing(
    batch: _Batch, link: Link, action: Action, values: Values, now: Values | None
) -> None:
    moved = now is None or any(now.get(name) != old for name, old in action.old_values.items())
    if moved:
        link.dirty = Dirty.CHANGED
        action.state = ActionState.SUPERSEDED
    elif action.op == "delete":
        batch.deletes.append((action, PrmId(link.prm_id or "")))
    else:
        batch.updates.append((action, PrmId(link.prm_id or ""), values))


def _done(batch: _Batch, action: Action) -> None:
    action.state, action.done_at = ActionState.DONE, batch.stamp


def _move_base(batch: _Batch, link: Link, action: Action) -> None:
    if action.op == "end":
        rests = action.reason == relation_ends.ENDED
        link.state = LinkState.DORMANT if rests else LinkState.ENDED
    elif action.op == "rest":
        link.state = LinkState.DORMANT
    else:
        link.base = {**(link.base or {}), **action.new_values}
    _done(batch, action)


def _write(connection: sa.Connection, session: Session, stream: Stream, batch: _Batch) -> None:
    _create(connection, session, stream, batch)
    refused = by_record(
        prm_records.update(
            connection, stream.name, [(prm_id, values) for _, prm_id, values in batch.updates]
        )
    )
    for action, prm_id, values in batch.updates:
        if prm_id in refused:
            batch.parked.append(parked(session, action, refused[prm_id]))
            continue
        link = batch.links[action.link_id]
        agreed = {name: value for name, value in values.items() if name != HOME}
        if agreed:
            link.base = {**(link.base or {}), **agreed}
        _done(batch, action)
    _delete(connection, session, stream, batch)


def _create(connection: sa.Connection, session: Session, stream: Stream, batch: _Batch) -> None:
    refused = _insert(connection, stream, batch.inserts)
    refused, lacking = _leave_out_gone(connection, stream, batch, refused)
    shown = [batch.links[action.link_id].crm or {} for action, _, _ in batch.inserts]
    marked = references.marked_in(stream, shown)
    for (action, prm_id, values), crm in zip(batch.inserts, shown, strict=True):
        if prm_id in refused:
            batch.parked.append(parked(session, action, refused[prm_id]))
            continue
        link = batch.links[action.link_id]
        link.prm_id, link.state, link.prm_gone = prm_id, LinkState.LIVE, False
        link.base = _agreed_on_create(stream, crm, values)
        if marked and references.any_marked(stream, crm):
            link.base.update(second_pass.marks(stream, crm))
        if link.id in lacking:
            link.base.update(lacking[link.id])
            link.dirty = Dirty.CHANGED
        _done(batch, action)


def _leave_out_gone(
    connection: sa.Connection, stream: Stream, batch: _Batch, refused: Refused
) -> tuple[Refused, dict[int, Values]]:
    """Write those that name records gone here once more, without those names. Returns what is still
    refused, and what to mark in the base of the others, by link."""
    lacking: dict[int, Values] = {}
    again = []
    for row in batch.inserts if refused else ():
        action, prm_id, values = row
        gone = second_pass.gone_here(stream, refused.get(prm_id, ()))
        if gone:
            second_pass.leave_out(connection, action, values, gone)
            lacking[action.link_id] = dict.fromkeys(gone, second_pass.LATER)
            again.append(row)
    if not again:
        return refused, lacking
    tried = {prm_id for _, prm_id, _ in again}
    others = {one: why for one, why in refused.items() if one not in tried}
    return {**others, **_insert(connection, stream, again)}, lacking


def _insert(
    connection: sa.Connection, stream: Stream, rows: Sequence[tuple[Action, PrmId, Values]]
) -> Refused:
    written = [(prm_id, values) for _, prm_id, values in rows]
    return by_record(prm_records.insert(connection, stream.name, written))


def _delete(connection: sa.Connection, session: Session, stream: Stream, batch: _Batch) -> None:
    if not batch.deletes:
        return
    refused = by_record(
        prm_records.delete(connection, stream.name, [prm_id for _, prm_id in batch.deletes])
    )
    for action, prm_id in batch.deletes:
        if prm_id in refused:
            batch.parked.append(parked(session, action, refused[prm_id]))
            continue
        link = batch.links[action.link_id]
        link.state, link.prm_gone = LinkState.ENDED, True
        _done(batch, action)


def _agreed_on_create(stream: Stream, crm: Values, values: Values) -> Values:
    """What both sides agree on after a creation from the CRM: what was taken over, and blanks."""
    fields = stream.fields
    base: Values = {name: value for name, value in crm.items() if not value and name in fields}
    base.update(values)
    base.pop(HOME, None)
    return base
