from __future__ import annotations

import pytest


def post(org, topic, **body):
    return org.call("POST", f"/_simulator/{topic}", body)


def refusal(answer):
    status, body = answer
    assert status == 400, body
    return body[0]["errorCode"], body[0]["message"]


ALERT = {"object": "Account", "name": "Same_Site", "fields": ["Website"]}


def test_a_duplicate_is_refused_with_the_matching_ids(org):
    known = org.create("Account", Name="One", Website="acme.example")
    assert post(org, "duplicate_rules", **ALERT)[0] == 200
    status, answer = org.call(
        "POST", "/sobjects/Account", {"Name": "Two", "Website": "ACME.example"}
    )
    assert status == 400
    assert answer[0]["errorCode"] == "DUPLICATES_DETECTED"
    result = answer[0]["duplicateResut"]
    assert (result["allowSave"], result["duplicateRule"]) == (True, "Same_Site")
    assert result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == known
    row = {"attributes": {"type": "Account"}, "Name": "Two", "Website": "acme.example"}
    [refused] = org.call("POST", "/composite/sobjects", {"records": [row]})[1]
    assert refused["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"
    assert refused["errors"][0]["duplicateResut"]["matchResults"][0]["size"] == 1
    assert org.query("SELECT DeveloperName FROM DuplicateRule WHERE IsActive = true") == [
        org.query("SELECT DeveloperName FROM DuplicateRule")[0]
    ]


def test_a_header_saves_what_a_rule_only_warns_of(org):
    org.create("Account", Name="One", Website="acme.example")
    post(org, "duplicate_rules", **ALERT)
    allow = {"sforce-duplicate-rule-header": "allowSave=true"}
    body = {"Name": "Two", "Website": "acme.example"}
    assert org.call("POST", "/sobjects/Account", body, allow)[0] == 201
    post(org, "duplicate_rules", **{**ALERT, "fields": ["Name"], "action": "Block"})
    body = {"Name": "Two", "Website": "other.example"}
    assert refusal(org.call("POST", "/sobjects/Account", body, allow))[0] == "DUPLICATES_DETECTED"
    assert org.create("Account", Name="No site at all")


@pytest.mark.parametrize(
    ("topic", "body", "word"),
    [
        ("duplicate_rules", {"object": "Nope", "fields": ["Name"]}, "known"),
        ("duplicate_rules", {"object": "Account", "fields": ["Nope"]}, "does not have"),
        ("duplicate_rules", {**ALERT, "action": "Shout"}, "Alert, Block"),
        ("rollups", {"object": "Account"}, "by, field, of"),
        ("rollups", {"object": "Account", "field": "X", "of": "Y", "by": "Z"}, "unknown object"),
        ("validation_rules", {"object": "Account"}, "when"),
        ("validation_rules", {"object": "Account", "when": "Nope = 1", "message": "x"}, "Nope"),
        ("field_security", {"object": "Account", "fields": ["Nope"]}, "fields"),
        ("approval_locks", {"id": "nope"}, "id"),
        ("rename_choice", {"object": "Account"}, "value"),
        (
            "rename_choice",
            {"object": "Opportunity", "field": "StageName", "value": "No", "to": "Yes"},
            "has no value No",
        ),
        ("undelete", {"id": "001000000000001"}, "UNDELETE_FAILED"),
        ("convert_lead", {"id": "00Q000000000001"}, "NOT_FOUND"),
        ("convert_lead", {"id": "00Q000000000001", "opportunity": "no"}, "opportunity"),
    ],
)
def test_what_cannot_be_set_up_is_told(org, topic, body, word):
    status, answer = post(org, topic, **body)
    assert status == 400
    assert word in answer["message"]


def test_a_validation_rule_is_set_while_the_org_runs(org):
    deal = org.opportunity(Amount=5)
    rule = {
        "object": "Opportunity",
        "when": "Amount > 100",
        "message": "Too dear.",
        "field": "Amount",
    }
    assert post(org, "validation_rules", **rule)[0] == 200
    status, answer = org.call("PATCH", f"/sobjects/Opportunity/{deal}", {"Amount": 101})
    assert (status, answer[0]) == (
        400,
        {
            "message": "Too dear.",
            "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "fields": ["Amount"],
        },
    )
    soql = "SELECT ErrorMessage FROM ValidationRule WHERE Active = true"
    assert org.call("GET", "/tooling/query", q=soql)[1]["records"][0]["ErrorMessage"] == "Too dear."


def test_an_approval_locks_a_record_until_it_is_given_back(org):
    deal = org.opportunity()
    assert post(org, "approval_locks", id=deal, locked=True)[1] == {"locked": [deal]}
    path = f"/sobjects/Opportunity/{deal}"
    locked = ("ENTITY_IS_LOCKED", "the entity is locked for editing")
    assert refusal(org.call("PATCH", path, {"Name": "x"})) == locked
    assert refusal(org.call("DELETE", path)) == locked
    change = {"object": "Opportunity", "id": deal, "values": {"NextStep": "by the approver"}}
    assert org.call("PATCH", "/_simulator/records", change)[0] == 200
    post(org, "approval_locks", id=deal, locked=False)
    assert org.call("PATCH", path, {"Name": "x"})[0] == 204


def test_the_amount_follows_the_products(org):
    deal = org.opportunity(Amount=5)
    first = org.create("OpportunityLineItem", OpportunityId=deal, Quantity=2, UnitPrice=50)
    second = org.create("OpportunityLineItem", OpportunityId=deal, Quantity=1, UnitPrice=7.5)
    row = org.read("Opportunity", deal)
    assert (row["Amount"], row["HasOpportunityLineItem"]) == (107.5, True)
    assert org.call("PATCH", f"/sobjects/Opportunity/{deal}", {"Amount": 1})[0] == 204
    assert org.read("Opportunity", deal)["Amount"] == 107.5
    org.call("PATCH", f"/sobjects/OpportunityLineItem/{first}", {"Quantity": 1})
    assert org.read("Opportunity", deal)["Amount"] == 57.5
    for line in (first, second):
        org.call("DELETE", f"/sobjects/OpportunityLineItem/{line}")
    assert org.read("Opportunity", deal)["HasOpportunityLineItem"] is False
    assert org.call("PATCH", f"/sobjects/Opportunity/{deal}", {"Amount": 1})[0] == 204
    assert org.read("Opportunity", deal)["Amount"] == 1.0


def test_a_roll_up_moves_the_system_stamp_and_nothing_else(new_org):
    total = {"name": "Total__c", "type": "currency", "precision": 18, "scale": 2, "label": "Total"}
    total |= {"createable": False, "updateable": False, "calculated": True}
    account = new_org().call("GET", "/sobjects/Account/describe")[1]
    account["fields"].append(total)
    rollup = {"object": "Account", "field": "Total__c", "of": "Opportunity", "by": "AccountId"}
    org = new_org(schema={"objects": [account], "rollups": [{**rollup, "value": "Amount"}]})
    partner = org.create("Account", Name="P")
    before = org.read("Account", partner)
    org.advance(60)
    deal = org.opportunity(AccountId=partner, Amount=5)
    org.opportunity(AccountId=partner, Amount=7)
    after = org.read("Account", partner)
    assert after["Total__c"] == 12.0
    assert after["LastModifiedDate"] == before["LastModifiedDate"]
    assert after["SystemModstamp"] > before["SystemModstamp"]
    org.call("DELETE", f"/sobjects/Opportunity/{deal}")
    assert org.read("Account", partner)["Total__c"] == 7.0


def test_field_security_hides_a_field_until_a_permission_set_shows_it(org):
    assert post(org, "field_security", object="Account", fields=["PRM_Tier__c"])[0] == 200
    made = org.create("Account", Name="A")
    assert "PRM_Tier__c" not in org.read("Account", made)
    refused = org.call("PATCH", f"/sobjects/Account/{made}", {"PRM_Tier__c": "Gold"})
    assert refusal(refused)[0] == "INVALID_FIELD"
    change = {"object": "Account", "id": made, "values": {"PRM_Tier__c": "Gold"}}
    assert org.call("PATCH", "/_simulator/records", change)[0] == 200
    assert org.call("GET", "/query", q="SELECT PRM_Tier__c FROM Account")[0] == 400


def test_a_record_comes_out_of_the_recycle_bin(org):
    deal = org.opportunity(PRM_Opportunity_Id__c="k1")
    org.call("DELETE", f"/sobjects/Opportunity/{deal}")
    assert org.call("GET", f"/sobjects/Opportunity/{deal}")[0] == 404
    assert post(org, "undelete", id=deal)[0] == 200
    assert org.read("Opportunity", deal)["PRM_Opportunity_Id__c"] == "k1"
    assert org.ids("SELECT Id FROM Opportunity WHERE PRM_Opportunity_Id__c = 'k1'") == [deal]


def test_a_key_taken_meanwhile_stays_with_its_new_record(org):
    deal = org.opportunity(PRM_Opportunity_Id__c="k1")
    org.call("DELETE", f"/sobjects/Opportunity/{deal}")
    org.opportunity(PRM_Opportunity_Id__c="k1")
    status, answer = post(org, "undelete", id=deal)
    assert status == 400
    assert "DUPLICATE_VALUE" in answer["message"]


def test_leads_are_converted_and_merged(org):
    lead = org.create("Lead", LastName="Doe", FirstName="Jo", Company="Acme")
    assert org.read("Lead", lead)["Name"] == "Jo Doe"
    status, made = post(org, "convert_lead", id=lead)
    assert status == 200
    assert org.read("Opportunity", made["ConvertedOpportunityId"])["Name"] == "Acme"
    refused = org.call("PATCH", f"/sobjects/Lead/{lead}", {"Company": "x"})
    assert refusal(refused) == ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    first = org.create("Lead", LastName="A", Company="A")
    second = org.create("Lead", LastName="B", Company="B")
    assert post(org, "merge", object="Lead", id=second, into=first)[0] == 200
    [gone] = org.query(f"SELECT MasterRecordId FROM Lead WHERE Id = '{second}'", "queryAll")
    assert gone["MasterRecordId"] == first


def test_a_lead_may_be_converted_without_an_opportunity(org):
    lead = org.create("Lead", LastName="Doe", Company="Acme")
    status, made = post(org, "convert_lead", id=lead, opportunity=False)
    assert status == 200
    assert "ConvertedOpportunityId" not in made
    kept = org.read("Lead", lead)
    assert (kept["IsConverted"], kept["ConvertedOpportunityId"]) == (True, None)
    assert kept["ConvertedAccountId"] == made["ConvertedAccountId"]
    assert org.query("SELECT Id FROM Opportunity") == []


def test_rules_and_locks_are_part_of_the_state(org, new_org):
    deal = org.opportunity()
    post(org, "duplicate_rules", **ALERT)
    post(org, "validation_rules", object="Opportunity", when="Amount > 9", message="No.")
    post(org, "approval_locks", id=deal, locked=True)
    state = org.call("GET", "/_simulator/state")[1]
    other = new_org()
    assert other.call("PUT", "/_simulator/state", state)[0] == 200
    assert (
        refusal(other.call("PATCH", f"/sobjects/Opportunity/{deal}", {}))[0] == "ENTITY_IS_LOCKED"
    )
    assert other.call("POST", "/sobjects/Opportunity", {"Amount": 10})[0] == 400
    assert other.call("GET", "/_simulator/state")[1] == state
    assert org.call("PUT", "/_simulator/state", new_org().call("GET", "/_simulator/state")[1])
    assert org.call("GET", "/_simulator/duplicate_rules")[1] == {"duplicate_rules": []}


def test_a_renamed_stage_moves_its_records_without_their_modified_date(org):
    deal = org.opportunity(StageName="Closed Won")
    before = org.read("Opportunity", deal)
    org.advance(60)
    rename = {"object": "Opportunity", "field": "StageName", "value": "Closed Won", "to": "Won"}
    assert post(org, "rename_choice", **rename)[1] == {"records": 1}
    after = org.read("Opportunity", deal)
    assert (after["StageName"], after["IsWon"]) == ("Won", True)
    assert after["LastModifiedDate"] == before["LastModifiedDate"]
    assert after["SystemModstamp"] > before["SystemModstamp"]
    other = org.opportunity(StageName="Won")
    assert org.read("Opportunity", other)["IsWon"] is True
    choices = [
        choice["value"]
        for field in org.call("GET", "/sobjects/Opportunity/describe")[1]["fields"]
        for choice in field["picklistValues"]
        if field["name"] == "StageName"
    ]
    assert "Won" in choices
    assert "Closed Won" not in choices


def test_an_assignment_rule_decides_the_owner_unless_the_call_says_otherwise(org):
    values = {"Name": "Desk", "SobjectType": "Account", "Active": True}
    org.call("POST", "/_simulator/records", {"object": "AssignmentRule", "values": values})
    ours = org.create("Account", Name="Acme")
    (dana,) = org.ids("SELECT Id FROM User WHERE Username = 'dana.admin@crm.example.com'")
    assert org.read("Account", ours)["OwnerId"] == dana
    me = org.call("GET", "/services/oauth2/userinfo")[1]["user_id"]
    without = {"sforce-auto-assign": "FALSE"}
    org.call("PATCH", f"/sobjects/Account/{ours}", {"OwnerId": me}, without)
    assert org.read("Account", ours)["OwnerId"] == me
    org.call("PATCH", f"/sobjects/Account/{ours}", {"Name": "Acme AG"})
    assert org.read("Account", ours)["OwnerId"] == dana
    assert org.read("Opportunity", org.opportunity())["OwnerId"] == me


def test_a_call_within_a_composite_takes_over_no_header_but_the_sign_in(org):
    values = {"Name": "Desk", "SobjectType": "Account", "Active": True}
    org.call("POST", "/_simulator/records", {"object": "AssignmentRule", "values": values})
    me = org.call("GET", "/services/oauth2/userinfo")[1]["user_id"]
    off = {"Sforce-Auto-Assign": "FALSE"}
    call = {"method": "POST", "url": "/services/data/v68.0/sobjects/Account"}
    parts = [
        {**call, "referenceId": "outer", "body": {"Name": "A"}},
        {**call, "referenceId": "own", "body": {"Name": "B"}, "httpHeaders": off},
    ]
    org.call("POST", "/composite", {"compositeRequest": parts}, off)
    owners = org.query("SELECT OwnerId FROM Account ORDER BY Name")
    assert [one["OwnerId"] == me for one in owners] == [False, True]
