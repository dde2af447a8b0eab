"""What an admin's set-up works with: groups, archived properties, whole pipelines, workflows."""

from __future__ import annotations

import pytest

from prmsync_hubspot.simulator import ACCESS_TOKEN, Settings

GROUPS = "/crm/v3/properties/deals/groups"
PROPERTIES = "/crm/v3/properties/deals"
REGION = {
    "name": "region",
    "label": "Region",
    "type": "string",
    "fieldType": "text",
    "groupName": "dealinformation",
}


class TestGroups:
    def test_a_group_is_made_renamed_and_removed_while_it_is_empty(self, portal):
        made = portal.post(GROUPS, {"name": "channel", "label": "Channel"})
        assert (made.status_code, made.json()["label"]) == (201, "Channel")
        renamed = portal.http.patch(f"{GROUPS}/channel", json={"label": "Partners"})
        assert renamed.json() == portal.get(f"{GROUPS}/channel").json()
        assert renamed.json()["label"] == "Partners"
        portal.post(PROPERTIES, {**REGION, "groupName": "channel"})
        assert portal.http.delete(f"{GROUPS}/channel").status_code == 400
        portal.http.delete(f"{PROPERTIES}/region")
        assert portal.http.delete(f"{GROUPS}/channel").status_code == 204
        assert portal.get(f"{GROUPS}/channel").status_code == 404

    def test_a_group_of_the_same_name_is_a_conflict(self, portal):
        refused = portal.post(GROUPS, {"name": "dealinformation", "label": "Deals"})
        assert (refused.status_code, refused.json()["category"]) == (409, "CONFLICT")

    def test_a_property_needs_a_group_that_is_there(self, portal):
        refused = portal.post(PROPERTIES, {**REGION, "groupName": "channel"})
        assert refused.status_code == 400
        assert "'channel' does not exist" in refused.json()["message"]


@pytest.mark.parametrize("name", ["Region", "1st", "sales region"])
def test_a_property_is_named_in_lower_case(portal, name):
    refused = portal.post(PROPERTIES, {**REGION, "name": name})
    assert refused.status_code == 400
    assert "lower-case" in refused.json()["message"]


class TestArchivedProperties:
    def test_they_are_listed_apart_and_come_back_with_their_values(self, portal):
        portal.post(PROPERTIES, REGION)
        deal = portal.make("deals", region="north")
        portal.post(f"{PROPERTIES}/batch/archive", {"inputs": [{"name": "region"}, {"name": "no"}]})
        assert portal.get(f"{PROPERTIES}/region").status_code == 404
        archived = portal.get(PROPERTIES, archived="true").json()["results"]
        assert [(one["name"], one["archived"]) for one in archived] == [("region", True)]
        assert portal.get(f"{PROPERTIES}/region", archived="true").json()["label"] == "Region"
        assert "region" not in portal.read("deals", deal, "region")["properties"]
        assert portal.post(PROPERTIES, REGION).status_code == 201
        assert portal.read("deals", deal, "region")["properties"]["region"] == "north"

    def test_one_that_is_made_again_is_what_it_is_made_as_and_as_old_as_it_was(self, portal):
        first = portal.post(PROPERTIES, REGION).json()
        portal.http.delete(f"{PROPERTIES}/region")
        portal.advance(60)
        wanted = {"label": "Regions", "type": "number", "fieldType": "number"}
        again = portal.post(PROPERTIES, {**REGION, **wanted})
        assert again.status_code == 201
        held = portal.get(f"{PROPERTIES}/region").json()
        assert again.json() == held
        assert {key: held[key] for key in wanted} == wanted
        assert held["createdAt"] == first["createdAt"] < held["updatedAt"]
        assert portal.get(PROPERTIES, archived="true").json()["results"] == []

    def test_hubspots_own_stay(self, portal):
        refused = portal.post(f"{PROPERTIES}/batch/archive", {"inputs": [{"name": "amount"}]})
        assert refused.status_code == 400

    def test_they_are_part_of_the_state(self, portal, new_portal):
        portal.post(PROPERTIES, REGION)
        portal.http.delete(f"{PROPERTIES}/region")
        twin = new_portal(data=portal.get("/_simulator/state").json())
        assert twin.get(f"{PROPERTIES}/region", archived="true").json()["archived"] is True


def test_a_pipeline_is_replaced_whole_but_for_stages_in_use(portal):
    path = "/crm/pipelines/2026-09/deals/75501234"
    held = portal.get(path).json()
    deal = portal.make("deals", pipeline="75501234", dealstage="999210001")
    body = {"label": "Channel", "displayOrder": 1, "stages": held["stages"][1:]}
    assert portal.http.put(path, json=body).status_code == 400
    portal.edit("deals", deal, dealstage="999210002")
    replaced = portal.http.put(path, json=body).json()
    assert (replaced["label"], len(replaced["stages"])) == ("Channel", 6)
    assert portal.get(path).json()["stages"] == replaced["stages"]


