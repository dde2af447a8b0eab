from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from prmsync.connector.protocol import SimulatorOptions
from prmsync_salesforce.simulator.app import SalesforceSimulator
from prmsync_salesforce.simulator.settings import OrgSettings


def fields_of(org, name):
    status, answer = org.call("GET", f"/sobjects/{name}/describe")
    assert status == 200
    return {field["name"]: field for field in answer["fields"]}


def test_the_global_describe_lists_every_object(org):
    status, answer = org.call("GET", "/sobjects")
    assert status == 200
    assert (answer["encoding"], answer["maxBatchSize"]) == ("UTF-8", 200)
    objects = {item["name"]: item for item in answer["sobjects"]}
    assert {"Account", "Opportunity", "OpportunityPartner", "PRM_Registration__c"} <= set(objects)
    assert objects["PRM_Registration__c"]["custom"] is True
    assert objects["OpportunityPartner"]["updateable"] is False
    assert (
        objects["Account"]["urls"]["describe"] == "/services/data/v68.0/sobjects/Account/describe"
    )


def test_describe_tells_types_lengths_keys_and_picklists(org):
    account = fields_of(org, "account")
    key = account["PRM_Partner_Id__c"]
    assert (key["type"], key["length"], key["externalId"], key["unique"], key["idLookup"]) == (
        "string",
        36,
        True,
        True,
        True,
    )
    opportunity = fields_of(org, "Opportunity")
    amount = opportunity["Amount"]
    assert (amount["type"], amount["precision"], amount["scale"]) == ("currency", 18, 2)
    assert (opportunity["CloseDate"]["nillable"], opportunity["OwnerId"]["defaultedOnCreate"]) == (
        False,
        True,
    )
    assert opportunity["PRM_Partner__c"]["referenceTo"] == ["Account"]
    assert opportunity["PRM_Partner__c"]["relationshipName"] == "PRM_Partner__r"
    assert opportunity["IsWon"]["updateable"] is False
    stage = opportunity["StageName"]["picklistValues"]
    assert stage[-1] == {
        "active": True,
        "defaultValue": False,
        "label": "Closed Lost",
        "validFor": None,
        "value": "Closed Lost",
    }
    state = fields_of(org, "PRM_Registration__c")["Review_State__c"]
    assert state["restrictedPicklist"] is True
    assert {"value": "under_review", "label": "Under Review"}.items() <= next(
        item for item in state["picklistValues"] if item["value"] == "under_review"
    ).items()


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Account", ["PRM_Tier__c", "PRM_Status__c", "PRM_Types__c", "PRM_Partner_Manager__c"]),
        ("Opportunity", ["PRM_Conflict__c", "PRM_Protected_Until__c", "PRM_Loss_Reason__c"]),
        ("PRM_Registration__c", ["Name", "Expected_Close__c", "Distributor__c", "Margin__c"]),
    ],
)
def test_the_objects_have_the_fields_of_the_partner_database(org, name, fields):
    assert set(fields) <= set(fields_of(org, name))


def test_without_multi_currency_there_is_no_currency_code(new_org):
    org = new_org(OrgSettings(multi_currency=False))
    assert "CurrencyIsoCode" not in fields_of(org, "Opportunity")
    assert "CurrencyIsoCode" not in org.read("Opportunity", org.opportunity())
    assert org.call("GET", "/query", q="SELECT Id FROM CurrencyType")[0] == 400


def test_record_types_appear_in_describe(new_org):
    types = [
        {"DeveloperName": "Partner_Deal", "Name": "Partner Deal", "SobjectType": "Opportunity"}
    ]
    org = new_org(data={"RecordType": types})
    infos = org.call("GET", "/sobjects/Opportunity/describe")[1]["recordTypeInfos"]
    assert [info["developerName"] for info in infos] == ["Partner_Deal", "Master"]
    assert infos[0]["recordTypeId"] == org.ids("SELECT Id FROM RecordType")[0]


def test_a_saved_describe_builds_the_same_object_again(org):
    saved = [
        org.call("GET", f"/sobjects/{name}/describe")[1]
        for name in ("Opportunity", "OpportunityPartner", "PRM_Registration__c")
    ]
    options = SimulatorOptions(now=org.simulator.chassis.clock.now, schema={"objects": saved})
    other = type(org)(SalesforceSimulator(options))
    other.sign_in()
    for describe in saved:
        assert other.call("GET", f"/sobjects/{describe['name']}/describe")[1] == describe
    record = other.read("Opportunity", other.opportunity(PRM_Opportunity_Id__c="k"))
    assert record["PRM_Registered__c"] is False


