"""Writing a CRM: intent, guard, send, outcome, row by row; every step survives a crash.

An intent is committed before its write leaves. Rows whose answer never came are `unknown` and
are read again by key before anything else happens to them (`prmsync.sync.recover`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa

from prmsync.connector.protocol import Change, NewRecord, Record, WriteResult, relation_key
from prmsync.domain.merge import Side
from prmsync.errors import (
    AuthError,
    ConnectorError,
    GoneError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    SchemaError,
)
from prmsync.mapping.status import STATE, State
from prmsync.mapping.translate import PIPELINE
from prmsync.reconcile.causes import Lane
from prmsync.store import journal, links, lost_links, sending, tallies
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, Link
from prmsync.sync import references, second_pass, typed_meanwhile
from prmsync.sync.acknowledging import acknowledge, compare_what_was_told
from prmsync.sync.made_again import leave_behind
from prmsync.sync.observe import store_records
from prmsync.sync.outcome import Outcome, collision, not_sent, refuse, wait
from prmsync.sync.overwritten import hold_overwritten
from prmsync.sync.quota import counted_in, note, rows_at_once
from prmsync.sync.relation_guard import go_along, gone_with_their_ends
from prmsync.sync.relation_matching import delete_duplicates
from prmsync.sync.session import KEY, Session, Stream
from prmsync.sync.there_already import not_there_yet, still_gone
from prmsync.sync.whole_groups import changed_only, completed
from prmsync.sync.write import Write

PAGE = 1000
NOT_SHOWN = "the CRM does not show a record that was to be written; may prmsync still see it?"


def apply_crm(session: Session, run_id: int, states: Sequence[ActionState]) -> Outcome:
    """Send all rows of the run that go to the CRM: what people edited, then backfill, then the
    forecast; of each,
    parents first and creates before updates.

    Raises nothing that a CRM says: failures are in the rows and in the outcome.
    """
    outcome = Outcome()
    if not session.may_write(Side.CRM):
        return outcome
    there = _to_send(session, run_id, states)
    mixed = len({row.lane for row in there}) > 1
    parts = [Part(run_id, states, lane, patient=mixed and lane is Lane.PEOPLE) for lane in Lane]
    for part in parts:
        there = _apply_part(session, part, there, outcome)
    if outcome.passed_over:
        _apply_part(session, Part(run_id, states, Lane.PEOPLE), there, outcome)
    return outcome


def _to_send(
    session: Session, run_id: int, states: Sequence[ActionState]
) -> frozenset[sending.ToSend]:
    """What kinds of rows wait to be sent to the CRM."""
    with session.database.read() as connection:
        there = sending.to_send(connection, run_id, states)
    return frozenset(row for row in there if row.side == Side.CRM)


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a run that are sent together. `patient`: rows whose parents may yet come in this
    run are passed over, and come again."""

    run_id: int
    states: Sequence[ActionState]
    lane: Lane
    patient: bool = False


def _apply_part(
    session: Session, part: Part, there: frozenset[sending.ToSend], outcome: Outcome
) -> frozenset[sending.ToSend]:
    """Send what a part names of what is `there`; returns what is there then."""
    for op in ("create", "update", "delete"):
        streams = session.active
        for stream in reversed(streams) if op == "delete" else streams:
            if sending.ToSend(stream.id, Side.CRM, op, part.lane) not in there:
                continue
            if outcome.stopped is not None:
                return there
            _apply_stream(session, part, stream, op, outcome)
        if any((row.op, row.lane) == (op, part.lane) for row in there):
            there = _to_send(session, part.run_id, part.states)  # a second pass may be left behind
    return there


def _apply_stream(session: Session, part: Part, stream: Stream, op: str, outcome: Outcome) -> None:
    ready = _ready(session, part, stream, op, outcome)
    while True:
        rows, stopped = rows_at_once(session, stream, op, part.lane)
        batch = list(islice(ready, rows))
        if not batch:
            return
        outcome.stopped = stopped
        if outcome.stopped is not None:
            return
        with counted_in(session, part.lane):
            send(session, stream, op, batch, outcome)
        session.progress(f"writing {stream.name} to {session.connector_title}", len(batch))
        if outcome.stopped is not None:
            return


