"""`--schema`, `--data`, the control paths and the saved state."""

from __future__ import annotations

import httpx
import pytest

from prmsync.errors import ConfigurationError


class TestSchema:
    def test_a_saved_portal_extends_the_built_in_one(self, new_portal):
        schema = {
            "account": {"portalId": 77, "accountType": "SANDBOX", "timeZone": "Europe/Oslo"},
            "objects": {
                "deals": {
                    "properties": {
                        "results": [{"name": "region", "label": "Region", "type": "string"}]
                    },
                    "pipelines": [
                        {
                            "id": "9",
                            "label": "Only",
                            "stages": [
                                {"id": "91", "label": "In", "metadata": {"probability": "0.5"}}
                            ],
                        }
                    ],
                },
                "fund_claim": {"properties": [{"name": "claim_no", "type": "string"}]},
            },
            "labels": [
                {"from": "deals", "to": "companies", "label": "Auditor"},
                {"from": "deals", "to": "companies", "label": "Reseller"},
            ],
            "owners": [{"id": "5", "email": "eva@example.com", "firstName": "Eva", "userId": 8}],
            "settings": {"index_lag_seconds": 5},
        }
        portal = new_portal(schema=schema)
        account = portal.get("/account-info/v3/details").json()
        assert (account["portalId"], account["accountType"]) == (77, "SANDBOX")
        assert account["utcOffset"] == "+01:00"
        assert portal.make("deals", region="n", dealstage="91", prm_number="1")
        assert portal.make("p77_prm_registration", number="1")
        assert portal.make("fund_claim", claim_no="1")
        labels = portal.get("/crm/v4/associations/deals/companies/labels").json()["results"]
        names = [item["label"] for item in labels]
        assert "Auditor" in names
        assert names.count("Reseller") == 1
        assert portal.get("/crm/v3/owners/5").json()["email"] == "eva@example.com"
        assert portal.simulator.portal.settings.index_lag_seconds == 5

    def test_a_real_portals_own_types_are_taken_as_text(self, new_portal):
        types = ("phone_number", "object_coordinates", "json")
        properties = [{"name": f"hs_{kind}", "type": kind} for kind in types]
        portal = new_portal(schema={"objects": {"contacts": {"properties": properties}}})
        assert portal.make("contacts", hs_phone_number="+47 1", hs_json="{}")
        refused = portal.post(
            "/crm/v3/properties/contacts",
            {
                "name": "phone_2",
                "label": "Phone",
                "type": "phone_number",
                "fieldType": "phonenumber",
                "groupName": "contactinformation",
            },
        )
        assert refused.status_code == 400

    def test_a_custom_object_needs_what_its_saved_schema_says(self, new_portal):
        visit = {
            "schema": {"labels": {"singular": "Visit"}, "requiredProperties": ["topic"]},
            "properties": [{"name": "topic", "type": "string"}],
        }
        portal = new_portal(schema={"objects": {"visit": visit}})
        assert portal.get("/crm/v3/schemas/visit").json()["requiredProperties"] == ["topic"]
        refused = portal.post("/crm/v3/objects/visit", {"properties": {}})
        assert refused.json()["context"]["properties"] == ["topic"]
        visit["schema"]["requiredProperties"] = ["place"]
        with pytest.raises(ConfigurationError) as caught:
            new_portal(schema={"objects": {"visit": visit}})
        (finding,) = caught.value.findings
        assert finding.where == "objects.visit.schema.requiredProperties"

    def test_replace_leaves_the_partner_program_out(self, new_portal):
        portal = new_portal(schema={"replace": True})
        assert portal.get("/crm/v3/schemas").json()["results"] == []
        names = [item["name"] for item in portal.get("/crm/v3/properties/deals").json()["results"]]
        assert "dealname" in names
        assert not [name for name in names if name.startswith("prm_")]

    def test_every_problem_is_told_with_its_place(self, new_portal):
        schema = {
            "pipelines": [],
            "account": {"timeZone": "Nowhere/City"},
            "objects": {
                "deals": {
                    "properties": [
                        {"name": "x", "type": "money"},
                        {"name": "", "type": "string"},
                    ],
                    "requiredByAdmin": ["nope"],
                }
            },
            "labels": [{"from": "deals", "to": "butterflies", "label": "x"}],
            "owners": [{"id": "5"}],
            "settings": {"burst_limit": -1, "nope": 1, "tokens": []},
        }
        with pytest.raises(ConfigurationError) as caught:
            new_portal(schema=schema)
        places = [finding.where for finding in caught.value.findings]
        assert places == [
            "pipelines",
            "account",
            "settings",
            "settings",
            "settings",
            "objects.deals.properties[0]",
            "objects.deals.properties[1]",
            "objects.deals.requiredByAdmin",
            "labels[0]",
            "owners[0]",
        ]


