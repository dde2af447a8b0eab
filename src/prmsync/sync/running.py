"""How any run begins and ends: the lease around it, its row, its report."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from prmsync.connector.protocol import ReadExplainer
from prmsync.errors import ConnectorError, QuotaError, StateError
from prmsync.reconcile.brakes import Trip
from prmsync.reconcile.causes import crm_user_of
from prmsync.store import brakes, erasures, held, journal, lease, runs, sending
from prmsync.store.journal import Action, ActionState
from prmsync.store.runs import Run, RunState
from prmsync.sync.carried_out import close_carried_out
from prmsync.sync.live_fields import OPTIONAL
from prmsync.sync.outcome import Outcome
from prmsync.sync.plan import Plan
from prmsync.sync.process import is_gone, this_process
from prmsync.sync.quota import GOES_ON, explained, goes_on_in, left_to_forecast, note
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
    left_out: list[str] = field(default_factory=list)
    """Streams that a person has paused, and why: this run left them alone."""
    waiting: list[Trip] = field(default_factory=list)
    """Everything that brakes hold under `waiting_run`, this run's trips included."""
    cost: dict[str, int] = field(default_factory=dict)
    """About how many calls of which kind sending takes, as known before anything was sent."""
    reading: Sequence[str] = ()
    """How streams with very many records were read, and why so."""
    saved: int = 0
    """Calls that jobs for many rows save of what sending would take without them."""
    left: int | None = None
    """Calls that the connection may still make in the CRM's present window, where known."""
    forecast_cost: int = 0
    """How many calls of the cost carry the forecast."""
    forecast_left: int | None = None
    """How many calls may still do so in the present window."""
    goes_on_in: float | None = None
    """Seconds until a run that is out of calls goes on; None where only backfill or the forecast
    waits for calls and people's edits go on."""
    names: dict[str, str] = field(default_factory=dict)
    """What people call the CRM users that brakes name, by id."""
    went_on: dict[int, int] = field(default_factory=dict)
    """Earlier run that was let go → how many of its writes this run sent to the CRM."""
    listed: int = 0
    """Refused records of the connection that are listed at the run's end, by whatever run."""


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
    except (ConnectorError, StateError) as problem:
        error = explained(session, problem) if isinstance(problem, QuotaError) else problem
        with session.database.begin() as connection:
            session.fence(connection)
            note(connection, session, keep_stop=True)
            runs.finish(
                connection,
                run_id,
                _unless_waiting(connection, run_id, _failed(error)),
                session.now(),
                calls=session.connector.usage().calls,
                counts=_named(session, journal.counts(connection, run_id)),
                message=error.message,
            )
        if error is problem:
            raise
        raise error from problem


def finish(
    session: Session,
    made: Plan,
    outcome: Outcome,
    linked: int,
    state: RunState,
    *,
    applied: bool = False,
) -> Report:
    """End a run: store how it ended and what it counted, and tell it. `state` is that of a run in
    which nothing failed and nothing waits; one that was `applied` is then done."""
    recovered = recover(session) if outcome.stopped is None and outcome.retry else 0
    if isinstance(outcome.stopped, QuotaError):
        explain_stop(session, outcome)
    with session.database.begin() as connection:
        session.fence(connection)
        rows = journal.counts(connection, made.run_id)
        counts = _named(session, rows)
        states = {row_state for _, _, _, row_state in rows}
        _forget_empty(connection, session)
        close_carried_out(connection, session)
        note(connection, session, keep_stop=True)
        # What got no answer and was found out afterwards may have moved meanwhile.
        left = bool(outcome.retry) and (recovered > 0 or _something_is_open(connection, session))
        state = _ended(made, outcome, states, RunState.DONE if applied else state, left=left)
        message = "; ".join(dict.fromkeys(outcome.errors))
        if message and outcome.retry and not left:
            message = f"met on the way: {message}"
        calls = dict(session.connector.usage().calls)
        runs.finish(
            connection,
            made.run_id,
            RunState.WAITING if ActionState.WAITING in states else state,
            session.now(),
            calls=calls,
            counts={
                **counts,
                "linked": linked,
                "recovered": recovered,
                **_said_of_schema(session),
                **_said_of_plan(made),
                "held": made.held + outcome.held,
            },
            message=message,
        )
        waiting = waiting_of(connection, session, made.waiting_run)
        listed = held.listed_refusals(connection, [one.id for one in session.streams.values()])
    return Report(
        made.run_id,
        state,
        counts,
        calls,
        list(made.trips.values()),
        made.waiting_run,
        linked,
        made.held + outcome.held,
        len(made.unfit_links),
        message,
        paused=_paused(session),
        mapping_edits=session.mapping_edits,
        left_out=_left_out(session),
        waiting=waiting,
        names=_names(session, [*made.trips.values(), *waiting]),
        cost=dict(made.cost),
        reading=_ways_of_reading(session),
        saved=made.saved,
        left=session.connector.usage().left,
        forecast_cost=made.forecast_cost,
        forecast_left=left_to_forecast(session) if made.forecast_cost else None,
        goes_on_in=goes_on_in(outcome.stopped),
        listed=listed,
    )


