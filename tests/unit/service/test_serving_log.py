from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from prmsync.domain.merge import Side
from prmsync.reconcile.brakes import Cell, Trip
from prmsync.service.serving_board import Board
from prmsync.service.serving_log import Telling
from prmsync.service.serving_run import Ended, Kind, Trouble
from prmsync.store.runs import RunState
from prmsync.sync.running import Report

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Service:
    """Turns of one connection, and what they put in the log."""

    def __init__(self) -> None:
        self.board = Board({"crm": timedelta(minutes=15)}, AT)
        self.telling = Telling()

    def turn(self, kind: Kind, report: Report | None = None, message: str = "") -> list[Any]:
        trouble = Trouble("QuotaError", message, "it goes on tomorrow") if message else None
        ended = Ended("crm", kind, AT, 0.25, report, trouble)
        with capture_logs() as lines:
            before = self.board.ended(ended)
            self.telling.ended(ended, before, self.board.one("crm"))
        return [line for line in lines if line["log_level"] != "debug"]


@pytest.fixture
def service() -> Service:
    return Service()


def done(**changes: Any) -> Report:
    return Report(**{"run_id": 7, "state": RunState.DONE, **changes})


def test_a_run_is_one_line_with_its_counts(service: Service) -> None:
    counts = {
        "partner/crm/update/done": 3,
        "partner/prm/update/done": 2,
        "partner/base/base/done": 9,
        "partner/crm/update/waiting": 4,
    }
    (line,) = service.turn(Kind.DONE, done(counts=counts, calls={"read": 4, "write": 1}))
    assert line["event"] == "run ended"
    assert (line["run"], line["written_to_crm"], line["written_to_prm"]) == (7, 3, 2)
    assert line["calls"] == 5


def test_what_a_run_sent_of_an_earlier_one_counts_as_written(service: Service) -> None:
    counts = {"partner/crm/update/done": 3}
    (line,) = service.turn(Kind.DONE, done(counts=counts, went_on={5: 200, 6: 0}))
    assert line["written_to_crm"] == 203
    for went_on, changed in (({5: 200}, True), ({5: 0}, False)):
        assert Ended("crm", Kind.DONE, AT, 0.25, done(went_on=went_on)).changed is changed


def test_a_trouble_is_told_once_with_its_hint_also_when_its_numbers_move(service: Service) -> None:
    (line,) = service.turn(Kind.FAILED, message="900 of 1,000 calls are used")
    assert (line["log_level"], line["event"]) == ("error", "run failed")
    assert (line["error"], line["hint"]) == ("QuotaError", "it goes on tomorrow")
    assert service.turn(Kind.FAILED, message="901 of 1,000 calls are used") == []


def test_another_trouble_is_told_anew(service: Service) -> None:
    service.turn(Kind.FAILED, message="limit reached")
    (line,) = service.turn(Kind.FAILED, message="sign-in failed")
    assert (line["message"], line["failures"]) == ("sign-in failed", 2)


def test_recovery_is_told_with_the_number_of_failures(service: Service) -> None:
    service.turn(Kind.FAILED, message="limit reached")
    service.turn(Kind.FAILED, message="limit reached")
    events = {line["event"]: line for line in service.turn(Kind.DONE, done())}
    assert events["recovered"]["after_failures"] == 2
    (line,) = service.turn(Kind.FAILED, message="limit reached")
    assert line["event"] == "run failed"


def test_refused_records_are_counted_not_quoted(service: Service) -> None:
    report = done(state=RunState.FAILED, counts={"partner/crm/update/parked": 2})
    line = service.turn(Kind.REFUSED, report)[1]
    assert (line["event"], line["records"]) == ("records were refused", 2)
    assert line["hint"] == "prmsync parked list crm"


def test_a_brake_is_told_once_a_run(service: Service) -> None:
    trip = Trip(Cell("partner", Side.CRM, "create"), 3, 0, "first creations wait for a person")
    line = service.turn(Kind.DONE, done(trips=[trip], waiting_run=7))[1]
    assert (line["log_level"], line["run"]) == ("warning", 7)
    assert "prmsync apply 7 --yes" in line["hint"]
    assert len(service.turn(Kind.DONE, done(waiting_run=7))) == 1
    assert len(service.turn(Kind.DONE, done(waiting_run=9))) == 2


def test_a_pause_is_told_at_its_begin_and_end(service: Service) -> None:
    (line,) = service.turn(Kind.PAUSED, message="audit")
    assert (line["event"], line["why"]) == ("paused, its turns are skipped", "audit")
    assert service.turn(Kind.PAUSED, message="audit") == []
    events = [line["event"] for line in service.turn(Kind.DONE, done())]
    assert events == ["run ended", "goes on after its pause"]


def test_a_brake_names_its_cause_and_says_whether_it_can_wait(service: Service) -> None:
    stage = Trip(Cell("opportunity", "prm", "update", "stage", "crm:005A"), 60, 80, "its limit")
    amount = Trip(Cell("opportunity", "prm", "update", "amount", "prm"), 60, 80, "its limit")
    line = service.turn(Kind.DONE, done(trips=[amount], waiting=[amount], waiting_run=7))[1]
    assert line["can_wait"] is True
    assert line["meanwhile"] == ["nothing is lost while it waits"]
    line = service.turn(Kind.DONE, done(trips=[stage], waiting=[amount, stage], waiting_run=8))[1]
    assert line["can_wait"] is False
    assert "old stage" in line["meanwhile"][0]
    assert line["what"][1].endswith("cause: edited in the CRM by 005A")
    assert "prmsync runs revert 8" in line["hint"]


def test_running_out_of_calls_is_told_once_and_is_no_failure(service: Service) -> None:
    (line,) = service.turn(Kind.OUT_OF_CALLS, message="900 of 1,000; goes on at noon")
    assert (line["log_level"], line["event"]) == ("warning", "out of calls")
    assert service.turn(Kind.OUT_OF_CALLS, message="900 of 1,000; goes on at noon") == []
    assert service.board.one("crm").failures == 0
    assert [line["event"] for line in service.turn(Kind.DONE, done())] == ["run ended"]


def test_a_backfill_that_waits_for_calls_is_told_beside_the_run(service: Service) -> None:
    report = done(state=RunState.STOPPED, message="the rest is kept for edits of people")
    lines = service.turn(Kind.DONE, report)
    assert [line["event"] for line in lines] == ["run ended", "backfill waits for calls"]
