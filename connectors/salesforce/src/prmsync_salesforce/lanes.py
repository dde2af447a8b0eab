"""Rows that Salesforce locks: told apart, and sent so that they lock each other out less.

Salesforce locks the parent of each row that it writes; two calls with rows of one parent fight for
it. So rows of one parent are sent side by side in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from prmsync.connector import lanes
from prmsync.connector.protocol import WriteResult

LOCKED = "UNABLE_TO_LOCK_ROW"


class Lanes(lanes.Lanes):
    """Fewer calls go together while rows lock each other out."""

    def __init__(
        self, pool: Executor | None, sleep: Callable[[float], None], most: int = 10
    ) -> None:
        super().__init__(pool, sleep, is_locked, most)


def side_by_side(parents: Sequence[str]) -> list[int]:
    """The places of rows in the order in which they are sent: those of one parent together."""
    return sorted(range(len(parents)), key=parents.__getitem__)


def is_locked(result: WriteResult) -> bool:
    """Whether another process held the row or its parent."""
    return result.error is not None and result.error.code == LOCKED
