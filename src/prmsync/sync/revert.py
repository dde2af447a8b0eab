"""Putting the other side back: what a brake holds is answered by undoing the edits behind it.

A row that would take over an edit is turned round: the side that would have been written keeps its
value, and the side that was edited gets it back. Each is noted as a decision for the values that
stand now, so that whatever moves meanwhile is decided anew, and the record's own rules and guard
hold as for any decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from prmsync.domain.merge import Side, Writes
from prmsync.domain.values import Values
from prmsync.errors import StateError
from prmsync.reconcile.record import RECORD
from prmsync.store import brakes, journal, links, runs, sending
from prmsync.store import held as held_store
from prmsync.store.held import HeldItem
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, Link
from prmsync.store.runs import RunState
from prmsync.sync.apply_crm import apply_crm
from prmsync.sync.apply_prm import apply_prm
from prmsync.sync.brakes import name_causes
from prmsync.sync.decide import Verdict, decide_page
from prmsync.sync.observe import observe
from prmsync.sync.outcome import Outcome
from prmsync.sync.pairing import pair_up
from prmsync.sync.plan import Plan
from prmsync.sync.recover import recover
from prmsync.sync.run import applicable, recheck, tell_cost
from prmsync.sync.running import Report, ending, finish, holding, merge, start
from prmsync.sync.session import Session, Stream

PAGE = 1000
KIND = "revert"
_WAITING = (ActionState.WAITING, ActionState.PLANNED)


def revert(session: Session, run_id: int) -> Report:
    """Put back what led to the writes of a run that waits. Creations, and fields that flow one
    way only, are left under their run; rows whose inputs moved are refused and named.

    Raises StateError for a run that does not wait, an undo, and a connection that may not write
    both sides.
    """
    if session.writes is not Writes.BOTH:
        raise StateError(
            f"{session.name} may not write both sides: its setting is writes = {session.writes}",
            hint="to put a side back, set `writes` in prmsync.toml to both",
        )
    with holding(session):
        recover(session)
        run = applicable(session, run_id)
        if run.kind == runs.UNDO:
            raise StateError(
                f"run {run_id} is an undo: it puts back already",
                hint=f"write it: prmsync apply {run_id}, or leave it: prmsync runs drop {run_id}",
            )
        observe(session)
        pair_up(session, run_id)
        refused = recheck(session, run_id)
        report = _put_back(session, run_id)
    report.refused_rows = refused
    return report


def _put_back(session: Session, run_id: int) -> Report:
    made, outcome, left = Plan(start(session, KIND)), Outcome(), 0
    with ending(session, made.run_id):
        for stream in session.streams.values():
            left += _turn_round(session, stream, run_id, made.run_id)
        tell_cost(session, made)
        apply_prm(session, made.run_id, [ActionState.RELEASED])
        merge(outcome, apply_crm(session, made.run_id, [ActionState.RELEASED]))
        if left:
            outcome.errors.append(
                f"{left:,} cannot be put back (creations, fields that flow one way) "
                f"and still wait as run {run_id}"
            )
        else:
            _close(session, run_id)
        return finish(session, made, outcome, 0, RunState.DONE, applied=True)


def _close(session: Session, run_id: int) -> None:
    with session.database.begin() as connection:
        session.fence(connection)
        runs.set_state(connection, run_id, RunState.SUPERSEDED)


@dataclass(slots=True)
class _Turned:
    """A page: rows that are turned round, and the decisions that do it."""

    rows: list[Action] = field(default_factory=list)
    items: list[HeldItem] = field(default_factory=list)
    left: int = 0


def _turn_round(session: Session, stream: Stream, run_id: int, revert_id: int) -> int:
    """In one transaction a page: decisions noted, rows overtaken, their inverse ready to be sent.
    Returns how many rows were left as they are."""
    left, after = 0, 0
    while True:
        with session.database.begin() as connection:
            session.fence(connection)
            page = journal.page(
                connection, run_id, _WAITING, stream_id=stream.id, after=after, limit=PAGE
            )
            if not page:
                return left
            after = page[-1].id
            turned = _turned(connection, session, stream, page)
            left += turned.left
            held_store.decided_items(
                connection, turned.items, revert_id, session.actor, session.now()
            )
            brakes.no_longer_wait(connection, turned.rows)
            journal.mark(connection, [one.id for one in turned.rows], ActionState.SUPERSEDED)
            _send_back(connection, session, stream, revert_id, turned.rows)
        session.progress(f"putting {stream.name} back", len(page))


def _turned(
    connection: sa.Connection, session: Session, stream: Stream, page: Sequence[Action]
) -> _Turned:
    found = links.by_ids(connection, {one.link_id for one in page}, lock=True)
    verdicts = {
        one.link.id: one for one in decide_page(connection, session, stream, list(found.values()))
    }
    turned = _Turned()
    for action in page:
        if action.op == "base":
            continue
        items = _decisions(session, stream, verdicts[action.link_id], action)
        if items:
            turned.rows.append(action)
            turned.items.extend(items)
        else:
            turned.left += 1
    return turned


def _decisions(
    session: Session, stream: Stream, verdict: Verdict, action: Action
) -> list[HeldItem]:
    """What a person would decide to have this row turned round; none where it cannot be."""
    if action.op in ("delete", "end"):
        return _restored(verdict, stream)
    if action.op != "update" or verdict.ours is None:
        return []
    keeper = Side(action.side)
    other = Side.PRM if keeper is Side.CRM else Side.CRM
    rule = stream.rule_for(verdict.prm, session.name)
    crm = verdict.link.crm or {}
    items = []
    for group in rule.groups:
        if group.members[0] not in action.fields:
            continue
        if not group.flows_to(other):
            return []
        ours = tuple(verdict.ours.get(name) for name in group.members)
        theirs = tuple(crm.get(name) for name in group.members)
        item = held_store.new_item(
            verdict.link.id,
            group.name,
            group.members,
            KIND,
            ours,
            theirs,
            _base(verdict.link, group.members),
        )
        items.append(held_store.taken(item, keeper))
    return items


def _base(link: Link, members: Sequence[str]) -> held_store.GroupValue | None:
    base = link.base or {}
    return tuple(base[name] for name in members) if all(one in base for one in members) else None


def _restored(verdict: Verdict, stream: Stream) -> list[HeldItem]:
    """A record that is gone on one side is made again there from the other side's values."""
    link = verdict.link
    if link.prm_gone == link.crm_gone:
        return []
    keeper = Side.CRM if link.prm_gone else Side.PRM
    left: Values | None = link.crm if link.prm_gone else verdict.ours
    if left is None:
        return []
    members = tuple(name for group in stream.rule.groups for name in group.members)
    value = tuple(left.get(name) for name in members)
    seen = (None, value) if keeper is Side.CRM else (value, None)
    item = held_store.new_item(link.id, RECORD, members, KIND, *seen)
    return [held_store.taken(item, keeper)]


def _send_back(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    revert_id: int,
    rows: Sequence[Action],
) -> None:
    found = links.by_ids(connection, {one.link_id for one in rows})
    actions: list[Action] = []
    for verdict in decide_page(connection, session, stream, list(found.values())):
        name_causes(session, stream, verdict.link, verdict.actions, frozenset())
        actions.extend(verdict.actions)
    for one in actions:
        one.state, one.brake_id = ActionState.RELEASED, sending.LET_GO
    journal.add(connection, revert_id, actions)
    links.set_dirty(connection, list(found), Dirty.CHANGED)
