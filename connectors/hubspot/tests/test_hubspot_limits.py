from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prmsync.connector.budget import CallBudget
from prmsync_hubspot.limits import Limits, Turn


class Clock:
    """Time passes in sleep alone; what was to happen meanwhile happens then, in its order."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self._waiting: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()

    def now(self) -> datetime:
        return self.time

    def later(self, seconds: float, happens: Callable[[], None]) -> None:
        at = self.time + timedelta(seconds=seconds)
        heappush(self._waiting, (at, next(self._numbers), happens))

    def sleep(self, seconds: float) -> None:
        until = self.time + timedelta(seconds=seconds)
        while self._waiting and self._waiting[0][0] <= until:
            self.next()
        self.time = until

    def next(self) -> None:
        """Let time pass until the next thing happens."""
        self.time, _, happens = heappop(self._waiting)
        happens()


def headers(**values: int) -> Mapping[str, str]:
    names = {
        "limit": "X-HubSpot-RateLimit-Max",
        "interval": "X-HubSpot-RateLimit-Interval-Milliseconds",
        "daily": "X-HubSpot-RateLimit-Daily",
        "left": "X-HubSpot-RateLimit-Remaining",
        "today": "X-HubSpot-RateLimit-Daily-Remaining",
    }
    return httpx.Headers({names[name]: str(value) for name, value in values.items()})


def limits_of(clock: Clock, limit: int = 190) -> Limits:
    """Limits of an account that are known already."""
    limits = Limits(clock.now, clock.sleep, CallBudget())
    limits.answered(Turn(0.0), headers(limit=limit, interval=10_000))
    return limits


def paced(limits: Limits, clock: Clock, calls: int, *, search: bool = False) -> list[float]:
    """Calls one after the other, each answered at once."""
    sent = []
    for _ in range(calls):
        turn = limits.pace(search=search)
        limits.answered(turn, {})
        sent.append(clock.time.timestamp())
    return sent


def most_within(sent: list[float], seconds: float) -> int:
    return max(sum(start <= one < start + seconds for one in sent) for start in sent)


def test_no_ten_seconds_hold_more_calls_than_the_account_allows() -> None:
    clock = Clock()
    assert most_within(paced(limits_of(clock), clock, 1_000), 10.0) <= 190


def test_a_burst_within_the_limit_does_not_wait() -> None:
    clock = Clock()
    sent = paced(limits_of(clock), clock, 180)
    assert sent[0] == sent[-1]


def test_searches_keep_their_own_limit() -> None:
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    assert most_within(paced(limits, clock, 40, search=True), 1.0) <= 5
    before = clock.time
    limits.pace(search=False)
    assert clock.time == before


def test_the_daily_meter_is_kept_for_usage() -> None:
    budget = CallBudget()
    limits = Limits(Clock().now, lambda _: None, budget)
    limits.answered(Turn(0.0), headers(daily=650_000, today=649_000))
    usage = budget.usage()
    assert (usage.used, usage.limit) == (1_000, 650_000)


@pytest.mark.parametrize("search", [True, False])
def test_a_clock_that_was_set_back_does_not_stop_the_pacing(search: bool) -> None:
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    paced(limits, clock, 300, search=search)
    clock.time -= timedelta(days=1)
    before = clock.time
    paced(limits, clock, 5, search=search)
    assert clock.time == before


def test_what_other_processes_use_is_left_to_them() -> None:
    clock = Clock()
    limits = limits_of(clock)
    turn = limits.pace(search=False)
    limits.answered(turn, headers(limit=190, interval=10_000, left=89))  # 100 calls of others
    before = clock.time
    paced(limits, clock, 85)
    assert clock.time == before
    paced(limits, clock, 1)
    assert clock.time > before


def test_our_own_calls_are_not_taken_for_those_of_others() -> None:
    """Calls that are under way together arrive, and are answered, in any order."""
    clock = Clock()
    limits = limits_of(clock)
    turns = [limits.pace(search=False) for _ in range(150)]
    for left, turn in zip(range(189, 0, -1), reversed(turns), strict=False):
        limits.answered(turn, headers(limit=190, interval=10_000, left=left))
    before = clock.time
    paced(limits, clock, 36)
    assert clock.time == before


def test_others_are_not_hidden_by_our_calls_that_are_still_under_way() -> None:
    clock = Clock()
    limits = limits_of(clock)
    first = limits.pace(search=False)
    limits.answered(first, headers(limit=190, interval=10_000, left=39))  # 150 calls of others
    clock.sleep(0.1)
    together = [limits.pace(search=False) for _ in range(10)]
    clock.sleep(0.1)
    # The last of them arrived first: HubSpot had counted none of the other nine.
    limits.answered(together[-1], headers(limit=190, interval=10_000, left=38))
    before = clock.time
    paced(limits, clock, 190 - 4 - 150 - 11)
    assert clock.time == before
    paced(limits, clock, 1)
    assert clock.time > before + timedelta(seconds=9)


def test_waiting_for_others_takes_ten_seconds_however_many_calls_wait() -> None:
    clock = Clock()
    limits = limits_of(clock)
    turn = limits.pace(search=False)
    limits.answered(turn, headers(limit=190, interval=10_000, left=0))
    before = clock.time
    paced(limits, clock, 180)
    assert clock.time - before < timedelta(seconds=11)


def test_what_others_used_counts_no_longer_than_ten_seconds() -> None:
    clock = Clock()
    limits = limits_of(clock)
    turn = limits.pace(search=False)
    limits.answered(turn, headers(limit=190, interval=10_000, left=0))
    clock.sleep(11)
    before = clock.time
    paced(limits, clock, 180)
    assert clock.time == before


@pytest.mark.parametrize("search", [True, False])
def test_after_a_refusal_no_other_call_goes_before_the_wait_is_over(search: bool) -> None:
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    limits.refused(7.0, search=search)
    before = clock.time
    limits.pace(search=not search)
    assert clock.time == before
    limits.pace(search=search)
    assert clock.time == before + timedelta(seconds=7)


def test_a_look_waits_until_its_write_can_follow_at_once() -> None:
    clock = Clock()
    limits = limits_of(clock)
    paced(limits, clock, 180)
    before = clock.time
    limits.make_room(20)
    assert clock.time > before
    at = clock.time
    paced(limits, clock, 20)
    assert clock.time == at


def test_room_for_more_than_there_can_be_is_no_reason_to_wait_for_ever() -> None:
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    before = clock.time
    limits.make_room(1_000)
    assert clock.time == before


def test_a_call_that_is_never_answered_keeps_its_place_no_longer_than_it_may_be_under_way() -> None:
    clock = Clock()
    limits = limits_of(clock, limit=2)
    limits.pace(search=False)
    before = clock.time
    limits.pace(search=False)
    assert timedelta(seconds=10) < clock.time - before < timedelta(seconds=50)


class Counter:
    """HubSpot's own count of one window, at the moment each call arrives."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self.arrived: deque[float] = deque()
        self.refused = 0

    def take(self, now: float) -> int:
        """How many calls are left behind this one."""
        while self.arrived and self.arrived[0] <= now - self.seconds:
            self.arrived.popleft()
        if len(self.arrived) >= self.limit:
            self.refused += 1
            return 0
        self.arrived.append(now)
        return self.limit - len(self.arrived)


