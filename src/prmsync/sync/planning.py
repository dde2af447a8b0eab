"""A plan is rows in the database: decided page by page, braked before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.reconcile.brakes import Cell, Limits, Trip, tripped
from prmsync.store import held as held_store
from prmsync.store import journal, links, runs
from prmsync.store.held import HeldItem, HeldState, ParkedItem
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, LinkState
from prmsync.store.runs import RunState
from prmsync.sync.apply_prm import carry_out
from prmsync.sync.decide import Verdict, decide_page
from prmsync.sync.matching import MATCH
from prmsync.sync.session import Session, Stream

PAGE = 2000


@dataclass(slots=True)
class Plan:
    """What a run would write, counted; the rows themselves are in the journal."""

    run_id: int
    cells: Counter[Cell] = field(default_factory=Counter)
    held: int = 0
    unfit: int = 0
    """Records with a value that the CRM cannot hold; they are parked."""
    trips: dict[Cell, Trip] = field(default_factory=dict)
    waiting_run: int | None = None
    """The run under which braked writes wait."""


def plan_streams(session: Session, plan: Plan, *, keep_dirty: bool, release: bool = False) -> None:
    """Decide all dirty links of all streams and store the rows, then brake them.

    With `keep_dirty` the links stay marked (`prmsync plan`): a later run decides them again.
    With `release` a person has let the brakes go.
    """
    plan.cells.clear()
    for stream in session.streams.values():
        with session.database.begin() as connection:
            session.fence(connection)
            journal.supersede_planned(connection, stream.id)
        _plan_stream(session, stream, plan, keep_dirty=keep_dirty, at_once=release)
    if not release:
        _brake(session, plan, only_tell=keep_dirty)


def _plan_stream(
    session: Session, stream: Stream, plan: Plan, *, keep_dirty: bool, at_once: bool
) -> None:
    """`at_once`: no brake can hold anything, so our side is written in the same transaction."""
    after = 0
    while True:
        with session.database.begin() as connection:
            session.fence(connection)
            page = links.dirty_page(connection, stream.id, after, PAGE, lock=True)
            if not page:
                return
            verdicts = decide_page(connection, session, stream, page)
            actions = _store(
                connection, session, stream, plan, verdicts, keep_dirty=keep_dirty, at_once=at_once
            )
            if at_once:
                ours = _ours(actions, _allowed(session))
                carry_out(connection, session, stream, ours, {one.id: one for one in page})
            journal.add(connection, plan.run_id, actions)
        after = page[-1].id
        session.progress(f"deciding {stream.name}", len(page))


def _store(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    plan: Plan,
    verdicts: Sequence[Verdict],
    *,
    keep_dirty: bool,
    at_once: bool,
) -> list[Action]:
    """Store the links' new states and what waits for people; returns the rows to write. With
    `at_once` the links whose rows our side takes next are stored there, once."""
    ids = [one.link.id for one in verdicts]
    waiting = journal.waiting_of(connection, ids)
    parked = held_store.parked_of(connection, ids)
    actions: list[Action] = []
    moved = []
    by_dirty: dict[int, list[int]] = {}
    unparked = []
    allowed = _allowed(session)
    for verdict in verdicts:
        todo, freed = _unparked(verdict, parked.get(verdict.link.id))
        unparked.extend(freed)
        fresh = _not_waiting(todo, waiting.get(verdict.link.id))
        actions.extend(fresh)
        shadowed = any(not allowed[one.side] for one in todo)
        dirty = Dirty.CHANGED if keep_dirty or shadowed else verdict.dirty
        if at_once and _ours(fresh, allowed):
            pass
        elif verdict.link.state != verdict.state:
            moved.append(verdict.link)
        elif verdict.link.dirty != dirty:
            by_dirty.setdefault(dirty, []).append(verdict.link.id)
        verdict.link.dirty, verdict.link.state = dirty, verdict.state
    overtaken = [one.id for rows in waiting.values() for one in rows]
    journal.mark(connection, overtaken, ActionState.SUPERSEDED)
    links.save(connection, moved)
    for dirty, dirty_ids in by_dirty.items():
        links.set_dirty(connection, dirty_ids, dirty)
    held_store.unpark(connection, unparked)
    plan.unfit += _park_unfit(connection, session, verdicts)
    plan.held += _store_held(connection, session, stream, plan.run_id, verdicts)
    _count(session, stream, plan, actions)
    return actions


def _not_waiting(todo: Sequence[Action], waiting: list[Action] | None) -> list[Action]:
    """What a brake does not hold already. Waiting rows that still say the same are taken off the
    list of those that are overtaken."""
    if not waiting:
        return list(todo)
    fresh = []
    for action in todo:
        same = next((one for one in waiting if one.same_as(action)), None)
        if same is None:
            fresh.append(action)
        else:
            waiting.remove(same)
    return fresh


def _ours(actions: Sequence[Action], allowed: Mapping[str, bool]) -> list[Action]:
    """The rows that our own side takes: writes to it, and moves of the base."""
    return [one for one in actions if one.side != Side.CRM and allowed[one.side]]


def _allowed(session: Session) -> dict[str, bool]:
    """Which kinds of rows this connection may carry out."""
    return {"base": True, **{side.value: session.may_write(side) for side in Side}}


def _unparked(verdict: Verdict, parked: ParkedItem | None) -> tuple[list[Action], list[int]]:
    """A refused write is not tried again until its content changes."""
    if parked is None or verdict.problems:
        return verdict.actions, []
    todo = [one for one in verdict.actions if one.fingerprint != parked.fingerprint]
    return (todo, []) if len(todo) < len(verdict.actions) else (todo, [verdict.link.id])


def _park_unfit(connection: sa.Connection, session: Session, verdicts: Sequence[Verdict]) -> int:
    """Values that do not fit the CRM are kept and named, never cut."""
    items = [
        ParkedItem(
            verdict.link.id,
            "unfit",
            Side.CRM,
            "DOES_NOT_FIT",
            "; ".join(f"{one.field}: {one.message}" for one in verdict.problems),
            "; ".join({one.hint: None for one in verdict.problems if one.hint}),
            session.now(),
        )
        for verdict in verdicts
        if verdict.problems
    ]
    held_store.park(connection, items)
    return len(items)


def _store_held(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    run_id: int,
    verdicts: Sequence[Verdict],
) -> int:
    """Keep items whose values still stand, close those that moved or were carried out."""
    members = {group.name: group.members for group in stream.rule.groups}
    fresh: list[HeldItem] = []
    moved: list[int] = []
    done: list[int] = []
    for verdict in verdicts:
        wanted = {one.group: one for one in verdict.held}
        for item in verdict.known:
            if item.group == MATCH or item.group in stream.paused:
                continue
            now = wanted.get(item.group)
            if item.state == HeldState.OPEN and now and (item.prm, item.crm) == (now.prm, now.crm):
                del wanted[item.group]
            elif item.state == HeldState.OPEN or now:
                moved.append(item.id)
            elif not verdict.actions:
                done.append(item.id)
        fresh.extend(
            held_store.new_item(
                verdict.link.id,
                one.group,
                members.get(one.group, stream.members),
                one.kind,
                one.prm,
                one.crm,
                one.base,
            )
            for one in wanted.values()
        )
    held_store.close_items(connection, moved, HeldState.MOVED)
    held_store.close_items(connection, done, HeldState.DONE)
    held_store.open_items(connection, fresh, run_id, session.now())
    return len(fresh)


def _count(session: Session, stream: Stream, plan: Plan, actions: Sequence[Action]) -> None:
    allowed = _allowed(session)
    for action in actions:
        if not allowed[action.side] or action.side == "base":
            continue
        for cell in cells_of(stream.name, action):
            plan.cells[cell] += 1


def cells_of(stream: str, action: Action) -> list[Cell]:
    """What brakes count of one write. Our own key, the record's home and the filling of a blank
    are never braked: they replace nothing."""
    side = Side(action.side)
    if action.op != "update":
        return [_whole(stream, side, action.op)]
    return [
        Cell(stream, side, "update", name)
        for name, (old, new) in action.fields.items()
        if old is not None and old != new and not name.startswith("@")
    ]


_whole = lru_cache(maxsize=64)(Cell)


def _brake(session: Session, plan: Plan, *, only_tell: bool) -> None:
    with session.database.begin() as connection:
        session.fence(connection)
        waiting = [
            one
            for one in runs.in_state(connection, session.name, RunState.WAITING)
            if one.kind != runs.UNDO
        ]
        plan.waiting_run = plan.waiting_run or (waiting[0].id if waiting else None)
        counts = plan.cells.copy()
        if plan.cells and plan.waiting_run is not None:
            held_back = _still_waiting(connection, session)
            counts.update({cell: held_back[cell] for cell in plan.cells})
        _trip(connection, session, plan, counts, only_tell=only_tell)


def brake_alone(session: Session, plan: Plan, *, only_tell: bool) -> None:
    """Brake a plan that waits, if it must, as a run of its own."""
    with session.database.begin() as connection:
        session.fence(connection)
        _trip(connection, session, plan, plan.cells, only_tell=only_tell)


def _trip(
    connection: sa.Connection,
    session: Session,
    plan: Plan,
    counts: Counter[Cell],
    *,
    only_tell: bool,
) -> None:
    trips = tripped(
        counts,
        {one.name: _linked(connection, one) for one in session.streams.values()},
        _created_before(connection, session),
        {one.name: _limits(one) for one in session.streams.values()},
    )
    plan.trips |= trips
    if trips and not only_tell:
        _hold(connection, session, plan, trips)


def _linked(connection: sa.Connection, stream: Stream) -> int:
    return links.count_by_state(connection, stream.id).get(LinkState.LIVE, 0)


def _limits(stream: Stream) -> Limits:
    limits = stream.mapping.brakes
    return Limits(limits.absolute, limits.percent, limits.creates, limits.deletes)


def _created_before(connection: sa.Connection, session: Session) -> frozenset[tuple[str, Side]]:
    return frozenset(
        (stream.name, side)
        for stream in session.streams.values()
        for side in Side
        if journal.created_before(connection, stream.id, side)
    )


def _still_waiting(connection: sa.Connection, session: Session) -> Counter[Cell]:
    counts: Counter[Cell] = Counter()
    for stream in session.streams.values():
        for action in journal.waiting(connection, stream.id):
            counts.update(cells_of(stream.name, action))
    return counts


def _hold(
    connection: sa.Connection, session: Session, plan: Plan, trips: Mapping[Cell, Trip]
) -> None:
    """Move what tripped a brake aside; a run that waits already takes it in."""
    target = plan.waiting_run or plan.run_id
    plan.waiting_run = target
    for stream in session.streams.values():
        after = 0
        while page := journal.page(
            connection,
            plan.run_id,
            [ActionState.PLANNED],
            stream_id=stream.id,
            sides=tuple(Side),
            after=after,
        ):
            after = page[-1].id
            by_cause: dict[str, list[int]] = {}
            for action in page:
                trip = next((trips[c] for c in cells_of(stream.name, action) if c in trips), None)
                if trip is not None:
                    by_cause.setdefault(f"{trip.cell}: {trip.why}", []).append(action.id)
            for cause, ids in by_cause.items():
                journal.hold(connection, ids, target, cause)
