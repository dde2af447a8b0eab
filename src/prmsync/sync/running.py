"""How any run begins and ends: the lease around it, its row, its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from prmsync.errors import ConnectorError, StateError
from prmsync.reconcile.brakes import Trip
from prmsync.store import erasures, journal, lease, runs
from prmsync.store.journal import Action, ActionState
from prmsync.store.runs import Run, RunState
from prmsync.sync.apply_crm import Outcome
from prmsync.sync.live_fields import STATUS
from prmsync.sync.planning import Plan
from prmsync.sync.process import is_gone, this_process
from prmsync.sync.recover import recover
from prmsync.sync.session import Session


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
    paused: list[str] = field(default_factory=list)
    """What the CRM's schema keeps from use, and why; the rest went on."""
    mapping_edits: list[str] = field(default_factory=list)
    """What changed in the mappings since the run before, and what follows."""


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
        erased = erasures.closed(connection, session.name)
    for stream in session.streams.values():
        stream.erased = erased.get(stream.name, {})
    try:
        yield
    finally:
        with session.database.begin() as connection:
            lease.release(connection, session.name, session.token)


def start(session: Session, kind: str, undoes: int | None = None) -> int:
    """Store a run that begins; what a run before it left behind is noted as interrupted."""
    with session.database.begin() as connection:
        session.fence(connection)
        for run in runs.in_state(connection, session.name, RunState.RUNNING):
            _interrupted(connection, run, session)
        return runs.start(
            connection, session.name, kind, session.actor, session.now(), undoes=undoes
        )


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
def ending(session: Session, run_id: int) -> Iterator[None]:
    """A run that ends by an error is stored as failed, with the error's words."""
    try:
        yield
    except (ConnectorError, StateError) as error:
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


def finish(
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
        rows = journal.counts(connection, made.run_id)
        counts = _named(session, rows)
        states = {state for _, _, _, state in rows}
        refused = outcome.refused or ActionState.PARKED in states
        failed = bool(refused or outcome.retry or outcome.stopped or made.unfit)
        waits = ActionState.WAITING in states
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
                **_said_of_schema(session),
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
        paused=_paused(session),
        mapping_edits=session.mapping_edits,
    )


def _paused(session: Session) -> list[str]:
    """Parts whose edits wait; a record that cannot be told how it stands is synced all the same."""
    return [str(one) for one in session.paused if one.part != STATUS]


def _said_of_schema(session: Session) -> dict[str, list[str]]:
    """What `runs show` tells besides numbers, where there is something to tell."""
    told = {"paused": _paused(session), "mapping": session.mapping_edits}
    return {key: lines for key, lines in told.items() if lines}


def _forget_empty(connection: sa.Connection, session: Session) -> None:
    """Runs whose waiting rows were all decided anew since do not wait any more."""
    for run in runs.in_state(connection, session.name, RunState.WAITING):
        if not _waits(connection, run.id):
            runs.set_state(connection, run.id, RunState.SUPERSEDED)


def _named(session: Session, rows: Mapping[tuple[int, str, str, str], int]) -> dict[str, int]:
    """ "stream/side/op/state" → rows."""
    names = {stream.id: stream.name for stream in session.streams.values()}
    return {
        f"{names.get(stream_id, stream_id)}/{side}/{op}/{state}": count
        for (stream_id, side, op, state), count in rows.items()
    }


def merge(total: Outcome, part: Outcome) -> None:
    total.written += part.written
    total.refused += part.refused
    total.retry += part.retry
    total.errors.extend(part.errors)
    total.stopped = total.stopped or part.stopped


def of_connection(session: Session, run: Run) -> Run:
    if run.connection != session.name:
        raise StateError(
            f"run {run.id} belongs to {run.connection}, not to {session.name}",
            hint=f"prmsync apply {run.id} finds its connection by itself; leave the name out",
        )
    return run
