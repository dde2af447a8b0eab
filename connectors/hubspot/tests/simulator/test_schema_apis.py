"""Properties, pipelines, schemas, owners, account."""

from __future__ import annotations

import pytest

PROPERTIES = "/crm/v3/properties/deals"
PIPELINES = "/crm/v3/pipelines/deals"


class TestProperties:
    def named(self, portal, path=PROPERTIES):
        return {item["name"]: item for item in portal.get(path).json()["results"]}

    def test_the_partner_programs_properties_are_there(self, portal):
        deals = self.named(portal, "/crm/properties/2026-09/0-3")
        assert deals["prm_opportunity_id"]["hasUniqueValue"] is True
        assert deals["prm_protected_until"]["type"] == "datetime"
        assert deals["dealstage"]["options"] == []
        assert deals["dealstage"]["externalOptions"] is True
        assert deals["hs_object_id"]["modificationMetadata"]["readOnlyValue"] is True
        companies = self.named(portal, "/crm/v3/properties/companies")
        assert companies["prm_partner_id"]["hasUniqueValue"] is True
        assert companies["prm_types"]["fieldType"] == "checkbox"
        registrations = self.named(portal, "/crm/v3/properties/p_prm_registration")
        assert registrations["prm_registration_id"]["hasUniqueValue"] is True
        assert "approved" in [item["value"] for item in registrations["review_state"]["options"]]

    def test_a_property_is_made_used_changed_and_archived(self, portal):
        body = {
            "name": "region",
            "label": "Region",
            "type": "enumeration",
            "fieldType": "select",
            "groupName": "dealinformation",
            "options": [{"label": "North", "value": "n", "hidden": False}],
        }
        made = portal.post(PROPERTIES, body)
        assert (made.status_code, made.json()["createdAt"]) == (201, "2026-11-22T09:30:00.250Z")
        portal.make("deals", region="n")
        body["options"].append({"label": "South", "value": "s", "hidden": False})
        changed = portal.http.patch(f"{PROPERTIES}/region", json={"options": body["options"]})
        assert changed.status_code == 200
        portal.make("deals", region="s")
        assert portal.http.delete(f"{PROPERTIES}/region").status_code == 204
        assert portal.get(f"{PROPERTIES}/region").status_code == 404
        refused = portal.post("/crm/v3/objects/deals", {"properties": {"region": "n"}})
        assert refused.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"

    def test_a_property_of_another_type_takes_other_values_and_keeps_those_it_has(self, portal):
        made = portal.make("deals", prm_source="web")
        changed = portal.http.patch(
            f"{PROPERTIES}/prm_source", json={"type": "number", "fieldType": "number"}
        )
        assert (changed.status_code, changed.json()["type"]) == (200, "number")
        held = portal.get(f"/crm/v3/objects/deals/{made}", properties="prm_source").json()
        assert held["properties"]["prm_source"] == "web"
        refused = portal.post("/crm/v3/objects/deals", {"properties": {"prm_source": "fair"}})
        assert refused.json()["errors"][0]["code"] == "INVALID_NUMBER"

    def test_a_new_unique_property_is_enforced(self, portal):
        body = {
            "name": "erp_id",
            "label": "ERP",
            "type": "string",
            "fieldType": "text",
            "groupName": "dealinformation",
            "hasUniqueValue": True,
        }
        assert portal.post(PROPERTIES, body).status_code == 201
        portal.make("deals", erp_id="1")
        assert (
            portal.post("/crm/v3/objects/deals", {"properties": {"erp_id": "1"}}).status_code == 400
        )

    def test_a_batch_names_those_that_exist_already(self, portal):
        new = {
            "name": "hobby",
            "label": "Hobby",
            "type": "string",
            "fieldType": "text",
            "groupName": "dealinformation",
        }
        answer = portal.post(
            f"{PROPERTIES}/batch/create", {"inputs": [new, {**new, "name": "amount"}]}
        )
        assert answer.status_code == 207
        assert [item["name"] for item in answer.json()["results"]] == ["hobby"]
        (error,) = answer.json()["errors"]
        assert error["category"] == "OBJECT_ALREADY_EXISTS"
        assert error["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
        assert error["context"] == {"name": ["amount"]}

    def test_batch_read(self, portal):
        body = {"inputs": [{"name": "amount"}, {"name": "nope"}], "archived": False}
        answer = portal.post(f"{PROPERTIES}/batch/read", body)
        assert answer.status_code == 207
        assert [item["name"] for item in answer.json()["results"]] == ["amount"]

    def test_at_most_ten_properties_are_unique(self, portal):
        for number in range(10):
            body = {
                "name": f"key{number}",
                "label": "Key",
                "type": "string",
                "fieldType": "text",
                "groupName": "g",
                "hasUniqueValue": True,
            }
            answer = portal.post(PROPERTIES, body)
        assert answer.status_code == 400

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": "A b", "label": "x", "type": "string", "fieldType": "text", "groupName": "g"},
            {"name": "ab", "label": "x", "type": "money", "fieldType": "text", "groupName": "g"},
        ],
    )
    def test_definitions_that_are_not_valid(self, portal, body):
        assert portal.post(PROPERTIES, body).status_code == 400

    def test_hubspots_own_properties_stay(self, portal):
        assert portal.http.delete(f"{PROPERTIES}/amount").status_code == 400
        assert portal.http.patch(f"{PROPERTIES}/amount", json={"label": "A"}).status_code == 400

    def test_groups(self, portal):
        assert portal.post(f"{PROPERTIES}/groups", {"name": "g", "label": "G"}).status_code == 201
        assert portal.post(f"{PROPERTIES}/groups", {"name": "g", "label": "G"}).status_code == 409
        names = [item["name"] for item in portal.get(f"{PROPERTIES}/groups").json()["results"]]
        assert {"g", "dealinformation", "prmsync"} <= set(names)


