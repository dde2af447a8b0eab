"""One page ahead, in order, and no further."""

from __future__ import annotations

import threading

import pytest

from prmsync.connector.prefetch import prefetched


def test_items_come_in_order_and_none_is_lost():
    assert list(prefetched(iter(range(50)))) == list(range(50))


def test_nothing_gives_nothing():
    assert list(prefetched(iter(()))) == []


def test_an_error_comes_where_its_item_would_have_come():
    def pages():
        yield 1
        raise KeyError("page 2")

    ahead = prefetched(pages())
    assert next(ahead) == 1
    with pytest.raises(KeyError, match="page 2"):
        next(ahead)


def test_at_most_one_item_is_fetched_ahead_and_closing_asks_for_no_more():
    asked: list[int] = []
    third = threading.Event()

    def pages():
        for number in range(10):
            asked.append(number)
            if number == 1:
                third.set()
            yield number

    ahead = prefetched(pages())
    assert next(ahead) == 0
    assert third.wait(10)
    ahead.close()
    assert asked == [0, 1]
