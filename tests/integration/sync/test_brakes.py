"""Brakes: what is out of the ordinary waits for a person, and only that."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.merge import Writes
from prmsync.domain.values import Values
from prmsync.errors import LeaseLostError, NotFoundError, StateError
from prmsync.store import runs
from prmsync.store.runs import RunState
from prmsync.sync import run
from prmsync.sync.observe import observe


def registered(world: Any, count: int, start: int = 0) -> list[str]:
    """Registrations of one partner, in the partner database only."""
    (partner,) = world.all_ours("partner")
    return [
        world.insert(
            "registration",
            {"number": f"DR-{at:03}", "partner": partner, "customer_name": f"Customer {at}"},
        )
        for at in range(start, start + count)
    ]


@pytest.fixture
def few(world: Any, partner_values: Values) -> list[str]:
    """Three registrations that both sides have."""
    world.insert("partner", partner_values)
    made = registered(world, 3)
    world.settle("crm")
    return made


@pytest.fixture
def many(world: Any, partner_values: Values) -> list[str]:
    """Sixty registrations that both sides have: more than a field's absolute limit."""
    world.insert("partner", partner_values)
    made = registered(world, 60)
    world.settle("crm")
    return made


def rename_all(world: Any, ids: list[str]) -> None:
    for at, one in enumerate(ids):
        world.edit("registration", one, {"customer_name": f"Renamed {at}"})


def renamed(crm: Any) -> int:
    word = crm.words["registration_customer"]
    return sum(str(row[word]).startswith("Renamed") for row in crm.rows("registration"))


def state_of(world: Any, run_id: int) -> str:
    with world.database.read() as connection:
        return runs.get(connection, run_id).state


def waiting_runs(world: Any) -> list[int]:
    with world.database.read() as connection:
        return [one.id for one in runs.in_state(connection, "crm", RunState.WAITING)]


def act(world: Any, what: Any, run_id: int, writes: Writes = Writes.BOTH) -> Any:
    world.wait(2)
    with world.session("crm", writes) as session:
        return what(session, run_id)


def test_a_field_that_changes_on_too_many_records_waits_and_the_rest_goes(
    world: Any, crm: Any, many: list[str]
) -> None:
    rename_all(world, many[:55])
    world.edit("registration", many[59], {"customer_contact": "c@x.example"})
    report = world.sync("crm")
    assert ("customer_name", 55) in [(trip.cell.field, trip.count) for trip in report.trips]
    assert renamed(crm) == 0
    contacts = [row.get(crm.words["customer_contact"]) for row in crm.rows("registration")]
    assert contacts.count("c@x.example") == 1


def test_as_many_changes_as_the_absolute_limit_allows_go_through(
    world: Any, crm: Any, many: list[str]
) -> None:
    rename_all(world, many[:50])
    assert world.sync("crm").trips == []
    assert renamed(crm) == 50


def test_too_many_creations_wait(world: Any, crm: Any, few: list[str]) -> None:
    registered(world, 51, start=100)
    report = world.sync("crm")
    assert [str(trip.cell) for trip in report.trips] == ["registration: creates in the CRM"]
    assert len(crm.rows("registration")) == 3


def test_too_many_deletions_wait(world: Any, crm: Any, partner_values: Values) -> None:
    partner = world.insert("partner", partner_values)
    made = []
    for at in range(11):
        deal = world.insert("opportunity", {"name": f"Deal {at}", "close_date": "2026-12-20"})
        ends: Values = {"opportunity": deal, "partner": partner, "role": "reseller"}
        made.append(world.insert("relation", ends))
    world.settle("crm")
    assert len(crm.relations()) == 11
    world.remove("relation", *made)
    report = world.sync("crm")
    assert {str(trip.cell) for trip in report.trips} == {
        "relation: deletes in the CRM",
        "relation: records gone from the partner database",
    }
    assert len(crm.relations()) == 11
    act(world, run.apply, report.run_id)
    world.settle("crm")
    assert crm.relations() == []


def test_applying_the_waiting_run_writes_it(world: Any, crm: Any, many: list[str]) -> None:
    rename_all(world, many)
    waiting = world.sync("crm")
    report = act(world, run.apply, waiting.run_id)
    assert (report.state, report.refused_rows) == ("done", [])
    assert renamed(crm) == 60
    assert world.sync("crm").counts == {}


def test_applying_refuses_rows_whose_values_have_moved_and_names_them(
    world: Any, crm: Any, many: list[str]
) -> None:
    rename_all(world, many)
    waiting = world.sync("crm")
    world.edit("registration", many[7], {"customer_name": "Moved on"})
    report = act(world, run.apply, waiting.run_id)
    assert [one.new_values["customer_name"] for one in report.refused_rows] == ["Renamed 7"]
    assert renamed(crm) == 59
    world.settle("crm")
    word = crm.words["registration_customer"]
    assert "Moved on" in {row[word] for row in crm.rows("registration")}


def test_applying_a_plan_forgets_no_other_edit_of_its_records(
    world: Any, crm: Any, few: list[str]
) -> None:
    """What came since the plan is no part of it, and still goes with the next run."""
    world.edit("registration", few[0], {"customer_name": "Planned"})
    with world.session("crm") as session:
        planned = run.plan(session)
    number = world.ours("registration", few[0])["number"]
    word = crm.words["number"]
    row = next(row for row in crm.rows("registration") if row[word] == number)
    crm.change("registration", row[crm.words["id"]], customer_contact="c@x.example")
    world.wait(5)
    assert act(world, run.apply, planned.run_id).refused_rows == []
    world.settle("crm")
    assert world.ours("registration", few[0])["customer_contact"] == "c@x.example"


