"""Calls go together, a storm of locked rows turns them down, and every row gets its own result."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from prmsync.connector.protocol import WriteResult
from prmsync.errors import (
    AuthError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    RetryableError,
)
from prmsync_salesforce.lanes import LOCKED, Lanes, side_by_side

ROWS = list(range(1000))


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def slept():
    return []


def locked():
    return WriteResult(error=RetryableError("locked", code=LOCKED))


def answers(rows):
    return [WriteResult(id=str(row)) for row in rows]


def test_results_stand_in_the_order_of_the_rows(pool, slept):
    results = Lanes(pool, slept.append).send(ROWS, answers, 100)
    assert [result.id for result in results] == [str(row) for row in ROWS]
    assert slept == []


def test_as_many_calls_as_lanes_are_under_way_together(pool, slept):
    meeting = threading.Barrier(6)

    def call(rows):
        meeting.wait(10)
        return answers(rows)

    assert len(Lanes(pool, slept.append, most=6).send(ROWS[:600], call, 100)) == 600


def test_without_a_pool_calls_go_one_after_the_other(slept):
    lanes = Lanes(None, slept.append)
    seen = []
    results = lanes.send(ROWS, lambda rows: seen.append(list(rows)) or answers(rows), 300)
    assert [len(rows) for rows in seen] == [300, 300, 300, 100]
    assert (lanes.most, len(results)) == (1, 1000)


def test_a_storm_of_locked_rows_halves_the_lanes_and_calm_brings_them_back(pool, slept):
    lanes = Lanes(pool, slept.append, most=8)
    lanes.send(ROWS[:100], lambda rows: [locked()] * len(rows), 100)
    assert lanes.width == 1
    for width in (2, 3, 4):
        lanes.send(ROWS[:100], answers, 100)
        assert lanes.width == width


def test_locked_rows_are_sent_again_by_themselves_and_one_call_at_a_time(pool, slept):
    lanes = Lanes(pool, slept.append, most=4)
    tried = dict.fromkeys(ROWS, 0)
    under_way, most = set(), []
    guard = threading.Lock()

    def call(rows):
        with guard:
            under_way.add(id(rows))
            again = any(tried[row] for row in rows)
            most.append((again, len(under_way)))
        told = []
        for row in rows:
            tried[row] += 1
            told.append(locked() if row % 10 == 0 and tried[row] < 3 else answers([row])[0])
        with guard:
            under_way.discard(id(rows))
        return told

    results = lanes.send(ROWS, call, 100)
    assert all(result.error is None for result in results)
    assert {row for row, times in tried.items() if times == 3} == {r for r in ROWS if r % 10 == 0}
    assert all(count == 1 for again, count in most if again)
    assert slept == [1.0, 2.0]


def test_rows_that_stay_locked_are_left_to_the_next_run(pool, slept):
    (result,) = Lanes(pool, slept.append).send([1], lambda rows: [locked()], 100)
    assert result.error.code == LOCKED
    assert slept == [1.0, 2.0, 4.0]


def test_one_call_that_fails_whole_raises_as_it_is(pool, slept):
    def call(rows):
        raise OutcomeUnknownError("lost")

    with pytest.raises(OutcomeUnknownError):
        Lanes(pool, slept.append).send(ROWS[:100], call, 100)


def test_of_several_calls_one_that_was_lost_is_told_to_its_own_rows(pool, slept):
    def call(rows):
        if 250 in rows:
            raise OutcomeUnknownError("lost")
        return answers(rows)

    results = Lanes(pool, slept.append).send(ROWS, call, 100)
    lost = [row for row, result in enumerate(results) if result.error is not None]
    assert lost == list(range(200, 300))
    assert all(isinstance(results[row].error, OutcomeUnknownError) for row in lost)


def test_a_reply_lost_while_locked_rows_are_repeated_does_not_lose_the_others(slept):
    def call(rows):
        if len(rows) == 1:
            raise OutcomeUnknownError("lost")
        return [locked() if row == 3 else answers([row])[0] for row in rows]

    results = Lanes(None, slept.append).send(ROWS[:10], call, 100)
    assert isinstance(results[3].error, OutcomeUnknownError)
    assert [result.id for place, result in enumerate(results) if place != 3] == [
        str(row) for row in range(10) if row != 3
    ]


def test_a_refused_call_is_halved_until_the_row_is_found(pool, slept):
    def call(rows):
        if 333 in rows:
            raise RejectedError("unreadable")
        return answers(rows)

    results = Lanes(pool, slept.append).send(ROWS, call, 200)
    assert [row for row, result in enumerate(results) if result.error] == [333]


@pytest.mark.parametrize("last", [AuthError("gone"), QuotaError("used up")])
def test_after_a_last_error_nothing_more_is_sent(last, slept):
    sent = []

    def call(rows):
        sent.extend(rows)
        if 200 in rows:
            raise last
        return answers(rows)

    results = Lanes(None, slept.append).send(ROWS, call, 100)
    assert max(sent) == 299
    assert [result.error for result in results[:200]] == [None] * 200
    assert all(result.error is last for result in results[200:])


def test_rows_of_one_parent_stand_together():
    assert side_by_side(["b", "a", "", "b", "a"]) == [2, 1, 4, 0, 3]
