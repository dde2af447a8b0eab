"""A group of fields is one value on its way into the CRM too."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.connector.simulator.http import Request
from prmsync.domain.values import Values

DEAL: Values = {
    "name": "Firewall",
    "stage": "qualified",
    "amount": "48000.00",
    "currency": "EUR",
    "close_date": "2026-12-20",
    "customer_name": "Northwind GmbH",
    "customer_domain": "northwind.example",
    "customer_country": "DE",
}


@pytest.fixture
def deal(world: Any) -> str:
    made = str(world.insert("opportunity", DEAL))
    world.settle("crm")
    return made


def record(crm: Any) -> str:
    return str(crm.only("opportunity")[crm.words["id"]])


def customer(world: Any, deal: str) -> tuple[Any, ...]:
    ours = world.ours("opportunity", deal)
    return ours["customer_name"], ours["customer_domain"]


def test_an_edit_between_guard_and_write_is_not_mixed_with_ours(
    world: Any, crm: Any, deal: str
) -> None:
    """Two people write a customer of their own at the same moment: one of them stands, whole."""
    domain = "PRM_Customer_Domain__c" if crm.connector == "salesforce" else "prm_customer_domain"
    typed = {crm.words["customer_name"]: "Initech Ltd", domain: "initech.example"}
    done = []

    def edit(request: Request) -> None:
        writes = request.method == "PATCH" or request.path.endswith("batch/update")
        if writes and not done:
            done.append(True)
            crm.edit(crm.words["opportunity"], record(crm), typed)

    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    with crm.standing_before(edit):
        world.sync("crm", release=True)
    assert done
    world.wait(700)
    world.settle("crm")
    assert world.held() == []
    assert customer(world, deal) in (
        ("Northwind AG", "northwind.example"),
        ("Initech Ltd", "initech.example"),
    )
    row = crm.row("opportunity", record(crm))
    assert (row[crm.words["customer_name"]], row[domain]) == customer(world, deal)


# HubSpot's shipped mapping has one stage there for each of ours.
@pytest.mark.parametrize("world", ["salesforce"], indirect=True)
def test_what_does_not_change_of_a_group_keeps_the_crms_own_spelling(
    world: Any, crm: Any, deal: str
) -> None:
    """Two stages there mean one of ours: the one that is there stays."""
    crm.change("opportunity", record(crm), stage="Value Proposition")
    world.settle("crm")
    assert world.ours("opportunity", deal)["stage"] == "technical_validation"
    world.edit("opportunity", deal, {"close_date": "2027-01-15"})
    world.settle("crm")
    row = crm.row("opportunity", record(crm))
    assert (row["StageName"], row["CloseDate"]) == ("Value Proposition", "2027-01-15")


def test_a_field_that_stands_alone_is_sent_alone(world: Any, crm: Any, deal: str) -> None:
    sent: list[bytes] = []
    with crm.standing_before(lambda request: sent.append(request.body)):
        world.edit("opportunity", deal, {"name": "Firewall 2"})
        world.sync("crm", release=True)
    written = [one for one in sent if b"Firewall 2" in one]
    assert len(written) == 1
    for word in ("customer_name", "close_date", "stage", "amount"):
        assert crm.words[word].encode() not in written[0]
