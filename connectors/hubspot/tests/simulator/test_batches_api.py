from __future__ import annotations

import pytest

from prmsync_hubspot.simulator import Settings

COMPANIES = "/crm/v3/objects/companies/batch"


def inputs(*items):
    return {"inputs": list(items)}


def upsert_input(key, /, trace=None, **values):
    item = {"id": key, "idProperty": "prm_partner_id", "properties": values}
    return item if trace is None else {**item, "objectWriteTraceId": trace}


class TestRead:
    def test_by_id_and_by_unique_property(self, portal):
        one = portal.make("companies", name="One", prm_partner_id="k-1")
        two = portal.make("companies", name="Two", prm_partner_id="k-2")
        body = {"properties": ["name"], **inputs({"id": one}, {"id": two}, {"id": one})}
        answer = portal.post(f"{COMPANIES}/read", body)
        assert answer.status_code == 200
        assert {item["id"] for item in answer.json()["results"]} == {one, two}
        assert len(answer.json()["results"]) == 2
        body = {"properties": ["name"], "idProperty": "prm_partner_id", **inputs({"id": "k-2"})}
        (found,) = portal.post(f"{COMPANIES}/read", body).json()["results"]
        assert (found["id"], found["properties"]["name"]) == (two, "Two")

    def test_ids_that_are_not_there_make_a_207_that_names_them(self, portal):
        one = portal.make("companies", name="One")
        answer = portal.post(
            f"{COMPANIES}/read", inputs({"id": one}, {"id": "404"}, {"id": "word"})
        )
        body = answer.json()
        assert (answer.status_code, body["status"], body["numErrors"]) == (207, "COMPLETE", 1)
        (error,) = body["errors"]
        assert error["category"] == "OBJECT_NOT_FOUND"
        assert error["context"] == {"ids": ["404", "word"]}
        assert error["message"].startswith("Could not get some COMPANY objects")
        assert [item["id"] for item in body["results"]] == [one]

    def test_archived_records_are_read_by_asking_for_them(self, portal):
        one = portal.make("companies", name="One")
        portal.post(f"{COMPANIES}/archive", inputs({"id": one}))
        assert portal.post(f"{COMPANIES}/read", inputs({"id": one})).status_code == 207
        answer = portal.http.post(
            f"{COMPANIES}/read", params={"archived": "true"}, json=inputs({"id": one})
        )
        assert [item["archived"] for item in answer.json()["results"]] == [True]

    def test_with_history(self, portal):
        one = portal.make("companies", name="One")
        portal.edit("companies", one, name="Two")
        body = {"properties": [], "propertiesWithHistory": ["name"], **inputs({"id": one})}
        (found,) = portal.post(f"{COMPANIES}/read", body).json()["results"]
        assert [item["value"] for item in found["propertiesWithHistory"]["name"]] == ["Two", "One"]


