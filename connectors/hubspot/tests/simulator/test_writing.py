"""What HubSpot refuses, and how it says so."""

from __future__ import annotations

import json

import pytest

DEALS = "/crm/v3/objects/deals"


def refusal(answer, status=400, category="VALIDATION_ERROR"):
    body = answer.json()
    assert (answer.status_code, body["status"], body["category"]) == (status, "error", category)
    assert body["correlationId"] == answer.headers["X-HubSpot-Correlation-Id"]
    return body


def details(body):
    """What `message` repeats as JSON."""
    head, _, tail = body["message"].partition(": ")
    assert head == "Property values were not valid"
    return json.loads(tail)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("no_such_property", "1", "PROPERTY_DOESNT_EXIST"),
        ("amount", "a lot", "INVALID_NUMBER"),
        ("amount", "NaN", "INVALID_NUMBER"),
        ("closedate", "next week", "INVALID_LONG"),
        ("prm_conflict_kind", "C99", "INVALID_OPTION"),
        ("prm_registered", "maybe", "INVALID_OPTION"),
        ("deal_currency_code", "XXX", "INVALID_OPTION"),
        ("hubspot_owner_id", "1", "INVALID_OPTION"),
        ("dealstage", "nowhere", "INVALID_OPTION"),
        ("pipeline", "nowhere", "INVALID_OPTION"),
        ("hs_is_closed", "true", "READ_ONLY_VALUE"),
        ("dealname", "x" * 65_537, "VALUE_TOO_LONG"),
        ("dealname", ["a"], "INVALID_TYPE"),
    ],
)
def test_a_value_that_is_not_valid_is_told_twice(portal, name, value, code):
    body = refusal(portal.post(DEALS, {"properties": {name: value}}))
    (told,) = details(body)
    assert (told["isValid"], told["name"], told["error"]) == (False, name, code)
    assert body["errors"] == [
        {"message": told["message"], "code": code, "context": {"propertyName": [name]}}
    ]


def test_all_values_that_are_not_valid_are_told_at_once(portal):
    body = refusal(portal.post(DEALS, {"properties": {"nope": "1", "amount": "x", "neither": ""}}))
    assert [item["name"] for item in details(body)] == ["nope", "amount", "neither"]


def test_a_bad_email_is_refused(portal):
    body = refusal(portal.post("/crm/v3/objects/contacts", {"properties": {"email": "nobody"}}))
    assert details(body)[0]["error"] == "INVALID_EMAIL"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-11-30", "2026-11-30T00:00:00Z"),
        ("1764460800000", "2025-11-30T00:00:00Z"),
        ("2026-11-30T17:00:00.5-05:00", "2026-11-30T22:00:00.500Z"),
    ],
)
def test_times_are_kept_in_utc(portal, given, kept):
    record_id = portal.make("deals", closedate=given)
    assert portal.read("deals", record_id, "closedate")["properties"]["closedate"] == kept


def test_a_date_is_a_day_and_nothing_but_midnight(portal):
    record_id = portal.make("prm_registration", number="1", expected_close="1764460800000")
    read = portal.read("prm_registration", record_id, "expected_close")
    assert read["properties"]["expected_close"] == "2025-11-30"
    answer = portal.post(
        "/crm/v3/objects/prm_registration",
        {"properties": {"number": "2", "expected_close": "2026-11-30T08:00:00Z"}},
    )
    assert details(refusal(answer))[0]["error"] == "INVALID_DATE"


def test_several_choices_are_checked_one_by_one_and_appended_with_a_semicolon(portal):
    record_id = portal.make("companies", prm_types="reseller;msp")
    path = f"/crm/v3/objects/companies/{record_id}"
    portal.http.patch(path, json={"properties": {"prm_types": ";si;msp"}})
    assert (
        portal.read("companies", record_id, "prm_types")["properties"]["prm_types"]
        == "reseller;msp;si"
    )
    refused = portal.http.patch(path, json={"properties": {"prm_types": "reseller;pirate"}})
    assert "pirate was not one of" in details(refusal(refused))[0]["message"]


