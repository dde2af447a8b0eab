"""Engines that break a promise: each is the real one with one line of defence taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from prmsync.connector.budget import CallBudget
from prmsync.connector.protocol import NewRecord, Record, WriteResult
from prmsync.domain.merge import Policy, Side
from prmsync.mapping.status import StatusCodec
from prmsync.reconcile import group, record
from prmsync.reconcile import undo as undo_rules
from prmsync.reconcile.undo import Reversal
from prmsync.store import journal, links, streams
from prmsync.store.journal import ActionState
from prmsync.store.links import Observation
from prmsync.store.tables import action, link
from prmsync.sync import apply_crm, observe, run, undo_plan
from prmsync.sync import recover as recovering
from prmsync.sync.acknowledging import acknowledge
from prmsync.sync.session import Session, Stream

Patches = list[Any]


def no_guard() -> Patches:
    """Writes go out without a look at what stands there."""
    guarded = apply_crm._guarded

    def unguarded(session: Any, stream: Any, op: str, batch: Any, outcome: Any) -> Any:
        if op == "create":
            return guarded(session, stream, op, batch, outcome)
        return list(batch)

    return [patch.object(apply_crm, "_guarded", unguarded)]


def missed_row() -> Patches:
    """The cursor steps over the last row of each page."""

    def read_since(
        session: Session, stream: Stream, cursor: str | None, fresh: object = None
    ) -> None:
        for page in observe.gathered(session.connector.changes(stream.spec, cursor)):
            if page.cursor is not None:
                with session.database.begin() as connection:
                    session.fence(connection)
                    stream.state.crm_cursor = page.cursor
                    streams.save_stream(connection, stream.state)
            with session.database.begin() as connection:
                session.fence(connection)
                observe.store_records(connection, session, stream, page.records[:-1])
                observe.missing_relations(connection, stream, page)

    return [patch.object(observe, "_read_since", read_since)]


def _blind(session: Session, *, relations: bool = False) -> int:
    count = 0
    for stream in session.streams.values():
        if relations and stream.spec.relation is None:
            continue
        with session.database.begin() as connection:
            session.fence(connection)
            intents = journal.open_intents(connection, stream.id)
            journal.mark(connection, [one.id for one in intents], ActionState.RETRY)
            links.set_dirty(connection, [one.link_id for one in intents], links.Dirty.CHANGED)
        count += len(intents)
    return count


def blind_resend() -> Patches:
    """What has no answer is sent again, unread, and relations are created without a look."""
    guarded = apply_crm._guarded

    def unlooked(session: Any, stream: Any, op: str, batch: Any, outcome: Any) -> Any:
        if op == "create":
            return list(batch)
        return guarded(session, stream, op, batch, outcome)

    return [
        patch.object(run, "recover", _blind),
        patch.object(apply_crm, "_guarded", unlooked),
    ]


def no_key() -> Patches:
    """Records are created under a key that is new each time."""
    made = apply_crm._new_record

    def keyless(stream: Stream, one: apply_crm.Write) -> NewRecord:
        record = made(stream, one)
        key = stream.spec.key
        if key is None:
            return record
        other = f"{one.action.id:032x}"
        return NewRecord(other, {**record.values, key: other})

    return [patch.object(run, "recover", _blind), patch.object(apply_crm, "_new_record", keyless)]


def early_base() -> Patches:
    """The base moves when a write has left, whatever became of it."""
    failed = apply_crm._failed_whole

    def agree(connection: sa.Connection, stream: Stream, one: apply_crm.Write) -> None:
        acknowledge(stream, "update", one, WriteResult(one.link.crm_id))
        links.save(connection, [one.link])

    def failed_whole(
        session: Session,
        stream: Stream,
        op: str,
        batch: Sequence[apply_crm.Write],
        *rest: Any,
    ) -> None:
        if op == "update" and stream.spec.relation is None:
            with session.database.begin() as connection:
                for one in batch:
                    agree(connection, stream, one)
        failed(session, stream, op, batch, *rest)

    return [patch.object(apply_crm, "_failed_whole", failed_whole)]


def echo_by_time() -> Patches:
    """What changed in the CRM within an hour of our own write is taken for its echo."""
    observed = observe._observations

    def not_ours(
        connection: sa.Connection, session: Session, stream: Stream, records: Sequence[Record]
    ) -> list[Observation]:
        since = (session.now() - timedelta(hours=1)).isoformat()
        ours = (
            sa.select(link.c.crm_id)
            .join(action, action.c.link_id == link.c.id)
            .where(link.c.stream_id == stream.id, action.c.side == "crm")
            .where(action.c.done_at > since)
        )
        known = set(connection.execute(ours).scalars())
        others = [one for one in records if one.id not in known]
        return observed(connection, session, stream, others)

    return [patch.object(observe, "_observations", not_ours)]


def last_write_wins() -> Patches:
    """Where both sides changed, one of them is simply taken."""
    hold = group._POLICIES[Policy.HOLD]

    def taken(*values: Any) -> Any:
        outcome, reason = hold(*values)
        return (group.Outcome.TO_PRM if outcome is group.Outcome.HELD else outcome), reason

    return [patch.dict(group._POLICIES, {Policy.HOLD: taken})]


def tells_always() -> Patches:
    """A record in step is told so whenever somebody looks: what it will show is not foreseen."""
    return [patch.object(StatusCodec, "fitting", lambda self, values: dict(values))]


def unlooked_relations() -> Patches:
    """A relation is created, and created again, without a look whether it is there."""
    guarded = apply_crm._guarded

    def unlooked(session: Any, stream: Any, op: str, batch: Any, outcome: Any) -> Any:
        if op == "create":
            return list(batch)
        return guarded(session, stream, op, batch, outcome)

    recover = recovering.recover

    def forgetful(session: Session) -> int:
        return _blind(session, relations=True) + recover(session)

    return [patch.object(run, "recover", forgetful), patch.object(apply_crm, "_guarded", unlooked)]


def resurrects() -> Patches:
    """What is gone on one side is made again from the other."""

    def again(base: Any, left: Any, gone: Any, rule: Any, taken: Any, skip: Any) -> Any:
        return record._again(left, gone, rule, skip, "not there")

    return [patch.object(record, "_one_side_gone", again)]


def ungrouped() -> Patches:
    """Fields of a group are merged one by one."""
    merge = record._merge

    def apart(base: Any, prm: Any, crm: Any, groups: Any, *rest: Any) -> Any:
        single = [
            replace(one, members=(name,))
            for one in groups
            for name in (one.members if one.policy is Policy.HOLD else ())
        ]
        others = [one for one in groups if one.policy is not Policy.HOLD]
        return merge(base, prm, crm, [*others, *single], *rest)

    return [patch.object(record, "_merge", apart)]


def spendthrift() -> Patches:
    """Nobody counts the calls."""
    return [
        patch.object(CallBudget, "_refuse_beyond_own_share", lambda self: None),
        patch.object(CallBudget, "_left", lambda self: None),
    ]


def half_undo() -> Patches:
    """An undo takes back what was written to the CRM alone."""
    reverse = undo_rules.reverse

    def half(wrote: Any, now: Any, rule: Any, side: Any, **named: Any) -> Any:
        if side is Side.PRM:
            return Reversal()
        return reverse(wrote, now, rule, side, **named)

    return [patch.object(undo_plan, "reverse", half)]


def undo_of_edits() -> Patches:
    """An undo puts back what stood before, whoever has edited since."""
    restore = undo_rules._restore_group

    def anyway(made: Any, group: Any, written: Any, now: Any, side: Any) -> None:
        restore(made, group, written, {**now, **written.after}, side)

    return [patch.object(undo_rules, "_restore_group", anyway)]


MUTANTS: dict[str, Callable[[], Patches]] = {
    one.__name__: one
    for one in (
        no_guard,
        missed_row,
        blind_resend,
        no_key,
        early_base,
        echo_by_time,
        last_write_wins,
        tells_always,
        unlooked_relations,
        resurrects,
        ungrouped,
        spendthrift,
        half_undo,
        undo_of_edits,
    )
}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """The engine is this mutant."""
    patches = MUTANTS[name]()
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in reversed(patches):
            one.stop()