class TestCreate:
    def test_good_batches_answer_201_and_200_in_turn(self, portal):
        for status in (201, 200):
            answer = portal.post(f"{COMPANIES}/create", inputs({"properties": {"name": "A"}}))
            assert answer.status_code == status
            assert set(answer.json()) == {"completedAt", "startedAt", "status", "results"}

    def test_without_trace_ids_one_bad_row_refuses_the_batch(self, portal):
        body = inputs({"properties": {"name": "Good"}}, {"properties": {"nope": "1"}})
        answer = portal.post(f"{COMPANIES}/create", body)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
        assert portal.found("companies") == []

    def test_refused_values_of_all_rows_are_told(self, portal):
        body = inputs({"properties": {"a": "1"}}, {"properties": {"b": "1"}})
        errors = portal.post(f"{COMPANIES}/create", body).json()["errors"]
        assert [item["context"]["propertyName"] for item in errors] == [["a"], ["b"]]

    def test_with_trace_ids_good_rows_are_kept_and_bad_ones_named(self, portal):
        held = portal.make("contacts", email="ada@example.com")
        body = inputs(
            {"objectWriteTraceId": "a", "properties": {"email": "ada@example.com"}},
            {"objectWriteTraceId": "b", "properties": {"email": "bob@example.com"}},
        )
        answer = portal.post("/crm/v3/objects/contacts/batch/create", body)
        assert answer.status_code == 207
        (error,) = answer.json()["errors"]
        assert error["category"] == "CONFLICT"
        assert error["context"] == {"objectWriteTraceId": ["a"], "existingId": [held]}
        (result,) = answer.json()["results"]
        assert result["objectWriteTraceId"] == "b"
        assert result["properties"]["email"] == "bob@example.com"

    def test_two_rows_of_a_batch_cannot_share_a_unique_value(self, portal):
        body = inputs(
            {"objectWriteTraceId": "a", "properties": {"prm_partner_id": "k"}},
            {"objectWriteTraceId": "b", "properties": {"prm_partner_id": "k"}},
        )
        answer = portal.post(f"{COMPANIES}/create", body)
        assert answer.status_code == 207
        assert answer.json()["errors"][0]["context"]["objectWriteTraceId"] == ["b"]
        assert len(portal.found("companies")) == 1

    def test_trace_ids_are_unique_in_a_batch(self, portal):
        row = {"objectWriteTraceId": "a", "properties": {"name": "A"}}
        assert portal.post(f"{COMPANIES}/create", inputs(row, row)).status_code == 400


class TestUpdate:
    def test_missing_records_are_a_207_without_trace_ids_too(self, portal):
        one = portal.make("companies", name="One")
        body = inputs(
            {"id": one, "properties": {"name": "New"}}, {"id": "404", "properties": {"name": "x"}}
        )
        answer = portal.post(f"{COMPANIES}/update", body)
        assert answer.status_code == 207
        assert answer.json()["errors"][0]["context"] == {"ids": ["404"]}
        assert portal.read("companies", one, "name")["properties"]["name"] == "New"

    def test_duplicate_ids_refuse_the_batch(self, portal):
        one = portal.make("companies", name="One")
        row = {"id": one, "properties": {"name": "New"}}
        answer = portal.post(f"{COMPANIES}/update", inputs(row, row))
        body = answer.json()
        assert answer.status_code == 400
        assert body["message"] == (
            f"Duplicate IDs found in batch input: [{one}]. IDs must be unique"
        )
        assert body["context"] == {"ids": [one]}
        assert portal.read("companies", one, "name")["properties"]["name"] == "One"

    def test_by_a_unique_property_never_by_hs_object_id_named(self, portal):
        one = portal.make("companies", name="One", prm_partner_id="k-1")
        row = {"id": "k-1", "idProperty": "prm_partner_id", "properties": {"name": "New"}}
        assert portal.post(f"{COMPANIES}/update", inputs(row)).json()["results"][0]["id"] == one
        row = {"id": one, "idProperty": "hs_object_id", "properties": {"name": "New"}}
        answer = portal.post(f"{COMPANIES}/update", inputs(row))
        assert (
            "non-unique 0-2 property hs_object_id in portal ID 24681012" in answer.json()["message"]
        )

    def test_with_trace_ids_refused_rows_name_them_and_their_id(self, portal):
        one, two = portal.make("companies", name="1"), portal.make("companies", name="2")
        body = inputs(
            {"id": one, "objectWriteTraceId": "r1", "properties": {"prm_status": "gone"}},
            {"id": two, "objectWriteTraceId": "r2", "properties": {"prm_status": "active"}},
        )
        answer = portal.post(f"{COMPANIES}/update", body)
        (error,) = answer.json()["errors"]
        assert error["context"] == {"objectWriteTraceId": ["r1"], "ids": [one]}
        assert error["errors"][0]["code"] == "INVALID_OPTION"
        assert answer.json()["results"][0]["id"] == two


