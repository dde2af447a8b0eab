"""Provisioning a simulated org: what is made, what is left alone, and what becomes of a kill."""

from __future__ import annotations

import dataclasses

import pytest

from prmsync.connector.provisioning import AdminSignIn, RecordTypeNeed, StepKind
from prmsync.connector.schema import FieldType
from prmsync.errors import (
    AuthError,
    OutcomeUnknownError,
    RejectedError,
)
from prmsync_salesforce import PLUGIN
from prmsync_salesforce.provision.admin import admin_client
from prmsync_salesforce.provision.source import PEOPLE_SET, SERVICE_SET
from provision_cases import ProvisionCases


class TestSalesforce(ProvisionCases):
    """What provisioning must do in any CRM."""


def test_the_user_that_syncs_sees_and_may_write_every_field_afterwards(ground):
    ground.apply()
    connector = PLUGIN.connect(ground.settings, ground.runtime)
    for need in ground.needs():
        schema = connector.describe(need.object)
        for field in need.fields:
            found = schema.fields[field.name]
            assert found.updateable or found.createable, f"{need.object}.{field.name}"


def test_a_sign_in_that_has_ended_is_refused(ground):
    connector = PLUGIN.connect(ground.settings, ground.runtime)
    with pytest.raises(AuthError, match="does not take the admin's sign-in"):
        PLUGIN.provisioner(ground.settings, ground.runtime, connector, AdminSignIn("00D1!gone"))


def test_an_admin_of_another_org_is_refused(ground):
    token = ground.token("dana.admin@crm.example.com").token
    with pytest.raises(AuthError, match="signed in to org 00DgK"):
        admin_client(token, "http://crm.test", "00D000000000009", ground.runtime, "68.0")


def test_somebody_who_may_not_deploy_is_told_what_they_need(ground):
    with pytest.raises((AuthError, RejectedError)) as refused:
        ground.provisioner("avery.stone@crm.example.com").apply(ground.needs(), lambda _: None)
    told = [refused.value.hint, *(one.hint for one in refused.value.findings)]
    assert any("Modify Metadata" in hint for hint in told)
    assert ground.field("Account", "PRM_Partner_Id__c") is None


def test_a_licence_that_allows_no_such_permission_is_told_in_the_orgs_words(ground):
    ground.fault(
        path="composite/sobjects",
        record="0Pa|005",
        status=400,
        code="FIELD_INTEGRITY_EXCEPTION",
        message="The user license doesn't allow the permission: Read Account",
    )
    with pytest.raises(RejectedError) as refused:
        ground.apply()
    [finding] = refused.value.findings
    assert "doesn't allow the permission: Read Account" in finding.message
    assert "Salesforce API Integration" in finding.hint


def test_what_the_user_that_syncs_may_not_see_is_said_and_is_no_finding(ground):
    ground.fault(path="/tooling/", status=403, code="INSUFFICIENT_ACCESS")
    plan = ground.plan()
    assert plan.findings == ()
    assert {one.where for one in plan.unread} >= {"Setup: custom fields", "Setup: custom objects"}
    assert len(plan.steps) == 84


def test_a_field_of_another_type_is_a_finding_and_stays_as_it_is(ground):
    partner = ground.needs()[0]
    tier = dataclasses.replace(
        next(one for one in partner.fields if one.use == "tier"),
        types=(FieldType.NUMBER,),
        name="My_Tier__c",
    )
    ground.apply([dataclasses.replace(partner, fields=(tier,))])
    number = ground.field("Account", "My_Tier__c")
    assert number.type == "double"
    wanted = dataclasses.replace(tier, types=(FieldType.PICKLIST, FieldType.TEXT))
    again = ground.apply([dataclasses.replace(partner, fields=(wanted,))])
    [finding] = again.findings
    assert finding.where == "Account.My_Tier__c"
    assert "is a number field; tier needs picklist or text" in finding.message
    assert ground.field("Account", "My_Tier__c") == number


def test_a_mapping_of_some_streams_only_gets_what_those_need(ground, leave_out):
    needs = leave_out(leave_out(ground.needs(), "partner"), "relation")
    assert ground.apply(needs).findings == ()
    assert ground.field("Account", "PRM_Partner_Id__c") is None
    assert ground.plan(needs).steps == ()


def test_an_answer_that_is_lost_after_the_deployment_was_taken_is_made_good(ground):
    ground.fault(path="deployRequest", method="POST", drop=True, times=1)
    with pytest.raises(OutcomeUnknownError) as lost:
        ground.apply()
    assert "again" in lost.value.hint
    assert ground.apply().findings == ()
    assert ground.plan().steps == ()


def test_following_goes_on_through_an_outage(ground):
    ground.fault(path="deployRequest/", status=503, times=2)
    assert ground.apply().findings == ()
    assert ground.plan().steps == ()


def test_without_partner_objects_the_relation_is_a_finding_that_names_the_way_out(new_ground):
    ground = new_ground(partner_objects=False)
    made = ground.apply()
    [finding] = made.findings
    assert finding.where == "OpportunityPartner"
    assert "PRM_Opportunity_Partner__c" in finding.hint
    assert ground.field("PRM_Registration__c", "Amount__c") is not None


