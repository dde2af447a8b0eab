"""Pages of a CRM joined into transactions: nothing lost, and no cursor ahead of its records."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prmsync.connector.protocol import Page, Record
from prmsync.errors import QuotaError
from prmsync.sync.observe import ENOUGH, gathered


def page(first: int, count: int, cursor: str | None) -> Page:
    return Page([Record(str(first + n), "v", {}) for n in range(count)], cursor, (str(first),))


def test_all_records_come_once_and_in_order() -> None:
    pages = [page(start, 100, f"c{start}") for start in range(0, 5050, 100)]
    joined = list(gathered(pages))
    assert [int(record.id) for one in joined for record in one.records] == list(range(5100))
    assert [len(one.records) for one in joined] == [ENOUGH, ENOUGH, 1100]


def test_a_cursor_comes_with_the_last_of_its_records() -> None:
    joined = list(gathered([page(0, 1200, "a"), page(1200, 1200, "b"), page(2400, 1, "c")]))
    assert [one.cursor for one in joined] == ["b", "c"]


def test_an_empty_read_still_moves_the_cursor() -> None:
    assert list(gathered([Page([], "now")])) == [Page([], "now", ())]


def test_what_is_complete_is_told_with_its_records() -> None:
    (one,) = gathered([page(0, 1, None), page(1, 1, "z")])
    assert one.complete_for == ("0", "1")


def test_what_was_read_before_the_calls_ran_out_is_given_first() -> None:
    def stopped() -> Iterator[Page]:
        yield page(0, 1200, "a")
        yield page(1200, 1200, "b")
        yield page(2400, 1, "c")
        raise QuotaError("used up")

    joined = gathered(stopped())
    assert [len(next(joined).records) for _ in range(2)] == [2400, 1]
    with pytest.raises(QuotaError):
        next(joined)


def test_a_reading_that_is_left_early_is_ended_at_once() -> None:
    ended = []

    def pages() -> Iterator[Page]:
        try:
            for start in range(0, 3 * ENOUGH, ENOUGH):
                yield page(start, ENOUGH, None)
        finally:
            ended.append("reading")

    joined = gathered(pages())
    next(joined)
    joined.close()
    assert ended == ["reading"]
