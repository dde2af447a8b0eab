"""What a brake holds reads as one answer: what, how many, who, until when."""

from __future__ import annotations

import pytest

from prmsync.cli import plans
from prmsync.cli.braking import answers, as_json, show_brake, told
from prmsync.reconcile.brakes import Cell, Trip
from prmsync.store.runs import RunState
from prmsync.sync.running import Report

STAGE = Trip(
    Cell("opportunity", "prm", "update", "stage", "crm:005A"), 4000, 5210, "its limit is 20 %"
)
AMOUNT = Trip(
    Cell("opportunity", "crm", "update", "amount", "prm"), 4500, 5210, "its limit is 20 %"
)
CREATES = Trip(Cell("partner", "crm", "create", "", "first"), 12, 0, "first creations wait")


def test_what_cannot_wait_comes_first_with_its_cause_and_reason() -> None:
    lines = list(told([AMOUNT, STAGE], {"005A": "Jane Doe"}))
    assert lines[0] == (
        "  4,000 of 5,210 × opportunity: `stage` in the partner database; its limit is 20 %"
    )
    assert lines[1] == "      Cause: edited in the CRM by Jane Doe (005A)"
    assert lines[2].startswith("      Until morning: it cannot wait, sales and the forecast see")
    assert lines[3].startswith("  4,500 of 5,210 × opportunity: `amount` in the CRM")
    assert (
        lines[5]
        == "      Until morning: it can wait, nothing is lost; the old values stand meanwhile"
    )


def test_a_cause_of_several_kinds_of_writes_is_told_once() -> None:
    more = [Trip(CREATES.cell._replace(stream=one), 5, 0, "first") for one in ("deal", "lead")]
    lines = list(told([CREATES, *more], {}))
    assert [line.split(";")[0] for line in lines[:3]] == [
        "  12 × partner: creates in the CRM",
        "  5 × deal: creates in the CRM",
        "  5 × lead: creates in the CRM",
    ]
    assert [line.strip().split(":")[0] for line in lines[3:]] == ["Cause", "Until morning"]


def test_an_undo_names_no_cause_but_itself() -> None:
    assert not any(
        "Cause" in line for line in told([Trip(STAGE.cell._replace(cause=""), 1, 9, "")], {})
    )


def test_a_creation_is_not_counted_against_what_is_linked() -> None:
    assert next(iter(told([CREATES], {}))).startswith("  12 × partner: creates in the CRM; first")


def test_many_kinds_are_told_in_part() -> None:
    many = [
        Trip(AMOUNT.cell._replace(field=f"field{at}"), at, 100, "its limit") for at in range(30)
    ]
    lines = list(told(many, {}))
    assert lines[-1] == "  … and 22 more kinds of writes"
    assert "`field29`" in lines[0]


def test_the_answers_are_commands() -> None:
    assert [line.split("prmsync ")[1] for line in answers(41, [STAGE])] == [
        "runs show 41",
        "apply 41 --yes",
        "runs revert 41",
        "runs drop 41",
    ]
    assert answers(41, [STAGE], waiting=False)[1].endswith("prmsync apply 41")
    assert not any("revert" in line for line in answers(41, [CREATES]))
    assert not any("revert" in line for line in answers(41, [STAGE], undo=True))


def test_json_has_the_same_facts() -> None:
    assert as_json(STAGE, {}) == {
        "what": "opportunity: `stage` in the partner database",
        "stream": "opportunity",
        "side": "prm",
        "op": "update",
        "field": "stage",
        "cause": "crm:005A",
        "count": 4000,
        "of": 5210,
        "why": "its limit is 20 %",
        "caused_by": "edited in the CRM by 005A",
        "can_wait": False,
        "meanwhile": "sales and the forecast see the old stage until someone answers",
    }


def report(**changes: object) -> Report:
    return Report(**{"run_id": 41, "state": RunState.WAITING, **changes})  # type: ignore[arg-type]  # fields of Report


def test_a_run_tells_what_waits_and_the_answers(capsys: pytest.CaptureFixture[str]) -> None:
    show_brake("acme", report(trips=[STAGE], waiting=[AMOUNT, STAGE], waiting_run=40))
    shown = capsys.readouterr().out
    assert "Stopped before writing: acme would change more than its limits allow." in shown
    assert shown.index("`stage`") < shown.index("`amount`")
    assert "These writes wait as run 40; everything else went through." in shown
    assert "prmsync runs revert 40" in shown


def test_a_run_that_trips_nothing_only_reminds(capsys: pytest.CaptureFixture[str]) -> None:
    show_brake("acme", report(waiting_run=40))
    assert capsys.readouterr().out == "  a brake still holds run 40: prmsync runs show 40\n"
    show_brake("acme", report())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("cost", "left", "line"),
    [
        ({}, 100, ""),
        ({"guard": 2, "write": 2}, None, "Sending it takes about 4 calls (2 guard, 2 write)"),
        (
            {"write": 1},
            500,
            "Sending it takes about 1 call (1 write), 1 % or less of the 500 that are left now",
        ),
        (
            {"guard": 20, "write": 30},
            40,
            "Sending it takes about 50 calls (20 guard, 30 write); 40 are left now, so it takes "
            "more than one of the CRM's days",
        ),
    ],
)
def test_a_plan_says_its_cost(cost: dict[str, int], left: int | None, line: str) -> None:
    assert plans.cost_line(report(cost=cost, left=left)) == line


def test_a_plan_says_what_jobs_for_many_rows_save() -> None:
    told = plans.cost_line(report(cost={"guard": 5, "write": 10}, saved=40))
    assert told == (
        "Sending it takes about 15 calls (5 guard, 10 write; jobs for many rows save 40)"
    )


def test_a_run_compares_what_it_took_with_what_was_expected() -> None:
    calls = {"read": 9, "guard": 2, "write": 3}
    told_of = report(cost={"guard": 2, "write": 2}, calls=calls)
    assert plans.sent_line(told_of) == "sending took 5 calls, 4 were expected"
    assert plans.sent_line(report(calls=calls)) == ""


@pytest.mark.parametrize(
    ("cost", "left", "told"),
    [
        (4, 96, "; 4 of them carry the forecast, whose own share has 96 left"),
        (1, None, "; 1 of them carries the forecast"),
        (0, 96, ""),
    ],
)
def test_a_plan_says_how_many_calls_carry_the_forecast(
    cost: int, left: int | None, told: str
) -> None:
    line = plans.cost_line(report(cost={"write": 9}, forecast_cost=cost, forecast_left=left))
    assert line == f"Sending it takes about 9 calls (9 write){told}"
