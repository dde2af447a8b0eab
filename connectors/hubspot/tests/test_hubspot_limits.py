from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prmsync.connector.budget import CallBudget
from prmsync_hubspot.limits import Limits, Window


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.sent: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def headers(**values: int) -> Mapping[str, str]:
    names = {
        "limit": "X-HubSpot-RateLimit-Max",
        "interval": "X-HubSpot-RateLimit-Interval-Milliseconds",
        "daily": "X-HubSpot-RateLimit-Daily",
        "left": "X-HubSpot-RateLimit-Remaining",
        "today": "X-HubSpot-RateLimit-Daily-Remaining",
    }
    return httpx.Headers({names[name]: str(value) for name, value in values.items()})


def paced(limits: Limits, clock: Clock, calls: int, *, search: bool = False) -> list[float]:
    sent = []
    for _ in range(calls):
        limits.pace(search=search)
        sent.append(clock.time.timestamp())
    return sent


def most_within(sent: list[float], seconds: float) -> int:
    return max(sum(start <= one < start + seconds for one in sent) for start in sent)


def test_no_ten_seconds_hold_more_calls_than_the_account_allows() -> None:
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    limits.observe(headers(limit=190, interval=10_000), 0)
    assert most_within(paced(limits, clock, 1_000), 10.0) <= 190


def test_a_burst_within_the_limit_does_not_wait() -> None:
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    limits.observe(headers(limit=190, interval=10_000), 0)
    sent = paced(limits, clock, 180)
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
    Limits(Clock().now, lambda _: None, budget).observe(headers(daily=650_000, today=649_000), 0)
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
    limits = Limits(clock.now, clock.sleep, CallBudget())
    slot = limits.pace(search=False)
    limits.observe(headers(limit=190, interval=10_000, left=89), slot)  # 100 calls of others
    before = clock.time
    paced(limits, clock, 85)
    assert clock.time == before
    paced(limits, clock, 1)
    assert clock.time > before


def test_our_own_calls_are_not_taken_for_those_of_others() -> None:
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    limits.observe(headers(limit=190, interval=10_000), 0)
    slots = [limits.pace(search=False) for _ in range(150)]
    limits.observe(headers(limit=190, interval=10_000, left=40), slots[-1])
    before = clock.time
    paced(limits, clock, 36)
    assert clock.time == before


def test_what_others_used_counts_no_longer_than_ten_seconds() -> None:
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    slot = limits.pace(search=False)
    limits.observe(headers(limit=190, interval=10_000, left=0), slot)
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
    limits = Limits(clock.now, clock.sleep, CallBudget())
    limits.observe(headers(limit=190, interval=10_000), 0)
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


@given(st.lists(st.floats(min_value=0, max_value=3), max_size=200), st.integers(1, 9))
def test_a_window_never_holds_more_than_its_limit(gaps: list[float], limit: int) -> None:
    window, now, sent = Window(limit, 5.0), 1_000.0, []
    for gap in gaps:
        now = window.reserve(now + gap)
        sent.append(now)
    for start in sent:
        assert sum(start < one < start + 5.0 - 1e-6 for one in sent) < limit + 1


LATENCIES = st.lists(st.floats(min_value=0.02, max_value=0.26), min_size=400, max_size=400)


@settings(max_examples=30)
@given(LATENCIES)
def test_calls_that_arrive_late_by_a_quarter_of_a_second_are_never_one_too_many(
    latencies: list[float],
) -> None:
    """Ten lanes of one client against HubSpot's own count, at the moment each call arrives."""
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    limits.observe(headers(limit=190, interval=10_000), 0)
    lanes = [0.0] * 10
    arrived = []
    start = clock.time.timestamp()
    for number, latency in enumerate(latencies):
        lane = number % len(lanes)
        clock.time = max(clock.time, datetime.fromtimestamp(start + lanes[lane], UTC))
        slot = limits.pace(search=False) - start
        arrived.append(slot + latency)
        lanes[lane] = slot + 2 * latency
    arrived.sort()
    for first, one in zip(arrived, arrived[190:], strict=False):
        assert one - first > 10.0
