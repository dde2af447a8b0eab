from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
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
        "left": "X-HubSpot-RateLimit-Daily-Remaining",
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
    limits.observe(headers(limit=190, interval=10_000))
    assert most_within(paced(limits, clock, 1_000), 10.0) <= 190


def test_a_burst_within_the_limit_does_not_wait() -> None:
    clock = Clock()
    limits = Limits(clock.now, clock.sleep, CallBudget())
    limits.observe(headers(limit=190, interval=10_000))
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
    Limits(Clock().now, lambda _: None, budget).observe(headers(daily=650_000, left=649_000))
    usage = budget.usage()
    assert (usage.used, usage.limit) == (1_000, 650_000)


@pytest.mark.parametrize("search", [True, False])
def test_a_clock_that_stands_still_or_goes_back_never_stops_the_pacing(search: bool) -> None:
    clock = Clock()
    slept: list[float] = []
    limits = Limits(clock.now, slept.append, CallBudget())
    for _ in range(300):
        limits.pace(search=search)
    clock.time -= timedelta(days=1)
    limits.pace(search=search)
    assert max(slept) <= 10.0


@given(st.lists(st.floats(min_value=0, max_value=3), max_size=200), st.integers(1, 9))
def test_a_window_never_holds_more_than_its_limit(gaps: list[float], limit: int) -> None:
    window, now, sent = Window(limit, 5.0), 1_000.0, []
    for gap in gaps:
        now += gap
        now += window.reserve(now)
        sent.append(now)
    for start in sent:
        assert sum(start < one < start + 5.0 - 1e-6 for one in sent) < limit + 1
