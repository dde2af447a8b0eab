"""Counts calls by kind and stops before our share of the CRM's own limit is used up."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Literal

from prmsync.connector.protocol import Usage
from prmsync.errors import QuotaError

CallKind = Literal["read", "guard", "write", "sign_in", "metadata"]


class CallBudget:
    """Calls of one session, and two bounds as parts (0..1) of the account's own limit; None is no
    bound. `share`: what may be in use, by anyone, before we stop and leave the rest to others.
    `own_share`: what this session may use itself, however little the others need.

    Shared by threads.
    """

    def __init__(self, share: float | None = None, own_share: float | None = None) -> None:
        self._share = share
        self._own_share = own_share
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._used: int | None = None
        self._limit: int | None = None

    def spend(self, kind: CallKind) -> None:
        """Count a call that is about to be made. Raises QuotaError when the share is used up."""
        with self._lock:
            self._refuse_beyond_own_share()
            self._refuse_beyond_share()
            self._calls[kind] += 1

    def observe(self, used: int, limit: int) -> None:
        """Take over what the CRM says of its own meter."""
        with self._lock:
            self._used, self._limit = used, limit

    def usage(self) -> Usage:
        with self._lock:
            return Usage(calls=dict(self._calls), used=self._used, limit=self._limit)

    def _refuse_beyond_own_share(self) -> None:
        own = self._calls.total()
        if self._own_share is None or not self._limit or own < self._own_share * self._limit:
            return
        raise QuotaError(
            f"this run made {own:,} calls, prmsync's share of the account's {self._limit:,} "
            f"({self._own_share:.0%})",
            hint="The next run goes on from here. To let one run do more, raise `share` (in per "
            "cent) of this connection in prmsync.toml.",
            code="OWN_SHARE",
        )

    def _refuse_beyond_share(self) -> None:
        if self._share is None or self._used is None or not self._limit:
            return
        if self._used < self._share * self._limit:
            return
        raise QuotaError(
            f"{self._used:,} of the account's {self._limit:,} API calls are used; "
            f"prmsync stops at {self._share:.0%} and leaves the rest to people",
            hint="The next run goes on when the CRM's window moves. What one run of prmsync itself "
            "may use is `share` (in per cent) of this connection in prmsync.toml.",
            code="CALL_SHARE",
        )
