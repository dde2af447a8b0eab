"""What the org allows in a day and how much of it is left, as its `/limits` resource tells.

Calls show in a header of every answer (`Sforce-Limit-Info`) as well; Bulk jobs show only here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prmsync.errors import AuthError, GoneError, RejectedError, SchemaError

API_CALLS = "DailyApiRequests"
QUERY_JOBS = "DailyBulkV2QueryJobs"
INGEST_BATCHES = "DailyBulkApiBatches"
"""Shared by ingest jobs of both Bulk APIs; a 2.0 job uses one for each 10,000 rows."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One of the org's limits: `left` of `most`."""

    most: int
    left: int


class Limits:
    """Asked for once a session, when first needed. Shared by threads.

    An integration user without “View Setup and Configuration” may not see them; then nothing is
    known and nothing is bounded by them.
    """

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._told: dict[str, Limit] | None = None

    def get(self, name: str) -> Limit | None:
        """None where the org does not tell this limit. Raises QuotaError, RetryableError."""
        with self._lock:
            if self._told is None:
                self._told = self._read()
            return self._told.get(name)

    def exhausted(self, name: str) -> bool:
        """Whether it is known that nothing is left."""
        limit = self.get(name)
        return limit is not None and limit.left <= 0

    def _read(self) -> dict[str, Limit]:
        try:
            answer = self._ask()
        except (AuthError, GoneError, RejectedError, SchemaError):
            return {}
        told = answer.items() if isinstance(answer, dict) else ()
        return {
            str(name): Limit(one["Max"], one["Remaining"])
            for name, one in told
            if isinstance(one, dict) and {"Max", "Remaining"} <= one.keys()
        }
