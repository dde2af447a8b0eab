"""Keeps to HubSpot's rate limits, so that a healthy run is never refused.

Two limits count apart: calls in ten rolling seconds, announced on every answer but a search's, and
searches in one second, announced nowhere. What other processes use of the first shows in the
answers too, as what they leave. Source: HubSpot's "Usage guidelines and limits".
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from operator import attrgetter

from prmsync.connector.budget import CallBudget

BURST = 100
"""Calls in ten seconds until an answer tells the account's own limit: the lowest plan's."""
BURST_SECONDS = 10.0
SEARCHES = 5
SEARCH_SECONDS = 1.0
MARGIN = 0.98
"""The part of the burst limit that is used."""
GUARD_SECONDS = 0.05
"""Added to HubSpot's seconds: two clocks never go alike."""
LOST_SECONDS = 30.0
"""A call without an answer may have been counted so long after it left."""
LOOK_AGAIN_SECONDS = 0.05
"""From one look for an answer that must have come any moment to the next."""

_AT = attrgetter("at")


@dataclass(slots=True, eq=False)
class Turn:
    """A call: when it was let go, and when its answer came (None: not yet, or never). HubSpot
    counted it between the two."""

    at: float
    answered: float | None = None


class Window:
    """At most `limit` calls in any `seconds` as HubSpot counts them, at the moment they arrive.
    Times are seconds of one clock.

    When a call arrives nobody tells, but its answer comes later: a call that goes the full time
    after an earlier one's answer cannot be counted together with it.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._turns: list[Turn] = []
        self._latest = 0.0
        self._others = 0
        self._others_until = 0.0
        self._others_seen_until = 0.0
        self._shut_until = 0.0

    def take(self, now: float) -> Turn:
        """A call goes now; `wait` has said that it may."""
        turn = Turn(max(now, self._turns[-1].at) if self._turns else now)
        self._turns.append(turn)
        return turn

    def wait(self, now: float, calls: int = 1) -> float:
        """The seconds after which to look again whether so many may go at once; 0: they may."""
        self._forget(now)
        shut = max(0.0, self._shut_until - now)
        calls, others = min(calls, self.limit), self._others_now(now)
        if len(self._turns) + others + calls <= self.limit:
            return shut
        counted = [one for one in self._turns if self._leaves(one) > now]
        missing = len(counted) + others + calls - self.limit
        if missing <= 0:
            return shut
        soonest = [self._might_leave(one, now) for one in counted]
        soonest += [self._others_until] * others
        return max(shut, nsmallest(missing, soonest)[-1] - now)

    def shut(self, until: float) -> None:
        """No call before then: HubSpot refused one."""
        self._shut_until = max(self._shut_until, until)

    def note_used(self, used: int, turn: Turn, now: float) -> None:
        """What HubSpot had counted, of everybody's calls, when this call, answered now, arrived.

        Of calls that were under way at the same time nobody knows whether they are in that number.
        While they may explain all of it, nobody else is there; once others are, none of them
        explains any.
        """
        since = now - self.seconds
        if used > self._sent_between(turn.at - self.seconds, now):
            possible = sum(
                one.answered is None or one.answered > turn.at - self.seconds for one in self._turns
            )
            if used > possible:
                self._others_seen_until = now + self.seconds
        if now >= self._others_seen_until:
            self._others = 0
            return
        surely = sum(
            one is turn or (one.answered is not None and one.answered <= turn.at and one.at > since)
            for one in self._turns
        )
        self._others, self._others_until = max(0, used - surely), now + self.seconds

    def _sent_between(self, after: float, until: float) -> int:
        first, last = (bisect_right(self._turns, one, key=_AT) for one in (after, until))
        return last - first

    def _leaves(self, turn: Turn) -> float:
        """When it can no longer be counted."""
        if turn.answered is None:
            return turn.at + LOST_SECONDS + self.seconds
        return turn.answered + self.seconds

    def _might_leave(self, turn: Turn, now: float) -> float:
        if turn.answered is None:
            return max(turn.at + self.seconds, now + LOOK_AGAIN_SECONDS)
        return turn.answered + self.seconds

    def _others_now(self, now: float) -> int:
        """Others' calls count until they must have left the window."""
        return min(self._others, self.limit) if now < self._others_until else 0

    def _forget(self, now: float) -> None:
        if now < self._latest - self.seconds:  # the clock was set back
            self._turns.clear()
            self._shut_until = self._others_until = self._others_seen_until = 0.0
        self._latest = now
        # Calls are kept for a window more: an answer that comes late is judged by them.
        places = (
            place for place, one in enumerate(self._turns) if self._leaves(one) + self.seconds > now
        )
        del self._turns[: next(places, len(self._turns))]


class Limits:
    """The two windows of one session, paced through the given sleep. Shared by threads."""

    def __init__(
        self, now: Callable[[], datetime], sleep: Callable[[float], None], budget: CallBudget
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._budget = budget
        self._lock = threading.Lock()
        self._burst = Window(BURST, BURST_SECONDS + GUARD_SECONDS)
        self._searches = Window(SEARCHES, SEARCH_SECONDS + GUARD_SECONDS)

    def pace(self, *, search: bool) -> Turn:
        """Wait until a call may go."""
        window = self._searches if search else self._burst
        now = self._now().timestamp()
        while True:
            with self._lock:
                wait = window.wait(now)
                if wait <= 0:
                    return window.take(now)
            self._sleep(wait)
            now = max(self._now().timestamp(), now + wait)

    def make_room(self, calls: int) -> None:
        """Wait until so many calls can go one right after the other. A look and the write that
        follows it belong together: what comes between them is not seen."""
        with self._lock:
            wait = self._burst.wait(self._now().timestamp(), calls)
        if wait > 0:
            self._sleep(wait)

    def refused(self, wait: float, *, search: bool) -> None:
        """HubSpot refused a call: no other goes before `wait` seconds are over either."""
        with self._lock:
            window = self._searches if search else self._burst
            window.shut(self._now().timestamp() + wait)

    def answered(self, turn: Turn, headers: Mapping[str, str]) -> None:
        """An answer has come: take over the limits that its headers announce."""
        limit = _number(headers, "x-hubspot-ratelimit-max")
        interval = _number(headers, "x-hubspot-ratelimit-interval-milliseconds")
        left = _number(headers, "x-hubspot-ratelimit-remaining")
        with self._lock:
            turn.answered = max(turn.at, self._now().timestamp())
            if limit and interval:
                self._burst.limit = max(1, int(limit * MARGIN))
                self._burst.seconds = interval / 1000 + GUARD_SECONDS
                if left is not None:
                    self._burst.note_used(limit - left, turn, turn.answered)
        daily = _number(headers, "x-hubspot-ratelimit-daily")
        today = _number(headers, "x-hubspot-ratelimit-daily-remaining")
        if daily is not None and today is not None:
            self._budget.observe(max(0, daily - today), daily)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdigit() else None
