"""The schedule: every connection on its own, in one process, never twice at a time.

A connection's turn is late rather than lost (coalesced), and starts a little off the others'. One
that fails backs off by itself; the others go on.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from prmsync.service.serving_board import Board, back_off
from prmsync.service.serving_hints import Hints
from prmsync.service.serving_log import Telling
from prmsync.service.serving_program import ProgramWork
from prmsync.service.serving_run import Ended, Kind, run_connection
from prmsync.service.serving_stop import Stop
from prmsync.service.wiring import Application

DAY = timedelta(days=1)
LONGEST_JITTER = timedelta(seconds=15)
GATHER = timedelta(seconds=2)
"""From a hint to the run that it brings forward: what happens together is told together."""
APART = timedelta(seconds=10)
"""From the start of one run to that of the next at least, however many hints there are."""
MOST_SOONER = 30
"""Runs brought forward within the span of one schedule: an account where somebody edits all day
costs no more calls than that."""
_HOUSEKEEPING = "@housekeeping"
"""No connection can be called so."""


class Turns:
    """What a turn of a connection does, on schedule or once."""

    def __init__(
        self, application: Application, board: Board, stop: Stop, hints: Hints | None = None
    ) -> None:
        self._application = application
        self._board = board
        self._stop = stop
        self._hints = hints or Hints()
        self._telling = Telling()
        self._program = ProgramWork(application)

    def run(self, name: str, plan_next: Callable[[Ended], None] = lambda _: None) -> Ended:
        """One turn: the run, what it means for the next one, and what goes to the log."""

        def alive() -> None:
            self._board.alive(name, self._application.now())

        alive()
        named = self._hints.take(name)
        ended = run_connection(self._application, name, self._stop, alive, named)
        if ended.kind not in (Kind.DONE, Kind.REFUSED):
            self._hints.give_back(name, named)
        before = self._board.ended(ended)
        plan_next(ended)
        self._telling.ended(ended, before, self._board.one(name))
        return ended

    def check_program(self) -> bool:
        """Conflicts and margins, unless a stop was asked for; whether it was done."""
        with self._board.working("conflicts and margins"):
            return not self._stop.asked and self._program.check()

    def keep_house(self) -> bool:
        """What is due once a day even if no run changed anything; whether all was done."""
        checked = self.check_program()
        with self._board.working("forecast"):
            told = not self._stop.asked and self._program.forecast()
        with self._board.working("change log"):
            return not self._stop.asked and self._program.prune() and checked and told


class Schedule:
    """Turns on schedule, in threads: one for each connection, one for the daily work."""

    def __init__(
        self,
        application: Application,
        board: Board,
        turns: Turns,
        stop: Stop,
        chance: random.Random,
    ) -> None:
        self._application = application
        self._stop = stop
        self._board = board
        self._turns = turns
        self._chance = chance
        self._lock = threading.Lock()
        self._started: dict[str, datetime] = {}
        self._wanted: set[str] = set()
        self._sooner: dict[str, deque[datetime]] = {}
        self._log: Any = structlog.get_logger()
        connections = len(application.settings.connections)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={
                "default": ThreadPoolExecutor(max(connections, 1)),
                "house": ThreadPoolExecutor(1),
            },
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """The schedule runs while the block does; turns under way are not waited for."""
        # Its own words about a turn that is still running are told by `_still_running`.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._scheduler.add_listener(self._still_running, EVENT_JOB_MAX_INSTANCES)
        for name, section in self._application.settings.connections.items():
            self._add(name, section.schedule)
        self._scheduler.add_job(
            self._turns.keep_house,
            IntervalTrigger(seconds=int(DAY.total_seconds()), timezone=UTC),
            id=_HOUSEKEEPING,
            executor="house",
            next_run_time=self._now(),
        )
        self._scheduler.start()
        try:
            yield
        finally:
            self._scheduler.shutdown(wait=False)

    def _add(self, name: str, every: timedelta) -> None:
        longest = min(every / 10, LONGEST_JITTER)
        first = self._now() + longest * self._chance.random()
        self._board.planned(name, first)
        self._scheduler.add_job(
            self._turn,
            IntervalTrigger(seconds=int(every.total_seconds()), timezone=UTC),
            args=[name, every],
            id=name,
            next_run_time=first,
        )

    def sooner(self, name: str) -> None:
        """Something of this connection has changed: its next run comes soon, not all at once. One
        that failed, is out of calls or paused keeps its own time."""
        with self._lock:
            if self._stop.asked or not self._may_come_sooner(name):
                return
            self._wanted.add(name)
            if self._board.one(name).alive_at is None:
                self._bring_forward(name)

    def _may_come_sooner(self, name: str) -> bool:
        watch = self._board.one(name)
        return not watch.failures and watch.kind not in (Kind.OUT_OF_CALLS, Kind.PAUSED)

    def _bring_forward(self, name: str) -> None:
        now, job = self._now(), self._scheduler.get_job(name)
        last = self._started.get(name)
        at = max(now + GATHER, last + APART) if last is not None else now + GATHER
        brought = self._sooner.setdefault(name, deque(maxlen=MOST_SOONER))
        if len(brought) == MOST_SOONER:
            at = max(at, brought[0] + self._board.one(name).schedule)
        if job is None or job.next_run_time is None or job.next_run_time <= at:
            return
        brought.append(at)
        self._scheduler.modify_job(name, next_run_time=at)
        # Between the job's time and the first line of its turn a thread has to start.
        self._started[name] = at
        self._board.planned(name, at)
        self._log.info("next run brought forward by a webhook", connection=name)

    def _keep_apart(self, name: str) -> None:
        """Put off what a hint brought forward between the time of this turn and its first line."""
        at, brought = self._started[name] + APART, self._sooner.get(name)
        job = self._scheduler.get_job(name)
        if job is None or not brought or job.next_run_time != brought[-1] or brought[-1] >= at:
            return
        brought[-1] = at
        self._scheduler.modify_job(name, next_run_time=at)

    def _turn(self, name: str, every: timedelta) -> None:
        if self._stop.asked:
            return
        with self._lock:
            self._started[name] = self._now()
            self._wanted.discard(name)
            self._keep_apart(name)
        ended = self._turns.run(name, lambda one: self._plan_next(one, every))
        if ended.changed:
            self._turns.check_program()

    def _plan_next(self, ended: Ended, every: timedelta) -> None:
        if self._stop.asked:
            return
        name = ended.connection
        if ended.kind is Kind.FAILED:
            asked = ended.trouble.retry_after if ended.trouble else None
            wait = back_off(every, self._board.one(name).failures, asked)
            self._wait(name, every, wait)
        elif ended.kind is Kind.OUT_OF_CALLS:
            asked = (ended.trouble.retry_after if ended.trouble else None) or 0.0
            self._wait(name, every, timedelta(seconds=asked))
        job = self._scheduler.get_job(name)
        self._board.planned(name, job.next_run_time if job is not None else None)
        with self._lock:
            if name in self._wanted and self._may_come_sooner(name):
                self._bring_forward(name)

    def _wait(self, name: str, every: timedelta, wait: timedelta) -> None:
        """Let the next turn come later than the schedule says."""
        if wait > every:
            self._scheduler.modify_job(name, next_run_time=self._now() + wait)

    def _still_running(self, event: JobSubmissionEvent) -> None:
        if event.job_id != _HOUSEKEEPING:
            self._log.info("turn skipped, the last run still goes on", connection=event.job_id)

    def _now(self) -> datetime:
        # The scheduler keeps its own clock; the application's may be a test's.
        return datetime.now(UTC)