def driven(limits: Limits, clock: Clock, counter: Counter, ways: list[tuple[float, float]]) -> None:
    """One client's calls, ten under way together; `ways`: seconds there and back again."""
    under_way = 0

    def arrives(turn: Turn, back: float) -> None:
        left = counter.take(clock.time.timestamp())
        told = headers(limit=counter.limit, interval=int(counter.seconds * 1000), left=left)
        clock.later(back, lambda: answer(turn, told))

    def answer(turn: Turn, told: Mapping[str, str]) -> None:
        nonlocal under_way
        under_way -= 1
        limits.answered(turn, told)

    for there, back in ways:
        while under_way >= 10:
            clock.next()
        turn = limits.pace(search=False)
        under_way += 1
        clock.later(there, partial(arrives, turn, back))
    clock.sleep(20)


WAYS = st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 1.0)), min_size=45, max_size=45)


@settings(max_examples=20, deadline=None)
@given(WAYS)
def test_however_late_calls_arrive_none_is_one_too_many(ways: list[tuple[float, float]]) -> None:
    clock, counter = Clock(), Counter(21, 2.0)
    limits = Limits(clock.now, clock.sleep, CallBudget())
    limits.answered(Turn(0.0), headers(limit=21, interval=2_000))
    driven(limits, clock, counter, ways)
    assert counter.refused == 0


@settings(max_examples=20, deadline=None)
@given(WAYS, st.integers(10, 21), st.floats(0.0, 2.0))
def test_a_process_that_follows_another_at_once_leaves_it_what_it_used(
    ways: list[tuple[float, float]], before: int, pause: float
) -> None:
    clock, counter = Clock(), Counter(21, 2.0)
    for _ in range(before):
        counter.take(clock.time.timestamp())
        clock.sleep(0.01)
    clock.sleep(pause)
    limits = Limits(clock.now, clock.sleep, CallBudget())
    left = counter.take(clock.time.timestamp())
    limits.answered(limits.pace(search=False), headers(limit=21, interval=2_000, left=left))
    driven(limits, clock, counter, ways)
    # Nothing but the first call can find the window full: it is what tells of it.
    assert counter.refused <= (1 if before >= 20 else 0)
