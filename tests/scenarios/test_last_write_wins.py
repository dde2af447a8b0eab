"""Last write wins.

**In the field.** Both sides edit a record between two syncs, and the sync keeps the record with the
later time, whole. The partner's new customer address is gone because a rep touched the forecast
category a minute later; or the clock that decides belongs to a laptop. Nobody is asked, and nobody
can say later what stood there before.

**Known from.** dmfs/opentasks#863, syncthing/syncthing#209.

**prmsync** merges field by field against what both sides last agreed on. No time decides anything.
One field edited on both sides, with no rule in the mapping: it waits for a person, and only it.
Fields that belong together (amount and currency) move as one value, so that no merge makes a
combination that nobody typed. What was replaced stands in history.
"""

from __future__ import annotations

import pytest

from rig import Crm, World

FIREWALL = "Northwind firewall"


def test_edits_of_different_fields_both_stand(world: World, crm: Crm, deal: str) -> None:
    record = crm.id_of("opportunity", FIREWALL)
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    crm.change("opportunity", record, source="web")
    world.settle("crm")
    ours, theirs = world.ours("opportunity", deal), crm.row("opportunity", record)
    assert (ours["customer_name"], ours["source"]) == ("Northwind AG", "web")
    assert theirs[crm.words["customer_name"]] == "Northwind AG"
    assert theirs[crm.words["source"]] == "web"
    assert world.held() == []


@pytest.mark.parametrize("ours_first", [True, False])
@pytest.mark.parametrize("skew", [-7200, 0, 7200])
def test_edits_of_one_field_wait_whoever_was_later_by_whatever_clock(
    world: World, crm: Crm, registration: str, ours_first: bool, skew: int
) -> None:
    crm.control("POST", "clock", {"advance_seconds": skew})
    world.wait(10_000)
    world.settle("crm")
    record = crm.id_of("registration", "DR-1")

    def ours() -> None:
        world.edit("registration", registration, {"customer_contact": "prm@x.example"})

    def theirs() -> None:
        crm.change("registration", record, customer_contact="crm@x.example")

    for act in (ours, theirs) if ours_first else (theirs, ours):
        act()
        world.wait(60)
    world.settle("crm")
    assert world.ours("registration", registration)["customer_contact"] == "prm@x.example"
    assert crm.row("registration", record)[crm.words["customer_contact"]] == "crm@x.example"
    (item,) = world.held()
    assert (item.prm, item.crm) == (("prm@x.example",), ("crm@x.example",))


@pytest.mark.parametrize(("take", "stands"), [("prm", "prm@x.example"), ("crm", "crm@x.example")])
def test_the_value_that_a_person_did_not_take_stands_in_history(
    world: World, crm: Crm, registration: str, take: str, stands: str
) -> None:
    record = crm.id_of("registration", "DR-1")
    world.edit("registration", registration, {"customer_contact": "prm@x.example"})
    crm.change("registration", record, customer_contact="crm@x.example")
    world.settle("crm")
    world.decide(take)
    world.settle("crm")
    assert world.ours("registration", registration)["customer_contact"] == stands
    assert crm.row("registration", record)[crm.words["customer_contact"]] == stands
    writes = [one.fields for one in world.history("registration", registration)]
    told = [fields["customer_contact"] for fields in writes if "customer_contact" in fields][-1]
    assert set(told) == {"prm@x.example", "crm@x.example"}
    assert world.held() == []


def test_amount_and_currency_of_two_people_are_never_mixed(
    world: World, crm: Crm, registration: str
) -> None:
    record = crm.id_of("registration", "DR-1")
    world.edit("registration", registration, {"amount": "100.00", "currency": "EUR"})
    world.settle("crm")
    currency = "Currency__c" if crm.connector == "salesforce" else "currency"
    amount = 200 if crm.connector == "salesforce" else "200"
    world.edit("registration", registration, {"currency": "USD"})
    crm.change("registration", record, registration_amount=amount)
    world.settle("crm")
    ours, theirs = world.ours("registration", registration), crm.row("registration", record)
    assert (ours["amount"], ours["currency"]) == ("100.00", "USD")
    assert float(theirs[crm.words["registration_amount"]]) == 200
    assert theirs[currency] == "EUR"
    assert [item.group for item in world.held()] == ["value"]


def test_an_edit_that_came_last_but_was_read_first_does_not_erase_the_other(
    world: World, crm: Crm, registration: str
) -> None:
    """Three edits in two rounds: what is held is held, later edits of other fields go through."""
    record = crm.id_of("registration", "DR-1")
    crm.change("registration", record, customer_contact="crm@x.example")
    world.edit("registration", registration, {"customer_contact": "prm@x.example"})
    world.settle("crm")
    world.edit("registration", registration, {"customer_name": "Northwind AG"})
    crm.change("registration", record, expected_close="2027-02-20")
    world.settle("crm")
    theirs = crm.row("registration", record)
    assert theirs[crm.words["registration_customer"]] == "Northwind AG"
    assert world.ours("registration", registration)["expected_close"] == "2027-02-20"
    assert [item.group for item in world.held()] == ["customer_contact"]
