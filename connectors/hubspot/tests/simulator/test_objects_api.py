from __future__ import annotations

import pytest

DEALS = "/crm/v3/objects/deals"


@pytest.mark.parametrize("alias", ["deals", "deal", "DEAL", "0-3", "Deals"])
@pytest.mark.parametrize("scheme", ["/crm/v3/objects/{}", "/crm/objects/2026-03/{}"])
def test_every_alias_in_both_path_schemes_names_the_same_object(portal, alias, scheme):
    record_id = portal.make("deals", dealname="Firewall renewal")
    answer = portal.get(f"{scheme.format(alias)}/{record_id}")
    assert answer.json()["properties"]["dealname"] == "Firewall renewal"


@pytest.mark.parametrize(
    "alias", ["prm_registration", "p_prm_registration", "p24681012_prm_registration", "2-24680001"]
)
def test_a_custom_object_answers_to_all_its_names(portal, alias):
    record_id = portal.make(alias, number="R-1")
    read = portal.read("prm_registration", record_id, "number")
    assert read["properties"]["number"] == "R-1"
    assert set(read["properties"]) == {
        "hs_createdate",
        "hs_lastmodifieddate",
        "hs_object_id",
        "number",
    }


def test_an_unknown_object_is_refused_without_a_category(portal):
    answer = portal.get("/crm/v3/objects/butterflies")
    assert answer.status_code == 400
    assert set(answer.json()) == {"status", "message", "correlationId"}
    assert answer.json()["message"] == "Unable to infer object type from: butterflies"


@pytest.mark.parametrize(
    "path",
    [
        "/crm/v2/objects/deals",
        "/crm/objects/2031-01/deals",
        "/crm/objects/v3/deals",
        "/crm/2026-03/objects/deals",
        "/crm/schemas/2026-09",
        "/crm/v3/objects/deals/1/2/3",
        "/nothing",
    ],
)
def test_paths_that_hubspot_does_not_have_are_404(portal, path):
    answer = portal.get(path)
    assert (answer.status_code, answer.json()["status"]) == (404, "error")


def test_creates_answer_201_and_200_in_turn(portal):
    statuses = [
        portal.post(DEALS, {"properties": {"dealname": str(n)}}).status_code for n in range(4)
    ]
    assert statuses == [201, 200, 201, 200]


def test_a_created_record_has_text_values_and_hubspots_own_ones(portal):
    body = portal.post(
        DEALS,
        {"properties": {"amount": 48000.5, "closedate": "2026-11-30", "prm_registered": True}},
    ).json()
    assert body["createdAt"] == body["updatedAt"] == "2026-11-22T09:30:00.250Z"
    assert body["archived"] is False
    assert body["url"].endswith(f"/record/0-3/{body['id']}")
    shown = body["properties"]
    assert shown["amount"] == "48000.5"
    assert shown["closedate"] == "2026-11-30T00:00:00Z"
    assert shown["prm_registered"] == "true"
    assert shown["hs_object_id"] == body["id"]
    assert shown["hs_object_source"] == "INTEGRATION"


def test_empty_text_clears_and_an_empty_property_reads_as_null(portal):
    record_id = portal.make("companies", name="Acme", domain="acme.com")
    portal.http.patch(f"/crm/v3/objects/companies/{record_id}", json={"properties": {"domain": ""}})
    read = portal.read("companies", record_id, "name", "domain", "no_such_property")
    assert read["properties"]["domain"] is None
    assert read["properties"]["name"] == "Acme"
    assert "no_such_property" not in read["properties"]


def test_json_null_changes_nothing(portal):
    record_id = portal.make("companies", name="Acme")
    answer = portal.http.patch(
        f"/crm/v3/objects/companies/{record_id}", json={"properties": {"name": None}}
    )
    assert answer.status_code == 200
    assert portal.read("companies", record_id, "name")["properties"]["name"] == "Acme"


