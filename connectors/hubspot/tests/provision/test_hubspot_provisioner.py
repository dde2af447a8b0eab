"""Provisioning a simulated account: what is made, what is left alone, what a kill leaves."""

from __future__ import annotations

import dataclasses

import pytest

from prmsync.connector.provisioning import AdminSignIn, StepKind
from prmsync.connector.schema import FieldType
from prmsync.errors import AuthError, OutcomeUnknownError, RejectedError
from prmsync_hubspot import PLUGIN
from provision_cases import ProvisionCases


class TestHubSpot(ProvisionCases):
    """What provisioning must do in any CRM."""


@pytest.mark.parametrize("version", ["2026-09", "2026-03", "v3"])
def test_every_api_version_makes_the_same(new_ground, version):
    ground = new_ground(api_version=version)
    assert ground.apply().findings == ()
    assert ground.plan().steps == ()
    assert ground.property("deals", "prm_opportunity_id")["hasUniqueValue"]


def test_the_shipped_mappings_fit_what_was_made_and_may_be_written(ground):
    ground.apply()
    connector = ground.connector()
    for need in ground.needs():
        schema = connector.describe(need.object)
        for field in need.fields:
            found = schema.fields[field.name]
            assert found.type in field.types, field.name
            assert found.updateable, field.name


def test_properties_read_as_an_admin_would_write_them(ground):
    ground.apply()
    state = ground.property("deals", "prm_sync_state")
    assert (state["label"], state["groupName"]) == ("Partner sync state", "prmsync")
    assert [(one["value"], one["label"]) for one in state["options"]][:2] == [
        ("in_step", "In step"),
        ("needs_decision", "Needs decision"),
    ]
    assert "Only prmsync writes it" in state["description"]
    reason = ground.property("deals", "prm_sync_reason")
    assert (reason["type"], reason["fieldType"]) == ("string", "textarea")
    kind = ground.property("deals", "prm_conflict_kind")
    assert ("C1", "Partner against partner") in [
        (one["value"], one["label"]) for one in kind["options"]
    ]
    for need in ground.needs():
        for field in need.fields:
            told = ground.property(need.object, field.name)
            assert told["label"][0].isupper()
            if not told.get("hubspotDefined"):
                assert told["description"].endswith((".", "?"))


def test_keys_have_unique_values(ground):
    ground.apply()
    for on, name in (
        ("companies", "prm_partner_id"),
        ("deals", "prm_opportunity_id"),
        ("prm_registration", "prm_registration_id"),
    ):
        assert ground.property(on, name)["hasUniqueValue"]


def test_the_partner_pipeline_has_the_mappings_stages_won_and_lost_among_them(ground):
    ground.apply()
    [_, made] = ground.call("GET", "/crm/v3/pipelines/deals")["results"]
    assert made["label"] == "Channel pipeline"
    stages = {one["label"]: one["metadata"] for one in made["stages"]}
    assert list(stages) == [
        "New",
        "Qualified",
        "Proof of concept",
        "Negotiation",
        "Ordered",
        "Won",
        "Lost",
    ]
    assert stages["Won"] == {"probability": "1.0", "isClosed": "true"}
    assert stages["Lost"] == {"probability": "0.0", "isClosed": "true"}
    assert stages["Ordered"]["isClosed"] == "false"


def test_a_label_reads_the_same_from_both_records(ground):
    ground.apply()
    for one, other in (("deals", "companies"), ("companies", "deals")):
        told = ground.call("GET", f"/crm/v4/associations/{one}/{other}/labels")["results"]
        labels = [kind["label"] for kind in told if kind["category"] == "USER_DEFINED"]
        assert set(labels) >= {"Reseller", "Distributor", "System integrator"}


def test_labels_that_are_there_are_seen_although_no_stream_maps_the_other_object(ground):
    ground.apply()
    needs = [need for need in ground.needs() if need.object == "deals"]
    assert ground.plan(needs).steps == ()


def test_the_registration_object_shows_its_number_and_belongs_to_companies_and_deals(ground):
    ground.apply()
    made = ground.call("GET", "/crm/v3/schemas/prm_registration")
    assert made["labels"] == {"singular": "Deal registration", "plural": "Deal registrations"}
    assert made["primaryDisplayProperty"] == "number"
    assert made["requiredProperties"] == []


def test_the_service_key_cannot_make_anything(ground):
    with pytest.raises(AuthError) as refused:
        ground.provisioner("pat-of-the-service").apply(ground.needs(), lambda _: None)
    told = " ".join(one.message for one in refused.value.findings)
    assert "crm.schemas" in told
    assert ground.property("companies", "prm_partner_id") is None