def test_our_own_relation_object_is_made_where_the_mapping_names_it(
    new_ground, leave_out, junction
):
    ground = new_ground(partner_objects=False)
    needs = [*leave_out(ground.needs(), "relation"), *ground.needs(junction)]
    assert ground.apply(needs).findings == ()
    assert ground.plan(needs).steps == ()
    role = ground.field("PRM_Opportunity_Partner__c", "Role__c")
    assert {one.value for one in role.choices} >= {"VAR/Reseller", "Distributor"}


def test_a_field_of_the_admins_own_name_is_made_and_granted(ground, add_field):
    needs = add_field(
        ground.needs(),
        "opportunity",
        name="Partner_Activity__c",
        use="last_activity_at",
        types=(FieldType.DATETIME,),
        unique=False,
        length=None,
    )
    assert ground.apply(needs).findings == ()
    assert ground.field("Opportunity", "Partner_Activity__c").type == "datetime"
    assert ground.plan(needs).steps == ()


def test_a_field_that_comes_later_is_added_to_the_permission_set_that_is_there(ground, add_field):
    ground.apply()
    needs = add_field(
        ground.needs(),
        "partner",
        name="Region__c",
        use="region",
        types=(FieldType.TEXT,),
        unique=False,
        length=None,
    )
    made = ground.apply(needs)
    kinds = [(step.kind, step.name) for step in made.steps]
    assert kinds == [
        (StepKind.FIELD, "Account.Region__c"),
        (StepKind.PERMISSION, "Account.Region__c"),
    ]
    assert ground.plan(needs).steps == ()


def test_a_field_that_is_there_and_hidden_is_granted_not_made(ground):
    ground.apply()
    for row in ground.rows("FieldPermissions"):
        if row["Field"] == "Account.PRM_Tier__c":
            ground.org.database.tables["FieldPermissions"].remove(row["Id"])
    ground.org.database.revision += 1
    planned = ground.plan()
    assert [(one.kind, one.name, one.what) for one in planned.steps] == [
        (StepKind.PERMISSION, "Account.PRM_Tier__c", "edit")
    ]
    ground.apply()
    assert ground.plan().steps == ()


def test_what_an_admin_added_to_the_permission_set_stays(ground):
    ground.apply()
    [service] = [row for row in ground.rows("PermissionSet") if row["Name"] == SERVICE_SET]
    ground.set_up(
        "FieldPermissions",
        ParentId=service["Id"],
        SobjectType="Account",
        Field="Account.Industry",
        PermissionsRead=True,
        PermissionsEdit=False,
    )
    needs = ground.needs()
    ground.org.database.tables["ListView"].rows.clear()
    assert ground.apply(needs).steps != ()
    assert [row for row in ground.rows("FieldPermissions") if row["Field"] == "Account.Industry"]


def test_a_permission_that_an_admin_took_back_to_reading_is_a_finding(ground):
    ground.apply()
    for row in ground.rows("FieldPermissions"):
        if row["Field"] == "Account.PRM_Tier__c":
            row["PermissionsEdit"] = False
    ground.org.database.revision += 1
    made = ground.apply()
    [finding] = made.findings
    assert finding.where == "Account.PRM_Tier__c"
    assert SERVICE_SET in finding.message


def test_record_types_are_made_with_the_stages_that_the_mapping_names(ground):
    needs = [
        dataclasses.replace(
            need, record_types=(RecordTypeNeed("Indirect", ("Prospecting", "Closed Won")),)
        )
        if need.stream == "opportunity"
        else need
        for need in ground.needs()
    ]
    assert ground.apply(needs).findings == ()
    assert [row["DeveloperName"] for row in ground.rows("RecordType")] == ["Indirect"]
    assert ground.plan(needs).steps == ()


def test_a_record_type_of_stages_that_the_org_lacks_is_a_finding(ground):
    needs = [
        dataclasses.replace(need, record_types=(RecordTypeNeed("Indirect", ("Dreaming",)),))
        for need in ground.needs()
        if need.stream == "opportunity"
    ]
    [finding] = ground.plan(needs).findings
    assert "no stage Dreaming" in finding.message


def test_people_get_a_permission_set_of_their_own_that_nobody_is_given(ground):
    ground.apply()
    names = {row["Name"]: row["Id"] for row in ground.rows("PermissionSet")}
    assert PEOPLE_SET in names
    assigned = [row["PermissionSetId"] for row in ground.rows("PermissionSetAssignment")]
    assert names[PEOPLE_SET] not in assigned
    assert names[SERVICE_SET] in assigned


def test_an_org_that_was_prepared_by_hand_keeps_every_field_as_it_is(new_ground):
    ground = new_ground(prepared=True)
    before = ground.defined()["fields"]["Account"]
    made = ground.apply()
    assert {one.kind for one in made.steps} <= {
        StepKind.LIST_VIEW,
        StepKind.PERMISSION_SET,
        StepKind.ASSIGNMENT,
    }
    assert ground.defined()["fields"]["Account"] == before
    assert ground.plan().steps == ()
