"""What the service knows of each connection at this moment; shared by threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from prmsync.service.serving_run import Ended, Kind, Trouble

LATE_AFTER = 3
"""Schedules without a completed run before a connection counts as late."""
SHORTEST_PATIENCE = timedelta(minutes=2)
LONGEST_STEP = timedelta(minutes=10)
"""A run that shows no page for so long does not count as running any more."""
LONGEST_BACK_OFF = timedelta(hours=1)
_NO_LATENESS = (Kind.PAUSED, Kind.OUT_OF_CALLS)


@dataclass(frozen=True, slots=True)
class Watch:
    """One connection. `good_at` is the end of its last completed run, or the service's start;
    `alive_at` the last page of the run under way, None between runs."""

    schedule: timedelta
    good_at: datetime
    completed: bool = False
    alive_at: datetime | None = None
    kind: Kind | None = None
    trouble: Trouble | None = None
    failures: int = 0
    failing_since: datetime | None = None
    next_run_at: datetime | None = None

    def is_late(self, now: datetime) -> bool:
        """Whether no run was completed for much longer than the schedule, and none goes on."""
        if self.kind is Kind.PAUSED:
            return False
        if self.kind is Kind.OUT_OF_CALLS and self.next_run_at and now <= self.next_run_at:
            return False
        if self.alive_at is not None and now - self.alive_at <= LONGEST_STEP:
            return False
        return now - self.good_at > max(LATE_AFTER * self.schedule, SHORTEST_PATIENCE)


class Board:
    """The watches of all connections, by name."""

    def __init__(self, schedules: Mapping[str, timedelta], now: datetime) -> None:
        self._lock = threading.Condition()
        self._watches = {name: Watch(every, now) for name, every in schedules.items()}
        self._other: Counter[str] = Counter()

    def all(self) -> dict[str, Watch]:
        with self._lock:
            return dict(self._watches)

    def one(self, name: str) -> Watch:
        with self._lock:
            return self._watches[name]

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Work beside the runs, which `running` names as long as the block goes on."""
        with self._lock:
            self._other[what] += 1
        try:
            yield
        finally:
            with self._lock:
                self._other[what] -= 1
                self._lock.notify_all()

    def running(self) -> list[str]:
        """What is under way: connections, and other work."""
        with self._lock:
            return self._running()

    def wait_until_idle(self, seconds: float) -> list[str]:
        """Wait until nothing is under way; what still is after `seconds`."""
        with self._lock:
            self._lock.wait_for(lambda: not self._running(), seconds)
            return self._running()

    def _running(self) -> list[str]:
        alive = [name for name, watch in self._watches.items() if watch.alive_at is not None]
        return alive + [what for what, count in self._other.items() if count]

    def alive(self, name: str, now: datetime) -> None:
        self._change(name, alive_at=now)

    def planned(self, name: str, at: datetime | None) -> None:
        self._change(name, next_run_at=at)

    def ended(self, ended: Ended) -> Watch:
        """Take over how a turn ended; returns the watch as it was before."""
        before = self.one(ended.connection)
        failed = ended.kind is Kind.FAILED
        good = ended.kind in (Kind.DONE, Kind.REFUSED)
        keep = ended.kind in (Kind.BUSY, Kind.STOPPED)
        self._change(
            ended.connection,
            alive_at=None,
            kind=ended.kind,
            trouble=ended.trouble,
            # The time of a pause, or of waiting for calls, is not lateness.
            good_at=ended.at if good or ended.kind in _NO_LATENESS else before.good_at,
            completed=before.completed or good,
            failures=before.failures + 1 if failed else before.failures if keep else 0,
            failing_since=(before.failing_since or ended.at)
            if failed
            else before.failing_since
            if keep
            else None,
        )
        return before

    def _change(self, name: str, **changes: Any) -> None:
        with self._lock:
            self._watches[name] = replace(self._watches[name], **changes)
            self._lock.notify_all()


def back_off(schedule: timedelta, failures: int, retry_after: float | None) -> timedelta:
    """How long to wait after so many failures in a row: the schedule, doubled each time up to an
    hour; never shorter than the schedule, nor than the CRM itself asked for."""
    doubled = min(schedule * (1 << min(failures - 1, 20)), LONGEST_BACK_OFF)
    return max(schedule, doubled, timedelta(seconds=retry_after or 0))
