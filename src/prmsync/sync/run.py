"""A run: read both sides, store what they show, decide, plan, brake, write, report."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from prmsync.domain.merge import Side, Writes
from prmsync.errors import SchemaError, StateError
from prmsync.reconcile.causes import Lane
from prmsync.store import brakes, journal, links, runs, sending
from prmsync.store.journal import Action, ActionState
from prmsync.store.runs import Run, RunState
from prmsync.sync.answering import take_answers
from prmsync.sync.apply_crm import apply_crm
from prmsync.sync.apply_prm import apply_prm
from prmsync.sync.claims import ask_for_keys, require_known_keys
from prmsync.sync.decide import decide_page
from prmsync.sync.fresh import FreshPages
from prmsync.sync.locked import look_again
from prmsync.sync.merging import follow_merges
from prmsync.sync.observe import backfill, begin_reading, observe
from prmsync.sync.outcome import Outcome
from prmsync.sync.pairing import pair_up
from prmsync.sync.plan import Plan
from prmsync.sync.planning import plan_streams
from prmsync.sync.quota import cost, saved
from prmsync.sync.recover import recover
from prmsync.sync.relation_ends import look_at_ends
from prmsync.sync.relation_reading import read_relations
from prmsync.sync.running import (
    Report,
    ending,
    finish,
    holding,
    merge,
    of_connection,
    start,
    went_on_with,
)
from prmsync.sync.session import Session, Stream
from prmsync.sync.telling import tell
from prmsync.sync.undo import apply_undo, drop_undo

ROUNDS = 3
"""Passes of one run over links that moved while it wrote; the rest waits for the next run."""


def plan(session: Session) -> Report:
    """Read both sides and store what a sync would write, as a run that waits for `apply`."""
    with holding(session):
        run_id = start(session, "plan")
        made = Plan(run_id)
        with ending(session, run_id):
            recover(session)
            begin_reading(session)
            ask_for_keys(session)
            observe(session, tentative=True)
            read_relations(session)
            require_known_keys(session)
            linked = pair_up(session, run_id)
            _supersede_plans(session)
            take_answers(session)
            look_again(session)
            plan_streams(session, made, keep_dirty=True)
            tell_cost(session, made)
            return finish(session, made, Outcome(), linked, RunState.PLANNED)


def tell_cost(session: Session, made: Plan) -> None:
    """Add what it costs to send the rows that are planned now."""
    states = [ActionState.PLANNED, ActionState.RELEASED]
    with session.database.read() as connection:
        rows = sending.to_send(connection, made.run_id, states)
    made.cost.update(cost(session, rows))
    forecast = {row: count for row, count in rows.items() if row.lane is Lane.FORECAST}
    made.forecast_cost += cost(session, forecast).total()
    made.saved += saved(session, rows)


def sync(session: Session, *, full: bool = False, release: bool = False) -> Report:
    """One run now. `release` lets through what a brake would hold (`--yes`)."""
    with holding(session):
        run_id = start(session, "sync")
        made = Plan(run_id)
        outcome = Outcome()
        with ending(session, run_id):
            recover(session)
            begin_reading(session)
            later = session.writes is not Writes.NONE
            keyed = ask_for_keys(session)
            fresh = FreshPages(session, made) if release and later and not keyed else None
            observe(session, full=full, later=later, fresh=fresh)
            if not full:
                read_relations(session)
            require_known_keys(session)
            linked = pair_up(session, run_id)
            if session.writes is Writes.NONE:
                return _only_plan(session, made, linked)
            _supersede_plans(session)
            look_again(session)
            _rounds(session, made, outcome, release=release)
            if outcome.stopped is None and backfill(session):
                _rounds(session, made, outcome, release=release)
            went_on = _go_on(session, run_id, outcome)
            if outcome.stopped is None:
                merge(outcome, tell(session, made.run_id))
            report = finish(session, made, outcome, linked, RunState.DONE)
            report.went_on = went_on
            return report


def _only_plan(session: Session, made: Plan, linked: int) -> Report:
    """Shadow mode: what moved is decided anew, all else stands in the plan that is there."""
    with session.database.begin() as connection:
        session.fence(connection)
        standing = runs.in_state(connection, session.name, RunState.PLANNED)
        run_id, made.run_id = made.run_id, standing[-1].id if standing else made.run_id
    plan_streams(session, made)
    tell_cost(session, made)
    if made.run_id != run_id:
        with session.database.begin() as connection:
            session.fence(connection)
            runs.finish(
                connection,
                run_id,
                RunState.DONE,
                session.now(),
                calls=session.connector.usage().calls,
                counts={},
                message=f"the plan stands as run {made.run_id}",
            )
    return finish(session, made, Outcome(), linked, RunState.PLANNED)


def _go_on(session: Session, run_id: int, outcome: Outcome) -> dict[int, int]:
    """Send what a person let go and an earlier run could not; returns run → writes."""
    went_on = {}
    with session.database.read() as connection:
        ids = [stream.id for stream in session.active]
        left = sending.runs_with(connection, ids, ActionState.RELEASED)
    for other in left:
        if other == run_id or outcome.stopped is not None:
            continue
        apply_prm(session, other, [ActionState.RELEASED])
        part = apply_crm(session, other, [ActionState.RELEASED])
        merge(outcome, part)
        went_on[other] = part.written
        went_on_with(session, other, part)
    return went_on


def _rounds(session: Session, made: Plan, outcome: Outcome, *, release: bool) -> None:
    states = [ActionState.PLANNED, ActionState.RELEASED]
    if release:
        _release(session)
    created = 0
    for turn in range(ROUNDS):
        if turn:  # the guard may have met a deletion or a merge
            look_at_ends(session)
            follow_merges(session, made.run_id)
        take_answers(session)
        plan_streams(session, made, release=release)
        tell_cost(session, made)
        apply_prm(session, made.run_id, states)
        part = apply_crm(session, made.run_id, states)
        if (part.refused or isinstance(part.stopped, SchemaError)) and session.look_again():
            part.stopped = None  # what the CRM's schema keeps from use is paused, the rest goes on
        merge(outcome, part)
        if outcome.stopped is not None:
            return
        if not _any(session, links.Dirty.CHANGED, links.Dirty.REMAPPED):
            if not _any(session, links.Dirty.WAITS):
                return
            created, before = _created(session, made.run_id), created
            if created == before:  # no record is there now that was not before
                return


def _any(session: Session, *marks: int) -> bool:
    """Whether some link has one of these marks: it moved while this run wrote, or it waits."""
    with session.database.read() as connection:
        return any(links.any_dirty(connection, one.id, marks) for one in session.active)


def _created(session: Session, run_id: int) -> int:
    """How many records this run has made, or found made, on either side."""
    with session.database.read() as connection:
        counts = journal.counts(connection, run_id)
    return sum(
        many
        for (_, _, op, state), many in counts.items()
        if op == "create" and state in journal.TOLD
    )


def _release(session: Session) -> None:
    """Take over what a brake holds; its links are decided again, from what both sides show now."""
    with session.database.begin() as connection:
        session.fence(connection)
        for stream in session.active:
            sending.reopen_waiting(connection, stream.id)
            brakes.nothing_waits(connection, stream.id)
        for run in runs.in_state(connection, session.name, RunState.WAITING):
            if run.kind != runs.UNDO and not session.aside:
                runs.set_state(connection, run.id, RunState.SUPERSEDED)


def apply(session: Session, run_id: int) -> Report:
    """Do exactly what a stored plan says. Rows whose inputs have moved are refused and named.

    Raises StateError for a run that has nothing to apply or belongs to another connection, and
    where the connection only plans.
    """
    if session.writes is Writes.NONE:
        raise StateError(
            f"{session.name} only plans: its setting is writes = none",
            hint="set `writes` in prmsync.toml to both, prm or crm, then apply",
        )
    with holding(session):
        recover(session)
        run = applicable(session, run_id)
        begin_reading(session)
        observe(session)
        require_known_keys(session)
        if run.kind == runs.UNDO:
            return apply_undo(session, run)
        pair_up(session, run_id)
        refused = recheck(session, run_id)
        _let_go(session, run_id)
        outcome = Outcome()
        made = Plan(run_id)
        states = [ActionState.RELEASED]
        with ending(session, run_id):
            tell_cost(session, made)
            apply_prm(session, run_id, states)
            merge(outcome, apply_crm(session, run_id, states))
            if outcome.stopped is None:
                merge(outcome, tell(session, run_id))
            report = finish(session, made, outcome, 0, RunState(run.state), applied=True)
    report.refused_rows = refused
    return report


def _let_go(session: Session, run_id: int) -> None:
    """Note that a person let these rows go: what cannot be sent now is sent by the next run."""
    states = [ActionState.WAITING, ActionState.PLANNED]
    for stream in session.streams.values():
        after = 0
        while True:
            with session.database.begin() as connection:
                session.fence(connection)
                page = journal.page(
                    connection,
                    run_id,
                    states,
                    stream_id=stream.id,
                    sides=session.sides,
                    after=after,
                )
                if not page:
                    break
                brakes.no_longer_wait(connection, page)
                sending.release(connection, page)
            after = page[-1].id


def applicable(session: Session, run_id: int) -> Run:
    """A run of this connection that may be applied now. Raises StateError, NotFoundError."""
    with session.database.read() as connection:
        run = of_connection(session, runs.get(connection, run_id))
    require_open(run)
    _require_active(session, run)
    return run


def require_open(run: Run) -> None:
    """Raise StateError for a run that is no plan and of which nothing waits."""
    if run.state not in (RunState.PLANNED, RunState.WAITING):
        raise StateError(
            f"run {run.id} is {run.state}: there is nothing to apply",
            hint=f"make a new plan: prmsync plan {run.connection}",
        )


def _require_active(session: Session, run: Run) -> None:
    """Raise StateError for a plan with writes of a stream that was paused since."""
    with session.database.read() as connection:
        open_rows = journal.counts(connection, run.id)
    planned = {stream_id for stream_id, _, _, state in open_rows if state in sending.STANDING}
    for name, why in session.aside.items():
        if name in session.streams and session.streams[name].id in planned:
            raise StateError(
                f"run {run.id} writes {name} records, and {name} is paused: {why}",
                hint=f"prmsync resume {session.name} --stream {name}; or a plan without them: "
                f"prmsync plan {session.name}",
            )


def recheck(session: Session, run_id: int) -> list[Action]:
    """Decide the plan's links again from what is stored now; what differs is not written."""
    refused: list[Action] = []
    states = [ActionState.WAITING, ActionState.PLANNED]
    for stream in session.streams.values():
        after = 0
        while True:
            with session.database.begin() as connection:
                session.fence(connection)
                page = journal.page(
                    connection, run_id, states, stream_id=stream.id, after=after, limit=1000
                )
                if not page:
                    break
                moved = _compare(connection, session, stream, page)
                brakes.no_longer_wait(connection, moved)
                journal.mark(connection, [one.id for one in moved], ActionState.SUPERSEDED)
            refused.extend(moved)
            after = page[-1].id
    return refused


