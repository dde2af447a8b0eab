"""Undo: the inverse of a run, planned, braked, journalled and written as a run of its own.

Before its first write, the fields that the next sync would put back are held, and their records
marked, in one transaction with the check that their values still stand. So a crash anywhere leaves
a record either undone and held, or as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from prmsync.domain.merge import Writes
from prmsync.errors import StateError
from prmsync.store import brakes, journal, links, runs, sending, written
from prmsync.store import held as held_store
from prmsync.store.held import HeldItem, HeldState
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty
from prmsync.store.runs import Run, RunState
from prmsync.sync.apply_crm import apply_crm
from prmsync.sync.apply_prm import apply_prm
from prmsync.sync.brakes import brake_alone
from prmsync.sync.claims import require_known_keys
from prmsync.sync.merging import follow_merges
from prmsync.sync.observe import observe
from prmsync.sync.outcome import Outcome
from prmsync.sync.plan import Plan
from prmsync.sync.recover import recover
from prmsync.sync.running import Report, ending, finish, holding, merge, of_connection, start
from prmsync.sync.session import Session, Stream
from prmsync.sync.undo_plan import Undoing, undo_page
from prmsync.sync.undo_used import used_since

PAGE = 1000
ROUNDS = 3
"""How often records are decided again that moved right before they were written."""
TODO = (ActionState.WAITING, ActionState.PLANNED)


def plan_undo(session: Session, run_id: int) -> Report:
    """Read both sides and store what undoing `run_id` would write and keep, as a run that waits
    for `apply`.

    Raises NotFoundError for an unknown run, StateError for one of another connection or one that
    wrote nothing.
    """
    with holding(session):
        return _planned(session, run_id, only_tell=True)


def undo(session: Session, run_id: int, *, release: bool = False) -> Report:
    """Undo `run_id` now; what a brake holds waits as the undo's run, unless `release` lets it go.

    Raises like `plan_undo`, and StateError where the connection only plans.
    """
    if session.writes is Writes.NONE:
        raise StateError(
            f"{session.name} only plans: its setting is writes = none",
            hint=f"look with: prmsync runs undo {run_id} --plan",
        )
    with holding(session):
        planned = _planned(session, run_id, only_tell=False, release=release)
        states = TODO if release else (ActionState.PLANNED,)
        return _written(session, planned, states)


def apply_undo(session: Session, run: Run) -> Report:
    """Do what a planned or waiting undo says. Called with the lease held, both sides read."""
    planned = Report(run.id, RunState(run.state))
    return _written(session, planned, TODO)


def drop_undo(connection: sa.Connection, session: Session, run: Run) -> int:
    """Leave what is not undone yet as it is; returns how many rows that are."""
    dropped = 0
    for stream in session.streams.values():
        while page := journal.page(connection, run.id, TODO, stream_id=stream.id):
            brakes.no_longer_wait(connection, page)
            journal.mark(connection, [one.id for one in page], ActionState.SUPERSEDED)
            dropped += len(page)
    return dropped


def _planned(session: Session, run_id: int, *, only_tell: bool, release: bool = False) -> Report:
    with session.database.read() as connection:
        wanted = of_connection(session, runs.get(connection, run_id))
        answered = _is_answered(connection, run_id)
    if wanted.kind == runs.ERASE:
        raise StateError(f"run {run_id} is an erasure: it is not undone, nothing has its values")
    if answered:
        _require_written(session, wanted)
    undo_id = start(session, runs.UNDO, undoes=run_id)
    made = Plan(undo_id)
    with ending(session, undo_id):
        recover(session)
        with session.database.read() as connection:
            run = runs.get(connection, run_id)
        _require_written(session, run)
        observe(session)
        require_known_keys(session)
        follow_merges(session, undo_id, kept_only=True)
        for stream in reversed(session.streams.values()):
            _plan_stream(session, stream, run, made)
        if not release:
            brake_alone(session, made, only_tell=only_tell)
        return finish(session, made, Outcome(), 0, RunState.PLANNED)


def _is_answered(connection: sa.Connection, run_id: int) -> bool:
    """Whether it is known of every write of a run whether it happened."""
    states = {state for _, _, _, state in journal.counts(connection, run_id)}
    return states.isdisjoint((ActionState.SENT, ActionState.UNKNOWN))


def _require_written(session: Session, run: Run) -> None:
    """Asked as early as it is known: nothing is read, and no run begun, for nothing."""
    with session.database.read() as connection:
        if any(
            written.links_of_run(connection, run.id, stream.id, 0, 1)
            for stream in session.streams.values()
        ):
            return
    raise StateError(
        f"run {run.id} ({run.kind}, {run.state}) wrote nothing: there is nothing to undo",
        hint=f"see `prmsync runs list {run.connection}`",
    )


def _plan_stream(session: Session, stream: Stream, run: Run, made: Plan) -> None:
    for page in _pages(session, stream, run):
        used = used_since(session, stream, run, made.run_id, page)
        with session.database.begin() as connection:
            session.fence(connection)
            undoings = undo_page(connection, session, stream, run, page, used)
            actions = [row for one in undoings for row in one.actions]
            kept = [row for one in undoings for row in one.kept]
            journal.add(connection, made.run_id, [*actions, *kept])
        made.held += sum(len(one.held) for one in undoings)
        for action in actions:
            made.cells.update(brakes.cells_of(stream.name, action))
        session.progress(f"planning the undo of {stream.name}", len(page))


def _pages(session: Session, stream: Stream, run: Run) -> Iterator[list[int]]:
    """Ids of the links that a run wrote, a page at a time."""
    after = 0
    while True:
        with session.database.read() as connection:
            page = written.links_of_run(connection, run.id, stream.id, after, PAGE)
        if not page:
            return
        yield page
        after = page[-1]


def _written(session: Session, planned: Report, states: Sequence[ActionState]) -> Report:
    with session.database.begin() as connection:
        session.fence(connection)
        run = runs.get(connection, planned.run_id)
        undone = runs.get(connection, run.undoes or 0)
        runs.set_state(connection, run.id, RunState.RUNNING)
    made, outcome = Plan(run.id), Outcome()
    with ending(session, run.id):
        refused = [
            row
            for stream in reversed(session.streams.values())
            for row in _hold_and_check(session, stream, run, undone, states)
        ]
        known = {one.id for one in refused}
        for _ in range(ROUNDS):
            apply_prm(session, run.id, states)
            merge(outcome, apply_crm(session, run.id, states))
            if outcome.stopped is not None or not _decide_again(session, run, undone, known):
                break
        if outcome.stopped is None and outcome.retry:
            recover(session)
        made.held = _let_go(session, run)
        made.trips = {one.cell: one for one in planned.trips}
        report = finish(session, made, outcome, 0, RunState.DONE, applied=True)
    report.refused_rows = refused
    report.waiting_run = run.id if report.state is RunState.WAITING else None
    return report


def _hold_and_check(
    session: Session, stream: Stream, run: Run, undone: Run, states: Sequence[ActionState]
) -> list[Action]:
    """Decide the rows again from what is stored now. What differs is not written; what stands is
    held and marked before its write can leave."""
    refused: list[Action] = []
    after = 0
    while True:
        with session.database.read() as connection:
            page = journal.page(
                connection, run.id, states, stream_id=stream.id, after=after, limit=PAGE
            )
        if not page:
            return refused
        after = page[-1].id
        ids = sorted({one.link_id for one in page})
        used = used_since(session, stream, undone, run.id, ids)
        with session.database.begin() as connection:
            session.fence(connection)
            undoings = {
                one.link.id: one
                for one in undo_page(connection, session, stream, undone, ids, used)
            }
            moved = [one for one in page if not _stands(one, undoings)]
            brakes.no_longer_wait(connection, page)
            sending.unhold(connection, [one for one in page if one.state == ActionState.WAITING])
            journal.mark(connection, [one.id for one in moved], ActionState.SUPERSEDED)
            _open(connection, session, run, _standing(page, moved, undoings))
        refused.extend(moved)


def _decide_again(session: Session, run: Run, undone: Run, known: set[int]) -> bool:
    """What moved right before it was written is planned anew, from what was seen then: an edit of
    one field keeps no other one from going back, and a record that a merge has given a third id is
    written under that. `known` are rows that are settled."""
    moved: list[tuple[Stream, list[int]]] = []
    for stream in reversed(session.streams.values()):
        with session.database.read() as connection:
            rows = journal.page(
                connection, run.id, [ActionState.SUPERSEDED], stream_id=stream.id, limit=PAGE
            )
        ids = sorted({one.link_id for one in rows if one.id not in known})
        known.update(one.id for one in rows)
        if ids:
            moved.append((stream, ids))
    if moved:
        follow_merges(session, run.id, kept_only=True)
    planned = [_plan_again(session, stream, run, undone, ids) for stream, ids in moved]
    return any(planned)


def _plan_again(
    session: Session, stream: Stream, run: Run, undone: Run, ids: Sequence[int]
) -> bool:
    used = used_since(session, stream, undone, run.id, ids)
    with session.database.begin() as connection:
        session.fence(connection)
        undoings = undo_page(connection, session, stream, undone, ids, used)
        told = journal.page(connection, run.id, [ActionState.KEPT], stream_id=stream.id, limit=PAGE)
        kept = [row for one in undoings for row in one.kept if not _is_told(row, told)]
        todo = [one for one in undoings if one.actions]
        journal.add(connection, run.id, [*(row for one in todo for row in one.actions), *kept])
        _open(connection, session, run, todo)
    return bool(todo)


def _is_told(row: Action, told: Sequence[Action]) -> bool:
    return any(row.same_as(one) and row.reason == one.reason for one in told)


def _standing(
    page: Sequence[Action], moved: Sequence[Action], undoings: dict[int, Undoing]
) -> list[Undoing]:
    """The records that are written now, with those held groups only that these writes put back."""
    gone = {one.id for one in moved}
    fields: dict[int, set[str]] = {}
    for one in page:
        if one.id not in gone:
            fields.setdefault(one.link_id, set()).update(one.fields)
    for link_id, names in fields.items():
        undoing = undoings[link_id]
        undoing.held = [item for item in undoing.held if not names.isdisjoint(item.fields)]
    return [undoings[link_id] for link_id in fields]


def _stands(action: Action, undoings: dict[int, Undoing]) -> bool:
    undoing = undoings.get(action.link_id)
    return undoing is not None and any(action.same_as(one) for one in undoing.actions)


def _open(
    connection: sa.Connection, session: Session, run: Run, undoings: Sequence[Undoing]
) -> None:
    """Hold what the next sync would put back, in place of what waited on these groups before."""
    links.set_dirty(connection, [one.link.id for one in undoings], Dirty.CHANGED)
    held: list[HeldItem] = [item for one in undoings for item in one.held]
    groups = {(item.link_id, item.group) for item in held}
    before = held_store.of_links(connection, sorted({link_id for link_id, _ in groups}))
    replaced = [
        item.id
        for items in before.values()
        for item in items
        if (item.link_id, item.group) in groups
    ]
    held_store.close_items(connection, replaced, HeldState.MOVED)
    held_store.open_items(connection, held, run.id, session.now())


def _let_go(session: Session, run: Run) -> int:
    """Fields whose undo was not written do not wait: nothing was put back that a sync could write
    again. Returns how many wait."""
    with session.database.begin() as connection:
        session.fence(connection)
        items = held_store.open_of_run(connection, run.id)
        ids = sorted({item.link_id for item in items})
        unwritten = written.unwritten_fields(connection, run.id, ids)
        for link_id, rows in written.of_run(connection, run.id, ids).items():
            for row in rows:  # what was planned twice was written the second time
                unwritten.get(link_id, set()).difference_update(row.fields)
        idle = [
            item.id
            for item in items
            if not unwritten.get(item.link_id, set()).isdisjoint(item.fields)
        ]
        held_store.close_items(connection, idle, HeldState.MOVED)
    return len(items) - len(idle)
