from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from prmsync.service.serving_board import Board, back_off
from prmsync.service.serving_run import Ended, Kind, Trouble

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def ended(kind: Kind, minutes: float) -> Ended:
    trouble = Trouble("RetryableError", "down") if kind is Kind.FAILED else None
    return Ended("crm", kind, at(minutes), trouble=trouble)


@pytest.fixture
def board() -> Board:
    return Board({"crm": QUARTER}, START)


def test_waits_double_up_to_an_hour() -> None:
    waits = [back_off(QUARTER, failures, None) for failures in (1, 2, 3, 4, 50)]
    assert [wait / QUARTER for wait in waits] == [1, 2, 4, 4, 4]


def test_a_long_schedule_is_never_shortened_by_a_failure() -> None:
    assert back_off(timedelta(days=1), 3, None) == timedelta(days=1)


def test_what_the_crm_asked_for_is_waited_for() -> None:
    assert back_off(timedelta(minutes=1), 1, 7200.0) == timedelta(hours=2)


def test_a_connection_is_late_after_three_schedules_without_a_completed_run(board: Board) -> None:
    assert not board.one("crm").is_late(at(45))
    assert board.one("crm").is_late(at(46))
    board.ended(ended(Kind.REFUSED, 40))
    assert not board.one("crm").is_late(at(85))


def test_a_short_schedule_has_two_minutes_of_patience() -> None:
    board = Board({"crm": timedelta(seconds=10)}, START)
    assert not board.one("crm").is_late(at(2))
    assert board.one("crm").is_late(at(2.1))


def test_a_first_sync_of_hours_is_not_late_while_its_pages_come(board: Board) -> None:
    board.alive("crm", at(200))
    assert not board.one("crm").is_late(at(205))
    assert board.one("crm").is_late(at(211))


def test_a_paused_connection_is_never_late_and_has_its_time_again_after_the_pause(
    board: Board,
) -> None:
    board.ended(ended(Kind.PAUSED, 200))
    assert not board.one("crm").is_late(at(900))
    board.ended(ended(Kind.FAILED, 201))
    assert not board.one("crm").is_late(at(240))


def test_failures_count_up_from_the_first_and_a_completed_run_ends_them(board: Board) -> None:
    board.ended(ended(Kind.FAILED, 15))
    board.ended(ended(Kind.FAILED, 30))
    watch = board.one("crm")
    assert (watch.failures, watch.failing_since) == (2, at(15))
    assert watch.trouble is not None
    before = board.ended(ended(Kind.DONE, 60))
    assert before.failures == 2
    after = board.one("crm")
    assert (after.failures, after.failing_since, after.trouble) == (0, None, None)


def test_a_turn_that_another_process_took_says_nothing_about_the_crm(board: Board) -> None:
    board.ended(ended(Kind.FAILED, 15))
    board.ended(ended(Kind.BUSY, 30))
    assert (board.one("crm").failures, board.one("crm").failing_since) == (1, at(15))


def test_waiting_for_idle_names_what_still_goes_on(board: Board) -> None:
    board.alive("crm", START)
    with board.working("conflicts and margins"):
        assert board.wait_until_idle(0) == ["crm", "conflicts and margins"]
    board.ended(ended(Kind.STOPPED, 1))
    assert board.wait_until_idle(0) == []


def test_a_connection_that_waits_for_calls_is_not_late_until_it_should_have_gone_on(
    board: Board,
) -> None:
    board.ended(ended(Kind.OUT_OF_CALLS, 15))
    board.planned("crm", at(600))
    assert board.one("crm").failures == 0
    assert not board.one("crm").is_late(at(600))
    assert board.one("crm").is_late(at(601))
