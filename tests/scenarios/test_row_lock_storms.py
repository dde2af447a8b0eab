"""Row-lock storms.

**In the field.** Every write of a Salesforce opportunity locks its account. A batch of forty deals
of one partner meets a nightly roll-up of the same partner, and rows come back with
UNABLE_TO_LOCK_ROW. A sync that gives up loses them; one that tries again at once and in parallel
makes the storm worse; one that sends the whole batch again writes the good rows twice. HubSpot
answers 423, and 429 when many write at once. An approval process locks a record for days.

**Known from.** jsforce/jsforce#1018, datacite/datacite#1461, SalesforceFoundation/NPSP#2804.

**prmsync** sends rows of one parent side by side in one call, and fewer calls together the more
rows come back locked. Only the locked rows are sent again: three times by themselves, then by the
next run after a new look; a run that leaves some says that it is not done; no row is written twice.
A record that an approval locks waits, named, until the approval has ended; the others go on.
"""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.connector.simulator.http import Request, Response
from prmsync.domain.values import Values
from rig import Crm, World

COUNT = 40

LOCKED_ROW: dict[str, dict[str, Any]] = {
    "salesforce": {"status": 400, "code": "UNABLE_TO_LOCK_ROW"},
    "hubspot": {"status": 500, "code": "INTERNAL_ERROR"},
}
LOCKED_CALL = {"salesforce": 500, "hubspot": 423}


@pytest.fixture
def deals(world: World, partner: str) -> list[str]:
    """Deals of one partner that both sides have."""
    made = []
    for at in range(COUNT):
        values: Values = {
            "name": f"Deal {at:02}",
            "number": f"OP-{at:02}",
            "stage": "qualified",
            "close_date": "2026-12-20",
            "partner": partner,
        }
        made.append(world.insert("opportunity", values))
    world.settle("crm")
    return made


def rename_customers(world: World, deals: list[str]) -> None:
    for at, one in enumerate(deals):
        world.edit("opportunity", one, {"customer_name": f"Customer {at:02}"})


def customers(crm: Crm) -> list[str]:
    word = crm.words["customer_name"]
    return sorted(str(row[word]) for row in crm.rows("opportunity") if row.get(word))


EXPECTED = [f"Customer {at:02}" for at in range(COUNT)]


@pytest.mark.parametrize("percent", [20, 80])
def test_locked_rows_are_sent_again_and_the_others_only_once(
    world: World, crm: Crm, deals: list[str], percent: int
) -> None:
    rename_customers(world, deals)
    crm.fault(**LOCKED_ROW[crm.connector], record="Customer", percent=percent)
    report = world.sync("crm", release=True)
    # A few are through after the tries of the same run: then nothing has failed.
    assert (customers(crm) == EXPECTED) is (percent == 20)
    assert report.state == ("done" if percent == 20 else "failed")
    for _ in range(30):
        if world.sync("crm", release=True).state == "done":
            break
    crm.no_faults()
    world.settle("crm")
    assert customers(crm) == EXPECTED
    assert world.parked() == []
    for one in deals:
        written = [action for action in world.history("opportunity", one) if action.side == "crm"]
        assert [action.op for action in written] == ["create", "update"]


def test_a_storm_that_is_over_within_the_run_is_told_and_is_no_failure(
    world: World, crm: Crm, deals: list[str]
) -> None:
    rename_customers(world, deals)
    tries = {"salesforce": 4, "hubspot": 1}[crm.connector]
    crm.fault(**LOCKED_ROW[crm.connector], record="Customer", times=COUNT * tries)
    report = world.sync("crm", release=True)
    assert customers(crm) == EXPECTED
    assert report.state == "done"
    assert report.message.startswith("met on the way: ")
    assert LOCKED_ROW[crm.connector]["code"] in report.message
    quiet = world.sync("crm")
    assert (quiet.state, quiet.message) == ("done", "")


def test_a_storm_that_takes_whole_calls_is_waited_out(
    world: World, crm: Crm, deals: list[str]
) -> None:
    rename_customers(world, deals)
    crm.fault(status=LOCKED_CALL[crm.connector], times=2)
    world.sync("crm", release=True)
    world.settle("crm")
    assert customers(crm) == EXPECTED


def test_while_the_storm_lasts_each_run_says_so_and_nothing_is_lost(
    world: World, crm: Crm, deals: list[str]
) -> None:
    rename_customers(world, deals)
    crm.fault(**LOCKED_ROW[crm.connector], record="Customer")
    for _ in range(4):
        world.wait(3600)
        assert world.sync("crm", release=True).state == "failed"
    assert customers(crm) == []
    crm.no_faults()
    world.wait(3600)
    world.settle("crm")
    assert customers(crm) == EXPECTED
    assert world.parked() == []


def test_creates_in_a_storm_make_no_second_record(world: World, crm: Crm, partner: str) -> None:
    for at in range(COUNT):
        values: Values = {"number": f"DR-{at:02}", "partner": partner, "customer_name": "X"}
        world.insert("registration", values)
    crm.fault(**LOCKED_ROW[crm.connector], record="DR-", percent=50)
    for _ in range(30):
        if world.sync("crm", release=True).state == "done":
            break
    crm.no_faults()
    world.settle("crm")
    numbers = [row[crm.words["number"]] for row in crm.rows("registration")]
    assert sorted(numbers) == [f"DR-{at:02}" for at in range(COUNT)]


def test_without_a_pool_a_batch_is_never_in_flight_together_with_another(
    world: World, crm: Crm, deals: list[str]
) -> None:
    """Parallel batches of one partner's deals would lock each other out."""
    rename_customers(world, deals)
    inside: list[int] = []

    def alone(_: Request) -> Response | None:
        assert inside == []
        inside.append(1)
        answer: Response = before.handle(_)
        inside.pop()
        return answer

    before = crm.simulator
    with crm.standing_before(alone):
        world.sync("crm", release=True)
    assert customers(crm) == EXPECTED


def test_a_record_under_approval_waits_by_name_and_goes_by_itself_when_it_ends(
    make_world: Any, partner_values: Values
) -> None:
    """Salesforce locks it until the approval ends; the other records go on."""
    world: World = make_world(crm="salesforce")
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    made = [
        world.insert(
            "opportunity",
            {"name": f"Deal {at}", "close_date": "2026-12-20", "partner": partner},
        )
        for at in range(2)
    ]
    world.settle("crm")
    record = crm.id_of("opportunity", "Deal 0")
    message = "the record you are attempting to edit is locked by an approval process"
    crm.fault(status=400, code="ENTITY_IS_LOCKED", message=message, record=record)
    for one in made:
        world.edit("opportunity", one, {"customer_name": "Northwind AG"})
    assert world.sync("crm").state == "failed"
    (item,) = world.parked()
    assert item.code == "ENTITY_IS_LOCKED"
    assert "approval" in str(item.hint)
    assert crm.named("opportunity", "Deal 1")["PRM_Customer_Name__c"] == "Northwind AG"
    since = item.since
    tries = 0
    for _ in range(8):  # a day on which nobody touches the record
        world.wait(3 * 3600)
        report = world.sync("crm")
        assert report.state == "done"
        tries += report.calls.get("write", 0)
    assert [one.since for one in world.parked()] == [since]
    assert 3 <= tries <= 6
    crm.no_faults()
    world.wait(6 * 3600)
    world.sync("crm")
    assert crm.named("opportunity", "Deal 0")["PRM_Customer_Name__c"] == "Northwind AG"
    assert world.parked() == []
