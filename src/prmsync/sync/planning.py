"""A plan is rows in the database: decided page by page, braked before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.store import brakes as brake_store
from prmsync.store import held as held_store
from prmsync.store import journal, links, sending
from prmsync.store.held import HeldItem, HeldState, ParkedItem
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, Link
from prmsync.store.streams import save_stream
from prmsync.sync import brakes
from prmsync.sync.apply_prm import carry_out
from prmsync.sync.decide import Verdict, decide_page
from prmsync.sync.describing import DOES_NOT_FIT, doubt_people
from prmsync.sync.matching import MATCH
from prmsync.sync.plan import Plan
from prmsync.sync.session import Session, Stream

PAGE = 2000


def plan_streams(
    session: Session, plan: Plan, *, keep_dirty: bool = False, release: bool = False
) -> None:
    """Decide all dirty links of all streams and store the rows, then brake them. Rows for a side
    that may not be written stand as planned until their links move.

    With `keep_dirty` the links stay marked and the plan is whole (`prmsync plan`): a later run
    decides them again. With `release` a person has let the brakes go.
    """
    with session.database.begin() as connection:
        session.fence(connection)
        for stream in session.active:
            sides = journal.SIDES if keep_dirty else session.sides
            journal.supersede_planned(connection, stream.id, sides)
        if plan.cells:
            brakes.forget_unwritten(connection, session, plan)
        if plan.created is None:
            plan.created = brakes.created_before(connection, session)
        moved = links.marked_streams(connection, [one.id for one in session.active])
    for stream in session.active if moved else ():
        _plan_stream(session, stream, plan, keep_dirty=keep_dirty, at_once=release)
    if not release:
        brakes.brake(session, plan, only_tell=keep_dirty or not session.sides)


def _plan_stream(
    session: Session, stream: Stream, plan: Plan, *, keep_dirty: bool, at_once: bool
) -> None:
    """`at_once`: no brake can hold anything, so our side is written in the same transaction."""
    after, sides = 0, session.sides
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
                _let_go(session, actions)
                ours = _ours(actions, sides)
                if carry_out(connection, session, stream, ours, _by_id(page)):
                    save_stream(connection, stream.state)
            else:
                brakes.count(plan.cells, session, stream, actions)
            journal.add(connection, plan.run_id, actions)
        after = page[-1].id
        session.progress(f"deciding {stream.name}", len(page))


def take_fresh(
    connection: sa.Connection, session: Session, stream: Stream, plan: Plan, page: Sequence[Link]
) -> None:
    """Decide links that are not stored yet, write our side and store them: the only records they
    can name are new ones, so nothing stands, waits or was refused of them. The caller stores the
    stream's state, whose place in the change log may move."""
    verdicts = decide_page(connection, session, stream, page)
    created = plan.created or frozenset()
    for verdict in verdicts:
        brakes.name_causes(session, stream, verdict.link, verdict.actions, created)
        verdict.link.dirty, verdict.link.state = verdict.dirty, verdict.state
    actions = [action for verdict in verdicts for action in verdict.actions]
    _let_go(session, actions)
    carry_out(connection, session, stream, _ours(actions, session.sides), _by_id(page))
    links.add(connection, [one for one in page if one.unsaved])
    plan.unfit_links |= _park_unfit(connection, session, verdicts, {})
    plan.held += _store_held(connection, session, stream, plan.run_id, verdicts)
    journal.add(connection, plan.run_id, actions)


