"""Ids of a full listing, kept for the relations of the same records that are read next.

Listing a hundred records a call once more, only for ids that were all there a moment ago, would be
half of the calls of a first load.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import datetime

from prmsync_hubspot.cursor import Cursor


class Listed:
    """Record ids page by page, eight bytes each; `since` is when the listing began."""

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.done_at: datetime | None = None
        self._ids = array("Q")
        self._pages: list[tuple[int, str | None]] = []

    def add(self, ids: list[str], after: str | None) -> None:
        """One page, and where the listing goes on behind it; None at the end."""
        self._ids.extend(map(int, ids))
        self._pages.append((len(self._ids), after))

    def pages(self) -> Iterator[tuple[list[str], Cursor]]:
        """The pages again, each with the cursor by which a listing would go on behind it."""
        start = 0
        for end, after in self._pages:
            yield list(map(str, self._ids[start:end])), Cursor(self.since, after)
            start = end
