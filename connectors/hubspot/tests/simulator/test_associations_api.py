from __future__ import annotations

import pytest

PAIR = "/crm/v4/associations/deals/companies"
RESELLER, DISTRIBUTOR = "Reseller", "Distributor"


@pytest.fixture
def deal(portal):
    return portal.make("deals", dealname="One")


@pytest.fixture
def company(portal):
    return portal.make("companies", name="Acme")


def spec(portal, label, pair=PAIR):
    for item in portal.get(f"{pair}/labels").json()["results"]:
        if item["label"] == label:
            return {"associationCategory": item["category"], "associationTypeId": item["typeId"]}
    raise AssertionError(label)


def link(portal, deal, company, *labels, path=PAIR):
    types = [spec(portal, label) for label in labels]
    row = {"from": {"id": deal}, "to": {"id": company}, "types": types}
    return portal.post(f"{path}/batch/create", {"inputs": [row]})


def labels_of(portal, deal, pair=PAIR):
    body = portal.post(f"{pair}/batch/read", {"inputs": [{"id": deal}]}).json()
    return {
        (item["toObjectId"], kind["label"])
        for result in body["results"]
        for item in result["to"]
        for kind in item["associationTypes"]
    }


def test_labels_of_deals_and_companies(portal):
    results = portal.get(f"{PAIR}/labels").json()["results"]
    own = [item for item in results if item["category"] == "HUBSPOT_DEFINED"]
    assert own == [
        {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"},
        {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
    ]
    users = [item["label"] for item in results if item["category"] == "USER_DEFINED"]
    assert users[:5] == ["Reseller", "Distributor", "System integrator", "Referral", "MSP"]
    back = portal.get("/crm/associations/2026-09/0-2/0-3/labels").json()["results"]
    assert {item["typeId"] for item in back} >= {6, 342}
    assert "Reseller" in [item["label"] for item in back]


def test_a_label_comes_with_the_unlabeled_type_and_the_first_is_primary(portal, deal, company):
    made = link(portal, deal, company, RESELLER)
    assert made.status_code == 201
    assert made.json()["results"] == [
        {
            "fromObjectTypeId": "0-3",
            "fromObjectId": int(deal),
            "toObjectTypeId": "0-2",
            "toObjectId": int(company),
            "labels": ["Reseller"],
        }
    ]
    to = int(company)
    assert labels_of(portal, deal) == {(to, "Reseller"), (to, None), (to, "Primary")}
    second = portal.make("companies", name="Beta")
    link(portal, deal, second, DISTRIBUTOR)
    assert (int(second), "Primary") not in labels_of(portal, deal)


def test_reading_gives_from_as_text_to_as_a_number_and_names_who_has_none(portal, deal, company):
    lonely = portal.make("deals", dealname="Two")
    link(portal, deal, company, RESELLER)
    body = {"inputs": [{"id": deal}, {"id": lonely}]}
    answer = portal.post(f"{PAIR}/batch/read", body)
    assert answer.status_code == 207
    (result,) = answer.json()["results"]
    assert result["from"] == {"id": deal}
    assert result["to"][0]["toObjectId"] == int(company)
    assert answer.json()["numErrors"] == 1
    assert answer.json()["errors"] == [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
            "message": f"No company is associated with deal {lonely}.",
            "context": {
                "fromObjectId": [lonely],
                "fromObjectType": ["deal"],
                "toObjectType": ["company"],
            },
        }
    ]
    only = portal.post(f"{PAIR}/batch/read", {"inputs": [{"id": deal}]})
    assert (only.status_code, "errors" in only.json()) == (200, False)


def test_both_directions_are_read(portal, deal, company):
    link(portal, deal, company, RESELLER)
    back = labels_of(portal, company, "/crm/associations/2026-03/companies/deals")
    assert (int(deal), "Reseller") in back


def test_up_to_1000_records_are_read_at_once(portal, deal):
    rows = [{"id": deal}] * 1000
    assert portal.post(f"{PAIR}/batch/read", {"inputs": rows}).status_code == 207
    assert portal.post(f"{PAIR}/batch/read", {"inputs": [*rows, *rows]}).status_code == 400


def test_labels_are_taken_away_one_by_one(portal, deal, company):
    link(portal, deal, company, RESELLER, DISTRIBUTOR)
    row = {"from": {"id": deal}, "to": {"id": company}, "types": [spec(portal, RESELLER)]}
    answer = portal.post(f"{PAIR}/batch/labels/archive", {"inputs": [row]})
    assert answer.status_code == 204
    to = int(company)
    assert labels_of(portal, deal) == {(to, "Distributor"), (to, None), (to, "Primary")}
    row["types"] = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}]
    portal.post(f"{PAIR}/batch/labels/archive", {"inputs": [row]})
    assert labels_of(portal, deal) == set()


def test_archive_takes_everything_between_two_records(portal, deal, company):
    link(portal, deal, company, RESELLER, DISTRIBUTOR)
    row = {"from": {"id": deal}, "to": [{"id": company}]}
    assert portal.post(f"{PAIR}/batch/archive", {"inputs": [row]}).status_code == 204
    assert labels_of(portal, deal) == set()
    assert labels_of(portal, company, "/crm/v4/associations/companies/deals") == set()