def _by_id(page: Sequence[Link]) -> dict[int, Link]:
    return {one.id: one for one in page}


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
    standing = sending.standing_of(connection, ids)
    parked = held_store.parked_of(connection, ids)
    actions: list[Action] = []
    moved = []
    by_dirty: dict[int, list[int]] = {}
    unparked = []
    sides = session.sides
    ours = [str(one.link.prm_id) for one in verdicts if one.actions and one.link.prm_id]
    imported = brakes.imports_of(connection, session, stream, ours)
    for verdict in verdicts:
        todo, freed = _unparked(session, verdict, parked.get(verdict.link.id))
        unparked.extend(freed)
        fresh = _not_standing(todo, standing.get(verdict.link.id))
        if fresh:
            created = plan.created or frozenset()
            by_import = imported.get(verdict.link.prm_id or "")
            brakes.name_causes(session, stream, verdict.link, fresh, created, by_import)
            actions.extend(fresh)
        dirty = Dirty.CHANGED if keep_dirty else verdict.dirty
        if at_once and _ours(fresh, sides):
            pass
        elif verdict.link.state != verdict.state:
            moved.append(verdict.link)
        elif verdict.link.dirty != dirty:
            by_dirty.setdefault(dirty, []).append(verdict.link.id)
        verdict.link.dirty, verdict.link.state = dirty, verdict.state
    overtaken = [one for rows in standing.values() for one in rows]
    brake_store.no_longer_wait(connection, overtaken)
    journal.mark(connection, [one.id for one in overtaken], ActionState.SUPERSEDED)
    links.save(connection, moved)
    for dirty, dirty_ids in by_dirty.items():
        links.set_dirty(connection, dirty_ids, dirty)
    held_store.unpark(connection, unparked)
    plan.unfit_links |= _park_unfit(connection, session, verdicts, parked)
    plan.held += _store_held(connection, session, stream, plan.run_id, verdicts)
    return actions


def _not_standing(todo: Sequence[Action], standing: list[Action] | None) -> list[Action]:
    """What does not stand already. Rows that still say the same are taken off the list of those
    that are overtaken."""
    if not standing:
        return list(todo)
    fresh = []
    for action in todo:
        same = next((one for one in standing if one.same_as(action)), None)
        if same is None:
            fresh.append(action)
        else:
            standing.remove(same)
    return fresh


def _ours(actions: Sequence[Action], sides: Collection[str]) -> list[Action]:
    """The rows that our own side takes at once: writes to it, and moves of the base. What is
    deleted comes last, children first (`apply_prm`)."""
    ours = set(sides) - {Side.CRM.value}
    return [one for one in actions if one.side in ours and one.op != "delete"]


def _let_go(session: Session, actions: Sequence[Action]) -> None:
    """A person let go whatever this run decides: what it cannot send is sent by the next one."""
    sides = session.sides
    for action in actions:
        if action.side in sides:
            action.state, action.brake_id = ActionState.RELEASED, sending.LET_GO


def _unparked(
    session: Session, verdict: Verdict, parked: ParkedItem | None
) -> tuple[list[Action], list[int]]:
    """A refused write is not tried again until its content changes; one of a locked record once in
    each run that decides it."""
    if parked is None or verdict.problems:
        return verdict.actions, []
    if parked.again_at is not None and not parked.dropped and parked.link_id not in session.locked:
        session.locked[parked.link_id] = parked.since
        return verdict.actions, [verdict.link.id]
    todo = [one for one in verdict.actions if one.fingerprint != parked.fingerprint]
    return (todo, []) if len(todo) < len(verdict.actions) else (todo, [verdict.link.id])


def _park_unfit(
    connection: sa.Connection,
    session: Session,
    verdicts: Sequence[Verdict],
    parked: Mapping[int, ParkedItem],
) -> set[int]:
    """Values that do not fit the CRM are kept and named, never cut; the links that have some."""
    items = [
        ParkedItem(
            verdict.link.id,
            "unfit",
            Side.CRM,
            DOES_NOT_FIT,
            "; ".join(f"{one.field}: {one.message}" for one in verdict.problems),
            "; ".join({one.hint: None for one in verdict.problems if one.hint}),
            session.now(),
        )
        for verdict in verdicts
        if verdict.problems
    ]
    if any(verdict.problems or verdict.notes for verdict in verdicts):
        doubt_people(connection, session.name)
    fresh = [one for one in items if not _is_dropped(one, parked.get(one.link_id))]
    held_store.park(connection, fresh)
    return {one.link_id for one in fresh}


def _is_dropped(item: ParkedItem, before: ParkedItem | None) -> bool:
    """Whether a person has taken the same off the list."""
    return before is not None and before.dropped and before.message == item.message


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
        if not verdict.held and not verdict.known:
            continue
        wanted = {one.group: one for one in verdict.held}
        for item in verdict.known:
            if item.group == MATCH or item.group in stream.paused:
                continue
            now = wanted.get(item.group)
            if item.state == HeldState.OPEN and now and (item.prm, item.crm) == (now.prm, now.crm):
                del wanted[item.group]
            elif item.state == HeldState.OPEN or now:
                moved.append(item.id)
            elif not verdict.actions and item.group not in verdict.waits:
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
