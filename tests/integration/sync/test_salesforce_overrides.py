"""Values that Salesforce acknowledges and does not keep: products, flows and approvals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.merge import Policy
from prmsync.domain.values import Values
from prmsync.mapping.model import StreamMapping
from rig import Crm, World

DEAL: Values = {
    "name": "Firewall",
    "close_date": "2026-12-20",
    "stage": "qualified",
    "amount": "48000.00",
    "currency": "EUR",
    "source": "fair",
}


def _either_side(mapping: StreamMapping) -> StreamMapping:
    """A company in which both sides may edit the amount."""
    groups = dict(mapping.groups)
    if "value" in groups:
        groups["value"] = replace(groups["value"], policy=Policy.HOLD)
    return replace(mapping, groups=groups)


@pytest.fixture
def org(make_world: Any) -> World:
    world: World = make_world(crm="salesforce")
    world.alter = _either_side
    return world


@pytest.fixture
def crm(org: World) -> Crm:
    return org.crms["crm"]


@pytest.fixture
def deal(org: World) -> str:
    """A deal on both sides; the next read comes later than its creation."""
    made = org.insert("opportunity", DEAL)
    org.settle("crm")
    org.wait(700)
    return made


def with_products(crm: Crm, price: int) -> str:
    record = str(crm.only("opportunity")["Id"])
    product = {"OpportunityId": record, "Quantity": 2, "UnitPrice": price}
    return crm.create("OpportunityLineItem", product)


def test_the_amount_of_products_added_in_the_crm_comes_here(
    org: World, crm: Crm, deal: str
) -> None:
    with_products(crm, 26_000)
    org.wait(2)
    org.settle("crm")
    assert org.ours("opportunity", deal)["amount"] == "52000.00"
    assert org.held() == []


def test_an_amount_that_follows_products_is_known_as_not_taken(
    org: World, crm: Crm, deal: str
) -> None:
    with_products(crm, 26_000)
    org.settle("crm")
    org.edit("opportunity", deal, {"amount": "60000.00", "source": "referral"})
    org.settle("crm")
    (item,) = org.held()
    assert item.kind == "not taken by the CRM"
    assert org.ours("opportunity", deal)["amount"] == "60000.00"  # the person's edit stays
    theirs = crm.only("opportunity")
    assert (theirs["Amount"], theirs["PRM_Source__c"]) == (52_000, "referral")
    assert org.sync("crm").calls.get("write", 0) == 0


def test_taking_the_crms_amount_ends_it(org: World, crm: Crm, deal: str) -> None:
    with_products(crm, 26_000)
    org.settle("crm")
    org.edit("opportunity", deal, {"amount": "60000.00"})
    org.settle("crm")
    org.decide("crm")
    org.settle("crm")
    assert org.ours("opportunity", deal)["amount"] == "52000.00"
    assert org.held() == []
    assert [one for one in org.verify("crm") if not one.is_clean] == []


def test_a_flow_that_puts_the_old_value_back_is_known_as_not_taken(
    org: World, crm: Crm, deal: str
) -> None:
    rule = {"object": "Opportunity", "field": "PRM_Source__c", "does": "restore"}
    crm.control("POST", "automations", rule)
    org.edit("opportunity", deal, {"source": "referral", "customer_name": "Northwind"})
    org.settle("crm")
    (item,) = org.held()
    assert item.kind == "not taken by the CRM"
    assert org.ours("opportunity", deal)["source"] == "referral"
    assert crm.only("opportunity")["PRM_Customer_Name__c"] == "Northwind"
    assert org.sync("crm").calls.get("write", 0) == 0


def test_a_flow_that_rewrites_what_was_written_settles_and_history_tells_of_both(
    org: World, crm: Crm, deal: str
) -> None:
    rule = {"object": "Opportunity", "field": "PRM_Source__c", "does": "upper"}
    crm.control("POST", "automations", rule)
    org.edit("opportunity", deal, {"source": "referral"})
    org.settle("crm")
    assert org.ours("opportunity", deal)["source"] == "REFERRAL"
    assert crm.only("opportunity")["PRM_Source__c"] == "REFERRAL"
    told = [
        one.fields["source"] for one in org.history("opportunity", deal) if "source" in one.fields
    ]
    assert told[-2:] == [("fair", "referral"), ("referral", "REFERRAL")]
    assert org.sync("crm").counts == {}


def test_a_record_that_an_approval_locks_is_written_once_it_is_unlocked(
    org: World, crm: Crm, deal: str
) -> None:
    record = str(crm.only("opportunity")["Id"])
    crm.control("POST", "approval_locks", {"id": record, "locked": True})
    org.edit("opportunity", deal, {"source": "referral"})
    org.sync("crm", release=True)
    (item,) = org.parked()
    assert item.code == "ENTITY_IS_LOCKED"
    assert crm.only("opportunity")["PRM_Source__c"] == "fair"
    crm.control("POST", "approval_locks", {"id": record, "locked": False})
    org.wait(3600)
    org.settle("crm")
    assert crm.only("opportunity")["PRM_Source__c"] == "referral"
    assert org.parked() == []