class TestPipelines:
    def test_the_sales_pipeline_and_one_with_numbers_for_ids(self, portal):
        sales, channel = portal.get(PIPELINES).json()["results"]
        assert (sales["id"], sales["label"]) == ("default", "Sales pipeline")
        assert [item["id"] for item in sales["stages"]] == [
            "appointmentscheduled",
            "qualifiedtobuy",
            "presentationscheduled",
            "decisionmakerboughtin",
            "contractsent",
            "closedwon",
            "closedlost",
        ]
        assert sales["stages"][5]["metadata"] == {"probability": "1.0", "isClosed": "true"}
        assert sales["stages"][0]["metadata"] == {"probability": "0.2", "isClosed": "false"}
        assert channel["id"].isdigit()
        assert all(item["id"].isdigit() for item in channel["stages"])

    def test_stages_are_renamed_without_changing_their_id(self, portal):
        path = f"{PIPELINES}/default/stages/closedwon"
        answer = portal.http.patch(path, json={"label": "Order in"})
        assert (answer.status_code, answer.json()["label"]) == (200, "Order in")
        assert answer.json()["metadata"]["isClosed"] == "true"
        assert portal.make("deals", dealstage="closedwon")

    def test_a_new_pipeline_and_a_new_stage_can_be_used(self, portal):
        body = {
            "label": "Renewals",
            "displayOrder": 2,
            "stages": [{"label": "Due", "displayOrder": 0, "metadata": {"probability": "0.5"}}],
        }
        made = portal.post("/crm/pipelines/2026-09/deals", body).json()
        (stage,) = made["stages"]
        portal.make("deals", pipeline=made["id"], dealstage=stage["id"])
        added = portal.post(
            f"{PIPELINES}/{made['id']}/stages", {"label": "Done", "displayOrder": 1}
        )
        assert added.status_code == 201
        portal.make("deals", pipeline=made["id"], dealstage=added.json()["id"])

    def test_what_is_in_use_is_not_deleted_from_2026_09_on(self, portal):
        portal.make("deals", dealstage="closedwon")
        stage = "deals/default/stages/closedwon"
        assert portal.http.delete(f"/crm/pipelines/2026-09/{stage}").status_code == 400
        assert portal.http.delete(f"/crm/v3/pipelines/{stage}").status_code == 204
        refused = portal.post("/crm/v3/objects/deals", {"properties": {"dealstage": "closedwon"}})
        assert refused.status_code == 400

    def test_objects_without_pipelines_say_so(self, portal):
        assert portal.get("/crm/v3/pipelines/companies").status_code == 400
        assert portal.get(f"{PIPELINES}/nowhere").status_code == 404