def _ready(
    session: Session,
    part: Part,
    stream: Stream,
    op: str,
    outcome: Outcome,
) -> Iterator[Write]:
    """Rows in id order, translated; what cannot leave yet is set aside on the way, so that the
    batches that do leave are full."""
    after = 0
    while True:
        with session.database.begin() as connection:
            session.fence(connection)
            page = journal.page(
                connection,
                part.run_id,
                part.states,
                stream_id=stream.id,
                sides=["crm"],
                ops=[op],
                lane=part.lane,
                after=after,
                limit=PAGE,
            )
            writes = _prepare(connection, session, stream, page, outcome, patient=part.patient)
        if not page:
            return
        after = page[-1].id
        yield from writes


def _prepare(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    page: Sequence[Action],
    outcome: Outcome,
    *,
    patient: bool,
) -> list[Write]:
    found = links.by_ids(connection, {one.link_id for one in page})
    if page and page[0].op == "delete":
        return [Write(one, found[one.link_id], {}) for one in page]
    rows = references.to_crm(connection, stream, session.streams, [one.new_values for one in page])
    writes = []
    for action, (values, missing) in zip(page, rows, strict=True):
        link = found[action.link_id]
        if missing and patient:
            outcome.passed_over += 1
            continue
        if missing and not second_pass.split(connection, stream, action, values, missing):
            wait(connection, action, link, missing)
            continue
        key = values.pop(KEY, None)
        codec = stream.translator.status
        if codec is not None and action.op == "create":
            values[STATE] = State.IN_STEP.value
        told = codec.write(values) if codec is not None else {}
        pipeline = (link.crm or {}).get(PIPELINE)
        result = stream.translator.write(values, str(pipeline) if pipeline else None)
        if result.problems:
            message = "; ".join(f"{one.field}: {one.message}" for one in result.problems)
            refuse(connection, session, action, RejectedError(message), outcome)
            continue
        sent = changed_only(stream, action, result.values)
        if key is not None and stream.spec.key:
            sent[stream.spec.key] = key
        sent.update(told)
        writes.append(Write(action, link, sent))
    return writes


def send(
    session: Session, stream: Stream, op: str, batch: Sequence[Write], outcome: Outcome
) -> None:
    """Guard, note the intent, send one batch, and store what the CRM answered."""
    try:
        batch = _guarded(session, stream, op, batch, outcome)
        if not batch:
            return
        with session.database.begin() as connection:
            session.fence(connection)
            journal.mark(connection, [one.action.id for one in batch], ActionState.SENT)
            if op == "delete":
                _note_looked_at(connection, batch)
        if op == "update" and stream.spec.relation is not None:
            _replace(session, stream, batch, outcome)
            return
        results = _call(session, stream, op, batch)
    except ConnectorError as error:
        _failed_whole(session, stream, op, batch, error, outcome)
        return
    results, lost = typed_meanwhile.look_back(session, stream, op, batch, results, outcome)
    with session.database.begin() as connection:
        session.fence(connection)
        _settle(connection, session, stream, op, batch, results, outcome)
        outcome.held += typed_meanwhile.hold(connection, session, stream, batch, lost)


def _note_looked_at(connection: sa.Connection, batch: Sequence[Write]) -> None:
    """In which state a record was deleted: what a lagging search index shows of it afterwards is no
    news, and where the answer is lost, whoever restored it made a newer one."""
    for one in batch:
        one.link.crm_version = one.version or one.link.crm_version
    links.save_versions(connection, [one.link for one in batch])


