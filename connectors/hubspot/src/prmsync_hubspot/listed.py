"""Ids of a full listing, kept for the relations of the same records that are read next.

Listing a hundred records a call once more, only for ids that were all there a moment ago, would be
half of the calls of a first load.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime

from prmsync_hubspot.cursor import Cursor


class IdPages:
    """Record ids page by page, eight bytes each."""

    def __init__(self) -> None:
        self._ids = array("Q")
        self._pages: list[tuple[int, str | None]] = []

    def add(self, ids: Sequence[int], after: str | None) -> None:
        """One page, and where the listing goes on behind it; None at the end."""
        self._ids.extend(ids)
        self._pages.append((len(self._ids), after))

    def page(self, number: int) -> Sequence[int]:
        """The ids of one page, from 0."""
        start = self._pages[number - 1][0] if number else 0
        return self._ids[start : self._pages[number][0]]

    def extend(self, other: IdPages, first: int, *, without_last: bool) -> None:
        """Pages that follow: another's from its page `first` on."""
        pages = other._pages[: -1 if without_last else None]
        start = pages[first - 1][0] if first else 0
        at = len(self._ids) - start
        self._ids += other._ids[start : pages[-1][0] if pages else 0]
        self._pages += [(at + end, after) for end, after in pages[first:]]

    def __iter__(self) -> Iterator[tuple[list[str], str | None]]:
        start = 0
        for end, after in self._pages:
            yield list(map(str, self._ids[start:end])), after
            start = end


class Listed:
    """`since` is when the listing began, `done_at` when it ended, by our clock."""

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.done_at: datetime | None = None
        self._ids = IdPages()

    def done(self, ids: IdPages, at: datetime) -> None:
        self._ids, self.done_at = ids, at

    def pages(self) -> Iterator[tuple[list[str], Cursor]]:
        """The pages again, each with the cursor by which a listing would go on behind it."""
        for ids, after in self._ids:
            yield ids, Cursor(self.since, after)