def test_a_text_has_three_bytes_for_a_character_and_a_multi_select_picklist_one(org):
    fields = fields_of(org, "Account")
    lengths = {
        one["type"]: one["byteLength"] / one["length"] for one in fields.values() if one["length"]
    }
    assert (lengths["string"], lengths["multipicklist"], lengths["reference"]) == (3, 1, 1)


def test_what_a_saved_describe_says_of_its_object_is_told_again(org, new_org):
    saved = org.call("GET", "/sobjects/Account/describe")[1]
    saved |= {"searchable": False, "mruEnabled": False, "feedEnabled": True, "undeletable": False}
    twin = new_org(schema=saved)
    assert twin.call("GET", "/sobjects/Account/describe")[1] == saved
    listed = twin.call("GET", "/sobjects")[1]["sobjects"]
    assert [one["searchable"] for one in listed if one["name"] == "Account"] == [False]


def test_a_schema_without_a_field_refuses_it(org, new_org):
    describe = org.call("GET", "/sobjects/Account/describe")[1]
    describe["fields"] = [item for item in describe["fields"] if item["name"] != "PRM_Tier__c"]
    poor = new_org(schema=describe)
    status, answer = poor.call("POST", "/sobjects/Account", {"Name": "A", "PRM_Tier__c": "Gold"})
    assert (status, answer[0]["errorCode"]) == (400, "INVALID_FIELD")


MAPPINGS = Path(__file__).parents[4] / "mappings" / "salesforce"


@pytest.mark.parametrize("stream", ["partner", "opportunity", "registration", "relation"])
def test_the_org_has_every_field_that_the_shipped_mapping_names(org, stream):
    mapping = YAML(typ="safe").load((MAPPINGS / f"{stream}.yaml").read_text("utf-8"))
    fields = [
        item if isinstance(item, str) else item["crm"]
        for item in (*mapping.get("fields", {}).values(), *mapping.get("relation", {}).values())
    ]
    wanted = {*fields, mapping["key"]} if "key" in mapping else set(fields)
    assert wanted
    assert wanted <= set(fields_of(org, mapping["object"]))


def test_a_twin_has_the_stages_and_roles_of_its_org(new_org):
    stage = {"MasterLabel": "Gewonnen", "ApiName": "Gewonnen", "IsClosed": True, "IsWon": True}
    role = {"MasterLabel": "Haendler", "ApiName": "Haendler", "SortOrder": 1}
    lists = {"OpportunityStage": [stage], "PartnerRole": [role], "NoSuchObject": [{}]}
    org = new_org(schema={"lists": lists})
    assert [row["ApiName"] for row in org.query("SELECT ApiName FROM OpportunityStage")] == [
        "Gewonnen"
    ]
    assert len(org.query("SELECT Id FROM PartnerRole")) == 1
    assert len(org.query("SELECT Id FROM CurrencyType")) > 5
    assert org.read("Opportunity", org.opportunity(StageName="Gewonnen"))["IsWon"] is True


def test_a_composite_holds_five_queries_at_most(org):
    part = {"method": "GET", "url": "/services/data/v68.0/query?q=SELECT+Id+FROM+User"}
    for count, status in ((5, 200), (6, 400)):
        parts = [{**part, "referenceId": f"q{number}"} for number in range(count)]
        assert org.call("POST", "/composite", {"compositeRequest": parts})[0] == status


def test_a_twin_s_prefixes_and_owners_of_two_kinds_are_the_orgs_own(org, new_org):
    saved = org.call("GET", "/sobjects/PRM_Registration__c/describe")[1]
    saved |= {"name": "Deal__c", "keyPrefix": "a00"}
    for field in saved["fields"]:
        if field["name"] == "OwnerId":
            field["referenceTo"] = ["Group", "User"]
    twin = new_org(schema={"objects": [saved]})
    assert twin.call("GET", "/sobjects/PRM_Registration__c/describe")[0] == 404
    made = twin.create("Deal__c", PRM_Registration_Id__c="k")
    assert made.startswith("a00")
    [row] = twin.query("SELECT Owner.Name FROM Deal__c")
    assert row["Owner"]["Name"] == "Integration User"


def test_a_twin_says_as_its_org_which_standard_fields_a_permission_set_may_show(new_org):
    fields = [
        {"name": "Id", "type": "id", "createable": False},
        {"name": "Amount", "type": "currency", "permissionable": True},
        {"name": "Name", "type": "string", "length": 120, "permissionable": False},
    ]
    org = new_org(
        schema={"objects": [{"name": "Opportunity", "keyPrefix": "006", "fields": fields}]}
    )
    described = org.call("GET", "/sobjects/Opportunity/describe")[1]["fields"]
    told = {one["name"]: one["permissionable"] for one in described}
    assert (told["Amount"], told["Name"]) == (True, False)
