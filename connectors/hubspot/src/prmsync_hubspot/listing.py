"""A full listing, read in lanes: the waiting for one page passes while others come.

A page's cursor comes with the page before it. The first lane follows these cursors from the
beginning. Further lanes begin at cursors that are guessed: in the accounts known a cursor is made
of a record's id, but HubSpot does not promise that. So a guess never counts as evidence. What a
lane gives is observed; that nothing is missing before it is proven once HubSpot gives its very
cursor to the lane before it, and the page there, read again, holds the same records. From then on
both would ask the same, so the later lane's pages are the earlier one's. Where that does not happen
the later lanes are given up, and the lane before them reads on to the end (docs/decisions/0012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from prmsync.connector.lanes import Lanes
from prmsync.errors import ConnectorError
from prmsync_hubspot.listed import IdPages

Found = dict[str, Any]

LIST_PAGE = 100
LANES = 4
"""Pages under way together. HubSpot's ten-second limit allows about 19 calls a second."""
ALONE = 10
"""Pages after which the first lane asks what else there is; small objects end before."""
FEWEST = 1_000
"""Records behind those pages that are worth further lanes."""
FIRST_STEP, LONGEST_STEP = 1_000, 9_900
"""Records from one lane's beginning to the next, in whole pages: so the pages of a lane end where
the next lane begins. A search shows 10,000 results."""
PARTS = 12
"""Into so many parts, if that is within the steps, what is left is divided: lanes that end early
take the next part, and the last ones end at about the same time."""
TRIES = 3
"""Pages beyond the next lane's beginning after which it is given up."""


class ListPage(NamedTuple):
    """`after`: where HubSpot says that the listing goes on, None at its end."""

    found: list[Found]
    after: str | None
    at: datetime | None = None
    """HubSpot's clock."""


class Place(NamedTuple):
    """A record that stands some way behind another, the one `before` it, and how many there are
    behind that other."""

    before: int
    id: int
    left: int


class Proven(NamedTuple):
    """A page, of whichever lane, and `after`: all that comes before it has been given, None once
    that is everything."""

    page: ListPage
    after: str | None


Fetch = Callable[[str, int], ListPage]
"""The page at a cursor, of so many records at most."""
Ahead = Callable[[int, int], Place | None]
"""The record so many places behind an id, None where there is none."""

RULES: tuple[Callable[[int, int], int], ...] = (
    lambda before, _: before + 1,
    lambda _, first: first,
    lambda before, _: before,
)
"""What a cursor may be made of: the last id of a page and the first one of the next."""


@dataclass(slots=True, eq=False)
class Lane:
    after: str | None
    """Where it goes on; None at the listing's end."""
    last: int = -1
    """The highest id seen; at first, the one before the lane's own."""
    pages: dict[str, int] = field(default_factory=dict)
    """Cursor → number of the page that it led to."""
    ids: IdPages = field(default_factory=IdPages)
    limit: int = LIST_PAGE
    """Records of its next page."""
    tries: int = 0
    met: int | None = None
    """The next lane's page at which it has arrived: from there on all is the next lane's."""
    coming: Future[ListPage] | None = None

    @property
    def over(self) -> bool:
        return self.met is not None or self.after is None

    def short_of(self, ids: Sequence[int]) -> int:
        """How many of another lane's records come before this lane's first; all of them as long
        as it has none."""
        begin = self.ids.page(0)[:1] if self.pages else []
        return sum(all(one < first for first in begin) for one in ids)

    def take(self, ids: Sequence[int], page: ListPage) -> None:
        self.pages[self.after or ""] = len(self.pages)
        self.ids.add(ids, page.after)
        self.last = max([self.last, *ids])
        self.after, self.limit = page.after, LIST_PAGE