def test_an_update_moves_the_modified_time_and_keeps_the_creation_time(portal):
    record_id = portal.make("deals", dealname="One")
    portal.advance(61.007)
    portal.http.patch(f"{DEALS}/{record_id}", json={"properties": {"dealname": "Two"}})
    read = portal.read("deals", record_id)
    assert read["createdAt"] == "2026-11-22T09:30:00.250Z"
    assert read["updatedAt"] == "2026-11-22T09:31:01.257Z"
    assert read["properties"]["hs_lastmodifieddate"] == read["updatedAt"]


def test_contacts_call_their_modified_time_lastmodifieddate(portal):
    record_id = portal.make("contacts", email="Ada@Example.com")
    read = portal.read("contacts", record_id)
    assert read["properties"]["email"] == "ada@example.com"
    assert read["properties"]["lastmodifieddate"] == read["updatedAt"]
    assert "hs_lastmodifieddate" not in read["properties"]


def test_a_record_is_read_and_changed_by_a_unique_property(portal):
    record_id = portal.make("companies", name="Acme", prm_partner_id="k-1")
    read = portal.get("/crm/v3/objects/companies/k-1", idProperty="prm_partner_id")
    assert read.json()["id"] == record_id
    changed = portal.http.patch(
        "/crm/v3/objects/companies/k-1",
        params={"idProperty": "prm_partner_id"},
        json={"properties": {"name": "Acme Ltd"}},
    )
    assert changed.json()["id"] == record_id
    refused = portal.get("/crm/v3/objects/companies/Acme", idProperty="name")
    assert refused.status_code == 400
    assert "non-unique 0-2 property name" in refused.json()["message"]


def test_listing_pages_through_all_in_id_order(portal):
    made = [portal.make("deals", dealname=str(n)) for n in range(25)]
    seen, after = [], None
    while True:
        query = {"limit": 10, **({"after": after} if after else {})}
        body = portal.get(DEALS, **query).json()
        seen += [item["id"] for item in body["results"]]
        if "paging" not in body:
            break
        after = body["paging"]["next"]["after"]
        assert f"after={after}" in body["paging"]["next"]["link"]
    assert seen == made


@pytest.mark.parametrize("limit", [0, 101, "many"])
def test_a_page_has_at_most_100_records(portal, limit):
    answer = portal.get(DEALS, limit=limit)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_properties_are_taken_repeated_or_separated_by_commas(portal):
    portal.make("deals", dealname="One", amount="5")
    for query in (
        [("properties", "amount"), ("properties", "dealname")],
        {"properties": "amount,dealname"},
    ):
        shown = portal.http.get(DEALS, params=query).json()["results"][0]["properties"]
        assert (shown["amount"], shown["dealname"]) == ("5", "One")


def test_an_archived_record_is_listed_as_archived_only_and_comes_back(portal):
    record_id = portal.make("companies", name="Acme", prm_partner_id="k-1")
    assert portal.http.delete(f"/crm/v3/objects/companies/{record_id}").status_code == 204
    assert portal.get(f"/crm/v3/objects/companies/{record_id}").status_code == 404
    assert portal.get("/crm/v3/objects/companies").json()["results"] == []
    listed = portal.get("/crm/v3/objects/companies", archived="true").json()["results"]
    assert [(item["id"], item["archived"]) for item in listed] == [(record_id, True)]
    assert listed[0]["archivedAt"]
    assert portal.found("companies") == []
    portal.edit("companies", record_id, archived=False)
    assert portal.found("companies") == [record_id]


def test_archiving_what_is_not_there_is_204_too(portal):
    assert portal.http.delete("/crm/v3/objects/companies/1234567890").status_code == 204


def test_an_archived_record_frees_its_unique_value(portal):
    first = portal.make("companies", prm_partner_id="k-1")
    portal.http.delete(f"/crm/v3/objects/companies/{first}")
    second = portal.make("companies", prm_partner_id="k-1")
    body = {"object": "companies", "id": first, "values": {"archived": False}}
    refused = portal.http.patch("/_simulator/records", json=body)
    assert refused.status_code == 400
    assert "prm_partner_id k-1" in refused.json()["message"]
    assert (
        portal.get("/crm/v3/objects/companies/k-1", idProperty="prm_partner_id").json()["id"]
        == second
    )


