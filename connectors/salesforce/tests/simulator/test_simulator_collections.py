from __future__ import annotations

import pytest


def account(name, **more):
    return {"attributes": {"type": "Account"}, "Name": name, **more}


UPSERT = "/composite/sobjects/Account/PRM_Partner_Id__c"


def test_upsert_answers_in_order_and_tells_created_from_updated(org):
    records = [account(f"A{n}", PRM_Partner_Id__c=f"k{n}") for n in range(3)]
    status, first = org.call("PATCH", UPSERT, {"records": records[:2]})
    assert status == 200
    assert [row["created"] for row in first] == [True, True]
    _, second = org.call("PATCH", UPSERT, {"records": records[::-1]})
    assert [row["created"] for row in second] == [True, False, False]
    assert second[2] == {"id": first[0]["id"], "success": True, "errors": [], "created": False}
    assert len(org.query("SELECT Id FROM Account")) == 3


def test_one_refused_row_leaves_the_others_alone(org):
    records = [account("A", PRM_Partner_Id__c="a"), account(None, PRM_Partner_Id__c="b")]
    status, answer = org.call("PATCH", UPSERT, {"allOrNone": False, "records": records})
    assert status == 200
    assert answer[0]["success"] is True
    assert answer[1] == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [Name]",
                "fields": ["Name"],
            }
        ],
    }


def test_all_or_none_takes_everything_back(org):
    kept = org.create("Account", Name="Before", PRM_Partner_Id__c="a")
    records = [
        account("After", PRM_Partner_Id__c="a"),
        account("New", PRM_Partner_Id__c="n"),
        account(None, PRM_Partner_Id__c="b"),
    ]
    status, answer = org.call("PATCH", UPSERT, {"allOrNone": True, "records": records})
    assert status == 200
    codes = [row["errors"][0]["statusCode"] for row in answer]
    assert codes == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert org.query("SELECT Name FROM Account")[0]["Name"] == "Before"
    assert len(org.query("SELECT Id FROM Account")) == 1
    assert org.call("GET", "/sobjects/Account/PRM_Partner_Id__c/a")[1]["Id"] == kept
    assert org.call("GET", "/sobjects/Account/PRM_Partner_Id__c/n")[0] == 404


def test_rows_without_or_with_the_same_key_are_refused_one_by_one(org):
    records = [
        account("A"),
        account("B", PRM_Partner_Id__c="b"),
        account("B2", PRM_Partner_Id__c="B"),
        account("C", PRM_Partner_Id__c="c", Id="001gK0000000001"),
    ]
    answer = org.call("PATCH", UPSERT, {"records": records})[1]
    codes = [row["errors"][0]["statusCode"] for row in answer]
    assert codes == ["MISSING_ARGUMENT", "DUPLICATE_VALUE", "DUPLICATE_VALUE", "INVALID_FIELD"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (UPSERT, {"records": []}, 400, "REQUIRED_FIELD_MISSING"),
        (UPSERT, {"records": [account("A")] * 201}, 400, "EXCEEDED_ID_LIMIT"),
        (UPSERT, {"records": [{"Name": "A", "PRM_Partner_Id__c": "a"}]}, 400, "INVALID_INPUT"),
        (
            UPSERT,
            {"records": [{"attributes": {"type": "Opportunity"}, "Name": "A"}]},
            400,
            "INVALID_INPUT",
        ),
        ("/composite/sobjects/Account/Name", {"records": [account("A")]}, 404, "NOT_FOUND"),
        ("/composite/sobjects/Nope/X__c", {"records": [account("A")]}, 404, "NOT_FOUND"),
    ],
)
def test_malformed_upserts_fail_whole(org, path, body, status, code):
    got, answer = org.call("PATCH", path, body)
    assert (got, answer[0]["errorCode"]) == (status, code)


