"""Writes whose outcome is not known: read again by key or id, never blindly sent again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import sqlalchemy as sa

from prmsync.connector.protocol import JobWriter, Record, relation_key
from prmsync.domain.values import Values
from prmsync.errors import RejectedError
from prmsync.mapping.translate import PIPELINE
from prmsync.store import held, journal, links, lost_links, tallies
from prmsync.store.held import HeldState
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.sync import references, typed_meanwhile
from prmsync.sync.accepting import accept, made_by_us
from prmsync.sync.made_again import leave_behind
from prmsync.sync.observe import store_records
from prmsync.sync.outcome import not_sent
from prmsync.sync.relation_guard import go_along
from prmsync.sync.relation_matching import delete_duplicates
from prmsync.sync.session import Session, Stream
from prmsync.sync.write import Write


def recover(session: Session) -> int:
    """Find out what became of open intents of all streams; returns how many there were."""
    count = 0
    with session.database.read() as connection:
        found = [
            (one, journal.open_intents(connection, one.id)) for one in session.streams.values()
        ]
    if any(intents for _, intents in found) and isinstance(session.connector, JobWriter):
        session.connector.settle()
    for stream, intents in found:
        for start in range(0, len(intents), session.connector.batch_size):
            _recover_batch(session, stream, intents[start : start + session.connector.batch_size])
        count += len(intents)
    return count


def _recover_batch(session: Session, stream: Stream, intents: Sequence[Action]) -> None:
    with session.database.read() as connection:
        found = links.by_ids(connection, {one.link_id for one in intents})
    creates = [one for one in intents if _creates_now(one, found[one.link_id])]
    others = [one for one in intents if not _creates_now(one, found[one.link_id])]
    if creates:
        _creates(session, stream, creates, found)
    if others:
        _others(session, stream, others, found)


def _creates_now(intent: Action, link: Link) -> bool:
    """A create, or a relation whose old form is known to be gone already."""
    return intent.op == "create" or (intent.op == "update" and link.crm_id is None)


def _creates(
    session: Session, stream: Stream, intents: Sequence[Action], found: dict[int, Link]
) -> None:
    keys = _keys(session, stream, intents, found)
    records = session.connector.find(stream.spec, [key for key in keys if key])
    with session.database.begin() as connection:
        session.fence(connection)
        for intent, key in zip(intents, keys, strict=True):
            record = records.get(key)
            link = found[intent.link_id]
            if record is not None and not record.deleted:
                ours = made_by_us(session, stream, link, record)
                accept(connection, session, stream, intent, link, record, ours=ours)
            elif record is not None and _gone_since(connection, session, stream, link, record):
                done_at = session.stamp()
                journal.mark(connection, [intent.id], ActionState.DONE, done_at=done_at)
                tallies.created(connection, [intent])
                _carried_out(connection, link)
            else:
                journal.mark(connection, [intent.id], not_sent(intent))
                links.set_dirty(connection, [link.id], Dirty.CHANGED)


def _gone_since(
    connection: sa.Connection, session: Session, stream: Stream, link: Link, record: Record
) -> bool:
    """Whether the CRM shows that the record was made and deleted before anybody could note its id;
    then the link takes note of both. Nothing was agreed on, so that no deletion follows by itself:
    what stands on our side waits for a person."""
    if record.id == link.crm_id:  # an earlier one, in whose place the new one was to come
        return False
    other = links.by_crm_ids(connection, stream.id, [record.id]).get(record.id)
    if other is not None and links.give_up(connection, [other]):
        return False
    before = lost_links.replaced(link, record.id)
    link.crm_id, link.crm_version, link.state = record.id, record.version, LinkState.LIVE
    link.crm, link.base, link.crm_gone, link.dirty = {}, None, True, Dirty.CHANGED
    links.save(connection, [link])
    if before is not None:
        leave_behind(connection, session, stream, {str(link.prm_id): before})
    return True


def _carried_out(connection: sa.Connection, link: Link) -> None:
    """Whoever decided that it should be made has had it made: who deleted it came later."""
    items = held.of_links(connection, [link.id]).get(link.id, ())
    decided = [one.id for one in items if one.state == HeldState.DECIDED]
    held.close_items(connection, decided, HeldState.DONE)


def _keys(
    session: Session, stream: Stream, intents: Sequence[Action], found: dict[int, Link]
) -> list[str]:
    if stream.spec.relation is None:
        return [str(found[one.link_id].prm_id) for one in intents]
    with session.database.read() as connection:
        rows = references.to_crm(
            connection, stream, session.streams, [one.new_values for one in intents]
        )
    return [
        "" if missing else relation_key(stream.spec, stream.translator.write(values).values)
        for values, missing in rows
    ]


def _others(
    session: Session, stream: Stream, intents: Sequence[Action], found: dict[int, Link]
) -> None:
    ids = [str(found[one.link_id].crm_id) for one in intents]
    records = session.connector.fetch(stream.spec, ids)
    sent = _as_sent(session, stream, intents, found, records)
    lost: typed_meanwhile.Lost = {}
    with suppress(RejectedError):  # told when they were sent
        lost = typed_meanwhile.look(session, stream, sent)
    with session.database.begin() as connection:
        session.fence(connection)
        store_records(connection, session, stream, list(records.values()))
        now = links.by_ids(connection, {one.link_id for one in intents})
        done = set()
        for intent, crm_id in zip(intents, ids, strict=True):
            link, record = now[intent.link_id], records.get(crm_id)
            if intent.op == "delete" and _touched(link, found[intent.link_id], record):
                link.base, link.dirty, state = {}, Dirty.CHANGED, ActionState.SUPERSEDED
            else:
                state = _outcome(stream, intent, link, record)
            done_at = session.stamp() if state is ActionState.DONE else None
            journal.mark(connection, [intent.id], state, done_at=done_at)
            if done_at is not None:
                done.add(intent.link_id)
                journal.set_fields(connection, intent)
        links.save(connection, list(now.values()))
        if stream.spec.relation is not None:
            taken_off = [one for one in intents if _took_off(one, now[one.link_id])]
            delete_duplicates(connection, stream, [one.old_values for one in taken_off])
        deleted = [now[one.link_id] for one in intents if one.op == "delete"]
        go_along(connection, session, stream, deleted)
        taken = [one for one in sent if one.link.id in done]
        typed_meanwhile.hold(connection, session, stream, taken, lost)


def _took_off(intent: Action, link: Link) -> bool:
    """Whether a relation went as this says: deleted, or cut for one of another role."""
    if intent.op == "delete":
        return link.prm_gone and link.crm_gone
    return link.crm_id is None


def _as_sent(
    session: Session,
    stream: Stream,
    intents: Sequence[Action],
    found: Mapping[int, Link],
    records: Mapping[str, Record],
) -> list[Write]:
    """Updates as they were sent, where what they replaced is to be looked at. Only what changed: of
    the rest of a group nobody knows any more how the record showed it."""
    if typed_meanwhile.reader_of(session, stream) is None:
        return []
    updates = [one for one in intents if one.op == "update"]
    olds, news = (_in_crm(session, stream, updates, found, at) for at in (0, 1))
    sent = []
    for row, old, new in zip(updates, olds, news, strict=True):
        link = found[row.link_id]
        record = records.get(str(link.crm_id))
        if record is not None and not record.deleted:
            shown = {**record.values, **old}
            sent.append(Write(row, link, new, link.crm_version or "", shown))
    return sent


def _in_crm(
    session: Session, stream: Stream, rows: Sequence[Action], found: Mapping[int, Link], at: int
) -> list[Values]:
    """What these rows change, in the CRM's own fields: as it was (0), or is to be (1)."""
    changed = [
        {name: change[at] for name, change in row.fields.items() if change[0] != change[1]}
        for row in rows
    ]
    with session.database.read() as connection:
        told = references.to_crm(connection, stream, session.streams, changed)
    pipelines = [(found[row.link_id].crm or {}).get(PIPELINE) for row in rows]
    return [
        stream.translator.write(values, str(pipeline) if pipeline else None).values
        for (values, _), pipeline in zip(told, pipelines, strict=True)
    ]


