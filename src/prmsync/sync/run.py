"""A run: read both sides, store what they show, decide, plan, brake, write, report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from prmsync.domain.merge import Side, Writes
from prmsync.errors import ConnectorError, StateError
from prmsync.reconcile.brakes import Trip
from prmsync.store import journal, lease, links, runs
from prmsync.store.journal import Action, ActionState
from prmsync.store.runs import Run, RunState
from prmsync.sync.apply_crm import Outcome, apply_crm
from prmsync.sync.apply_prm import apply_prm
from prmsync.sync.decide import decide_page
from prmsync.sync.matching import match_streams
from prmsync.sync.observe import observe
from prmsync.sync.planning import Plan, plan_streams
from prmsync.sync.process import is_gone, this_process
from prmsync.sync.recover import recover
from prmsync.sync.session import Session, Stream

ROUNDS = 3
"""Passes of one run over links that moved while it wrote; the rest waits for the next run."""


@dataclass(slots=True)
class Report:
    """How a run ended, for people and programs. `calls` are CRM calls by kind."""

    run_id: int
    state: RunState
    counts: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    trips: list[Trip] = field(default_factory=list)
    waiting_run: int | None = None
    linked: int = 0
    held: int = 0
    unfit: int = 0
    """Records with a value that the CRM cannot hold."""
    message: str = ""
    refused_rows: list[Action] = field(default_factory=list)
    """Rows of an applied plan whose inputs have moved."""


@contextmanager
def holding(session: Session) -> Iterator[None]:
    """Hold the connection's lease. Raises LeaseLostError while another process has it."""
    with session.database.begin() as connection:
        gone = is_gone(lease.holder_of(connection, session.name))
        session.token = lease.acquire(
            connection,
            session.name,
            this_process(),
            session.now(),
            holder_is_dead=gone,
            length=lease.RUN_LEASE,
        )
    try:
        yield
    finally:
        with session.database.begin() as connection:
            lease.release(connection, session.name, session.token)


def plan(session: Session) -> Report:
    """Read both sides and store what a sync would write, as a run that waits for `apply`."""
    with holding(session):
        run_id = _start(session, "plan")
        made = Plan(run_id)
        with _ending(session, run_id):
            recover(session)
            observe(session)
            linked = match_streams(session)
            _supersede_plans(session)
            plan_streams(session, made, keep_dirty=True)
            return _finish(session, made, Outcome(), linked, RunState.PLANNED)


def sync(session: Session, *, full: bool = False, release: bool = False) -> Report:
    """One run now. `release` lets through what a brake would hold (`--yes`)."""
    with holding(session):
        run_id = _start(session, "sync")
        made = Plan(run_id)
        outcome = Outcome()
        with _ending(session, run_id):
            recover(session)
            observe(session, full=full)
            linked = match_streams(session)
            if session.writes is Writes.NONE:
                plan_streams(session, made, keep_dirty=True)
                return _finish(session, made, outcome, linked, RunState.PLANNED)
            _supersede_plans(session)
            _rounds(session, made, outcome, release=release)
            return _finish(session, made, outcome, linked, RunState.DONE)


def _rounds(session: Session, made: Plan, outcome: Outcome, *, release: bool) -> None:
    states = [ActionState.PLANNED]
    if release:
        _release(session)
    for _ in range(ROUNDS):
        plan_streams(session, made, keep_dirty=False, release=release)
        apply_prm(session, made.run_id, states)
        _merge(outcome, apply_crm(session, made.run_id, states))
        if outcome.stopped is not None or not _left(session):
            return


def _left(session: Session) -> bool:
    """Whether some link moved while this run wrote."""
    with session.database.read() as connection:
        return (
            any(
                one.dirty == 1
                for stream in session.streams.values()
                for one in links.dirty_page(connection, stream.id, 0, 1)
            )
            and session.writes is Writes.BOTH
        )


def _merge(total: Outcome, part: Outcome) -> None:
    total.written += part.written
    total.refused += part.refused
    total.retry += part.retry
    total.errors.extend(part.errors)
    total.stopped = total.stopped or part.stopped


def _release(session: Session) -> None:
    """Take over what a brake holds; its links are decided again, from what both sides show now."""
    with session.database.begin() as connection:
        session.fence(connection)
        for stream in session.streams.values():
            journal.reopen_waiting(connection, stream.id)
        for run in runs.in_state(connection, session.name, RunState.WAITING):
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
        run = _applicable(session, run_id)
        observe(session)
        match_streams(session)
        refused = _recheck(session, run_id)
        outcome = Outcome()
        states = [ActionState.WAITING, ActionState.PLANNED]
        with _ending(session, run_id):
            apply_prm(session, run_id, states)
            _merge(outcome, apply_crm(session, run_id, states))
            report = _finish(session, Plan(run_id), outcome, 0, RunState(run.state), applied=True)
    report.refused_rows = refused
    return report


