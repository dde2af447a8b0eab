"""Unseen pile-ups.

**In the field.** A record fails, is put aside, and nobody looks there. Months later the error list
has eleven thousand rows, most of them the same forty records once per run; the sync spends its
quota on trying them again, and the one row that matters cannot be found among them.

**Known from.** mailchimp/mc-magento2#1346, SuiteCRM/SuiteCRM#8200.

**prmsync** keeps one entry for each thing that waits, however many runs see it: one held field, one
refused record, one waiting plan. Each is counted by `status`, closes itself when the values move,
and costs no call while nothing has changed.
"""

from __future__ import annotations

import pytest

from prmsync.domain.values import Values
from prmsync.store import runs
from prmsync.store.runs import RunState
from prmsync.sync.status import StreamStatus, status
from rig import Crm, World

RUNS = 12


def register(world: World, partner: str, number: str) -> str:
    values: Values = {"number": number, "partner": partner, "customer_name": f"{number} GmbH"}
    return world.insert("registration", values)


def refuse(crm: Crm, text: str) -> None:
    code = "FIELD_CUSTOM_VALIDATION_EXCEPTION" if crm.connector == "salesforce" else None
    crm.fault(record=text, status=400, **({"code": code} if code else {}))


def shown(world: World, stream: str = "registration") -> StreamStatus:
    (one,) = [
        each for each in status(world.database, world.now())[0].streams if each.name == stream
    ]
    return one


def days_pass(world: World, count: int = RUNS) -> int:
    """Runs on schedule with nobody looking; returns how many writes were sent."""
    sent = 0
    for _ in range(count):
        world.wait(3600)
        sent += world.sync("crm").calls.get("write", 0)
    return sent


def test_a_refused_record_is_one_entry_and_is_not_sent_again(
    world: World, crm: Crm, partner: str
) -> None:
    made = register(world, partner, "DR-1")
    register(world, partner, "DR-2")
    refuse(crm, f"DR-1|{made}")
    world.sync("crm", release=True)
    assert days_pass(world) == 0
    assert len(world.parked()) == 1
    assert shown(world).parked == 1


def test_a_field_that_needs_a_decision_is_one_entry(
    world: World, crm: Crm, registration: str
) -> None:
    world.edit("registration", registration, {"expected_close": "2027-01-15"})
    crm.change("registration", crm.id_of("registration", "DR-1"), expected_close="2027-02-20")
    world.sync("crm")
    (item,) = world.held()
    assert days_pass(world) == 0
    assert [one.id for one in world.held()] == [item.id]
    assert shown(world).held == 1


def test_an_entry_whose_question_answered_itself_is_closed(
    world: World, crm: Crm, registration: str
) -> None:
    world.edit("registration", registration, {"expected_close": "2027-01-15"})
    crm.change("registration", crm.id_of("registration", "DR-1"), expected_close="2027-02-20")
    world.sync("crm")
    world.edit("registration", registration, {"expected_close": "2027-02-20"})
    world.settle("crm")
    assert world.held() == []
    assert shown(world).held == 0


def test_a_plan_that_waits_stays_one_plan_and_takes_in_what_comes(
    world: World, crm: Crm, partner: str
) -> None:
    made = [register(world, partner, f"DR-{at}") for at in range(3)]
    first = world.sync("crm")
    for at in range(3, 8):
        made.append(register(world, partner, f"DR-{at}"))
        world.wait(3600)
        world.sync("crm")
    with world.database.read() as connection:
        waiting = runs.in_state(connection, "crm", RunState.WAITING)
    assert [one.id for one in waiting] == [first.run_id]
    assert crm.rows("registration") == []
    world.settle("crm")
    assert len(crm.rows("registration")) == len(made)


def test_a_waiting_plan_stops_no_other_work(world: World, crm: Crm, deal: str) -> None:
    """A brake holds first registrations; edits of deals go both ways meanwhile."""
    (partner,) = world.all_ours("partner")
    register(world, partner, "DR-1")
    world.sync("crm")
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    crm.change("opportunity", crm.id_of("opportunity", "Northwind firewall"), source="web")
    days_pass(world, 2)
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind AG"
    assert world.ours("opportunity", deal)["source"] == "web"
    assert crm.rows("registration") == []


@pytest.mark.parametrize("count", [1, 25])
def test_idle_runs_cost_the_same_however_much_waits(
    world: World, crm: Crm, partner: str, count: int
) -> None:
    world.settle("crm")
    world.wait(3600)
    quiet = sum(world.sync("crm").calls.values())
    for at in range(count):
        register(world, partner, f"DR-{at}")
    refuse(crm, "DR-")
    world.sync("crm", release=True)
    world.wait(3600)
    world.sync("crm")
    world.wait(3600)
    assert sum(world.sync("crm").calls.values()) <= quiet + 1
    assert shown(world).parked == count
