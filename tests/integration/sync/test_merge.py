"""Edits on both sides: merged field by field, held where no rule decides, never lost."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.store import held

DEAL: Values = {
    "name": "Northwind firewall",
    "stage": "qualified",
    "amount": "48000.00",
    "currency": "EUR",
    "close_date": "2026-12-20",
    "customer_name": "Northwind GmbH",
    "customer_domain": "northwind.example",
    "customer_country": "DE",
}


@pytest.fixture
def deal(world: Any, partner_values: Values) -> str:
    """A registered deal that both sides agree on; returns the opportunity's id."""
    partner = world.insert("partner", partner_values)
    opportunity = world.insert("opportunity", {**DEAL, "partner": partner})
    world.insert(
        "registration",
        {
            "number": "DR-1",
            "partner": partner,
            "opportunity": opportunity,
            "amount": "48000.00",
            "currency": "EUR",
            "customer_name": "Northwind GmbH",
            "expected_close": "2026-12-20",
        },
    )
    world.settle("crm")
    return opportunity


def crm_id(crm: Any, stream: str = "opportunity") -> str:
    return str(crm.only(stream)[crm.words["id"]])


def waiting(world: Any) -> list[held.HeldItem]:
    with world.database.read() as connection:
        return [item for _, item in held.waiting_items(connection)]


def test_edits_of_different_fields_on_both_sides_both_arrive(
    world: Any, crm: Any, deal: str
) -> None:
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    crm.change("opportunity", crm_id(crm), stage=crm.words["negotiation"])
    world.settle("crm")
    assert world.ours("opportunity", deal)["stage"] == "committed"
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind AG"
    assert waiting(world) == []


def test_edits_of_one_field_on_both_sides_wait_for_a_person(
    world: Any, crm: Any, deal: str
) -> None:
    (registration,) = world.all_ours("registration")
    world.edit("registration", registration, {"expected_close": "2027-01-15"})
    day = "2027-02-20"
    crm.change("registration", crm_id(crm, "registration"), expected_close=day)
    world.settle("crm")
    (item,) = waiting(world)
    assert (item.group, item.prm, item.crm) == ("expected_close", ("2027-01-15",), (day,))
    assert world.ours("registration", registration)["expected_close"] == "2027-01-15"
    assert str(crm.only("registration")[crm.words["expected_close"]]).startswith(day)


@pytest.mark.parametrize(("take", "expected"), [("prm", "2027-01-15"), ("crm", "2027-02-20")])
def test_a_decision_is_carried_out_on_both_sides(
    world: Any, crm: Any, deal: str, take: str, expected: str
) -> None:
    (registration,) = world.all_ours("registration")
    world.edit("registration", registration, {"expected_close": "2027-01-15"})
    crm.change("registration", crm_id(crm, "registration"), expected_close="2027-02-20")
    world.settle("crm")
    (item,) = waiting(world)
    with world.database.begin() as connection:
        held.decide(connection, item.id, take, "dana", world.now())
    world.settle("crm")
    assert world.ours("registration", registration)["expected_close"] == expected
    assert str(crm.only("registration")[crm.words["expected_close"]]).startswith(expected)
    assert waiting(world) == []


def test_a_decision_is_void_once_the_values_have_moved(world: Any, crm: Any, deal: str) -> None:
    (registration,) = world.all_ours("registration")
    world.edit("registration", registration, {"expected_close": "2027-01-15"})
    crm.change("registration", crm_id(crm, "registration"), expected_close="2027-02-20")
    world.settle("crm")
    (item,) = waiting(world)
    with world.database.begin() as connection:
        held.decide(connection, item.id, "crm", "dana", world.now())
    world.edit("registration", registration, {"expected_close": "2027-03-31"})
    world.settle("crm")
    (fresh,) = waiting(world)
    assert (fresh.prm, fresh.crm) == (("2027-03-31",), ("2027-02-20",))


def test_a_partners_edit_of_a_crm_owned_amount_is_a_proposal(
    world: Any, crm: Any, deal: str
) -> None:
    world.edit("opportunity", deal, {"amount": "52000.00"})
    world.settle("crm")
    (item,) = waiting(world)
    assert item.kind == "proposal: the CRM owns this"
    assert float(crm.only("opportunity")[crm.words["amount"]]) == 48000


def test_an_edit_of_a_field_that_the_partner_database_owns_is_put_back(
    world: Any, crm: Any, deal: str
) -> None:
    state = crm.only("registration")[crm.words["review_state"]]
    other = next(one for one in ("approved", "Approved", "submitted") if one != state)
    crm.change("registration", crm_id(crm, "registration"), review_state=other)
    world.settle("crm")
    assert crm.only("registration")[crm.words["review_state"]] == state


def test_equal_edits_on_both_sides_write_nothing(world: Any, crm: Any, deal: str) -> None:
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    crm.change("opportunity", crm_id(crm), customer_name="Northwind AG")
    report = world.sync("crm")
    assert report.counts == {"opportunity/base/base/done": 1}


def test_a_settled_pair_costs_no_write(world: Any, crm: Any, deal: str) -> None:
    crm.control("DELETE", "stats")
    report = world.sync("crm")
    assert report.counts == {}
    assert report.calls.get("write", 0) == 0


def test_only_changed_fields_are_sent(world: Any, crm: Any, deal: str) -> None:
    """A rep edits the amount between our read and our write of another field: it stays."""
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    crm.change(
        "opportunity",
        crm_id(crm),
        amount=60000 if crm.connector == "salesforce" else "60000",
    )
    world.settle("crm")
    assert float(crm.only("opportunity")[crm.words["amount"]]) == 60000
    assert world.ours("opportunity", deal)["amount"] == "60000.00"
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind AG"


def test_a_record_deleted_in_the_crm_ends_the_link_and_is_not_made_again(
    world: Any, crm: Any, deal: str
) -> None:
    crm.remove("registration", crm_id(crm, "registration"))
    with world.session("crm") as session:
        from prmsync.sync import run

        run.sync(session, full=True)
    world.settle("crm")
    assert crm.rows("registration") == []
    assert len(world.all_ours("registration")) == 1


def test_a_field_new_in_the_mapping_is_filled_in_without_anybodys_edit(
    world: Any, crm: Any, rig: Any
) -> None:
    name = {"salesforce": "PRM_Product_Lines__c", "hubspot": "prm_product_lines"}[crm.connector]
    world.alter = lambda mapping: rig.without(mapping, "product_lines")
    world.insert("opportunity", {**DEAL, "product_lines": "firewall"})
    world.settle("crm")
    assert not crm.only("opportunity").get(name)
    world.alter = lambda mapping: mapping
    world.wait(3600)
    world.settle("crm")
    assert crm.only("opportunity")[name] == "firewall"
    world.wait(3600)
    assert world.sync("crm").counts == {}