def test_create_and_update_many(org):
    status, made = org.call(
        "POST", "/composite/sobjects", {"records": [account("A"), account("B")]}
    )
    assert status == 200
    assert set(made[0]) == {"id", "success", "errors"}
    rows = [
        {"attributes": {"type": "Account"}, "Id": made[0]["id"][:15], "Name": "A2"},
        {"attributes": {"type": "Account"}, "id": made[1]["id"], "Website": "b.example"},
        {"attributes": {"type": "Account"}, "Name": "no id"},
        {"attributes": {"type": "Account"}, "Id": "001gK0000000999QAA", "Name": "x"},
        {"attributes": {"type": "Account"}, "Id": "not-an-id", "Name": "x"},
    ]
    answer = org.call("PATCH", "/composite/sobjects", {"records": rows})[1]
    assert [row["success"] for row in answer] == [True, True, False, False, False]
    codes = [row["errors"][0]["statusCode"] for row in answer[2:]]
    assert codes == ["MISSING_ARGUMENT", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"]
    assert answer[2]["errors"][0]["message"] == "Id not specified in an update call"
    assert org.read("Account", made[0]["id"])["Name"] == "A2"


def test_retrieve_gives_null_in_the_place_of_what_is_gone(org):
    first, second = org.create("Account", Name="A"), org.create("Account", Name="B")
    org.call("DELETE", f"/sobjects/Account/{second}")
    body = {"ids": [second, "001gK0000000999QAA", first], "fields": ["name"]}
    status, answer = org.call("POST", "/composite/sobjects/Account", body)
    assert status == 200
    assert answer[:2] == [None, None]
    assert (answer[2]["Id"], answer[2]["Name"]) == (first, "A")
    by_get = org.call("GET", "/composite/sobjects/Account", ids=first, fields="Name")[1]
    assert by_get == answer[2:]


def test_delete_many_tells_what_was_already_deleted(org):
    first, second = org.create("Account", Name="A"), org.create("Account", Name="B")
    org.call("DELETE", f"/sobjects/Account/{second}")
    status, answer = org.call(
        "DELETE", "/composite/sobjects", ids=f"{first},{second}", allOrNone="false"
    )
    assert status == 200
    assert answer[0] == {"id": first, "success": True, "errors": []}
    assert answer[1]["errors"] == [
        {"statusCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []}
    ]


def test_a_locked_row_is_refused_alone_until_the_fault_is_used_up(org):
    fault = {"path": "composite/sobjects", "record": "^k1$", "times": 1}
    org.call("POST", "/_simulator/faults", fault)
    records = [account(f"A{n}", PRM_Partner_Id__c=f"k{n}") for n in range(3)]
    answer = org.call("PATCH", UPSERT, {"records": records})[1]
    assert [row["success"] for row in answer] == [True, False, True]
    assert answer[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    answer = org.call("PATCH", UPSERT, {"records": records})[1]
    assert [row["success"] for row in answer] == [True, True, True]


def test_composite_answers_each_call_with_its_own_status(org):
    body = {
        "compositeRequest": [
            {
                "method": "POST",
                "url": "/services/data/v68.0/sobjects/Account",
                "referenceId": "acc",
                "body": {"Name": "Acme"},
            },
            {
                "method": "POST",
                "url": "/services/data/v68.0/sobjects/Opportunity",
                "referenceId": "opp",
                "body": {
                    "Name": "Deal",
                    "StageName": "Prospecting",
                    "CloseDate": "2026-06-30",
                    "AccountId": "@{acc.id}",
                },
            },
            {
                "method": "GET",
                "url": "/services/data/v68.0/query/?q=SELECT+Account.Name+FROM+Opportunity",
                "referenceId": "q",
            },
            {"method": "GET", "url": "/services/data/v68.0/sobjects/Foo", "referenceId": "foo"},
        ]
    }
    status, answer = org.call("POST", "/composite", body)
    assert status == 200
    parts = answer["compositeResponse"]
    assert [part["httpStatusCode"] for part in parts] == [201, 201, 200, 404]
    assert parts[0]["httpHeaders"]["Location"].endswith(parts[0]["body"]["id"])
    assert parts[2]["body"]["records"][0]["Account"]["Name"] == "Acme"
    assert parts[3] == {
        "body": [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}],
        "httpHeaders": {},
        "httpStatusCode": 404,
        "referenceId": "foo",
    }
    assert org.simulator.chassis.stats.calls("composite") == 1


def test_composite_all_or_none_and_its_limit(org):
    make = {
        "method": "POST",
        "url": "/services/data/v68.0/sobjects/Account",
        "referenceId": "a",
        "body": {"Name": "Acme"},
    }
    bad = {**make, "referenceId": "b", "body": {}}
    answer = org.call("POST", "/composite", {"allOrNone": True, "compositeRequest": [make, bad]})[1]
    assert [part["body"][0]["errorCode"] for part in answer["compositeResponse"]] == [
        "PROCESSING_HALTED",
        "REQUIRED_FIELD_MISSING",
    ]
    assert org.query("SELECT Id FROM Account") == []
    assert org.call("POST", "/composite", {"compositeRequest": [make] * 26})[0] == 400
