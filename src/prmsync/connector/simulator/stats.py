"""Counts what was called: by endpoint class, method and status."""

from __future__ import annotations

from collections import Counter
from typing import Any

DROPPED = 0
"""The status under which calls are counted whose reply was lost."""


class Stats:
    """Calls to the vendor's API; control paths are not counted."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[str, str, int]] = Counter()
        self._counters: Counter[str] = Counter()

    def call(self, endpoint: str, method: str, status: int) -> None:
        self._calls[endpoint, method, status] += 1

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter of the simulator's own, e.g. rows written."""
        self._counters[name] += amount

    def reset(self) -> None:
        self._calls.clear()
        self._counters.clear()

    @property
    def total(self) -> int:
        return sum(self._calls.values())

    def calls(
        self, endpoint: str | None = None, method: str | None = None, status: int | None = None
    ) -> int:
        """Calls that meet all the criteria given."""
        return sum(
            count
            for (its_endpoint, its_method, its_status), count in self._calls.items()
            if endpoint in (None, its_endpoint)
            and method in (None, its_method)
            and status in (None, its_status)
        )

    def counter(self, name: str) -> int:
        return self._counters[name]

    def as_json(self) -> dict[str, Any]:
        """`{"total", "by_endpoint", "by_method", "by_status", "calls": [...], "counters"}`."""
        by_endpoint: Counter[str] = Counter()
        by_method: Counter[str] = Counter()
        by_status: Counter[str] = Counter()
        for (endpoint, method, status), count in self._calls.items():
            by_endpoint[endpoint] += count
            by_method[method] += count
            by_status[str(status)] += count
        return {
            "total": self.total,
            "by_endpoint": dict(sorted(by_endpoint.items())),
            "by_method": dict(sorted(by_method.items())),
            "by_status": dict(sorted(by_status.items())),
            "calls": [
                {"endpoint": endpoint, "method": method, "status": status, "count": count}
                for (endpoint, method, status), count in sorted(self._calls.items())
            ],
            "counters": dict(sorted(self._counters.items())),
        }
