"""Telling CRM records how they stand: at the end of a run, and only those whose standing changed.

A record with a write of its own is told by that write (`prmsync.sync.decide`); the rest are
updates of the status fields alone, journalled and guarded like any other. What was told is noted
only when the CRM has acknowledged it, so that a crash in between compares once more and writes
nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.domain.values import Values
from prmsync.errors import SchemaError
from prmsync.mapping.status import DECISION, REASON, STATE, State, StatusCodec
from prmsync.store import held as held_store
from prmsync.store import journal, links, sending, told
from prmsync.store.held import HeldItem, HeldState, ParkedItem
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, Link
from prmsync.store.told import Told
from prmsync.sync import standing
from prmsync.sync.apply_crm import apply_crm
from prmsync.sync.outcome import Outcome
from prmsync.sync.session import Session, Stream
from prmsync.sync.standing import IN_STEP, Standing

PAGE = 500
TOLD = "tells how the record stands"


@dataclass(slots=True)
class _Due:
    """A record to be told: `row` is what is noted once its CRM record shows `wanted`, `before` the
    items that its sentence has named until now."""

    row: Told
    wanted: Values
    resets: bool
    before: tuple[int, ...]


def tell(session: Session, run_id: int) -> Outcome:
    """Tell what changed since records were last told; nothing is asked or written otherwise."""
    outcome = Outcome()
    if not session.may_write(Side.CRM):
        return outcome
    due = {
        stream.name: _plan(session, stream, run_id)
        for stream in session.active
        if stream.translator.status is not None
    }
    if any(due.values()):
        outcome = apply_crm(session, run_id, [ActionState.PLANNED])
        if isinstance(outcome.stopped, SchemaError) and session.look_again():
            outcome.stopped = None
    for name, found in due.items():
        stream = session.streams.get(name)
        if stream is not None and found:
            settled = not outcome.retry and outcome.stopped is None
            _note(session, stream, found, settled=settled)
    return outcome


def _plan(session: Session, stream: Stream, run_id: int) -> list[_Due]:
    with session.database.read() as connection:
        marks = told.affairs(connection, stream.id)
        rows = told.of_stream(connection, stream.id)
    ids = sorted(
        link_id
        for link_id in marks.keys() | rows.keys()
        if _is_due(rows.get(link_id), marks.get(link_id))
    )
    due: list[_Due] = []
    for start in range(0, len(ids), PAGE):
        with session.database.begin() as connection:
            session.fence(connection)
            page = _page(connection, session, stream, ids[start : start + PAGE], marks, rows)
            journal.add(connection, run_id, [action for _, action in page if action is not None])
            due.extend(one for one, _ in page)
    return due


def _is_due(row: Told | None, mark: str | None) -> bool:
    return row is None or row.said != (mark or "") or bool(row.note.get("answered"))


def _page(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    ids: Sequence[int],
    marks: Mapping[int, str],
    rows: Mapping[int, Told],
) -> list[tuple[_Due, Action | None]]:
    codec = stream.translator.status
    found = links.by_ids(connection, ids, lock=True)
    held = held_store.of_links(connection, ids)
    parked = held_store.parked_of(connection, ids)
    answered = [one for one in ids if one in rows and rows[one].note.get("answered")]
    waiting = {
        link_id
        for link_id, standing in sending.standing_of(connection, answered).items()
        if any(one.state == ActionState.WAITING for one in standing)
    }
    asked = {
        item: held_store.get(connection, item) for one in answered for item in rows[one].note["ids"]
    }
    page: list[tuple[_Due, Action | None]] = []
    for link_id in ids:
        link, row = found.get(link_id), rows.get(link_id) or Told(link_id)
        if codec is None or link is None or link.crm is None or link.crm_gone:
            continue
        items = [one for one in held.get(link_id, []) if one.state == HeldState.OPEN]
        mark = marks.get(link_id, "")
        note = _with_outcome(row.note, link, mark, asked, link_id in waiting)
        now = _standing(session, stream, link, items, parked.get(link_id), note)
        told_row = Told(link_id, mark, tuple(one.id for one in items), note)
        resets = "text" in note and "answered" in note
        due = _Due(told_row, _wanted(codec, now), resets, row.items)
        page.append((due, _action(codec, link, now, due)))
    return page


def _with_outcome(
    note: Mapping[str, Any],
    link: Link,
    mark: str,
    asked: Mapping[int, HeldItem],
    braked: bool,
) -> dict[str, Any]:
    """The note with what became of its decision, once that is known; it is dropped when
    something new waits."""
    if not note.get("answered"):
        return {} if mark else dict(note)
    items = [asked[one] for one in note["ids"]]
    decided = any(one.state == HeldState.DECIDED for one in items)
    if decided and (link.dirty != Dirty.CLEAN or braked):
        return dict(note)
    text = standing.outcome(items, str(note["take"]), str(note["by"]))
    return {**note, "text": text if note.get("known") else standing.NO_ANSWER}


def _standing(
    session: Session,
    stream: Stream,
    link: Link,
    items: Sequence[HeldItem],
    parked: ParkedItem | None,
    note: Mapping[str, Any],
) -> Standing:
    text = str(note["text"]) if "text" in note else None
    if items:
        now = standing.needs_decision(stream, items, session.connector_title)
        return Standing(now.state, f"{text} {now.reason}" if text else now.reason)
    if parked is not None:
        return standing.refused(parked, session.connector_title)
    if note.get("answered") and text is None:
        return standing.TO_BE_DONE
    if link.dirty == Dirty.WAITS:
        return standing.WAITS_FOR_PARENT
    return Standing(State.IN_STEP, text) if text else IN_STEP


def _wanted(codec: StatusCodec, now: Standing) -> Values:
    values: Values = {STATE: now.state.value, REASON: now.reason}
    return codec.fitting({key: one for key, one in values.items() if key in codec.fields})


def _action(codec: StatusCodec, link: Link, now: Standing, due: _Due) -> Action | None:
    crm = link.crm or {}
    values: Values = {STATE: now.state.value, REASON: now.reason}
    fields = {
        key: (crm.get(key), value)
        for key, value in values.items()
        if key in codec.fields and crm.get(key) != due.wanted.get(key)
    }
    if due.resets and crm.get(DECISION):
        fields[DECISION] = (crm[DECISION], None)
    if not fields:
        return None
    return Action(link.id, link.stream_id, Side.CRM, "update", fields, TOLD)


def _note(session: Session, stream: Stream, due: Sequence[_Due], *, settled: bool) -> None:
    """Remember what the CRM has acknowledged. With `settled` the CRM answered for all of them: a
    record that would not be told is not asked again until its standing changes. Where nothing was
    sent, somebody answers the sentence of before."""
    with session.database.begin() as connection:
        session.fence(connection)
        sent = {one.link_id for one in journal.open_intents(connection, stream.id)}
        found = links.by_ids(connection, [one.row.link_id for one in due])
        noted = []
        for one in due:
            link, row = found[one.row.link_id], one.row
            crm = link.crm or {}
            shown = {key: crm[key] for key in (STATE, REASON) if key in crm}
            if shown == one.wanted and not (one.resets and crm.get(DECISION)):
                row.note = {"text": row.note["text"]} if one.resets else row.note
                if not row.note and not row.said and not row.items:
                    row.said = None  # in step and silent: nothing to remember
            elif settled and not one.resets and link.dirty == Dirty.CLEAN:
                row.items = ()
            else:
                row.said = None
                row.items = row.items if link.id in sent else one.before
            noted.append(row)
        told.save(connection, noted)