class TestData:
    def test_records_are_there_from_the_start(self, new_portal):
        data = {
            "companies": [{"name": "Acme", "domain": "acme.com"}],
            "deals": [
                {
                    "id": "99",
                    "properties": {"dealname": "One", "hs_object_id": "99"},
                    "createdAt": "2024-01-01T00:00:00Z",
                    "updatedAt": "2025-01-01T00:00:00Z",
                },
                {"id": "7", "properties": {"dealname": "Gone"}, "archived": True},
            ],
        }
        portal = new_portal(data=data)
        one = portal.read("deals", "99", "dealname")
        assert one["createdAt"] == "2024-01-01T00:00:00Z"
        assert one["updatedAt"] == "2025-01-01T00:00:00Z"
        archived = portal.get("/crm/v3/objects/deals", archived="true").json()["results"]
        assert [item["id"] for item in archived] == ["7"]
        assert int(portal.make("deals", dealname="New")) > 99
        assert portal.found("deals", sorts=["hs_lastmodifieddate"])[0] == "99"

    def test_associations_by_id(self, new_portal):
        data = {
            "associations": [
                {
                    "from": {"object": "deals", "id": "1"},
                    "to": {"object": "companies", "id": "2"},
                    "label": "Reseller",
                }
            ],
            "deals": [{"id": "1", "properties": {}}],
            "companies": [{"id": "2", "properties": {}}],
        }
        portal = new_portal(data=data)
        (link,) = portal.get("/crm/v4/objects/deals/1/associations/companies").json()["results"]
        assert "Reseller" in [item["label"] for item in link["associationTypes"]]

    def test_every_problem_is_told_with_its_place(self, new_portal):
        data = {
            "butterflies": [{}],
            "deals": [{"amount": "x"}, {"dealname": "fine"}, {"id": "a", "properties": {}}, "text"],
            "companies": [{"prm_partner_id": "k"}, {"prm_partner_id": "k"}],
            "associations": [{"from": {"object": "deals", "id": "1"}}],
        }
        with pytest.raises(ConfigurationError) as caught:
            new_portal(data=data)
        places = [finding.where for finding in caught.value.findings]
        assert places == [
            "butterflies",
            "deals[0]",
            "deals[2]",
            "deals[3]",
            "companies[1]",
            "associations[0]",
        ]


class TestCrmUsers:
    def test_an_edit_tells_who_made_it(self, portal):
        record_id = portal.make("deals", dealname="One")
        properties = "hs_updated_by_user_id", "hs_created_by_user_id", "hs_object_source"
        assert (
            portal.read("deals", record_id, *properties)["properties"]["hs_updated_by_user_id"]
            == "61000"
        )
        body = {
            "object": "deals",
            "id": record_id,
            "values": {"dealname": "Two"},
            "user": "marco.bellini@example.com",
        }
        assert portal.http.patch("/_simulator/records", json=body).status_code == 200
        shown = portal.read("deals", record_id, *properties)["properties"]
        assert shown["hs_updated_by_user_id"] == "61002"
        assert shown["hs_created_by_user_id"] == "61000"
        assert shown["hs_object_source"] == "INTEGRATION"

    def test_records_are_made_listed_and_deleted(self, portal):
        body = {"object": "companies", "values": {"name": "Acme"}}
        record_id = portal.post("/_simulator/records", body).json()["id"]
        read = portal.read("companies", record_id, "hs_object_source")["properties"]
        assert read["hs_object_source"] == "CRM_UI"
        portal.http.delete("/_simulator/records", params={"object": "companies", "id": record_id})
        listed = portal.get("/_simulator/records", object="companies").json()
        assert (listed["count"], listed["records"][0]["archived"]) == (1, True)
        one = portal.get("/_simulator/records", object="companies", id=record_id).json()
        assert one["records"][0]["properties"]["name"] == "Acme"

    def test_associations_and_owners_can_be_edited(self, portal):
        deal, company = portal.make("deals", dealname="D"), portal.make("companies", name="C")
        values = {
            "from_object": "deals",
            "from_id": deal,
            "to_object": "companies",
            "to_id": company,
            "label": "MSP",
        }
        body = {"object": "associations", "values": values}
        link_id = portal.post("/_simulator/records", body).json()["id"]
        listed = portal.get("/_simulator/records", object="associations", id=link_id).json()
        assert listed["records"][0]["label"] == "MSP"
        portal.http.delete("/_simulator/records", params={"object": "associations", "id": link_id})
        assert (
            portal.get("/_simulator/records", object="associations", id=link_id).json()["count"]
            == 0
        )
        body = {"object": "owners", "values": {"email": "new@example.com", "firstName": "New"}}
        owner = portal.post("/_simulator/records", body).json()["id"]
        assert portal.make("deals", hubspot_owner_id=owner)
        portal.edit("owners", owner, archived=True)
        archived = portal.get("/crm/v3/owners", archived="true").json()["results"]
        assert owner in [item["id"] for item in archived]

    def test_records_can_be_merged(self, portal):
        stays = portal.make("companies", name="Acme")
        goes = portal.make("companies", name="Acme Inc", domain="acme.com")
        body = {"object": "companies", "id": goes, "into": stays}
        assert portal.post("/_simulator/merge", body).status_code == 200
        assert portal.read("companies", goes, "domain")["properties"]["domain"] == "acme.com"
        assert portal.found("companies") == [stays]
        assert portal.post("/_simulator/merge", body).status_code == 400
        assert portal.post("/_simulator/merge", {**body, "id": "5"}).status_code == 400

    @pytest.mark.parametrize(
        "body",
        [
            {"object": "butterflies", "values": {}},
            {"object": "deals", "values": {"amount": "x"}},
            {"object": "deals", "values": {}, "user": "nobody@example.com"},
            {"object": "associations", "values": {"from_object": "deals", "to_object": "deals"}},
            {"object": "owners", "values": {}},
        ],
    )
    def test_edits_that_cannot_be_made_say_why(self, portal, body):
        answer = portal.post("/_simulator/records", body)
        assert (answer.status_code, bool(answer.json()["message"])) == (400, True)

    def test_a_record_that_is_not_there_cannot_be_edited(self, portal):
        for body in ({"dealname": "x"}, {"archived": False}):
            change = {"object": "deals", "id": "5", "values": body}
            assert portal.http.patch("/_simulator/records", json=change).status_code == 400


