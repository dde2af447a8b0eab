"""What webhooks named since a connection's last run; shared by threads, lost with the process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from prmsync.connector.hints import Hint

MOST_RECORDS = 1_000
"""Names kept of one connection. With more, the next run finds them as it finds everything."""


class Heard(NamedTuple):
    """How many deliveries of a connection were taken and refused, and when the last was taken."""

    taken: int
    refused: int
    taken_at: datetime | None


@dataclass(slots=True)
class _Heard:
    named: dict[Hint, None] = field(default_factory=dict)
    taken_at: datetime | None = None
    taken: int = 0
    refused: int = 0


class Hints:
    """Records that CRMs named, by connection, and how many deliveries were taken and refused."""

    def __init__(self, connections: Sequence[str] = ()) -> None:
        self._lock = threading.Lock()
        self._heard = {name: _Heard() for name in connections}

    def add(self, name: str, hints: Sequence[Hint], now: datetime) -> None:
        """A delivery that was taken; it may name nothing."""
        with self._lock:
            heard = self._heard[name]
            heard.taken += 1
            heard.taken_at = now
            self._keep(heard, hints)

    def refuse(self, name: str) -> None:
        with self._lock:
            self._heard[name].refused += 1

    def take(self, name: str) -> list[Hint]:
        """The records that were named; they are the caller's now."""
        with self._lock:
            heard = self._heard.get(name)
            if heard is None:
                return []
            taken, heard.named = list(heard.named), {}
            return taken

    def give_back(self, name: str, hints: Sequence[Hint]) -> None:
        """What a run could not use; the next one may."""
        with self._lock:
            if name in self._heard:
                self._keep(self._heard[name], hints)

    def told(self, name: str) -> Heard | None:
        """For the health of a connection; None for one without webhooks."""
        with self._lock:
            heard = self._heard.get(name)
            if heard is None:
                return None
            return Heard(heard.taken, heard.refused, heard.taken_at)

    def _keep(self, heard: _Heard, hints: Sequence[Hint]) -> None:
        for one in hints:
            if len(heard.named) < MOST_RECORDS:
                heard.named[one] = None
