"""Reads that are begun before they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from prmsync.connector.expected import Expected


def reading(told: list[str], name: str, count: int = 3) -> Iterator[str]:
    for number in range(count):
        told.append(f"{name}{number}")
        yield f"{name}{number}"


def test_the_first_item_is_fetched_at_once_and_the_others_where_they_are_taken():
    told: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        expected: Expected[str, str] = Expected(pool)
        expected.begin({name: lambda name=name: reading(told, name) for name in "ab"})
        pool.submit(int).result()
        assert told == ["a0", "b0"]
        taken = expected.taken("b", lambda: reading(told, "anew"))
        assert list(taken) == ["b0", "b1", "b2"]
        assert list(expected.taken("b", lambda: iter(["anew"]))) == ["anew"]


def test_a_read_of_nothing_and_one_that_fails_end_where_they_are_taken():
    def fails() -> Iterator[str]:
        raise KeyError("no")

    with ThreadPoolExecutor(1) as pool:
        expected: Expected[str, str] = Expected(pool)
        expected.begin({"nothing": lambda: iter(()), "fails": fails})
        assert list(expected.taken("nothing", fails)) == []
        with pytest.raises(KeyError):
            list(expected.taken("fails", fails))


def test_what_is_not_expected_any_more_is_read_anew():
    told: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        expected: Expected[str, str] = Expected(pool)
        expected.begin({"a": lambda: reading(told, "old")})
        expected.begin({"b": lambda: reading(told, "old")})
        assert list(expected.taken("a", lambda: reading(told, "new", 1))) == ["new0"]
        expected.forget()
        assert list(expected.taken("b", lambda: reading(told, "new", 1))) == ["new0"]


def test_without_a_pool_nothing_is_begun():
    expected: Expected[str, str] = Expected(None)
    expected.begin({"a": lambda: iter(["early"])})
    assert list(expected.taken("a", lambda: iter(["in its turn"]))) == ["in its turn"]