class TestSchemas:
    @pytest.mark.parametrize(
        "path",
        [
            "/crm/v3/schemas",
            "/crm-object-schemas/v3/schemas",
            "/crm-object-schemas/2026-03/schemas",
            "/crm-object-schemas/2026-09/schemas",
        ],
    )
    def test_custom_objects_are_listed_on_all_paths(self, portal, path):
        (schema,) = portal.get(path).json()["results"]
        assert schema["name"] == "prm_registration"
        assert schema["fullyQualifiedName"] == "p24681012_prm_registration"
        assert schema["objectTypeId"] == "2-24680001"
        assert schema["metaType"] == "PORTAL_SPECIFIC"
        assert schema["requiredProperties"] == ["number"]
        assert schema["associations"]

    def test_standard_objects_are_read_by_name(self, portal):
        schema = portal.get("/crm/v3/schemas/contacts").json()
        assert (schema["objectTypeId"], schema["metaType"]) == ("0-1", "HUBSPOT")

    def test_a_custom_object_is_made_and_used(self, portal):
        body = {
            "name": "fund_claim",
            "labels": {"singular": "Claim", "plural": "Claims"},
            "primaryDisplayProperty": "claim_no",
            "requiredProperties": ["claim_no"],
            "properties": [
                {"name": "claim_no", "label": "No", "type": "string", "hasUniqueValue": True}
            ],
            "associatedObjects": ["COMPANY"],
        }
        made = portal.post("/crm/v3/schemas", body)
        assert made.status_code == 201
        assert made.json()["objectTypeId"] == "2-24680002"
        record_id = portal.make("fund_claim", claim_no="C-1")
        assert portal.read("2-24680002", record_id, "claim_no")["properties"]["claim_no"] == "C-1"
        assert portal.post("/crm/v3/schemas", body).status_code == 409
        assert portal.http.delete("/crm/v3/schemas/fund_claim").status_code == 400
        portal.http.delete(f"/crm/v3/objects/fund_claim/{record_id}")
        assert portal.http.delete("/crm/v3/schemas/fund_claim").status_code == 204
        assert portal.get("/crm/v3/schemas/fund_claim").status_code == 404

    def test_schemas_that_are_not_valid(self, portal):
        for body in ({}, {"name": "a b"}, {"name": "x", "requiredProperties": ["nope"]}):
            assert portal.post("/crm/v3/schemas", body).status_code == 400
        assert portal.get("/crm/v3/schemas/nope").status_code == 404


class TestOwners:
    @pytest.mark.parametrize("path", ["/crm/v3/owners", "/crm/v3/owners/", "/crm/owners/2026-09"])
    def test_active_and_archived_owners_are_two_lists(self, portal, path):
        active = portal.get(path).json()["results"]
        archived = portal.get(path, archived="true").json()["results"]
        assert [item["archived"] for item in active] == [False] * 4
        assert [(item["archived"], item["userId"]) for item in archived] == [(True, None)]
        assert all(item["type"] == "PERSON" for item in active)

    def test_pages_and_email(self, portal):
        first = portal.get("/crm/v3/owners", limit=3).json()
        rest = portal.get("/crm/v3/owners", limit=3, after=first["paging"]["next"]["after"]).json()
        assert len(first["results"]) + len(rest["results"]) == 4
        (one,) = portal.get("/crm/v3/owners", email="DANA.whitfield@example.com").json()["results"]
        by_id = portal.get(f"/crm/v3/owners/{one['id']}").json()
        by_user = portal.get(f"/crm/v3/owners/{one['userId']}", idProperty="userId").json()
        assert one == by_id == by_user
        assert portal.get("/crm/v3/owners/1").status_code == 404


@pytest.mark.parametrize("path", ["/account-info/v3/details", "/account-info/2026-03/details"])
def test_the_account(portal, path):
    assert portal.get(path).json() == {
        "portalId": 24681012,
        "accountType": "STANDARD",
        "timeZone": "US/Eastern",
        "companyCurrency": "USD",
        "additionalCurrencies": ["EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "SEK", "PLN"],
        "utcOffset": "-05:00",
        "utcOffsetMilliseconds": -18000000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    }