def test_a_token_that_hubspot_does_not_know_is_refused(ground):
    with pytest.raises(AuthError, match="does not accept the token"):
        ground.provisioner("pat-of-nobody")


def test_an_admin_of_another_account_is_refused(new_ground):
    ground, other = new_ground(), new_ground()
    other.portal.account.portal_id += 1
    connector = ground.connector()
    connector.account()
    with pytest.raises(AuthError, match="signed in to HubSpot account 24681013"):
        PLUGIN.provisioner(
            other.settings,
            other.runtime,
            connector,
            AdminSignIn("pat-of-the-admin"),
        )


def test_a_property_of_another_type_is_a_finding_and_stays_as_it_is(ground):
    body = {
        "name": "prm_tier",
        "label": "Tier",
        "type": "number",
        "fieldType": "number",
        "groupName": "companyinformation",
    }
    ground.call("POST", "/crm/v3/properties/companies", body)
    before = ground.property("companies", "prm_tier")
    made = ground.apply()
    [finding] = made.findings
    assert finding.where == "companies.prm_tier"
    assert "is a number property; tier needs picklist or text" in finding.message
    assert "another property" in finding.hint
    assert ground.property("companies", "prm_tier") == before
    assert ground.plan().findings == made.findings


def test_a_key_without_unique_values_is_a_finding_with_the_way_out(ground):
    body = {
        "name": "prm_partner_id",
        "label": "Partner key",
        "type": "string",
        "fieldType": "text",
        "groupName": "companyinformation",
    }
    ground.call("POST", "/crm/v3/properties/companies", body)
    [finding] = ground.apply().findings
    assert "no unique values" in finding.message
    assert "only when a property is made" in finding.hint
    assert not ground.property("companies", "prm_partner_id")["hasUniqueValue"]


def test_what_hubspot_says_exists_and_does_not_show_is_a_finding_and_not_told_as_made(ground):
    told = {"category": "OBJECT_ALREADY_EXISTS", "context": {"name": ["prm_tier"]}}
    ground.wire.instead["properties/2026-09/companies/batch/create"] = (
        207,
        {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [told]},
    )
    made = ground.apply()
    assert "companies.prm_tier" not in [step.name for step in made.steps]
    assert "deals.prm_number" in [step.name for step in made.steps]
    finding = {one.where: one for one in made.findings}["companies.prm_tier"]
    assert "archived" in finding.hint


def test_a_property_that_was_archived_is_there_again(ground):
    ground.apply()
    ground.call("DELETE", "/crm/v3/properties/companies/prm_tier")
    [step] = ground.plan().steps
    assert step.name == "companies.prm_tier"
    made = ground.apply()
    assert (made.steps, made.findings) == ((step,), ())
    assert ground.property("companies", "prm_tier") is not None


def test_two_streams_of_one_new_object_make_it_once_with_the_fields_of_both(ground):
    needs = ground.needs()
    [one] = [need for need in needs if need.stream == "registration"]
    first = dataclasses.replace(one, fields=one.fields[:5])
    second = dataclasses.replace(one, stream="other", fields=one.fields[3:])
    others = [need for need in needs if need.stream != "registration"]
    made = ground.apply([*others, first, second])
    assert made.findings == ()
    names = [step.name for step in made.steps]
    assert len(names) == len(set(names))
    assert ground.plan().steps == ()


def test_an_option_that_is_missing_is_a_finding_and_no_option_is_added(ground):
    ground.apply()
    status = ground.property("companies", "prm_status")
    options = [one for one in status["options"] if one["value"] != "suspended"]
    ground.call("PATCH", "/crm/v3/properties/companies/prm_status", {"options": options})
    [finding] = ground.apply().findings
    assert finding.where == "companies.prm_status"
    assert "lacks the option suspended" in finding.message
    assert len(ground.property("companies", "prm_status")["options"]) == len(options)


def test_a_stage_that_a_pipeline_lacks_is_a_finding_that_names_what_is_there(ground):
    ground.apply()
    [sales, _] = ground.call("GET", "/crm/v3/pipelines/deals")["results"]
    stage = f"/crm/v3/pipelines/deals/{sales['id']}/stages/contractsent"
    ground.call("PATCH", stage, {"label": "Contract out"})
    [finding] = ground.apply().findings
    assert finding.where == "deals.Sales pipeline"
    assert "no stage Contract sent" in finding.message
    assert "Contract out" in finding.message
    assert "opportunity.yaml" in finding.hint


