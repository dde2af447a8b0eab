"""Counts calls by kind and stops before our share of the CRM's own limit is used up."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime
from typing import Literal

from prmsync.connector.protocol import Usage
from prmsync.domain.counted import counted
from prmsync.errors import QuotaError

CallKind = Literal["read", "guard", "write", "history", "sign_in", "metadata"]


class CallBudget:
    """Calls of one session, and two bounds as parts (0..1) of the account's own limit; None is no
    bound. `share`: what may be in use, by anyone, before we stop and leave the rest to others.
    `own_share`: what this connection may use itself in one window of the CRM, however little the
    others need; `made` is what it used before this session.

    Shared by threads.
    """

    def __init__(
        self, share: float | None = None, own_share: float | None = None, made: int = 0
    ) -> None:
        self._share = share
        self._own_share = own_share
        self._made = made
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

    def usage(self, resets_at: datetime | None = None) -> Usage:
        with self._lock:
            return Usage(
                calls=dict(self._calls),
                used=self._used,
                limit=self._limit,
                allowed=self._allowed(),
                left=self._left(),
                resets_at=resets_at,
            )

    def _allowed(self) -> int | None:
        if self._own_share is None or not self._limit:
            return None
        return int(self._own_share * self._limit)

    def _left(self) -> int | None:
        bounds = []
        allowed = self._allowed()
        if allowed is not None:
            bounds.append(allowed - self._made - self._calls.total())
        if self._share is not None and self._used is not None and self._limit:
            bounds.append(int(self._share * self._limit) - self._used)
        return max(0, min(bounds)) if bounds else None

    def _refuse_beyond_own_share(self) -> None:
        own, allowed = self._made + self._calls.total(), self._allowed()
        if self._own_share is None or allowed is None or own < allowed:
            return
        raise QuotaError(
            f"prmsync made {counted(own, 'call')} in the CRM's present window, its share "
            f"of the account's {self._limit:,} ({self._own_share:.0%})",
            hint="The next run goes on from here. To let prmsync use more a day, raise `share` "
            "(in per cent) of this connection in prmsync.toml.",
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
            hint="The next run goes on when the CRM's window moves. What prmsync itself may use in "
            "a day is `share` (in per cent) of this connection in prmsync.toml.",
            code="CALL_SHARE",
        )
