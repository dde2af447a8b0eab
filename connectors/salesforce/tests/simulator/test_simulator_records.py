from __future__ import annotations

import pytest


def error(answer):
    return answer[0]["errorCode"]


def test_create_read_update_delete(org):
    status, answer = org.call("POST", "/sobjects/Account", {"Name": "Acme"})
    assert status == 201
    record_id = answer["id"]
    assert answer == {"id": record_id, "success": True, "errors": []}
    assert org.last.headers["location"].endswith(f"/sobjects/Account/{record_id}")
    org.advance(60)
    patch = {"website": "acme.example", "NAME": " Acme Inc "}
    assert org.call("PATCH", f"/sobjects/account/{record_id[:15]}", patch) == (204, None)
    record = org.read("Account", record_id)
    assert record["attributes"] == {
        "type": "Account",
        "url": f"/services/data/v68.0/sobjects/Account/{record_id}",
    }
    assert (record["Name"], record["Website"]) == ("Acme Inc", "acme.example")
    assert record["CreatedDate"] == "2026-03-01T12:00:00.000+0000"
    assert record["LastModifiedDate"] == record["SystemModstamp"] == "2026-03-01T12:01:00.000+0000"
    assert org.call("DELETE", f"/sobjects/Account/{record_id}") == (204, None)
    path = f"/sobjects/Account/{record_id}"
    gone = [{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}]
    assert org.call("DELETE", path) == (404, gone)
    assert org.call("PATCH", path, {"Name": "x"}) == (404, gone)
    assert error(org.call("GET", path)[1]) == "NOT_FOUND"


def test_a_record_may_be_read_in_part(org):
    record_id = org.create("Account", Name="Acme")
    status, answer = org.call("GET", f"/sobjects/Account/{record_id}", fields="name,Website")
    assert status == 200
    assert list(answer) == ["attributes", "Name", "Website", "Id"]
    status, answer = org.call("GET", f"/sobjects/Account/{record_id}", fields="Naem")
    assert (status, error(answer)) == (400, "INVALID_FIELD")


def test_upsert_by_external_id_creates_then_updates(org):
    path = "/sobjects/Account/PRM_Partner_Id__c/K%2F1"
    status, answer = org.call("PATCH", path, {"Name": "Acme"})
    assert (status, answer["created"]) == (201, True)
    status, again = org.call("PATCH", path, {"Name": "Acme 2"})
    assert (status, again) == (
        200,
        {"id": answer["id"], "success": True, "errors": [], "created": False},
    )
    assert org.read("Account", answer["id"])["PRM_Partner_Id__c"] == "K/1"
    assert org.call("GET", path)[1]["Name"] == "Acme 2"
    assert (
        org.call("PATCH", path.replace("K%2F1", "new"), {"Name": "x"}, updateOnly="true")[0] == 404
    )
    status, answer = org.call("PATCH", "/sobjects/Account/Namez/1", {"Name": "x"})
    assert (status, answer) == (
        404,
        [
            {
                "message": "Provided external ID field does not exist or is not accessible: Namez",
                "errorCode": "NOT_FOUND",
            }
        ],
    )


def test_several_matches_of_an_external_id_are_a_300_with_bare_urls(new_org):
    fields = [
        {"name": "Id", "type": "id", "createable": False},
        {"name": "IsDeleted", "type": "boolean", "createable": False, "updateable": False},
        {"name": "SystemModstamp", "type": "datetime", "createable": False},
        {"name": "Legacy__c", "type": "string", "length": 10, "externalId": True},
    ]
    schema = {"objects": [{"name": "Thing__c", "keyPrefix": "a77", "fields": fields}]}
    org = new_org(schema=schema)
    ids = [org.create("Thing__c", Legacy__c="L1"), org.create("Thing__c", Legacy__c="l1")]
    status, answer = org.call("PATCH", "/sobjects/Thing__c/Legacy__c/L1", {})
    assert (status, answer) == (
        300,
        [f"/services/data/v68.0/sobjects/Thing__c/{record_id}" for record_id in ids],
    )
    assert ids[0].startswith("a77")