def _guarded(
    session: Session, stream: Stream, op: str, batch: Sequence[Write], outcome: Outcome
) -> list[Write]:
    """Drop rows whose record moved in the CRM since it was read; they are decided again."""
    if stream.spec.relation is not None and op == "create":
        return not_there_yet(session, stream, batch)
    if op == "create":
        return still_gone(session, stream, batch)
    found = session.connector.fetch(stream.spec, [str(one.link.crm_id) for one in batch])
    if stream.spec.relation is not None:
        relations, rows = [one.link for one in batch], [one.action.old_values for one in batch]
        found |= gone_with_their_ends(session, stream, relations, rows)
    moved: list[Record] = []
    vanished: list[Write] = []
    kept = []
    for one in batch:
        record = found.get(str(one.link.crm_id))
        if record is None:
            vanished.append(one)
        elif record.deleted:
            moved.append(record)
        else:
            one.version = record.version
            kept.append((one, record))
    with session.database.begin() as connection:
        session.fence(connection)
        shown = [record for _, record in kept]
        changed = set(store_records(connection, session, stream, [*shown, *moved]))
        if changed and stream.spec.relation is None:
            changed -= _named_anew(connection, session, stream, batch, changed)
        away = [one for one in batch if str(one.link.crm_id) in changed]
        journal.mark(connection, [one.action.id for one in away], ActionState.SUPERSEDED)
        journal.mark(
            connection,
            [one.action.id for one in vanished],
            ActionState.RETRY,
            error=NOT_SHOWN,
        )
        links.set_dirty(connection, [one.link.id for one in vanished], Dirty.CHANGED)
    outcome.retry += len(vanished)
    outcome.errors += [NOT_SHOWN] * bool(vanished)
    left = [(one, record) for one, record in kept if record.id not in changed]
    if op == "update":
        for one, record in left:
            one.values, one.shown = completed(stream, one.values, record.values), record.values
    return [one for one, _ in left]


def _named_anew(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    batch: Sequence[Write],
    changed: Collection[str],
) -> set[str]:
    """Records that nobody has touched: a link of what they refer to has come or ended since, in
    this run perhaps. They are decided anew, but what is on its way to them need not wait for it."""
    now = links.by_crm_ids(connection, stream.id, changed)
    found = set()
    for one in batch:
        link, before = now.get(str(one.link.crm_id)), one.link
        if link is None or link.crm_gone or before.crm_gone or not (link.crm and before.crm):
            continue
        if references.named_anew(connection, stream, session.streams, before.crm, link.crm):
            one.link = link
            found.add(str(link.crm_id))
    return found


def _call(session: Session, stream: Stream, op: str, batch: Sequence[Write]) -> list[WriteResult]:
    connector, spec = session.connector, stream.spec
    if op == "create":
        return connector.create(spec, [_new_record(stream, one) for one in batch])
    ids = [str(one.link.crm_id) for one in batch]
    if op == "delete":
        return connector.delete(spec, ids)
    return connector.update(spec, [_change(stream, one) for one in batch])


def _change(stream: Stream, one: Write) -> Change:
    seen = one.link.crm or {}
    beside = next((str(seen[name]) for name in stream.references if seen.get(name)), "")
    return Change(str(one.link.crm_id), one.values, one.version, beside)


def _replace(session: Session, stream: Stream, batch: Sequence[Write], outcome: Outcome) -> None:
    """A relation with another role: the old one goes, which is noted, then the new one comes.

    Were it not noted, the old one would later look as if somebody had deleted it in the CRM.
    """
    gone = session.connector.delete(stream.spec, [str(one.link.crm_id) for one in batch])
    cut = [one for one, result in zip(batch, gone, strict=True) if result.error is None]
    left = [
        (one, result) for one, result in zip(batch, gone, strict=True) if result.error is not None
    ]
    with session.database.begin() as connection:
        session.fence(connection)
        dirty = links.lock_dirty(connection, [one.link.id for one in cut])
        for one in cut:
            one.link.cut_crm()
            one.link.dirty = dirty[one.link.id]
        links.save(connection, [one.link for one in cut])
        delete_duplicates(connection, stream, [one.action.old_values for one in cut])
        if left:
            rows, results = zip(*left, strict=True)
            _settle(connection, session, stream, "update", rows, results, outcome)
    if cut and outcome.stopped is None:
        send(session, stream, "create", cut, outcome)


def _new_record(stream: Stream, one: Write) -> NewRecord:
    if stream.spec.relation is not None:
        return NewRecord(relation_key(stream.spec, one.values), one.values)
    return NewRecord(str(one.link.prm_id), one.values)