class TestState:
    def test_everything_comes_back(self, portal, new_portal):
        company = portal.make("companies", name="Acme", prm_partner_id="k-1")
        other = portal.make("companies", name="Acme Inc")
        deal = portal.make("deals", dealname="One")
        gone = portal.make("deals", dealname="Gone")
        portal.http.delete(f"/crm/v3/objects/deals/{gone}")
        portal.edit("deals", deal, dealname="Two")
        link = {"from_object": "deals", "from_id": deal, "to_object": "companies", "to_id": other}
        portal.post(
            "/_simulator/records", {"object": "associations", "values": {**link, "label": "MSP"}}
        )
        merge = {"primaryObjectId": company, "objectIdToMerge": other}
        portal.post("/crm/v3/objects/companies/merge", merge)
        portal.post(
            "/crm/v4/associations/deals/companies/labels", {"name": "a", "label": "Auditor"}
        )
        state = portal.get("/_simulator/state").json()

        copy = new_portal()
        copy.make("deals", dealname="Overwritten")
        assert copy.http.put("/_simulator/state", json=state).status_code == 200
        assert copy.get("/_simulator/state").json() == state
        assert copy.found("deals") == [deal]
        assert copy.read("companies", other)["id"] == company
        history = copy.get(f"/crm/v3/objects/deals/{deal}", propertiesWithHistory="dealname").json()
        assert len(history["propertiesWithHistory"]["dealname"]) == 2
        taken = copy.post("/crm/v3/objects/companies", {"properties": {"prm_partner_id": "k-1"}})
        assert taken.status_code == 400
        assert copy.get("/crm/v3/objects/deals", archived="true").json()["results"][0]["id"] == gone

    def test_a_simulator_starts_from_a_saved_state(self, new_portal):
        portal = new_portal()
        deal = portal.make("deals", dealname="Kept")
        state = portal.get("/_simulator/state").json()
        again = new_portal(data=state)
        assert again.found("deals") == [deal]
        assert again.get("/_simulator/state").json() == state
        with pytest.raises(ConfigurationError):
            new_portal(data=state | {"links": "none"})

    def test_what_is_no_state_changes_nothing(self, portal):
        record_id = portal.make("deals", dealname="One")
        assert portal.http.put("/_simulator/state", json={"types": []}).status_code == 400
        assert portal.found("deals") == [record_id]


def test_the_same_seed_gives_the_same_answers(new_portal):
    def story(portal: httpx.Client) -> list[bytes]:
        return [
            portal.post("/crm/v3/objects/deals", json={"properties": {"dealname": str(n)}}).content
            for n in range(3)
        ]

    assert story(new_portal().http) == story(new_portal().http)