def test_a_misspelt_property_of_hubspots_own_is_not_made_but_corrected(ground, add_field):
    needs = add_field(
        ground.needs(),
        "opportunity",
        name="closedat",
        use="close_date",
        types=(FieldType.DATETIME,),
    )
    [finding] = ground.apply(needs).findings
    assert finding.where == "deals.closedat"
    assert "`closedate`" in finding.hint
    assert ground.property("deals", "closedat") is None


@pytest.mark.parametrize("name", ["hs_partner", "Partner", "partner-id", "2partner"])
def test_a_name_that_no_account_can_make_is_a_finding(ground, add_field, name):
    needs = add_field(ground.needs(), "partner", name=name, use="x", unique=False)
    [finding] = ground.plan(needs).findings
    assert finding.where == f"companies.{name}"


def test_a_property_of_the_admins_own_name_is_made(ground, add_field):
    needs = add_field(
        ground.needs(),
        "opportunity",
        name="last_partner_activity",
        use="last_activity_at",
        types=(FieldType.DATETIME,),
        unique=False,
    )
    assert ground.apply(needs).findings == ()
    assert ground.property("deals", "last_partner_activity")["type"] == "datetime"


def test_without_custom_objects_the_registration_is_a_finding_that_names_the_way_out(new_ground):
    ground = new_ground(custom_objects=False)
    made = ground.apply()
    [finding] = made.findings
    assert finding.where == "prm_registration"
    assert "Without custom objects" in finding.hint
    assert ground.property("deals", "prm_opportunity_id") is not None


def test_a_scope_that_is_missing_is_said_and_is_no_finding(new_ground):
    tokens = {"pat-of-the-service": ["crm.schemas.companies.read", "crm.objects.companies.read"]}
    plan = new_ground(tokens=tokens).plan()
    assert plan.findings == ()
    told = " ".join(one.message for one in plan.unread)
    assert "crm.schemas.deals.read" in told
    assert "crm.schemas.custom.read" in told
    assert any("Without custom objects" in one.hint for one in plan.unread)
    assert {one.name.partition(".")[0] for one in plan.steps} == {"companies"}


def test_an_admin_who_may_not_see_everything_makes_nothing(new_ground):
    some = ["crm.schemas.companies.read", "crm.schemas.companies.write"]
    ground = new_ground(tokens={"pat-of-the-service": ["*"], "pat-of-the-admin": some})
    with pytest.raises(AuthError, match="does not show everything") as refused:
        ground.apply()
    assert "crm.schemas.deals.read" in " ".join(one.message for one in refused.value.findings)
    assert ground.portal.types["0-2"].groups == {}


def test_views_are_described_because_hubspot_has_no_api_for_them(ground):
    views = {one.where: one.message for one in ground.plan().by_hand}
    assert views["Deals: “Needs my decision”"].startswith("Partner sync decision is unknown")
    assert "Submitted, Under review" in views["Deal registrations: “To review”"]


def test_an_answer_that_is_lost_after_the_properties_were_made_is_made_good(ground):
    ground.fault(path="properties/.*batch/create", method="POST", drop=True, times=1)
    with pytest.raises(OutcomeUnknownError):
        ground.apply()
    assert ground.apply().findings == ()
    assert ground.plan().steps == ()


def test_what_hubspot_refuses_is_told_with_its_words_and_the_rest_comes_later(ground):
    ground.fault(
        path="/labels", method="POST", status=400, code="VALIDATION_ERROR", message="no more labels"
    )
    with pytest.raises(RejectedError) as refused:
        ground.apply()
    [finding] = refused.value.findings
    assert "no more labels" in finding.message
    assert {one.kind for one in ground.plan().steps} == {StepKind.LABEL}


def test_an_admin_who_may_not_make_objects_is_told_the_scope_and_its_remedy_once(new_ground):
    some = ("companies", "deals", "custom")
    read = [f"crm.{one}.{two}.read" for one in ("objects", "schemas") for two in some]
    ground = new_ground(tokens={"pat-of-the-service": ["*"], "pat-of-the-admin": read})
    with pytest.raises(AuthError, match="prm_registration") as refused:
        ground.apply()
    [finding] = refused.value.findings
    assert "crm.schemas.custom.write" in finding.message
    assert (finding.hint, "add the scope" in (refused.value.hint or "")) == ("", True)


def test_an_account_that_was_prepared_by_hand_keeps_every_property_as_it_is(new_ground):
    ground = new_ground(prepared=True)
    before = ground.defined()
    made = ground.apply()
    assert made.steps == ()
    assert made.findings == ()
    assert ground.defined() == before
