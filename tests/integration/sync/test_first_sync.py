"""First syncs: nothing is created before a person says so, and what exists is recognised."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.merge import Writes
from prmsync.domain.values import Values
from prmsync.store import held


def test_first_creations_wait_for_a_person(world: Any, crm: Any, partner_values: Values) -> None:
    world.insert("partner", partner_values)
    report = world.sync("crm")
    assert report.state == "waiting"
    assert [str(trip.cell) for trip in report.trips] == ["partner: creates in the CRM"]
    assert crm.rows("partner") == []


def test_a_waiting_plan_does_not_pile_up_more_plans(
    world: Any, crm: Any, partner_values: Values
) -> None:
    world.insert("partner", partner_values)
    first = world.sync("crm")
    world.insert("partner", {**partner_values, "name": "Initech", "domain": "initech.example"})
    second = world.sync("crm")
    assert second.waiting_run == first.run_id
    world.sync("crm", release=True)
    assert {row[crm.words["name"]] for row in crm.rows("partner")} == {
        "Globex Corporation",
        "Initech",
    }


def test_a_released_first_sync_creates_each_record_once(
    world: Any, crm: Any, partner_values: Values
) -> None:
    prm_id = world.insert("partner", partner_values)
    world.sync("crm", release=True)
    world.sync("crm", release=True)
    assert crm.only("partner")[crm.words["partner_key"]] == prm_id


def test_a_record_of_the_same_domain_is_linked_not_created(
    world: Any, crm: Any, partner_values: Values
) -> None:
    record_id = crm.create(
        crm.words["partner"],
        {crm.words["name"]: "Globex Corp.", crm.words["domain"]: "www.globex.example"},
    )
    prm_id = world.insert("partner", partner_values)
    report = world.settle("crm")
    row = crm.only("partner")
    assert row[crm.words["id"]] == record_id
    assert row[crm.words["partner_key"]] == prm_id
    assert report.linked == 0


def test_two_candidates_link_nobody_and_create_nothing_unseen(
    world: Any, crm: Any, partner_values: Values
) -> None:
    for name in ("Globex Corp.", "Globex Ltd"):
        values = {crm.words["name"]: name, crm.words["domain"]: "globex.example"}
        if crm.connector == "hubspot":
            values["domain"] = f"https://{name[:6].lower()}.example/{len(name)}"
        crm.create(crm.words["partner"], values)
    world.insert("partner", partner_values)
    report = world.sync("crm")
    assert report.linked == 0
    assert len(crm.rows("partner")) == 2


@pytest.mark.parametrize("writes", [Writes.NONE, Writes.PRM])
def test_shadow_mode_plans_and_writes_nothing_to_the_crm(
    world: Any, crm: Any, partner_values: Values, writes: Writes
) -> None:
    world.insert("partner", partner_values)
    report = world.sync("crm", release=True, writes=writes)
    assert report.counts == {"partner/crm/create/planned": 1}
    assert crm.rows("partner") == []


def test_references_follow_their_parents(world: Any, crm: Any, partner_values: Values) -> None:
    partner = world.insert("partner", partner_values)
    world.insert(
        "registration",
        {"number": "DR-1", "partner": partner, "customer_name": "Northwind GmbH"},
    )
    world.sync("crm", release=True)
    registration = crm.only("registration")
    assert crm.only("partner")[crm.words["id"]] in registration.values()


def test_an_opportunity_of_the_crm_arrives_in_the_partner_database(world: Any, crm: Any) -> None:
    crm.create(
        crm.words["opportunity"],
        {
            crm.words["name"] if crm.connector == "salesforce" else "dealname": "Contoso backup",
            crm.words["stage"]: crm.words["negotiation"],
            crm.words["close_date"]: crm.words["day"].format("2026-12-18"),
            crm.words["amount"]: 12500 if crm.connector == "salesforce" else "12500",
        },
    )
    world.settle("crm")
    (ours,) = world.all_ours("opportunity").values()
    assert (ours["name"], ours["stage"], ours["close_date"]) == (
        "Contoso backup",
        "committed",
        "2026-12-18",
    )
    assert ours["amount"] == "12500.00"
    assert ours["home"] == "crm"


def test_a_record_with_several_candidates_waits_and_is_not_created(
    world: Any, crm: Any, partner_values: Values
) -> None:
    other = world.insert("partner", {**partner_values, "name": "Initech", "domain": "i.example"})
    world.sync("crm", release=True)
    for suffix in ("de", "fr"):
        crm.create(
            crm.words["partner"],
            {crm.words["name"]: f"Globex {suffix}", crm.words["domain"]: "globex.example"},
        )
    waiting = world.insert("partner", partner_values)
    world.sync("crm", release=True)
    with world.database.read() as connection:
        kinds = {item.kind for _, item in held.waiting_items(connection)}
    assert kinds == {"several candidates by domain"}
    keys = {row.get(crm.words["partner_key"]) for row in crm.rows("partner")}
    assert other in keys
    assert waiting not in keys
