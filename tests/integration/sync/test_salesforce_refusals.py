"""What an org's admin did this morning reaches the person who can act, in the org's own words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.merge import Writes
from prmsync.domain.values import Values
from prmsync.sync import run
from rig import Crm, World


@pytest.fixture
def org(make_world: Any) -> World:
    world: World = make_world(crm="salesforce")
    return world


@pytest.fixture
def linked(org: World, partner_values: Values) -> str:
    made = org.insert("partner", partner_values)
    org.settle("crm")
    return made


def crm_of(world: World) -> Crm:
    return world.crms["crm"]


def refused(world: World) -> Any:
    assert world.sync("crm", release=True).state == "failed"
    (item,) = world.parked()
    return item


def test_a_validation_rules_message_is_told_word_for_word(org: World, linked: str) -> None:
    said = "Ask Dana before you rename a partner."
    crm_of(org).control(
        "POST", "validation_rules", {"object": "Account", "when": "Name = 'X'", "message": said}
    )
    org.edit("partner", linked, {"name": "X"})
    item = refused(org)
    assert item.code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert said in item.message
    assert "validation rule" in item.hint


def test_a_duplicate_names_the_record_and_where_to_open_it(org: World, linked: str) -> None:
    crm = crm_of(org)
    crm.control("POST", "duplicate_rules", {"object": "Account", "fields": ["Name"]})
    known = crm.create("Account", {"Name": "Somebody else"})
    org.edit("partner", linked, {"name": "Somebody else"})
    item = refused(org)
    assert item.code == "DUPLICATES_DETECTED"
    assert f"Account {known} (" in item.hint
    assert f"/lightning/r/Account/{known}/view)" in item.hint


def test_an_alert_of_a_duplicate_rule_is_passed_over_where_the_mapping_says_so(
    org: World, linked: str
) -> None:
    crm = crm_of(org)
    crm.control("POST", "duplicate_rules", {"object": "Account", "fields": ["Name"]})
    crm.create("Account", {"Name": "Somebody else"})
    org.alter = lambda mapping: replace(mapping, allow_duplicates=True)
    org.edit("partner", linked, {"name": "Somebody else"})
    assert org.sync("crm", release=True).state == "done"
    assert org.parked() == []


def test_a_field_that_became_required_is_named(org: World, partner_values: Values) -> None:
    crm_of(org).fault(
        status=400,
        record="Globex",
        code="REQUIRED_FIELD_MISSING",
        message="Required fields are missing: [Region__c]",
    )
    org.insert("partner", {**partner_values, "name": "Globex"})
    item = refused(org)
    assert "Region__c" in item.message
    assert "default value" in item.hint


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        ("INACTIVE_OWNER_OR_USER", "operation performed with inactive user [005]", "fallback"),
        ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", "converted"),
        ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights", "permission set"),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Name", "security"),
        ("TRANSFER_REQUIRES_READ", "The new owner must have read permission", "owner"),
    ],
)
def test_a_refusal_says_who_can_do_what(
    org: World, linked: str, code: str, message: str, hint: str
) -> None:
    crm_of(org).fault(status=400, record="Renamed", code=code, message=message)
    org.edit("partner", linked, {"name": "Renamed"})
    item = refused(org)
    assert item.code == code
    assert hint in item.hint


def test_a_name_that_is_too_long_is_told_as_that_and_not_as_missing(
    org: World, partner_values: Values
) -> None:
    org.insert("partner", {**partner_values, "name": "N" * 300})
    report = org.sync("crm", release=True)
    (item,) = org.parked()
    assert (item.code, report.unfit) == ("DOES_NOT_FIT", 1)
    assert item.message.startswith("name: ")
    assert report.calls.get("write", 0) == 0
    assert crm_of(org).records("Account") == []


def test_it_is_made_as_soon_as_the_name_fits(org: World, partner_values: Values) -> None:
    made = org.insert("partner", {**partner_values, "name": "N" * 300})
    org.sync("crm", release=True)
    org.edit("partner", made, {"name": "Northwind"})
    assert org.sync("crm", release=True).state == "done"
    assert org.parked() == []
    assert [one["Name"] for one in crm_of(org).records("Account")] == ["Northwind"]


def test_a_record_that_a_run_decides_twice_is_counted_once(org: World) -> None:
    org.insert("opportunity", DEAL | {"owner": "gone@example.com"})
    report = org.sync("crm", release=True)
    assert (report.unfit, len(org.parked())) == (1, 1)
    assert len(crm_of(org).records("Opportunity")) == 1


def test_a_plan_beside_a_value_that_does_not_fit_can_be_applied(org: World) -> None:
    made = org.insert("opportunity", DEAL)
    org.settle("crm")
    org.edit("opportunity", made, {"name": "Renamed", "owner": "gone@example.com"})
    org.wait(2)
    with org.session("crm") as session:
        planned = run.plan(session)
        assert (planned.state, planned.unfit) == ("planned", 1)
        assert run.apply(session, planned.run_id).state == "done"
    assert [one["Name"] for one in crm_of(org).records("Opportunity")] == ["Renamed"]


def test_a_standing_plan_takes_in_what_moves_beside_a_value_that_does_not_fit(org: World) -> None:
    org.insert("opportunity", DEAL | {"owner": "gone@example.com"})
    first = org.sync("crm", writes=Writes.NONE)
    org.insert("opportunity", DEAL | {"number": "O-2"})
    assert org.sync("crm", writes=Writes.NONE).run_id == first.run_id


def test_a_plan_says_which_way_a_long_read_came_and_why(org: World) -> None:
    org.options["bulk_rows"] = 10
    crm = crm_of(org)
    for number in range(12):
        crm.create("Account", {"Name": f"Partner {number}", "PRM_Tier__c": "Gold"})
    with org.session("crm") as session:
        (told,) = run.plan(session).reading
    assert told.startswith("partner: 12 records were read by a Bulk job, in about 11 calls")
    assert "(options.bulk_rows)" in told


DEAL: Values = {"name": "Firewall", "stage": "qualified", "close_date": "2026-12-20"}