@pytest.mark.parametrize(
    ("values", "code", "fields"),
    [
        ({"Name": None}, "REQUIRED_FIELD_MISSING", ["Name", "CloseDate"]),
        ({"Nmae": "x"}, "INVALID_FIELD", []),
        ({"IsWon": True}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["IsWon"]),
        ({"Name": "x" * 121}, "STRING_TOO_LONG", ["Name"]),
        ({"Amount": "a lot"}, "JSON_PARSER_ERROR", None),
        ({"Amount": 1e17}, "NUMBER_OUTSIDE_VALID_RANGE", ["Amount"]),
        ({"CloseDate": "30.06.2026"}, "JSON_PARSER_ERROR", None),
        ({"PRM_Registered__c": "maybe"}, "JSON_PARSER_ERROR", None),
        ({"PRM_Registered__c": None}, "INVALID_TYPE_ON_FIELD_IN_RECORD", ["PRM_Registered__c"]),
        ({"PRM_Protected_Until__c": "2026-06-30"}, "JSON_PARSER_ERROR", None),
        (
            {"CurrencyIsoCode": "XXX"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            ["CurrencyIsoCode"],
        ),
        ({"AccountId": "acme"}, "MALFORMED_ID", ["AccountId"]),
        ({"AccountId": "005gK0000000001AAA"}, "MALFORMED_ID", ["AccountId"]),
        ({"AccountId": "005gK0000000001"}, "FIELD_INTEGRITY_EXCEPTION", ["AccountId"]),
        ({"AccountId": "001gK0000000999"}, "INVALID_CROSS_REFERENCE_KEY", []),
    ],
)
def test_bad_data_is_refused_in_salesforces_words(org, values, code, fields):
    base = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-06-30"}
    if code == "REQUIRED_FIELD_MISSING":
        base = {"StageName": "Prospecting"}
    status, answer = org.call("POST", "/sobjects/Opportunity", {**base, **values})
    assert (status, error(answer)) == (400, code)
    assert answer[0].get("fields") == fields
    assert org.query("SELECT Id FROM Opportunity") == []


def test_values_are_stored_the_way_salesforce_answers_them(org):
    record_id = org.opportunity(
        Amount="1234.565",
        PRM_Protected_Until__c="2026-06-30T10:00:00.987+02:00",
        PRM_Registered__c=True,
        PRM_Product_Lines__c="firewall;backup;firewall",
        Probability=33.4,
        Description="   ",
    )
    record = org.read("Opportunity", record_id)
    assert record["Amount"] == 1234.57
    assert record["PRM_Protected_Until__c"] == "2026-06-30T08:00:00.000+0000"
    assert record["PRM_Product_Lines__c"] == "backup;firewall"
    assert record["Probability"] == 33
    assert record["Description"] is None
    assert record["PRM_Conflict__c"] is False
    assert record["CurrencyIsoCode"] == "USD"


def test_a_multi_select_keeps_the_picklists_order(org):
    record_id = org.create("Account", Name="A", PRM_Types__c="isv;msp;reseller")
    assert org.read("Account", record_id)["PRM_Types__c"] == "reseller;msp;isv"


def test_closed_and_won_follow_the_stage_and_cannot_be_written(org):
    record_id = org.opportunity()
    path = f"/sobjects/Opportunity/{record_id}"
    assert org.read("Opportunity", record_id)["Probability"] == 10
    org.call("PATCH", path, {"StageName": "Closed Won"})
    record = org.read("Opportunity", record_id)
    assert (record["IsClosed"], record["IsWon"], record["Probability"]) == (True, True, 100)
    status, answer = org.call("PATCH", path, {"IsClosed": False})
    assert (status, error(answer)) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_unique_keys_are_kept_without_regard_to_case(org):
    first = org.create("Account", Name="A", PRM_Partner_Id__c="key-1")
    status, answer = org.call(
        "POST", "/sobjects/Account", {"Name": "B", "PRM_Partner_Id__c": "KEY-1"}
    )
    assert (status, error(answer)) == (400, "DUPLICATE_VALUE")
    assert first[:15] in answer[0]["message"]
    org.call("DELETE", f"/sobjects/Account/{first}")
    org.create("Account", Name="B", PRM_Partner_Id__c="KEY-1")


def test_a_parent_may_be_named_by_its_external_id(org):
    partner = org.create("Account", Name="P", PRM_Partner_Id__c="p-1")
    record_id = org.create(
        "PRM_Registration__c", Name="R-1", Partner__r={"PRM_Partner_Id__c": "p-1"}
    )
    assert org.read("PRM_Registration__c", record_id)["Partner__c"] == partner
    status, answer = org.call(
        "POST", "/sobjects/PRM_Registration__c", {"Partner__r": {"PRM_Partner_Id__c": "p-2"}}
    )
    assert (status, error(answer)) == (400, "INVALID_FIELD")
    assert "Foreign key external ID: p-2 not found" in answer[0]["message"]


def test_an_inactive_person_owns_nothing_new(org):
    inactive = org.ids("SELECT Id FROM User WHERE IsActive = false")[0]
    status, answer = org.call("POST", "/sobjects/Account", {"Name": "A", "OwnerId": inactive})
    assert (status, error(answer)) == (400, "INACTIVE_OWNER_OR_USER")


def test_validation_rules_answer_with_the_admins_message(new_org):
    rule = {
        "object": "Opportunity",
        "when": "Amount > 1000000 AND PRM_Partner__c = null",
        "message": "Big deals need a partner",
        "field": "PRM_Partner__c",
    }
    org = new_org(schema={"validation_rules": [rule]})
    record_id = org.opportunity(Amount=1000)
    status, answer = org.call("PATCH", f"/sobjects/Opportunity/{record_id}", {"Amount": 2000000})
    assert (status, answer) == (
        400,
        [
            {
                "message": "Big deals need a partner",
                "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                "fields": ["PRM_Partner__c"],
            }
        ],
    )
    assert org.read("Opportunity", record_id)["Amount"] == 1000


def test_opportunity_partners_are_created_and_deleted_never_changed(org):
    deal, partner = org.opportunity(), org.create("Account", Name="P")
    values = {"OpportunityId": deal, "AccountToId": partner, "Role": "VAR/Reseller"}
    relation = org.create("OpportunityPartner", **values)
    path = f"/sobjects/OpportunityPartner/{relation}"
    status, answer = org.call("PATCH", path, {"Role": "Distributor"})
    assert (status, error(answer)) == (400, "INVALID_TYPE_FOR_OPERATION")
    status, answer = org.call("POST", "/sobjects/OpportunityPartner", {**values, "Role": "Friend"})
    assert error(answer) == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert org.call("DELETE", path)[0] == 204
    again = org.create("OpportunityPartner", **values)
    org.call("DELETE", f"/sobjects/Opportunity/{deal}")
    assert org.ids("SELECT Id FROM OpportunityPartner") == []
    assert again in org.ids("SELECT Id FROM OpportunityPartner", "queryAll")


def test_deleting_a_parent_clears_lookups_and_moves_only_the_system_stamp(org):
    partner = org.create("Account", Name="P")
    deal = org.opportunity(PRM_Partner__c=partner)
    org.advance(30)
    org.call("DELETE", f"/sobjects/Account/{partner}")
    record = org.read("Opportunity", deal)
    assert record["PRM_Partner__c"] is None
    assert record["LastModifiedDate"] < record["SystemModstamp"]


def test_the_recycle_bin_shows_through_query_all_and_get_deleted(org):
    kept, gone = org.create("Account", Name="K"), org.create("Account", Name="G")
    org.advance(60)
    org.call("DELETE", f"/sobjects/Account/{gone}")
    assert org.ids("SELECT Id FROM Account") == [kept]
    assert org.ids("SELECT Id FROM Account WHERE IsDeleted = true", "queryAll") == [gone]
    span = {"start": "2026-03-01T12:00:00+00:00", "end": "2026-03-02T00:00:00Z"}
    status, answer = org.call("GET", "/sobjects/Account/deleted/", **span)
    assert status == 200
    assert answer == {
        "deletedRecords": [{"id": gone, "deletedDate": "2026-03-01T12:01:00.000+0000"}],
        "earliestDateAvailable": "2026-02-14T12:01:00.000+0000",
        "latestDateCovered": "2026-03-01T12:01:00.000+0000",
    }
    assert org.call("GET", "/sobjects/Account/updated/", **span)[1]["ids"] == [kept]
    old = {"start": "2025-01-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}
    assert error(org.call("GET", "/sobjects/Account/deleted/", **old)[1]) == (
        "INVALID_REPLICATION_DATE"
    )


def test_paths_and_methods_that_do_not_exist(org):
    record_id = org.create("Account", Name="A")
    assert org.call("GET", "/sobjects/Foo/describe")[0] == 404
    assert org.call("GET", "/sobjects/Account/001gK0000000999QAA")[0] == 404
    assert "23foo" in org.call("GET", "/sobjects/Account/23foo")[1][0]["message"]
    assert org.call("PUT", f"/sobjects/Account/{record_id}", {})[0] == 405
    assert error(org.call("POST", "/sobjects/Account", b"{not json")[1]) == "JSON_PARSER_ERROR"
    assert error(org.call("POST", "/sobjects/Account", b"[1]")[1]) == "JSON_PARSER_ERROR"


def test_the_amount_of_a_deal_with_products_is_ignored_without_a_word(new_org):
    deal = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-06-30"}
    org = new_org(data={"Opportunity": [{**deal, "Amount": 5, "HasOpportunityLineItem": True}]})
    record_id = org.ids("SELECT Id FROM Opportunity")[0]
    path = f"/sobjects/Opportunity/{record_id}"
    assert org.call("PATCH", path, {"Amount": 9, "NextStep": "call"})[0] == 204
    record = org.read("Opportunity", record_id)
    assert (record["Amount"], record["NextStep"]) == (5, "call")


def test_a_span_of_too_many_changes_is_refused(org, monkeypatch):
    monkeypatch.setattr("prmsync_salesforce.simulator.sobjects._MOST_IDS", 2)
    span = {"start": "2026-02-28T00:00:00Z", "end": "2026-03-02T00:00:00Z"}
    for number in range(3):
        assert org.call("GET", "/sobjects/Opportunity/updated", **span)[0] == 200, number
        org.opportunity()
    status, answer = org.call("GET", "/sobjects/Opportunity/updated", **span)
    assert (status, answer[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")


def test_seconds_of_a_span_are_ignored(org):
    org.opportunity()
    span = {"start": "2026-03-01T11:59:10Z", "end": "2026-03-01T12:00:50Z"}
    assert org.call("GET", "/sobjects/Opportunity/updated", **span)[1]["ids"] == []
    span["end"] = "2026-03-01T12:01:00Z"
    assert len(org.call("GET", "/sobjects/Opportunity/updated", **span)[1]["ids"]) == 1