class Listing:
    """One listing from `after` on ("" is the beginning). `ahead` is None for one lane alone."""

    def __init__(self, fetch: Fetch, lanes: Lanes, after: str, ahead: Ahead | None) -> None:
        self._fetch = fetch
        self._together = lanes
        self._ahead = ahead if lanes.most >= LANES else None
        self._lanes = [Lane(after)]
        self._asked: list[Lane] = []  # the longest waiting first
        self._place: Future[Place | None] | None = None
        self._rules = list(RULES)
        self._step = FIRST_STEP
        self._given_up: list[Future[ListPage]] = []

    def pages(self) -> Iterator[Proven]:
        """Pages as they come, in the order of each lane; a record may come twice. Raises the error
        of the lane that is proven; an error of another gives that lane up."""
        told: str | None = ""
        try:
            while not self._proven.over:
                self._look_ahead()
                lane = self._next_lane()
                page = self._taken(lane)
                if page is not None:
                    new = self._follow(lane, page)
                    told = self._proven.after
                    yield Proven(page if new else page._replace(found=[]), told)
            if told is not None:
                yield Proven(ListPage([], None), None)
        finally:
            self._end()

    def ids(self) -> IdPages:
        """All ids in the order of the listing, after its last page."""
        listed, first = IdPages(), 0
        for lane in self._lanes:
            listed.extend(lane.ids, first, without_last=lane.met is not None)
            first = lane.met or 0
        return listed

    @property
    def _proven(self) -> Lane:
        """The last lane before which nothing is missing: each lane before it has met the next."""
        return next((one for one in self._lanes if one.met is None), self._lanes[-1])

    def _next_lane(self) -> Lane:
        """Ask for the next page of every lane; the lane whose page is there, or comes, first."""
        reading = [one for one in self._lanes if not one.over]
        if len(reading) == 1 and self._place is None and not self._asked:
            # Alone, a page is asked for when it is wanted: who stops reading has asked for no more.
            return reading[0]
        for one in reading:
            if one.coming is None:
                one.coming = self._together.begun(partial(self._fetch, one.after or "", one.limit))
                self._asked.append(one)
        done = wait([one.coming for one in self._asked if one.coming], None, FIRST_COMPLETED).done
        return next(one for one in self._asked if one.coming in done)

    def _taken(self, lane: Lane) -> ListPage | None:
        """Its page; None where a lane that is not proven has failed."""
        coming, lane.coming = lane.coming, None
        if coming is not None:
            self._asked.remove(lane)
        try:
            if coming is None:
                return self._fetch(lane.after or "", lane.limit)
            return coming.result()
        except ConnectorError:
            if lane is self._proven:
                raise
            self._give_up(lane)
            return None

    def _follow(self, lane: Lane, page: ListPage) -> bool:
        """Take a page into its lane, and see whether the lane has come to the next one; False for
        a page of which all is given already, or will be."""
        ids, shown = [int(one["id"]) for one in page.found], False
        following = self._behind(lane)
        if following is None:
            self._learn(lane, ids)
        elif (number := following.pages.get(lane.after or "")) is not None:
            before = following.ids.page(number)
            if _same(ids, before):
                lane.met, shown = number, set(ids) <= set(before)
            else:
                self._give_up(following)
        elif not lane.tries and 0 < (short := following.short_of(ids)) < len(ids):
            # Something came or went meanwhile: end this page where the next lane begins.
            lane.limit, lane.tries = short, 1
            return False
        lane.take(ids, page)
        self._see_if_passed(lane)
        return not shown

    def _see_if_passed(self, lane: Lane) -> None:
        following = self._behind(lane)
        if following is None or lane.met is not None:
            return
        lane.tries += following.short_of([lane.last]) == 0
        if lane.after is None or lane.tries > TRIES:
            self._give_up(following)

    def _learn(self, lane: Lane, ids: Sequence[int]) -> None:
        """Which rules hold for the cursor that led to this page, and whether ids ascend."""
        if lane is not self._lanes[0] or not self._rules or not lane.pages:
            return
        ascending = all(one < other for one, other in zip([lane.last, *ids], ids, strict=False))
        held = [one for one in self._rules if ids and lane.after == str(one(lane.last, ids[0]))]
        self._rules = held if ascending else []

    def _look_ahead(self) -> None:
        """Begin another lane where one is free and there is enough left."""
        if self._place is not None and self._place.done():
            place, self._place = self._place, None
            self._begin(place)
        if self._ahead is None or self._place is not None:
            return
        first, last = self._lanes[0], self._lanes[-1]
        known = len(first.pages) >= ALONE and last.after is not None
        if known and self._rules and sum(not one.over for one in self._lanes) < LANES:
            self._place = self._together.begun(partial(self._ahead, last.last, self._step))

    def _begin(self, coming: Future[Place | None]) -> None:
        try:
            place = coming.result()
        except ConnectorError:  # it was a guess: what is wrong, a lane that is needed will tell
            place = None
        if place is None or place.left < FEWEST or not self._rules:
            self._ahead = None
            return
        if place.before > self._lanes[-1].last:
            cursor = str(self._rules[0](place.before, place.id))
            self._lanes.append(Lane(cursor, place.before))
        if self._step == FIRST_STEP:
            even = place.left // PARTS // LIST_PAGE * LIST_PAGE
            self._step = min(max(even, FIRST_STEP), LONGEST_STEP)

    def _behind(self, lane: Lane) -> Lane | None:
        place = self._lanes.index(lane) + 1
        return self._lanes[place] if place < len(self._lanes) else None

    def _give_up(self, lane: Lane) -> None:
        """A lane and those behind it, and begin no others: the guess was not good."""
        self._ahead = None
        place = self._lanes.index(lane)
        for one in self._lanes[place:]:
            if one.coming is not None:
                self._asked.remove(one)
                self._given_up.append(one.coming)
        del self._lanes[place:]
        self._lanes[-1].met = None

    def _end(self) -> None:
        """Nothing is under way any more when reading ends."""
        coming = [one.coming for one in self._lanes if one.coming is not None]
        coming += self._given_up
        if self._place is not None:
            wait([self._place])
        for future in coming:
            future.cancel()
        wait(coming)


def _same(ids: Sequence[int], before: Sequence[int]) -> bool:
    """Whether a page shows what it showed before; what has gone meanwhile lets others move up."""
    if not ids or not before:
        return not ids and not before
    within = [one for one in ids if one <= before[-1]]
    return bool(within) and set(within) <= set(before)
