"""Keeps to HubSpot's rate limits, so that a healthy run is never refused.

Two limits count apart: calls in ten rolling seconds, announced on every answer but a search's, and
searches in one second, announced nowhere. Source: HubSpot's "Usage guidelines and limits".
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime

from prmsync.connector.budget import CallBudget

BURST = 100
"""Calls in ten seconds until an answer tells the account's own limit: the lowest plan's."""
BURST_SECONDS = 10.0
SEARCHES = 5
SEARCH_SECONDS = 1.1
"""A tenth longer than HubSpot's second: calls do not arrive as evenly as they leave."""
MARGIN = 0.95
"""The part of the burst limit that is used; the rest covers calls that arrive bunched."""


class Window:
    """At most `limit` calls in any `seconds`; says how long the next one waits."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._slots: deque[float] = deque()

    def reserve(self, now: float) -> float:
        """Take the next free slot; the seconds until it."""
        while self._slots and self._slots[0] <= now - self.seconds:
            self._slots.popleft()
        slot = now
        if len(self._slots) >= self.limit:
            slot = max(now, self._slots[-self.limit] + self.seconds)
        if slot - now > self.seconds:
            # Only a clock that was set back makes a wait longer than the window.
            self._slots.clear()
            slot = now
        self._slots.append(slot)
        return slot - now


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

    def pace(self, *, search: bool) -> None:
        """Wait until a call may go."""
        window = self._searches if search else self._burst
        with self._lock:
            wait = window.reserve(self._now().timestamp())
        if wait > 0:
            self._sleep(wait)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take over the limits that an answer's headers announce."""
        limit = _number(headers, "x-hubspot-ratelimit-max")
        interval = _number(headers, "x-hubspot-ratelimit-interval-milliseconds")
        if limit and interval:
            with self._lock:
                self._burst.limit = max(1, int(limit * MARGIN))
                self._burst.seconds = interval / 1000
        daily = _number(headers, "x-hubspot-ratelimit-daily")
        left = _number(headers, "x-hubspot-ratelimit-daily-remaining")
        if daily is not None and left is not None:
            self._budget.observe(max(0, daily - left), daily)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdigit() else None