class TestStages:
    def test_a_stage_without_a_pipeline_belongs_to_the_first(self, portal):
        record_id = portal.make("deals", dealstage="closedwon")
        shown = portal.read("deals", record_id, "pipeline", "hs_is_closed", "hs_is_closed_won")
        assert shown["properties"]["pipeline"] == "default"
        assert (
            shown["properties"]["hs_is_closed"] == shown["properties"]["hs_is_closed_won"] == "true"
        )

    def test_a_stage_of_another_pipeline_is_refused(self, portal):
        answer = portal.post(
            DEALS, {"properties": {"pipeline": "75501234", "dealstage": "qualifiedtobuy"}}
        )
        assert details(refusal(answer))[0]["name"] == "dealstage"
        record_id = portal.make("deals", pipeline="75501234", dealstage="999210003")
        answer = portal.http.patch(
            f"{DEALS}/{record_id}", json={"properties": {"pipeline": "default"}}
        )
        assert details(refusal(answer))[0]["name"] == "dealstage"

    def test_calculated_properties_follow_the_stage(self, portal):
        record_id = portal.make("deals", dealstage="closedlost")
        portal.edit("deals", record_id, dealstage="qualifiedtobuy")
        shown = portal.read("deals", record_id, "hs_is_closed", "hs_deal_stage_probability")
        assert shown["properties"]["hs_is_closed"] == "false"
        assert shown["properties"]["hs_deal_stage_probability"] == "0.4"


class TestUniqueValues:
    def test_a_contact_that_exists_is_a_conflict_with_its_id(self, portal):
        held = portal.make("contacts", email="ada@example.com")
        answer = portal.post(
            "/crm/v3/objects/contacts", {"properties": {"email": "ADA@example.com"}}
        )
        body = refusal(answer, 409, "CONFLICT")
        assert body["message"] == f"Contact already exists. Existing ID: {held}"

    def test_another_unique_property_is_a_validation_error(self, portal):
        held = portal.make("companies", prm_partner_id="k-1")
        answer = portal.post("/crm/v3/objects/companies", {"properties": {"prm_partner_id": "k-1"}})
        (told,) = details(refusal(answer))
        assert told["error"] == "CONFLICTING_UNIQUE_VALUE"
        assert f"{held} already has that value" in told["message"]

    def test_a_record_may_keep_and_change_its_own_value(self, portal):
        record_id = portal.make("companies", prm_partner_id="k-1")
        for value in ("k-1", "k-2"):
            path = f"/crm/v3/objects/companies/{record_id}"
            answer = portal.http.patch(path, json={"properties": {"prm_partner_id": value}})
            assert answer.status_code == 200
        assert portal.make("companies", prm_partner_id="k-1")


class TestRequiredProperties:
    def test_a_custom_object_needs_its_required_properties(self, portal):
        answer = portal.post("/crm/v3/objects/prm_registration", {"properties": {"reason": "x"}})
        body = refusal(answer)
        assert body["message"] == (
            "Error creating 2-24680001. Some required properties were not set."
        )
        assert body["context"] == {"properties": ["number"]}

    def test_they_cannot_be_cleared(self, portal):
        record_id = portal.make("prm_registration", number="1")
        path = f"/crm/v3/objects/prm_registration/{record_id}"
        assert portal.http.patch(path, json={"properties": {"reason": "x"}}).status_code == 200
        refusal(portal.http.patch(path, json={"properties": {"number": ""}}))

    def test_rules_of_admins_reach_the_api_with_version_2026_09(self, new_portal):
        portal = new_portal(schema={"objects": {"deals": {"requiredByAdmin": ["amount"]}}})
        body = {"properties": {"dealname": "One"}}
        assert portal.post("/crm/v3/objects/deals", body).is_success
        assert portal.post("/crm/objects/2026-03/deals", body).is_success
        refused = refusal(portal.post("/crm/objects/2026-09/deals", body))
        assert refused["context"] == {"properties": ["amount"]}


def test_a_body_that_is_not_json_is_refused(portal):
    answer = portal.http.post(DEALS, content=b"{nope")
    assert refusal(answer)["message"].startswith("Invalid input JSON")
    refusal(portal.post(DEALS, ["a list"]))
    refusal(portal.post(DEALS, {"properties": ["a list"]}))