def test_history_tells_every_value_with_its_source(portal):
    record_id = portal.make("deals", dealname="One", amount="1")
    portal.advance(60)
    portal.edit("deals", record_id, dealname="Two")
    read = portal.get(f"{DEALS}/{record_id}", propertiesWithHistory="dealname,amount").json()
    names = read["propertiesWithHistory"]["dealname"]
    assert [(item["value"], item["sourceType"]) for item in names] == [
        ("Two", "CRM_UI"),
        ("One", "INTEGRATION"),
    ]
    assert names[0]["timestamp"] == "2026-11-22T09:31:00.250Z"
    assert names[0]["updatedByUserId"] == 61001
    assert [item["value"] for item in read["propertiesWithHistory"]["amount"]] == ["1"]


def test_a_record_is_created_with_associations_and_shows_them(portal):
    company = portal.make("companies", name="Acme")
    body = {
        "properties": {"dealname": "One"},
        "associations": [
            {
                "to": {"id": company},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}],
            }
        ],
    }
    record_id = portal.post(DEALS, body).json()["id"]
    read = portal.get(f"{DEALS}/{record_id}", associations="companies").json()
    assert read["associations"]["companies"]["results"] == [
        {"id": company, "type": "deal_to_company"},
        {"id": company, "type": "deal_to_company_unlabeled"},
    ]
    body["associations"][0]["to"]["id"] = "999"
    assert portal.post(DEALS, body).status_code == 400
    assert len(portal.found("deals")) == 1


class TestMerge:
    def merge(self, portal, primary, other):
        body = {"primaryObjectId": primary, "objectIdToMerge": other}
        return portal.post("/crm/v3/objects/companies/merge", body)

    def test_the_winner_keeps_its_values_and_fills_its_blanks(self, portal):
        primary = portal.make("companies", name="Acme", prm_partner_id="k-1")
        other = portal.make("companies", name="ACME Inc", domain="acme.com", prm_partner_id="k-2")
        merged = self.merge(portal, primary, other)
        assert merged.status_code == 200
        read = portal.read("companies", primary, "name", "domain", "hs_merged_object_ids")
        assert read["properties"]["name"] == "Acme"
        assert read["properties"]["domain"] == "acme.com"
        assert read["properties"]["hs_merged_object_ids"] == other
        assert portal.found("companies") == [primary]

    def test_the_losers_id_finds_the_winner_and_its_key_is_free(self, portal):
        primary = portal.make("companies", prm_partner_id="k-1")
        other = portal.make("companies", prm_partner_id="k-2")
        self.merge(portal, primary, other)
        assert portal.read("companies", other)["id"] == primary
        assert portal.make("companies", prm_partner_id="k-2")

    def test_the_winner_can_get_a_new_id(self, new_portal):
        portal = new_portal(schema={"settings": {"merge_new_id": True}})
        primary, other = portal.make("companies", name="A"), portal.make("companies", name="B")
        deal = portal.make("deals", dealname="D")
        portal.http.put(
            f"/crm/v4/objects/deals/{deal}/associations/companies/{other}",
            json=[{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}],
        )
        winner = self.merge(portal, primary, other).json()["id"]
        assert winner not in (primary, other)
        assert portal.read("companies", primary)["id"] == winner
        assert portal.read("companies", other)["id"] == winner
        merged = portal.read("companies", winner, "hs_merged_object_ids")["properties"]
        assert set(merged["hs_merged_object_ids"].split(";")) == {primary, other}
        linked = portal.get(f"/crm/v4/objects/deals/{deal}/associations/companies").json()
        assert [item["toObjectId"] for item in linked["results"]] == [int(winner)]

    def test_what_is_not_there_or_the_same_is_not_merged(self, portal):
        record_id = portal.make("companies", name="A")
        assert self.merge(portal, record_id, "77").status_code == 404
        assert self.merge(portal, record_id, record_id).status_code == 400
