"""Rate limits as HubSpot counts them: a rolling burst and a day for all, a second for searches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from prmsync_hubspot.simulator.problems import ApiError
from prmsync_hubspot.simulator.settings import Settings

DAY_SECONDS = 86_400.0


class _Window:
    """Calls of the last `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque()

    def used(self, now: float) -> int:
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        return len(self._times)

    def add(self, now: float) -> None:
        self._times.append(now)


class Limiter:
    """`monotonic` gives real seconds: a client that waits must wait in truth."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._burst = _Window(0.0)
        self._burst_rule = (0, 0.0)
        self._search = _Window(1.0)
        self._day = 0.0
        self._used_today = 0

    def admit(self, settings: Settings, *, search: bool) -> dict[str, str]:
        """Count a call and give its answer's headers. Raises ApiError 429 when it is one too many.

        Searches are outside the ten-second limit; their answers tell the daily limit only.
        """
        now = self._monotonic()
        self._count_day(now, settings)
        headers = self._daily_headers(settings)
        if search:
            return self._admit_search(settings, now, headers)
        if not settings.burst_limit:
            return headers
        self._begin_anew(settings.burst_limit, settings.burst_seconds)
        used = self._burst.used(now)
        headers |= _burst_headers(settings, settings.burst_limit - used - 1)
        if used >= settings.burst_limit:
            raise too_many("TEN_SECONDLY_ROLLING", headers)
        self._burst.add(now)
        return headers

    def _begin_anew(self, limit: int, seconds: float) -> None:
        """A limit that is set anew counts calls from then on: what went before was free to."""
        if (limit, seconds) != self._burst_rule:
            self._burst, self._burst_rule = _Window(seconds), (limit, seconds)

    def _count_day(self, now: float, settings: Settings) -> None:
        day = now // DAY_SECONDS
        if day != self._day:
            self._day, self._used_today = day, 0
        if settings.daily_limit and self._used_today >= settings.daily_limit:
            raise too_many("DAILY", self._daily_headers(settings))
        self._used_today += 1

    def _daily_headers(self, settings: Settings) -> dict[str, str]:
        if not settings.daily_limit:
            return {}
        left = max(settings.daily_limit - self._used_today, 0)
        return {
            "X-HubSpot-RateLimit-Daily": str(settings.daily_limit),
            "X-HubSpot-RateLimit-Daily-Remaining": str(left),
        }

    def _admit_search(
        self, settings: Settings, now: float, headers: dict[str, str]
    ) -> dict[str, str]:
        if settings.search_per_second:
            if self._search.used(now) >= settings.search_per_second:
                raise too_many_searches(headers)
            self._search.add(now)
        return headers


def _burst_headers(settings: Settings, left: int) -> dict[str, str]:
    return {
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(settings.burst_seconds * 1000)),
        "X-HubSpot-RateLimit-Max": str(settings.burst_limit),
        "X-HubSpot-RateLimit-Remaining": str(max(left, 0)),
    }


def too_many(policy: str, headers: dict[str, str]) -> ApiError:
    """429 of the burst or the day: an errorType and a policyName, no category."""
    return ApiError(
        429,
        f"You have reached your {policy.lower()} limit.",
        None,
        extra={"errorType": "RATE_LIMIT", "policyName": policy},
        headers=headers,
    )


def too_many_searches(headers: dict[str, str]) -> ApiError:
    """429 of the search endpoint: a category, no policyName, no Retry-After."""
    return ApiError(429, "You have reached your secondly limit.", "RATE_LIMITS", headers=headers)
