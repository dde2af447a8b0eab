"""A listing in lanes gives what one lane alone gives, whatever HubSpot's cursors mean."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prmsync.connector.lanes import Lanes
from prmsync.errors import ConnectorError, RetryableError
from prmsync_hubspot import listing
from prmsync_hubspot.listing import Listing, ListPage, Place

SMALL = {"ALONE": 2, "FEWEST": 4}
NEXT, LAST, OPAQUE, OFFSET, WHOLE, BACKWARDS, EVEN = (
    "the next id",
    "the last id",
    "text",
    "an offset",
    "the next id, else the beginning",
    "later pages backwards",
    "the next id, else even ids",
)


class AtOnce(Lanes):
    """Calls are over when they are begun: who is served next depends on no thread."""

    def __init__(self) -> None:
        super().__init__(None, lambda _: None)
        self.most = 10

    def begun(self, work: Any) -> Future[Any]:
        over: Future[Any] = Future()
        try:
            over.set_result(work())
        except ConnectorError as error:
            over.set_exception(error)
        return over


class Juggled(Lanes):
    """Calls end in an order that is drawn: what `wait` waits for ends when it is called."""

    def __init__(self, seed: int) -> None:
        super().__init__(None, lambda _: None)
        self.most = 10
        self._random = Random(seed)
        self.under_way: dict[Future[Any], Any] = {}

    def begun(self, work: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.under_way[future] = work
        return future

    def wait(self, futures: Any, timeout: Any = None, until: str = ALL_COMPLETED) -> Any:
        """In place of `concurrent.futures.wait`."""
        assert timeout is None
        chosen = [one for one in futures if not one.done()]
        self.under_way = {one: do for one, do in self.under_way.items() if not one.done()}
        if until == FIRST_COMPLETED and chosen:
            chosen = self.drawn(chosen)
        for one in chosen:
            self._end(one)
        return SimpleNamespace(done={one for one in futures if one.done()})

    def drawn(self, chosen: list[Future[Any]]) -> list[Future[Any]]:
        """What ends now: one of these, and at times others."""
        others = [one for one in self.under_way if one not in chosen]
        return [self._random.choice(chosen), *(others if self._random.random() < 0.3 else ())]

    def _end(self, future: Future[Any]) -> None:
        try:
            future.set_result(self.under_way.pop(future)())
        except ConnectorError as error:
            future.set_exception(error)


class Server:
    """Lists ids in their order; `meaning` is what its cursors mean, `events` happen at the calls of
    their numbers."""

    def __init__(self, ids: Sequence[int], size: int, meaning: str = NEXT) -> None:
        self.live = sorted(ids)
        self.size = size
        self.meaning = meaning
        self.calls = 0
        self.events: dict[int, Callable[[], None]] = {}
        self.failing: set[int] = set()
        self.ever = set(ids)

    def page(self, after: str, limit: int = 100) -> ListPage:
        self.calls += 1
        self.events.pop(self.calls, lambda: None)()
        if self.calls in self.failing:
            raise RetryableError("no answer")
        return self._page(after, min(limit, self.size))

    def _page(self, after: str, size: int) -> ListPage:
        start, live = self._start(after), self.live
        if self.meaning == EVEN and after and int(after) - 1 not in self.ever:
            live = [one for one in live[:start] if one % 2] + [one for one in live if not one % 2]
        found = live[start : start + size]
        more = start + size < len(live)
        if self.meaning == BACKWARDS and after:
            found = found[::-1]
        rows: list[dict[str, Any]] = [{"id": str(one)} for one in found]
        if not more:
            return ListPage(rows, None)
        return ListPage(rows, self._cursor(start, found))

    def _start(self, after: str) -> int:
        if not after:
            return 0
        if self.meaning == OPAQUE:
            if not after.startswith("c-"):
                raise ConnectorError("that is no cursor")
            return bisect_left(self.live, int(after[2:]))
        if self.meaning == OFFSET:
            return int(after)
        if self.meaning == LAST:
            return bisect_right(self.live, int(after))
        if self.meaning == WHOLE and int(after) - 1 not in self.ever:
            return 0
        return bisect_left(self.live, int(after))

    def _cursor(self, start: int, found: Sequence[int]) -> str:
        if self.meaning == OPAQUE:
            return f"c-{found[-1] + 1}"
        if self.meaning == OFFSET:
            return str(start + self.size)
        return str(max(found) if self.meaning == LAST else max(found) + 1)

    def ahead(self, behind: int, records: int) -> Place | None:
        start = bisect_right(self.live, behind)
        left = len(self.live) - start
        if records >= left:
            return None
        return Place(self.live[start + records - 1], self.live[start + records], left)


def read(server: Server, lanes: Lanes, ahead: Any = None, after: str = "") -> Any:
    """The listing, and for each page its ids and its mark."""
    one = Listing(server.page, lanes, after, ahead or server.ahead)
    return one, [([int(row["id"]) for row in page.found], mark) for page, mark in one.pages()]


def everything(pages: Any) -> set[int]:
    return {one for ids, _ in pages for one in ids}


def test_lanes_give_what_one_gives_alone_in_few_more_calls() -> None:
    server = Server(range(1, 150_000, 3), 100)
    one, pages = read(server, AtOnce())
    assert sorted(one for ids, _ in pages for one in ids) == server.live
    assert [int(one_id) for ids, _ in one.ids() for one_id in ids] == server.live
    assert server.calls <= 500 + 3 * listing.LANES
    assert pages[-1][1] is None


def test_pages_of_several_lanes_are_under_way_together() -> None:
    server, busy, most = Server(range(1, 30_000), 100), 0, 0
    lanes = AtOnce()
    begun = lanes.begun

    def watched(work: Any) -> Any:
        nonlocal busy, most
        busy += work.func == server.page
        most = max(most, busy)
        return begun(work)

    one = Listing(server.page, lanes, "", server.ahead)
    with mock.patch.object(lanes, "begun", watched):
        for _ in one.pages():
            busy = max(0, busy - 1)
    assert most == listing.LANES


def test_a_small_object_is_read_by_one_lane_and_asks_for_nothing_else() -> None:
    server, asked = Server(range(1, 1_000), 100), []
    _, pages = read(server, AtOnce(), lambda *where: asked.append(where))
    assert everything(pages) == set(server.live)
    assert (server.calls, asked) == (10, [])


def test_opaque_cursors_are_never_guessed() -> None:
    server, asked = Server(range(1, 30_000), 100, OPAQUE), []
    _, pages = read(server, AtOnce(), lambda *where: asked.append(where))
    assert everything(pages) == set(server.live)
    assert (server.calls, asked) == (300, [])


@pytest.mark.parametrize("meaning", [WHOLE, OFFSET, BACKWARDS, EVEN])
def test_cursors_of_another_meaning_lose_nothing(meaning: str) -> None:
    server = Server(range(1, 5_000), 100, meaning)
    _, pages = read(server, AtOnce())
    assert everything(pages) == set(server.live)


def test_a_lane_whose_first_records_are_gone_meanwhile_is_read_again() -> None:
    server = Server(range(1, 5_000), 100)
    place = server.ahead(1_000, listing.FIRST_STEP)
    assert place is not None
    first = set(range(place.id, place.id + 100))

    def gone() -> None:
        server.live = [one for one in server.live if one not in first]

    server.events[16] = gone
    _, pages = read(server, AtOnce())
    assert everything(pages) >= set(server.live)


def test_a_record_that_comes_or_goes_where_lanes_meet_costs_a_page_and_no_lane() -> None:
    server = Server(range(1, 50_000), 100)
    server.events[14] = lambda: server.live.remove(1_500)
    server.events[40] = lambda: server.live.remove(9_000)
    _, pages = read(server, AtOnce())
    assert everything(pages) >= set(server.live)
    assert server.calls <= 500 + 5 * listing.LANES


def test_a_guess_between_two_records_leads_to_one_lane_that_reads_all() -> None:
    for meaning in (NEXT, EVEN):
        server = Server(range(1, 15_000, 3), 100, meaning)

        def beside(behind: int, records: int, server: Server = server) -> Place | None:
            place = server.ahead(behind, records)
            return place and place._replace(before=place.before + 1)

        one, pages = read(server, AtOnce(), beside)
        assert everything(pages) == set(server.live)
        assert [int(one_id) for ids, _ in one.ids() for one_id in ids] == server.live


@pytest.mark.parametrize("count", [2_050, 5_000])
def test_a_cursor_that_means_less_until_it_is_given_loses_nothing(count: int) -> None:
    """The same cursor, but not the same records: the later lane has missed some."""
    server, given = Server(range(1, count), 100), {""}

    def fetch(after: str, limit: int) -> ListPage:
        page = server.page(after, limit)
        if page.after and after in given:
            given.add(page.after)
        few = [row for row in page.found if int(row["id"]) % 2 == 0]
        return page if after in given else page._replace(found=few)

    pages = Listing(fetch, AtOnce(), "", server.ahead).pages()
    assert {int(row["id"]) for page, _ in pages for row in page.found} == set(server.live)


@pytest.mark.parametrize(("fails", "gone"), [("3301", None), ("3101", 3_050)])
def test_a_lane_reads_on_when_the_one_that_it_has_met_fails_before_it_is_proven(
    fails: str, gone: int | None
) -> None:
    """Also where a record has gone, so that the page at which they met shows one more."""
    server, failed = Server(range(1, 6_000), 100), []

    def fetch(after: str, limit: int) -> ListPage:
        if after == "2901" and gone in server.live:
            server.live.remove(gone)
        if after == fails and not failed:
            failed.append(after)
            raise RetryableError("no answer")
        return server.page(after, limit)

    class FirstLast(Juggled):
        """The lane that begins at 2001 goes on before the others, and the first lane last."""

        def turn(self, future: Future[Any]) -> int:
            after = int(self.under_way[future].args[0] or 0)
            return 2 if after < 2_001 else 0 if after <= 3_001 else 1

        def drawn(self, chosen: list[Future[Any]]) -> list[Future[Any]]:
            return [*self.under_way.keys() - set(chosen), min(chosen, key=self.turn)]

    lanes = FirstLast(0)
    with mock.patch.object(listing, "wait", lanes.wait):
        one = Listing(fetch, lanes, "", server.ahead)
        found = [page.found for page, _ in one.pages()]
    assert failed
    assert {int(row["id"]) for rows in found for row in rows} | {gone} >= set(server.live)
    assert [
        int(one_id) for ids, _ in one.ids() for one_id in ids if int(one_id) != gone
    ] == server.live


def test_who_stops_reading_has_nothing_under_way_and_asks_for_no_more() -> None:
    server = Server(range(1, 30_000), 100)
    with ThreadPoolExecutor(4) as pool:
        pages = Listing(server.page, Lanes(pool, lambda _: None), "", server.ahead).pages()
        for _ in range(30):
            next(pages)
        assert isinstance(pages, Generator)
        pages.close()
        calls = server.calls
    assert server.calls == calls <= 30 + listing.LANES


def test_the_error_of_a_lane_that_is_not_proven_is_not_the_listings() -> None:
    server, failed = Server(range(1, 5_000), 100), []

    def fetch(after: str, limit: int) -> ListPage:
        if after and int(after) > 1_900 and not failed:
            failed.append(after)
            raise RetryableError("no answer")
        return server.page(after, limit)

    found = [page.found for page, _ in Listing(fetch, AtOnce(), "", server.ahead).pages()]
    assert failed
    assert {int(row["id"]) for rows in found for row in rows} == set(server.live)


def test_the_error_of_the_proven_lane_comes_after_all_that_was_read() -> None:
    server = Server(range(1, 5_000), 100)
    server.failing = {5}
    one, given = Listing(server.page, AtOnce(), "", server.ahead), []
    with pytest.raises(RetryableError):
        given += [mark for _, mark in one.pages()]
    assert server.calls == 5
    _, rest = read(server, AtOnce(), after="401")
    assert everything(rest) == set(range(401, 5_000))


IDS = st.lists(st.integers(1, 400), min_size=12, max_size=90, unique=True)
EVENTS = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from(["new", "gone", "back"]), st.integers(1, 400)),
    max_size=8,
)
GUESSES = st.one_of(st.none(), st.lists(st.integers(-5, 500), min_size=1, max_size=12))


def happening(server: Server, events: Any) -> tuple[set[int], set[int]]:
    """Let events happen while it is read; the ids that come or go meanwhile."""
    moved: set[int] = set()
    newest = max(server.live)
    for number, kind, chosen in events:
        one = chosen
        if kind == "new":
            newest = one = newest + 1

        def happens(kind: str = kind, one: int = one) -> None:
            if kind == "gone" and one in server.live:
                server.live.remove(one)
            elif kind != "gone" and one not in server.live:
                insort(server.live, one)
                server.ever.add(one)

        before = server.events.get(number, lambda: None)

        def both(before: Any = before, happens: Any = happens) -> None:
            before()
            happens()

        server.events[number] = both
        moved.add(one)
    return set(server.live) - moved, moved


@settings(max_examples=300, deadline=None)
@given(
    ids=IDS,
    size=st.integers(1, 6),
    meaning=st.sampled_from([NEXT, NEXT, LAST, OPAQUE, WHOLE, EVEN]),
    events=EVENTS,
    guesses=GUESSES,
    failing=st.sets(st.integers(3, 30), max_size=2),
    stop=st.integers(0, 40),
    seed=st.integers(0, 1_000_000),
)
def test_whatever_happens_meanwhile_and_wherever_reading_stops_nothing_is_lost(
    ids: list[int],
    size: int,
    meaning: str,
    events: Any,
    guesses: list[int] | None,
    failing: set[int],
    stop: int,
    seed: int,
) -> None:
    """Records that are there all the time are given; up to each mark all is given that reading on
    from it does not give."""
    server = Server(ids, size, meaning)
    stay, moved = happening(server, events)
    server.failing = failing
    wild = iter(guesses or ())

    def guess(behind: int, records: int) -> Place | None:
        if guesses is None:
            return server.ahead(behind, records)
        found = next(wild, None)
        return None if found is None else Place(found, found + 1, 100)

    given: set[int] = set()
    mark: str | None = ""
    lanes = Juggled(seed)
    steps = {"FIRST_STEP": 2 * size, "LONGEST_STEP": 3 * size}
    with mock.patch.multiple(listing, wait=lanes.wait, **SMALL, **steps):
        for turn in range(60):
            one = Listing(server.page, lanes, mark or "", guess)
            for page, behind in until(one.pages(), stop if turn == 0 else None):
                given |= {int(row["id"]) for row in page.found}
                mark = behind
            if mark is None:
                break
    assert mark is None
    assert given >= stay
    assert given <= stay | moved
    if turn == 0:
        listed = [int(one) for ids, _ in one.ids() for one in ids]
        assert set(listed) >= stay
        assert len(listed) == len(set(listed))


def until(pages: Any, stop: int | None) -> Iterator[Any]:
    """Pages up to one, or to the first error."""
    with suppress(RetryableError), closing(pages):
        for number, page in enumerate(pages):
            yield page
            if number == stop:
                return
