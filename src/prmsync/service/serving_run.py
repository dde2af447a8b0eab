"""One scheduled run of one connection, exactly as `prmsync sync` does it, and how it ended."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from prmsync.connector.hints import Hint, HintTaker
from prmsync.errors import LeaseLostError, PrmsyncError, QuotaError
from prmsync.service.serving_stop import Stop, StoppedError
from prmsync.service.serving_verify import roll
from prmsync.service.syncing import session_on
from prmsync.service.wiring import Application
from prmsync.store import claims, runs
from prmsync.store.runs import RunState
from prmsync.sync import run
from prmsync.sync.running import Report, holding
from prmsync.sync.session import Session

ACTOR = "prmsync serve"
_STOPPED = "the service was stopped; the next run goes on from what was stored"


class Kind(StrEnum):
    """How a turn of a connection ended."""

    DONE = "done"
    REFUSED = "refused"
    """The CRM refused some records; they wait, everything else was written."""
    FAILED = "failed"
    """An error, or writes that have to be tried again: the connection backs off."""
    OUT_OF_CALLS = "out of calls"
    """The CRM's calls, or our share of them, are used up until the window moves."""
    PAUSED = "paused"
    BUSY = "busy"
    """Another process runs this connection at this moment."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong, in words for the log: no secrets, no values of records."""

    error: str
    message: str
    hint: str = ""
    findings: tuple[str, ...] = ()
    retry_after: float | None = None
    exit_code: int = 1


@dataclass(frozen=True, slots=True)
class Ended:
    """How one turn of a connection ended. `report` is there when the run came to its end."""

    connection: str
    kind: Kind
    at: datetime
    seconds: float = 0.0
    report: Report | None = None
    trouble: Trouble | None = None

    @property
    def changed(self) -> bool:
        """Whether the run wrote to either side."""
        if self.report is None:
            return False
        wrote = any(_wrote(key) for key, count in self.report.counts.items() if count)
        return wrote or any(self.report.went_on.values())


def run_connection(
    application: Application,
    name: str,
    stop: Stop,
    tick: Callable[[], None],
    hints: Sequence[Hint] = (),
) -> Ended:
    """Run one connection once; raises nothing. `tick` is called at every page: a sign of life.
    `hints`: records to read by their id, too."""
    started = application.now()

    how = _how(application, name, stop, tick, hints)
    at = application.now()
    return Ended(name, how.kind, at, (at - started).total_seconds(), how.report, how.trouble)


@dataclass(frozen=True, slots=True)
class _How:
    kind: Kind
    report: Report | None = None
    trouble: Trouble | None = None


def _how(
    application: Application,
    name: str,
    stop: Stop,
    tick: Callable[[], None],
    hints: Sequence[Hint],
) -> _How:
    try:
        why = _paused(application, name)
        if why is not None:
            return _How(Kind.PAUSED, trouble=Trouble("Paused", why, f"prmsync resume {name}"))
        report = _synced(application, name, stop, tick, hints)
    except StoppedError:
        return _How(Kind.STOPPED)
    except LeaseLostError as error:
        return _How(Kind.BUSY, trouble=_trouble(error))
    except QuotaError as error:
        return _How(Kind.OUT_OF_CALLS, trouble=_trouble(error))
    except PrmsyncError as error:
        return _How(Kind.FAILED, trouble=_trouble(error))
    except Exception as error:  # noqa: BLE001  the edge of a run: the others go on
        return _How(Kind.FAILED, trouble=_own_mistake(error))
    if report.state is RunState.STOPPED and report.goes_on_in is not None:
        return _How(Kind.OUT_OF_CALLS, report, _no_calls(report))
    trouble = _left_over(report)
    if trouble is not None:
        return _How(Kind.FAILED, report, trouble)
    return _How(Kind.REFUSED if refused(report) else Kind.DONE, report)


def _paused(application: Application, name: str) -> str | None:
    """Why a person paused the connection. One that is in doubt fails until a person has looked."""
    with application.database.read() as connection:
        return claims.paused_by_person(connection).get(name)


def _synced(
    application: Application,
    name: str,
    stop: Stop,
    tick: Callable[[], None],
    hints: Sequence[Hint],
) -> Report:
    def at_page(_what: str, _count: int) -> None:
        tick()
        stop.check()

    stop.check()
    with session_on(application, name, actor=ACTOR, progress=at_page) as session:
        if hints and isinstance(session.connector, HintTaker):
            session.connector.take_hints(hints)
        try:
            report = run.sync(session)
            if report.state is not RunState.FAILED:
                roll(session, application.settings.connection(name).verify)
            return report
        except StoppedError:
            _close(session)
            raise


def _close(session: Session) -> None:
    """The run that was left says so at once, not only when the next one starts."""
    with holding(session), session.database.begin() as connection:
        for left in runs.in_state(connection, session.name, RunState.RUNNING):
            runs.finish(
                connection,
                left.id,
                RunState.FAILED,
                session.now(),
                calls=session.connector.usage().calls,
                counts=left.counts,
                message=_STOPPED,
            )


def _wrote(key: str) -> bool:
    _, side, _, state = key.split("/")
    return side != "base" and state == "done"


def refused(report: Report) -> int:
    """How many records the other side would not take in this run."""
    return sum(count for key, count in report.counts.items() if key.endswith("/parked"))


def _no_calls(report: Report) -> Trouble:
    return Trouble(
        "QuotaError",
        report.message,
        "nothing is lost; what is left is sent when there are calls again",
        retry_after=report.goes_on_in,
    )


def _left_over(report: Report) -> Trouble | None:
    """A run whose writes did not all get an answer has to come again, without haste."""
    if report.state is not RunState.FAILED or not report.message:
        return None
    return Trouble(
        "Incomplete",
        f"writes are left to try again: {report.message}",
        f"the next run does that by itself; see prmsync runs show {report.run_id}",
    )


def _trouble(error: PrmsyncError) -> Trouble:
    return Trouble(
        type(error).__name__,
        error.message,
        error.hint,
        tuple(str(one) for one in error.findings),
        getattr(error, "retry_after", None),
        error.exit_code,
    )


def _own_mistake(error: Exception) -> Trouble:
    # Its text and locals may hold values of records, so only the places are told.
    frames = traceback.extract_tb(error.__traceback__)
    places = tuple(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames)
    return Trouble(
        type(error).__name__,
        "prmsync made a mistake of its own; nothing is lost",
        f"`prmsync sync` on this connection writes a file with the details for a report "
        f"({type(error).__name__})",
        places[-12:],
    )