def test_a_dropped_run_is_left_until_its_values_move(world: Any, crm: Any, many: list[str]) -> None:
    rename_all(world, many)
    waiting = world.sync("crm")
    assert act(world, run.drop, waiting.run_id) == 60
    assert state_of(world, waiting.run_id) == "dropped"
    assert world.sync("crm").counts == {}
    assert renamed(crm) == 0
    world.edit("registration", many[0], {"customer_name": "Renamed again"})
    world.sync("crm")
    assert renamed(crm) == 1


def test_dropping_a_run_forgets_no_edit_that_came_after_it(
    world: Any, crm: Any, many: list[str]
) -> None:
    """A run that stopped after reading has stored the edit; dropping the plan keeps it."""
    rename_all(world, many)
    waiting = world.sync("crm")
    number = world.ours("registration", many[3])["number"]
    row = next(one for one in crm.rows("registration") if one[crm.words["number"]] == number)
    crm.change("registration", row[crm.words["id"]], customer_contact="c@x.example")
    world.wait(5)
    with world.session("crm") as session, run.holding(session):
        observe(session)
    act(world, run.drop, waiting.run_id)
    world.sync("crm", release=True)
    assert world.ours("registration", many[3])["customer_contact"] == "c@x.example"


def test_a_run_stopped_while_a_brake_holds_can_still_be_released(
    world: Any, crm: Any, many: list[str]
) -> None:
    """The brake's rows must not be stranded under a run that counts as failed."""
    rename_all(world, many)
    with world.session("crm") as session, pytest.raises(ZeroDivisionError):
        # The process ends after the plan was braked, before the run is stored as finished.
        session.connector.usage = lambda: 1 // 0
        run.sync(session)
    report = world.sync("crm")
    assert waiting_runs(world) != []
    assert report.waiting_run in (*waiting_runs(world), None)
    world.sync("crm", release=True)
    assert renamed(crm) == 60


def test_an_apply_that_the_crm_stops_is_gone_on_with_later(
    world: Any, crm: Any, many: list[str]
) -> None:
    rename_all(world, many)
    waiting = world.sync("crm")
    path = "composite/sobjects$" if crm.connector == "salesforce" else "batch/update$"
    crm.control("POST", "faults", {"path": path, "method": None, "status": 403, "body": no(crm)})
    state = "stopped" if crm.connector == "salesforce" else "failed"
    assert act(world, run.apply, waiting.run_id).state == state
    crm.control("DELETE", "faults")
    world.wait(3600)
    report = world.sync("crm")
    assert report.went_on == {waiting.run_id: 60}
    assert renamed(crm) == 60
    assert state_of(world, waiting.run_id) == "done"


def no(crm: Any) -> Any:
    if crm.connector == "salesforce":
        text = "TotalRequests Limit exceeded."
        return [{"message": text, "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    return {"status": "error", "message": "scopes", "category": "MISSING_SCOPES"}


def test_a_waiting_run_whose_rows_moved_back_waits_no_more(
    world: Any, crm: Any, many: list[str]
) -> None:
    rename_all(world, many)
    waiting = world.sync("crm")
    for at, one in enumerate(many):
        world.edit("registration", one, {"customer_name": f"Customer {at}"})
    world.sync("crm")
    assert state_of(world, waiting.run_id) == "superseded"


def test_shadow_mode_applies_nothing_and_says_so(world: Any, crm: Any, few: list[str]) -> None:
    world.edit("registration", few[0], {"customer_name": "Renamed"})
    report = world.sync("crm", writes=Writes.NONE)
    with pytest.raises(StateError, match="only plans"):
        act(world, run.apply, report.run_id, writes=Writes.NONE)
    world.settle("crm")
    assert renamed(crm) == 1


def test_runs_that_cannot_be_applied_are_refused_with_a_reason(
    world: Any, crm: Any, few: list[str]
) -> None:
    with pytest.raises(NotFoundError, match="no run 4711"):
        act(world, run.apply, 4711)
    done = world.sync("crm")
    with pytest.raises(StateError, match="nothing to apply"):
        act(world, run.apply, done.run_id)
    with pytest.raises(StateError, match="nothing of it waits"):
        act(world, run.drop, done.run_id)


def test_a_run_of_another_connection_is_refused(make_world: Any, partner_values: Values) -> None:
    world = make_world(crm="salesforce", other="hubspot")
    world.insert("partner", partner_values)
    theirs = world.sync("other")
    with pytest.raises(StateError, match="belongs to other"):
        act(world, run.apply, theirs.run_id)
    with pytest.raises(StateError, match="belongs to other"):
        act(world, run.drop, theirs.run_id)


def test_two_runs_of_one_connection_do_not_overlap(world: Any, few: list[str]) -> None:
    with (
        world.session("crm") as one,
        run.holding(one),
        world.session("crm") as two,
        pytest.raises(LeaseLostError, match="being synced by another process"),
    ):
        run.sync(two)


def test_a_run_that_waits_long_for_the_crm_keeps_its_connection(world: Any, few: list[str]) -> None:
    """A limit that is waited for, and a slow answer: nobody takes the connection over meanwhile."""
    with world.session("crm") as one, run.holding(one):
        world.wait(300)
        with world.session("crm") as two, pytest.raises(LeaseLostError, match="being synced"):
            run.sync(two)