def _applicable(session: Session, run_id: int) -> Run:
    with session.database.read() as connection:
        run = _of_connection(session, runs.get(connection, run_id))
    if run.state not in (RunState.PLANNED, RunState.WAITING):
        raise StateError(
            f"run {run_id} is {run.state}: there is nothing to apply",
            hint="make a new plan: prmsync plan " + session.name,
        )
    return run


def _of_connection(session: Session, run: Run) -> Run:
    if run.connection != session.name:
        raise StateError(
            f"run {run.id} belongs to {run.connection}, not to {session.name}",
            hint=f"prmsync apply {run.id} finds its connection by itself; leave the name out",
        )
    return run


def _recheck(session: Session, run_id: int) -> list[Action]:
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
        run = _of_connection(session, runs.get(connection, run_id))
        if run.state not in (RunState.PLANNED, RunState.WAITING):
            raise StateError(f"run {run_id} is {run.state}: nothing of it waits")
        dropped = 0
        states = [ActionState.WAITING, ActionState.PLANNED]
        for stream in session.streams.values():
            while page := journal.page(connection, run_id, states, stream_id=stream.id):
                _compare(connection, session, stream, page)
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


def _start(session: Session, kind: str) -> int:
    with session.database.begin() as connection:
        session.fence(connection)
        for run in runs.in_state(connection, session.name, RunState.RUNNING):
            _interrupted(connection, run, session)
        return runs.start(connection, session.name, kind, session.actor, session.now())


def _interrupted(connection: sa.Connection, run: Run, session: Session) -> None:
    """A run whose process is gone: what it had sent is found out by `recover`."""
    runs.finish(
        connection,
        run.id,
        _unless_waiting(connection, run.id, RunState.FAILED),
        session.now(),
        calls=run.calls,
        counts=run.counts,
        message="interrupted; the next run went on from what was stored",
    )


def _unless_waiting(connection: sa.Connection, run_id: int, state: RunState) -> RunState:
    """A run that ended early still holds what a brake set aside: it can be applied or dropped."""
    return RunState.WAITING if _waits(connection, run_id) else state


def _waits(connection: sa.Connection, run_id: int) -> bool:
    return _any(connection, run_id, ActionState.WAITING)


def _any(connection: sa.Connection, run_id: int, state: ActionState) -> bool:
    return any(row[3] == state for row in journal.counts(connection, run_id))


@contextmanager
def _ending(session: Session, run_id: int) -> Iterator[None]:
    """A run that ends by an error is stored as failed, with the error's words."""
    try:
        yield
    except ConnectorError as error:
        with session.database.begin() as connection:
            session.fence(connection)
            runs.finish(
                connection,
                run_id,
                _unless_waiting(connection, run_id, RunState.FAILED),
                session.now(),
                calls=session.connector.usage().calls,
                counts={},
                message=error.message,
            )
        raise


def _finish(
    session: Session,
    made: Plan,
    outcome: Outcome,
    linked: int,
    state: RunState,
    *,
    applied: bool = False,
) -> Report:
    recovered = recover(session) if outcome.stopped is None and outcome.retry else 0
    with session.database.begin() as connection:
        session.fence(connection)
        counts = _counts(connection, session, made.run_id)
        refused = outcome.refused or _any(connection, made.run_id, ActionState.PARKED)
        failed = bool(refused or outcome.retry or outcome.stopped or made.unfit)
        waits = _waits(connection, made.run_id)
        _forget_empty(connection, session)
        if failed:
            state = RunState.FAILED
        elif waits:
            state = RunState.WAITING
        elif applied:
            state = RunState.DONE
        message = "; ".join(dict.fromkeys(outcome.errors))
        calls = dict(session.connector.usage().calls)
        runs.finish(
            connection,
            made.run_id,
            RunState.WAITING if waits else state,
            session.now(),
            calls=calls,
            counts={
                **counts,
                "linked": linked,
                "held": made.held,
                "recovered": recovered,
                "unfit": made.unfit,
                "brakes": [f"{one.count:,} × {one.cell}: {one.why}" for one in made.trips.values()],
            },
            message=message,
        )
    return Report(
        made.run_id,
        state,
        counts,
        calls,
        list(made.trips.values()),
        made.waiting_run,
        linked,
        made.held,
        made.unfit,
        message,
    )


def _forget_empty(connection: sa.Connection, session: Session) -> None:
    """Runs whose waiting rows were all decided anew since do not wait any more."""
    for run in runs.in_state(connection, session.name, RunState.WAITING):
        if not _waits(connection, run.id):
            runs.set_state(connection, run.id, RunState.SUPERSEDED)


def _counts(connection: sa.Connection, session: Session, run_id: int) -> dict[str, int]:
    """ "stream/side/op/state" → rows."""
    names = {stream.id: stream.name for stream in session.streams.values()}
    return {
        f"{names.get(stream_id, stream_id)}/{side}/{op}/{state}": count
        for (stream_id, side, op, state), count in journal.counts(connection, run_id).items()
    }