class TestUpsert:
    def test_it_creates_once_and_updates_afterwards(self, portal):
        first = portal.post(f"{COMPANIES}/upsert", inputs(upsert_input("k-1", name="A")))
        again = portal.post(f"{COMPANIES}/upsert", inputs(upsert_input("K-1", name="B")))
        (made,), (changed,) = first.json()["results"], again.json()["results"]
        assert (made["new"], changed["new"]) == (True, False)
        assert made["id"] == changed["id"]
        read = portal.read("companies", made["id"], "name", "prm_partner_id")["properties"]
        assert (read["name"], read["prm_partner_id"]) == ("B", "k-1")

    def test_it_needs_a_unique_id_property(self, portal):
        row = {"id": "k", "properties": {"name": "A"}}
        assert portal.post(f"{COMPANIES}/upsert", inputs(row)).status_code == 400
        row["idProperty"] = "name"
        assert "non-unique" in portal.post(f"{COMPANIES}/upsert", inputs(row)).json()["message"]

    def test_duplicate_keys_refuse_the_batch(self, portal):
        body = inputs(upsert_input("k", name="A"), upsert_input("k", name="B"))
        answer = portal.post(f"{COMPANIES}/upsert", body)
        assert (answer.status_code, answer.json()["context"]) == (400, {"ids": ["k"]})

    def test_answers_come_in_another_order_than_rows_were_sent(self, portal):
        rows = [upsert_input(f"k-{n}", trace=f"t-{n}", name=str(n)) for n in range(50)]
        results = portal.post(f"{COMPANIES}/upsert", inputs(*rows)).json()["results"]
        sent = [row["objectWriteTraceId"] for row in rows]
        told = [item["objectWriteTraceId"] for item in results]
        assert told != sent
        assert sorted(told) == sorted(sent)

    def test_the_order_can_be_kept(self, new_portal):
        portal = new_portal(settings=Settings(shuffle_batches=False))
        rows = [upsert_input(f"k-{n}", name=str(n)) for n in range(50)]
        results = portal.post(f"{COMPANIES}/upsert", inputs(*rows)).json()["results"]
        assert [item["properties"]["name"] for item in results] == [str(n) for n in range(50)]


@pytest.mark.parametrize("what", ["read", "create", "update", "upsert", "archive"])
def test_a_batch_has_at_most_100_inputs(portal, what):
    rows = [upsert_input(f"k-{n}", name="A") for n in range(101)]
    answer = portal.post(f"{COMPANIES}/{what}", inputs(*rows))
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert portal.found("companies") == []
    assert portal.post(f"{COMPANIES}/{what}", {"inputs": "none"}).status_code == 400


def test_archive_is_204_also_for_what_is_not_there(portal):
    one = portal.make("companies", name="One")
    answer = portal.post(f"{COMPANIES}/archive", inputs({"id": one}, {"id": "404"}))
    assert (answer.status_code, answer.content) == (204, b"")
    assert portal.found("companies") == []


def test_a_row_fault_refuses_its_row_or_without_trace_ids_the_batch(portal):
    rule = {"record": "^k-2$", "code": "VALIDATION_ERROR", "message": "locked by a workflow"}
    portal.post("/_simulator/faults", rule)
    plain = inputs(upsert_input("k-1", name="A"), upsert_input("k-2", name="B"))
    refused = portal.post(f"{COMPANIES}/upsert", plain)
    assert (refused.status_code, refused.json()["message"]) == (400, "locked by a workflow")
    traced = inputs(upsert_input("k-1", "t1", name="A"), upsert_input("k-2", "t2", name="B"))
    answer = portal.post(f"{COMPANIES}/upsert", traced)
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["context"] == {"objectWriteTraceId": ["t2"], "ids": ["k-2"]}
    assert answer.json()["results"][0]["objectWriteTraceId"] == "t1"