def _ways_of_reading(session: Session) -> Sequence[str]:
    connector = session.connector
    return connector.ways_of_reading() if isinstance(connector, ReadExplainer) else ()


_OPEN = (
    ActionState.PLANNED,
    ActionState.RELEASED,
    ActionState.SENT,
    ActionState.UNKNOWN,
    ActionState.RETRY,
)


def _something_is_open(connection: sa.Connection, session: Session) -> bool:
    """Whether rows are left for the next run. What the CRM put off may have gone through since:
    records that it locked are decided and sent again within the run."""
    ids = [stream.id for stream in session.active]
    return any(sending.runs_with(connection, ids, state) for state in _OPEN)


def _ended(
    made: Plan, outcome: Outcome, states: Collection[str], otherwise: RunState, *, left: bool
) -> RunState:
    refused = outcome.refused or ActionState.PARKED in states
    # A plan stands beside what does not fit: its other rows can be applied.
    unfit = made.unfit_links and otherwise is not RunState.PLANNED
    if refused or left or outcome.stopped or unfit:
        return _failed(outcome.stopped)
    return RunState.WAITING if ActionState.WAITING in states else otherwise


def _said_of_plan(made: Plan) -> dict[str, Any]:
    brakes = [f"{one.count:,} × {one.cell}: {one.why}" for one in made.trips.values()]
    return {
        "unfit": len(made.unfit_links),
        "cost": dict(made.cost),
        "brakes": brakes,
    }


def _paused(session: Session) -> list[str]:
    """Parts whose edits wait; what is only told there, state and forecast, is not waited for."""
    return [
        str(one)
        for one in session.paused
        if one.part not in OPTIONAL and one.stream not in session.aside
    ]


def _left_out(session: Session) -> list[str]:
    return [f"{name} is paused: {why}" for name, why in session.aside.items() if why]


def _names(session: Session, trips: Sequence[Trip]) -> dict[str, str]:
    users = {crm_user_of(one.cell.cause) for one in trips}
    return {one: session.people[one] for one in users if one in session.people and one}


def explain_stop(session: Session, outcome: Outcome) -> None:
    """Say in the outcome what was used of what and when it goes on; once is enough."""
    error = outcome.stopped
    if not isinstance(error, QuotaError) or GOES_ON in error.message:
        return
    told = explained(session, error)
    outcome.errors = [told.message, *(one for one in outcome.errors if one != str(error))]
    outcome.stopped = told


def _failed(error: Exception | None) -> RunState:
    """A run that is out of calls has not failed: what is left is sent when there are some."""
    return RunState.STOPPED if isinstance(error, QuotaError) else RunState.FAILED


def waiting_of(connection: sa.Connection, session: Session, run_id: int | None) -> list[Trip]:
    """Everything that brakes hold under a run, by what tripped."""
    if run_id is None:
        return []
    names = {stream.id: stream.name for stream in session.streams.values()}
    return [
        Trip(one.cell(names[one.stream_id]), one.count, one.total or 0, one.why)
        for one in brakes.of_run(connection, run_id)
        if one.why is not None and one.stream_id in names
    ]


def went_on_with(session: Session, run_id: int, outcome: Outcome) -> None:
    """Store how far an earlier run came now."""
    explain_stop(session, outcome)
    with session.database.begin() as connection:
        session.fence(connection)
        before = runs.get(connection, run_id)
        counts = _named(session, journal.counts(connection, run_id))
        if outcome.stopped is not None:
            state = _failed(outcome.stopped)
        elif any(key.endswith(("/parked", "/retry", "/unknown")) for key in counts):
            state = RunState.FAILED
        else:
            state = RunState.DONE
        if any(key.endswith("/waiting") for key in counts):
            state = RunState.WAITING
        kept = {key: value for key, value in before.counts.items() if key.count("/") < 3}
        runs.finish(
            connection,
            run_id,
            state,
            session.now(),
            calls=before.calls,
            counts={**counts, **kept},
            message="; ".join(dict.fromkeys(outcome.errors)),
        )


def _said_of_schema(session: Session) -> dict[str, list[str]]:
    """What `runs show` tells besides numbers, where there is something to tell."""
    told = {
        "paused": _paused(session),
        "mapping": session.mapping_edits,
        "left_out": _left_out(session),
    }
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
    """Add what a part of a run did to what all of it did."""
    total.written += part.written
    total.refused += part.refused
    total.retry += part.retry
    total.held += part.held
    total.errors.extend(part.errors)
    total.stopped = total.stopped or part.stopped


def of_connection(session: Session, run: Run) -> Run:
    """The run itself. Raises StateError for a run of another connection."""
    if run.connection != session.name:
        raise StateError(
            f"run {run.id} belongs to {run.connection}, not to {session.name}",
            hint=f"prmsync apply {run.id} finds its connection by itself; leave the name out",
        )
    return run