def _compare(
    connection: sa.Connection, session: Session, stream: Stream, page: Sequence[Action]
) -> list[Action]:
    """The rows that would not be decided so now. A link is only at rest when these rows are all
    there is to do about it; whatever else moved on it is decided by the next run."""
    found = links.by_ids(connection, {one.link_id for one in page}, lock=True)
    verdicts = decide_page(connection, session, stream, list(found.values()))
    now = {verdict.link.id: verdict for verdict in verdicts}
    moved = [
        one for one in page if not any(one.same_as(other) for other in now[one.link_id].actions)
    ]
    restless = {one.link_id for one in moved}
    planned: dict[int, list[Action]] = {one.link_id: [] for one in page}
    for one in page:
        planned[one.link_id].append(one)
    for link_id, verdict in now.items():
        known = {item.group for item in verdict.known}
        if (
            verdict.waits
            or any(held.group not in known for held in verdict.held)
            or not all(
                _may_write(session, one) and any(one.same_as(row) for row in planned[link_id])
                for one in verdict.actions
            )
        ):
            restless.add(link_id)
    links.set_dirty(connection, sorted(restless), links.Dirty.CHANGED)
    links.set_dirty(connection, sorted(now.keys() - restless), links.Dirty.CLEAN)
    return moved


def _may_write(session: Session, action: Action) -> bool:
    return action.side == "base" or session.may_write(Side(action.side))


def drop(session: Session, run_id: int) -> int:
    """Leave a plan's writes until their values move; returns how many were dropped."""
    with holding(session), session.database.begin() as connection:
        session.fence(connection)
        run = of_connection(session, runs.get(connection, run_id))
        if run.state not in (RunState.PLANNED, RunState.WAITING, RunState.STOPPED):
            raise StateError(f"run {run_id} is {run.state}: nothing of it waits")
        dropped = drop_undo(connection, session, run) if run.kind == runs.UNDO else 0
        states = sending.STANDING
        for stream in session.streams.values():
            while page := journal.page(connection, run_id, states, stream_id=stream.id):
                _compare(connection, session, stream, page)
                brakes.no_longer_wait(connection, page)
                journal.mark(connection, [one.id for one in page], ActionState.DROPPED)
                dropped += len(page)
        runs.set_state(connection, run_id, RunState.DROPPED)
    return dropped


def _supersede_plans(session: Session) -> None:
    """Plans that nobody applied are overtaken by this run, and say so."""
    with session.database.begin() as connection:
        session.fence(connection)
        for run in runs.in_state(connection, session.name, RunState.PLANNED):
            runs.set_state(connection, run.id, RunState.SUPERSEDED)