def _touched(link: Link, before: Link, record: Record | None) -> bool:
    """Whether somebody was at a record since its deletion was decided: edited it, if the deletion
    never arrived, or has restored it. Nothing counts as agreed on then, so that a person says
    whether it shall go, for good or again."""
    if record is None or record.deleted or not link.prm_gone:
        return False
    return record.version > (before.crm_version or "")


def _outcome(stream: Stream, intent: Action, link: Link, record: Record | None) -> ActionState:
    """Whether the write happened; the link is made ready to be decided again in any case."""
    link.dirty = Dirty.CHANGED
    gone = record is None or record.deleted
    if intent.op == "delete":
        if gone:
            link.state, link.crm_gone = LinkState.ENDED, True
        return ActionState.DONE if gone else not_sent(intent)
    if gone and stream.spec.relation is not None:
        # The old relation went, the new one never came: what is left is to create it.
        link.cut_crm()
        return not_sent(intent)
    wanted = intent.field_values
    if gone:
        return not_sent(intent)
    if {name: (link.crm or {}).get(name) for name in wanted} != wanted:
        return _in_part(stream, intent, link)
    link.agree(wanted)
    return ActionState.DONE


def _in_part(stream: Stream, intent: Action, link: Link) -> ActionState:
    """An update of which some groups stand in the CRM: it arrived, and the others were edited
    there since, or it never did. Both sides agreed on what stands; the rest is decided again."""
    if stream.spec.relation is not None:
        return not_sent(intent)
    crm, stands = link.crm or {}, set[str]()
    for group in stream.rule.groups:
        part = [name for name in group.members if name in intent.fields]
        moved = any(intent.fields[name][0] != intent.fields[name][1] for name in part)
        if moved and all(crm.get(name) == intent.fields[name][1] for name in part):
            stands.update(part)
    if not stands:
        return not_sent(intent)
    intent.fields = {name: one for name, one in intent.fields.items() if name in stands}
    link.agree(intent.field_values)
    return ActionState.DONE
