"""What acts on written objects: what is active, by object; what may not be seen is said."""

from __future__ import annotations

import pytest

from prmsync_salesforce import PLUGIN


def read(ground, *objects):
    connector = PLUGIN.connect(ground.settings, ground.runtime)
    return connector.automations(objects)


def named(found):
    return [(one.object, one.kind, one.name) for one in found.found]


def flow(ground, name, **changed):
    values = {
        "ApiName": name,
        "Label": name,
        "TriggerType": "RecordAfterSave",
        "TriggerObjectOrEventId": "Account",
        "IsActive": True,
    }
    ground.set_up("FlowDefinitionView", **{**values, **changed})


@pytest.fixture
def prepared(new_ground):
    return new_ground(prepared=True)


def test_an_org_without_any_has_none(prepared):
    found = read(prepared, "Account", "Opportunity", "PRM_Registration__c")
    assert (found.found, found.unread) == ((), ())


def test_only_active_ones_on_the_asked_objects_are_named(prepared):
    flow(prepared, "Mine")
    flow(prepared, "Off", IsActive=False)
    flow(prepared, "Elsewhere", TriggerObjectOrEventId="Opportunity")
    flow(prepared, "At_deletion", TriggerType="RecordBeforeDelete")
    rule = {"DeveloperName": "R", "SobjectType": "Account"}
    prepared.set_up("DuplicateRule", **rule, MasterLabel="On", IsActive=True)
    prepared.set_up("DuplicateRule", **rule, MasterLabel="Off", IsActive=False)
    assert named(read(prepared, "Account")) == [
        ("Account", "duplicate rule", "On"),
        ("Account", "flow", "Mine"),
    ]


def test_the_moment_of_a_flow_is_told(prepared):
    flow(prepared, "Early", TriggerType="RecordBeforeSave")
    [found] = read(prepared, "Account").found
    assert found.detail == "runs before a record is saved"
    assert found.where == "Setup > Flows > Early"


def test_a_trigger_on_a_custom_object_is_found_by_the_objects_id_in_setup(ground):
    ground.apply()
    [row] = [one for one in ground.rows("CustomObject") if "Registration" in one["DeveloperName"]]
    trigger = {"Name": "OnRegistration", "TableEnumOrId": row["Id"][:15], "Status": "Active"}
    ground.set_up("ApexTrigger", **trigger)
    assert named(read(ground, "PRM_Registration__c")) == [
        ("PRM_Registration__c", "Apex trigger", "OnRegistration")
    ]


def test_a_validation_rule_says_its_own_words_on_one_line(prepared):
    prepared.set_up(
        "ValidationRule",
        ValidationName="Future",
        ErrorMessage="Not in\nthe past",
        EntityDefinitionId="Opportunity",
        Active=True,
    )
    [found] = read(prepared, "Opportunity").found
    assert found.detail == "says: Not in the past"
    assert "prmsync parked list" in found.remedy


def test_names_are_matched_without_regard_to_case(prepared):
    flow(prepared, "Mine")
    assert named(read(prepared, "account")) == [("account", "flow", "Mine")]


def test_a_kind_that_may_not_be_read_is_named_and_the_others_are_read(prepared):
    flow(prepared, "Mine")
    prepared.fault(path="/tooling/", status=403, code="INSUFFICIENT_ACCESS")
    found = read(prepared, "Account")
    assert named(found) == [("Account", "flow", "Mine")]
    [unread] = found.unread
    assert unread.where == "validation rules"
    assert "View Setup and Configuration" in unread.hint