def _failed_whole(
    session: Session,
    stream: Stream,
    op: str,
    batch: Sequence[Write],
    error: ConnectorError,
    outcome: Outcome,
) -> None:
    if isinstance(error, RejectedError) and len(batch) > 1:
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            if outcome.stopped is None:
                send(session, stream, op, half, outcome)
        return
    with session.database.begin() as connection:
        session.fence(connection)
        if isinstance(error, RejectedError):
            for one in batch:
                refuse(connection, session, one.action, error, outcome)
            return
        unknown = isinstance(error, OutcomeUnknownError)
        for one in batch:
            one.action.state = ActionState.UNKNOWN if unknown else not_sent(one.action)
            one.action.error = str(error)
        journal.settle(connection, [one.action for one in batch])
        if not unknown:
            links.set_dirty(connection, [one.link.id for one in batch], Dirty.CHANGED)
    outcome.retry += len(batch)
    outcome.errors.append(str(error))
    if not unknown or isinstance(error, AuthError | QuotaError | SchemaError):
        outcome.stopped = error


def _settle(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    op: str,
    batch: Sequence[Write],
    results: Sequence[WriteResult],
    outcome: Outcome,
) -> None:
    done: list[Action] = []
    found: list[Action] = []
    saved: list[Link] = []
    before: dict[str, lost_links.Gone] = {}
    again: list[int] = []
    taken = _give_way(connection, stream, batch, results) if op == "create" else set()
    for one, result in zip(batch, results, strict=True):
        if result.id in taken:
            refuse(connection, session, one.action, collision(), outcome)
            other = links.by_crm_ids(connection, stream.id, [str(result.id)])[str(result.id)]
            new = one.action.new_values
            hold_overwritten(connection, session, stream, other, new, result.version)
        elif result.error is None:
            if op == "create" and stream.spec.relation is None:
                gone = lost_links.replaced(one.link, result.id)
                if gone is not None:
                    before[str(one.link.prm_id)] = gone
            acknowledge(stream, op, one, result)
            saved.append(one.link)
            # An upsert may meet a record that carries our key by somebody else's hand.
            there = op == "create" and stream.spec.key is not None and not result.created
            (found if there else done).append(one.action)
        elif isinstance(result.error, RejectedError):
            refuse(connection, session, one.action, result.error, outcome)
        else:
            _later(connection, one, result.error, outcome)
            if not isinstance(result.error, OutcomeUnknownError):
                again.append(one.link.id)
    # A person may have decided something about these records since they were loaded.
    dirty = links.lock_dirty(connection, [one.id for one in saved])
    homed = op == "create" and stream.mapping.home
    for link in saved:
        # Only now that the record is there can this connection be noted as its home.
        link.dirty = Dirty.CHANGED if homed else dirty[link.id]
    links.save(connection, saved)
    compare_what_was_told(connection, stream, batch)
    leave_behind(connection, session, stream, before)
    if op == "delete":
        go_along(connection, session, stream, saved)
    if op == "delete" and stream.spec.relation is not None:
        delete_duplicates(connection, stream, [one.base or {} for one in saved if one.prm_gone])
    links.set_dirty(connection, again, Dirty.CHANGED)
    stamp = session.stamp()
    journal.mark(connection, [one.id for one in done], ActionState.DONE, done_at=stamp)
    journal.mark(connection, [one.id for one in found], ActionState.FOUND, done_at=stamp)
    tallies.created(connection, done)
    note(connection, session)
    outcome.written += len(done) + len(found)


def _give_way(
    connection: sa.Connection,
    stream: Stream,
    batch: Sequence[Write],
    results: Sequence[WriteResult],
) -> set[str]:
    """The record was already seen on its own: that one-sided row gives its CRM id up. Returns the
    ids of CRM records that belong to another of our records and stay with it."""
    ours = {result.id: one.link.id for one, result in zip(batch, results, strict=True) if result.id}
    seen = links.by_crm_ids(connection, stream.id, ours)
    others = [one for key, one in seen.items() if one.id != ours[key]]
    return links.give_up(connection, others)


def _later(connection: sa.Connection, one: Write, error: ConnectorError, outcome: Outcome) -> None:
    if isinstance(error, GoneError):
        one.link.crm_gone = True
        links.save(connection, [one.link])
    unknown = isinstance(error, OutcomeUnknownError)
    state = ActionState.UNKNOWN if unknown else not_sent(one.action)
    journal.mark(connection, [one.action.id], state, error=str(error))
    outcome.retry += 1
    if str(error) not in outcome.errors[-1:]:
        outcome.errors.append(str(error))
    if isinstance(error, AuthError | QuotaError | SchemaError):
        outcome.stopped = error