def test_a_custom_object_is_associated_with_another_and_parted(portal):
    path = "/crm-object-schemas/2026-09/schemas"
    made = portal.post(
        path,
        {
            "name": "visit",
            "labels": {"singular": "Visit", "plural": "Visits"},
            "primaryDisplayProperty": "topic",
            "requiredProperties": ["topic"],
            "properties": [{"name": "topic", "label": "Topic", "type": "string"}],
        },
    ).json()
    body = {"fromObjectTypeId": made["objectTypeId"], "toObjectTypeId": "prm_registration"}
    link = portal.post(f"{path}/visit/associations", body)
    assert link.status_code == 201
    labels = "/crm/v4/associations/visit/prm_registration/labels"
    assert [str(one["typeId"]) for one in portal.get(labels).json()["results"]] == [
        link.json()["id"]
    ]
    gone = portal.http.delete(f"{path}/visit/associations/{link.json()['id']}")
    assert (gone.status_code, portal.get(labels).json()["results"]) == (204, [])
    assert portal.http.delete(f"{path}/visit/associations/1").status_code == 404


def test_one_pair_is_associated_without_a_label(portal):
    deal, company = portal.make("deals"), portal.make("companies", name="A")
    path = f"/crm/v4/objects/deals/{deal}/associations/default/companies/{company}"
    (result,) = portal.http.put(path).json()["results"]
    assert result["associationSpec"]["associationTypeId"] == 341
    held = portal.get(f"/crm/v4/objects/deals/{deal}/associations/companies").json()["results"]
    assert [one["toObjectId"] for one in held] == [int(company)]


class TestWorkflows:
    def test_automations_are_listed_as_workflows_that_set_their_property(self, portal):
        portal.post("/_simulator/automations", {"object": "deals", "field": "amount", "value": "1"})
        (listed,) = portal.get("/automation/v4/flows").json()["results"]
        assert (listed["objectTypeId"], listed["isEnabled"]) == ("0-3", True)
        assert "actions" not in listed
        for root in ("/automation/v4", "/automation/2026-09"):
            flow = portal.get(f"{root}/flows/{listed['id']}").json()
            assert flow["actions"][0]["actionTypeId"] == "0-5"
            assert flow["actions"][0]["fields"]["property_name"] == "amount"

    def test_workflows_of_a_schema_and_of_the_control_path_are_listed_in_pages(self, new_portal):
        flows = [{"name": f"Flow {n}", "objectTypeId": "deals", "isEnabled": n > 0} for n in (0, 1)]
        portal = new_portal(schema={"flows": flows})
        portal.post("/_simulator/flows", {"name": "Flow 2", "objectTypeId": "0-1"})
        names, after = [], "0"
        while after:
            page = portal.get("/automation/v4/flows", limit=2, after=after).json()
            names += [(one["name"], one["isEnabled"]) for one in page["results"]]
            after = page.get("paging", {}).get("next", {}).get("after")
        assert names == [("Flow 0", False), ("Flow 1", True), ("Flow 2", True)]
        ids = {one["id"] for one in portal.get("/_simulator/flows").json()["flows"]}
        assert len(ids) == 3
        assert portal.get("/automation/v4/flows/1").status_code == 404
        refused = portal.post("/_simulator/flows", {"name": "x", "objectTypeId": "delas"})
        assert "delas" in refused.json()["message"]

    def test_they_need_their_scope(self, new_portal):
        portal = new_portal(settings=Settings(tokens={ACCESS_TOKEN: ("crm.objects.deals.read",)}))
        refused = portal.get("/automation/v4/flows")
        assert refused.json()["context"]["requiredGranularScopes"] == ["automation"]


def test_an_account_without_custom_objects_has_neither_them_nor_their_scopes(new_portal):
    portal = new_portal(schema={"settings": {"custom_objects": False}})
    for path in ("/crm/v3/schemas", "/crm/objects/2026-09/2-1"):
        assert portal.get(path).status_code in (400, 403)
    refused = portal.post("/crm-object-schemas/v3/schemas", {"name": "visit"})
    assert refused.json()["context"]["requiredGranularScopes"] == ["crm.schemas.custom.write"]
    told = portal.post(
        "/oauth/v2/private-apps/get/access-token-info", {"tokenKey": ACCESS_TOKEN}
    ).json()
    assert "crm.objects.deals.read" in told["scopes"]
    assert not [scope for scope in told["scopes"] if ".custom." in scope]
    assert portal.get("/crm/v3/objects/deals").status_code == 200


@pytest.mark.parametrize(("count", "status"), [(50, 207), (51, 400)])
def test_a_batch_with_history_takes_fifty_ids(portal, count, status):
    body = {
        "propertiesWithHistory": ["amount"],
        "inputs": [{"id": str(number)} for number in range(1, count + 1)],
    }
    assert portal.post("/crm/v3/objects/deals/batch/read", body).status_code == status


def test_a_property_of_the_admins_own_may_hold_owners(portal):
    body = {
        **REGION,
        "name": "channel_manager",
        "type": "enumeration",
        "fieldType": "select",
        "externalOptions": True,
        "referencedObjectType": "OWNER",
    }
    made = portal.post(PROPERTIES, body).json()
    assert (made["referencedObjectType"], made["externalOptions"]) == ("OWNER", True)
    assert portal.make("deals", channel_manager="410010001")
    refused = portal.post("/crm/v3/objects/deals", {"properties": {"channel_manager": "7"}})
    assert refused.json()["errors"][0]["code"] == "INVALID_OPTION"