def test_rows_that_cannot_be_associated_are_errors_of_a_207(portal, deal, company):
    rows = [
        {"from": {"id": deal}, "to": {"id": company}, "types": [spec(portal, RESELLER)]},
        {"from": {"id": "unknown"}, "to": {"id": company}, "types": [spec(portal, RESELLER)]},
        {
            "from": {"id": deal},
            "to": {"id": company},
            "types": [{"associationCategory": "USER_DEFINED", "associationTypeId": 9999}],
        },
    ]
    answer = portal.post(f"{PAIR}/batch/create", {"inputs": rows})
    body = answer.json()
    assert (answer.status_code, len(body["results"]), body["numErrors"]) == (207, 1, 2)
    assert body["errors"][0]["subCategory"] == "crm.associations.INVALID_IDENTIFIER"
    assert body["errors"][0]["message"] == "unknown is not a valid ID"
    assert body["errors"][0]["context"] == {"id": ["unknown"]}


def test_a_record_is_not_associated_to_itself(portal, company):
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 13}]
    row = {"from": {"id": company}, "to": {"id": company}, "types": types}
    body = portal.post("/crm/v4/associations/0-2/0-2/batch/create", {"inputs": [row]}).json()
    assert f"Object {company} cannot be associated to itself" in body["errors"][0]["message"]


def test_default_associations(portal, deal, company):
    row = {"from": {"id": deal}, "to": {"id": company}}
    answer = portal.post(f"{PAIR}/batch/associate/default", {"inputs": [row]})
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    assert result["associationSpec"] == {
        "associationCategory": "HUBSPOT_DEFINED",
        "associationTypeId": 341,
    }


def test_single_pairs(portal, deal, company):
    one = f"/crm/objects/2026-09/deals/{deal}/associations/companies"
    made = portal.http.put(f"{one}/{company}", json=[spec(portal, RESELLER)])
    assert (made.status_code, made.json()["labels"]) == (201, ["Reseller"])
    listed = portal.get(one).json()["results"]
    assert [item["toObjectId"] for item in listed] == [int(company)]
    assert portal.http.delete(f"{one}/{company}").status_code == 204
    assert portal.get(one).json()["results"] == []
    assert portal.get("/crm/v4/objects/deals/5/associations/companies").status_code == 404


def test_many_associations_of_a_record_come_in_pages(portal, deal):
    companies = [portal.make("companies", name=str(n)) for n in range(5)]
    for company in companies:
        link(portal, deal, company, RESELLER)
    path = f"/crm/v4/objects/deals/{deal}/associations/companies"
    first = portal.get(path, limit=3).json()
    rest = portal.get(path, limit=3, after=first["paging"]["next"]["after"]).json()
    found = [item["toObjectId"] for item in first["results"] + rest["results"]]
    assert found == [int(company) for company in companies]
    assert "paging" not in rest


def test_an_association_edit_touches_neither_record(portal, deal, company):
    before = portal.read("deals", deal)["updatedAt"]
    portal.advance(60)
    link(portal, deal, company, RESELLER)
    assert portal.read("deals", deal)["updatedAt"] == before


def test_archived_records_take_their_associations_out_of_sight(portal, deal, company):
    link(portal, deal, company, RESELLER)
    portal.http.delete(f"/crm/v3/objects/companies/{company}")
    assert labels_of(portal, deal) == set()
    portal.edit("companies", company, archived=False)
    assert (int(company), "Reseller") in labels_of(portal, deal)


def test_a_merge_takes_associations_along(portal, deal, company):
    other = portal.make("companies", name="Acme Inc")
    link(portal, deal, other, RESELLER)
    body = {"primaryObjectId": company, "objectIdToMerge": other}
    portal.post("/crm/v3/objects/companies/merge", body)
    assert (int(company), "Reseller") in labels_of(portal, deal)
    assert {to for to, _ in labels_of(portal, deal)} == {int(company)}


def test_making_another_company_primary_takes_it_from_the_first(portal, deal, company):
    other = portal.make("companies", name="Beta")
    link(portal, deal, company, RESELLER)
    link(portal, deal, other, "Primary")
    assert (int(company), "Primary") not in labels_of(portal, deal)
    assert (int(other), "Primary") in labels_of(portal, deal)


class TestLabelDefinitions:
    def test_create_rename_and_delete(self, portal, deal, company):
        body = {"name": "auditor", "label": "Auditor", "inverseLabel": "Audited deal"}
        made = portal.post(f"{PAIR}/labels", body)
        assert made.status_code == 200
        forward, backward = made.json()["results"]
        assert (forward["label"], backward["label"]) == ("Auditor", "Audited deal")
        link(portal, deal, company, "Auditor")
        change = {"associationTypeId": forward["typeId"], "label": "Inspector"}
        assert portal.http.put(f"{PAIR}/labels", json=change).status_code == 204
        assert (int(company), "Inspector") in labels_of(portal, deal)
        assert portal.http.delete(f"{PAIR}/labels/{forward['typeId']}").status_code == 204
        assert labels_of(portal, deal) == {(int(company), None), (int(company), "Primary")}

    def test_names_are_there_once_and_hubspots_own_stay(self, portal):
        body = {"name": "auditor", "label": "Auditor"}
        portal.post(f"{PAIR}/labels", body)
        assert portal.post(f"{PAIR}/labels", body).status_code == 400
        assert portal.post(f"{PAIR}/labels", {"name": "x"}).status_code == 400
        assert portal.http.delete(f"{PAIR}/labels/341").status_code == 404
