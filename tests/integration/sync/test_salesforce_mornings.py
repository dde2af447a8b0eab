"""What changed in the org since yesterday, by its own doing: leads converted, people gone, fields
hidden or required. Each reaches the person who can act, in the org's words, with the record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import schema_edits
from prmsync.domain.values import Values
from prmsync.mapping.model import StreamMapping
from prmsync.store import held
from prmsync_salesforce.simulator.schema import FieldDefinition
from rig import Crm, World

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20", "stage": "qualified"}
LEAD_FIELDS = {"number": "LastName", "customer_name": "Company", "customer_contact": "Website"}


@pytest.fixture
def org(make_world: Any) -> World:
    world: World = make_world(crm="salesforce")
    return world


@pytest.fixture
def crm(org: World) -> Crm:
    return org.crms["crm"]


def _as_leads(mapping: StreamMapping) -> StreamMapping:
    """Registrations as leads, as Partner Cloud keeps them."""
    if mapping.stream != "registration":
        return mapping
    fields = {
        name: replace(mapping.fields[name], crm=field, transform="text")
        for name, field in LEAD_FIELDS.items()
    }
    groups = {
        name: replace(group, members=members)
        for name, group in mapping.groups.items()
        if (members := tuple(one for one in group.members if one in fields))
    }
    return replace(
        mapping,
        object="Lead",
        key="PRM_Key__c",
        match=(("number",),),
        fields=fields,
        groups=groups,
        status=None,
    )


@pytest.fixture
def lead(org: World, crm: Crm) -> str:
    """A registration that is a lead in the org."""
    key = FieldDefinition(
        "PRM_Key__c", "Registration Key", "string", length=36, unique=True, external_id=True
    )
    database = crm.simulator.org.database
    known = database.table("Lead").definition
    database.define(known.copied([*known.fields.values(), key]))
    org.alter = _as_leads
    partner = org.insert("partner", {"name": "Globex", "status": "active"})
    values: Values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind"}
    made = org.insert("registration", values)
    org.settle("crm")
    return made


def test_a_converted_lead_is_refused_with_what_went_on_in_its_place(
    org: World, crm: Crm, lead: str
) -> None:
    (record,) = crm.records("Lead")
    crm.control("POST", "convert_lead", {"id": record["Id"]})
    org.edit("registration", lead, {"customer_name": "Northwind AG"})
    assert org.sync("crm", release=True).state == "failed"
    (item,) = org.parked()
    assert item.code == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert "cannot reference converted lead" in item.message
    assert "what it became goes on in its place" in item.hint
    with org.database.read() as connection:
        ((row, _),) = held.parked_items(connection)
    with org.session("crm") as session:
        url = session.connector.record_url("Lead", str(row.crm_id))
    assert url == f"http://crm.example/lightning/r/Lead/{record['Id']}/view"


def test_an_owner_who_left_this_morning_is_named_and_the_deal_waits(org: World, crm: Crm) -> None:
    """The run knew the owner as active; the org no longer does when the deal arrives."""
    with org.session("crm") as session:
        me = session.connector.account().user_id
        people = session.connector.people()
    owner = next(one for one in people if one.active and one.email and one.id != me)
    org.insert("opportunity", {**DEAL, "owner": owner.email})

    def leaves(_: Any) -> None:
        crm.edit("User", owner.id, {"IsActive": False})

    with crm.standing_before(leaves, r"composite/sobjects/Opportunity"):
        assert org.sync("crm", release=True).state == "failed"
    (item,) = org.parked()
    assert item.code == "INACTIVE_OWNER_OR_USER"
    assert "fallback owner" in item.hint and f"User {owner.id}" in item.hint
    assert crm.rows("opportunity") == []


def test_a_field_hidden_from_the_integration_user_pauses_itself_and_says_who_can_help(
    org: World, crm: Crm
) -> None:
    deal = org.insert("opportunity", {**DEAL, "source": "fair"})
    org.settle("crm")
    crm.control("POST", "field_security", {"object": "Opportunity", "fields": ["PRM_Source__c"]})
    org.edit("opportunity", deal, {"source": "referral", "customer_name": "Northwind"})
    org.wait(24 * 3600)
    report = org.sync("crm", release=True)
    assert report.paused == ["opportunity: source: unknown field `PRM_Source__c` on Opportunity"]
    with org.session("crm") as session:
        (pause,) = session.paused
    assert pause.hint.endswith("that the signed-in user may see `PRM_Source__c`")
    record = crm.only("opportunity")
    assert (record["PRM_Customer_Name__c"], record["PRM_Source__c"]) == ("Northwind", "fair")


def test_a_field_required_since_this_morning_keeps_only_new_records_waiting(
    org: World, crm: Crm
) -> None:
    known = org.insert("opportunity", DEAL)
    org.settle("crm")
    undone = schema_edits.require(crm, "opportunity")
    org.insert("opportunity", {**DEAL, "name": "New"})
    org.edit("opportunity", known, {"source": "referral"})
    org.wait(24 * 3600)
    report = org.sync("crm", release=True)
    assert any("requires `Region__c`" in one for one in report.paused)
    assert [one["PRM_Source__c"] for one in crm.rows("opportunity")] == ["referral"]
    undone()
    org.wait(24 * 3600)
    org.settle("crm")
    assert sorted(one["Name"] for one in crm.rows("opportunity")) == ["Firewall", "New"]
