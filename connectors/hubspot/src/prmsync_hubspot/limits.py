"""Keeps to HubSpot's rate limits, so that a healthy run is never refused.

Two limits count apart: calls in ten rolling seconds, announced on every answer but a search's, and
searches in one second, announced nowhere. What other processes use of the first shows in the
answers too, as what they leave. Source: HubSpot's "Usage guidelines and limits".
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime

from prmsync.connector.budget import CallBudget

BURST = 100
"""Calls in ten seconds until an answer tells the account's own limit: the lowest plan's."""
BURST_SECONDS = 10.25
SEARCHES = 5
SEARCH_SECONDS = 1.1
"""A tenth longer than HubSpot's second: calls do not arrive as evenly as they leave."""
MARGIN = 0.98
"""The part of the burst limit that is used."""
LATE_SECONDS = 0.25
"""Added to the ten seconds: a call that took longer to arrive than those of the next ten seconds
counts with them."""


class Window:
    """At most `limit` calls in any `seconds`; says how long the next one waits. Times are seconds
    of one clock."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._slots: deque[float] = deque()
        self._latest = 0.0
        self._others = 0
        self._others_at = 0.0
        self._shut_until = 0.0

    def reserve(self, now: float) -> float:
        """Take the next free slot; when it is."""
        slot = self._free(now, 1)
        self._slots.append(slot)
        return slot

    def wait_for(self, now: float, calls: int) -> float:
        """The seconds until so many slots are free at once; none is taken."""
        return self._free(now, min(calls, self._left_by_others(now))) - now

    def shut(self, until: float) -> None:
        """No call before then: HubSpot refused one."""
        self._shut_until = max(self._shut_until, until)

    def note_used(self, used: int, slot: float) -> None:
        """What HubSpot had counted, of everybody's calls, when the call of this slot arrived."""
        ours = sum(slot - self.seconds < one <= slot for one in self._slots)
        self._others, self._others_at = max(0, used - ours), slot

    def _free(self, now: float, calls: int) -> float:
        if now < self._latest - self.seconds:  # the clock was set back
            self._slots.clear()
            self._shut_until = 0.0
        self._latest = now
        # Slots are kept for a window more: an answer that comes late is judged by them.
        while self._slots and self._slots[0] <= now - 2 * self.seconds:
            self._slots.popleft()
        slot = max(now, self._shut_until, self._slots[-1] if self._slots else now)
        behind = self._left_by_others(now) - calls
        if len(self._slots) > behind:
            slot = max(slot, self._slots[-behind - 1] + self.seconds)
        return slot

    def _left_by_others(self, now: float) -> int:
        """Others' calls count until they must have left the window."""
        known = now - self._others_at <= self.seconds
        return max(1, self.limit - self._others) if known else self.limit


class Limits:
    """The two windows of one session, paced through the given sleep. Shared by threads."""

    def __init__(
        self, now: Callable[[], datetime], sleep: Callable[[float], None], budget: CallBudget
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._budget = budget
        self._lock = threading.Lock()
        self._burst = Window(BURST, BURST_SECONDS)
        self._searches = Window(SEARCHES, SEARCH_SECONDS)

    def pace(self, *, search: bool) -> float:
        """Wait until a call may go; when that is."""
        window = self._searches if search else self._burst
        with self._lock:
            now = self._now().timestamp()
            slot = window.reserve(now)
        if slot > now:
            self._sleep(slot - now)
        return slot

    def make_room(self, calls: int) -> None:
        """Wait until so many calls can go one right after the other. A look and the write that
        follows it belong together: what comes between them is not seen."""
        with self._lock:
            wait = self._burst.wait_for(self._now().timestamp(), calls)
        if wait > 0:
            self._sleep(wait)

    def refused(self, wait: float, *, search: bool) -> None:
        """HubSpot refused a call: no other goes before `wait` seconds are over either."""
        with self._lock:
            window = self._searches if search else self._burst
            window.shut(self._now().timestamp() + wait)

    def observe(self, headers: Mapping[str, str], slot: float) -> None:
        """Take over the limits that an answer's headers announce; `slot` is when it was asked."""
        limit = _number(headers, "x-hubspot-ratelimit-max")
        interval = _number(headers, "x-hubspot-ratelimit-interval-milliseconds")
        left = _number(headers, "x-hubspot-ratelimit-remaining")
        if limit and interval:
            with self._lock:
                self._burst.limit = max(1, int(limit * MARGIN))
                self._burst.seconds = interval / 1000 + LATE_SECONDS
                if left is not None:
                    self._burst.note_used(limit - left, slot)
        daily = _number(headers, "x-hubspot-ratelimit-daily")
        today = _number(headers, "x-hubspot-ratelimit-daily-remaining")
        if daily is not None and today is not None:
            self._budget.observe(max(0, daily - today), daily)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdigit() else None
