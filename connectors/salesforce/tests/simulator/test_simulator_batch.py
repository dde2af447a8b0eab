from __future__ import annotations


def test_a_batch_answers_each_call_by_itself(org):
    record_id = org.create("Account", Name="A")
    calls = [
        {
            "method": "PATCH",
            "url": f"v68.0/sobjects/Account/{record_id}",
            "richInput": {"Name": "B"},
        },
        {"method": "GET", "url": "v68.0/sobjects/Account/001000000000001"},
        {"method": "GET", "url": f"v68.0/sobjects/Account/{record_id}?fields=Name"},
    ]
    status, answer = org.call("POST", "/composite/batch", {"batchRequests": calls})
    assert (status, answer["hasErrors"]) == (200, True)
    assert [result["statusCode"] for result in answer["results"]] == [204, 404, 200]
    assert answer["results"][2]["result"]["Name"] == "B"
    halted = {"batchRequests": calls, "haltOnError": True}
    results = org.call("POST", "/composite/batch", halted)[1]["results"]
    assert results[2]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"


def test_a_batch_that_cannot_be_read_is_refused(org):
    for body in ({}, {"batchRequests": [{}] * 26}, {"batchRequests": [{"method": "GET"}]}):
        assert org.call("POST", "/composite/batch", body)[0] == 400


def account(reference, *deals):
    return {
        "attributes": {"type": "Account", "referenceId": reference},
        "Name": reference,
        "Opportunities": {
            "records": [
                {
                    "attributes": {"type": "Opportunity", "referenceId": f"{reference}-{number}"},
                    "Name": name,
                    "StageName": "Prospecting",
                    "CloseDate": "2026-05-01",
                }
                for number, name in enumerate(deals)
            ]
        },
    }


def test_a_tree_is_created_with_its_children(org):
    status, answer = org.call(
        "POST", "/composite/tree/Account", {"records": [account("a", "x", "y")]}
    )
    assert (status, answer["hasErrors"]) == (201, False)
    ids = {item["referenceId"]: item["id"] for item in answer["results"]}
    assert org.read("Opportunity", ids["a-1"])["AccountId"] == ids["a"]


def test_one_bad_record_takes_the_whole_tree_back(org):
    body = {"records": [account("a", "x"), account("b", None)]}
    status, answer = org.call("POST", "/composite/tree/Account", body)
    assert (status, answer["hasErrors"]) == (400, True)
    [error] = answer["results"]
    assert error["referenceId"] == "b-0"
    assert error["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert org.ids("SELECT Id FROM Account") == []
    many = {"records": [account(str(number)) for number in range(201)]}
    assert org.call("POST", "/composite/tree/Account", many)[0] == 400
