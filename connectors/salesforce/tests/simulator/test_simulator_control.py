from __future__ import annotations

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.faults import InterruptedResponse
from prmsync_salesforce.simulator.app import SalesforceSimulator


def edit(org, record_id, user=None, **more):
    body = {"object": "Account", "id": record_id, "user": user, **more}
    return org.call("PATCH", "/_simulator/records", body)


def test_a_users_edit_is_told_apart_from_the_integrations(org):
    record_id = org.create("Account", Name="A")
    mine = org.read("Account", record_id)["LastModifiedById"]
    assert edit(org, record_id, values={"Name": "B"}) == (200, {"id": record_id})
    theirs = org.read("Account", record_id)["LastModifiedById"]
    assert theirs != mine
    edit(org, record_id, "avery.stone@example.com", values={"Name": "C"})
    avery = org.ids("SELECT Id FROM User WHERE Email = 'avery.stone@example.com'")[0]
    assert org.read("Account", record_id)["LastModifiedById"] == avery
    assert edit(org, record_id, "nobody", values={"Name": "D"})[0] == 400


def test_a_late_commit_carries_an_older_stamp(org):
    record_id = org.create("Account", Name="A")
    org.advance(600)
    edit(org, record_id, values={"Name": "late"}, stamp="2026-03-01T12:05:00Z")
    record = org.read("Account", record_id)
    assert record["SystemModstamp"] == "2026-03-01T12:05:00.000+0000"
    soql = "SELECT Id FROM Account WHERE SystemModstamp > 2026-03-01T12:09:00Z"
    assert org.ids(soql) == []


def test_users_create_and_delete_too_and_mistakes_are_told(org):
    body = {"object": "Account", "values": {"Name": "theirs"}}
    record_id = org.call("POST", "/_simulator/records", body)[1]["id"]
    listed = org.call("GET", "/_simulator/records", object="Account", id=record_id[:15])[1]
    assert listed["records"][0]["Name"] == "theirs"
    assert org.call("DELETE", "/_simulator/records", object="Account", id=record_id)[0] == 200
    listed = org.call("GET", "/_simulator/records", object="Account")[1]
    assert listed["records"][0]["IsDeleted"] is True
    status, answer = org.call(
        "POST", "/_simulator/records", {"object": "Account", "values": {"Nmae": "x"}}
    )
    assert (status, "INVALID_FIELD" in answer["message"]) == (400, True)
    assert org.call("GET", "/_simulator/records", object="Nope")[0] == 400


def test_the_whole_state_goes_to_another_org_and_back(org):
    partner = org.create("Account", Name="P", PRM_Partner_Id__c="p")
    deal = org.opportunity(PRM_Partner__c=partner, Amount=10)
    org.call("DELETE", f"/sobjects/Opportunity/{org.opportunity()}")
    org.advance(3600)
    state = org.call("GET", "/_simulator/state")[1]
    options = SimulatorOptions(
        now=org.simulator.chassis.clock.now, data={**state, "clock_offset_seconds": 0}
    )
    other = type(org)(SalesforceSimulator(options))
    other.sign_in()
    assert other.read("Opportunity", deal) == org.read("Opportunity", deal)
    assert len(other.ids("SELECT Id FROM Opportunity", "queryAll")) == 2
    other_dump = other.call("GET", "/_simulator/state")[1]
    assert other_dump["records"] == state["records"]
    assert other.create("Account", Name="next") not in (partner, deal)
    assert other.call("PUT", "/_simulator/state", state)[0] == 200
    assert other.ids("SELECT Id FROM Account") == [partner]


def test_a_state_that_cannot_be_restored_changes_nothing(org):
    record_id = org.create("Account", Name="A")
    bad = {"records": {"Account": [{"Nmae": "x"}]}}
    status, answer = org.call("PUT", "/_simulator/state", bad)
    assert (status, "Nmae" in answer["message"]) == (400, True)
    assert org.ids("SELECT Id FROM Account") == [record_id]
    assert org.call("PUT", "/_simulator/state", {})[0] == 400


def test_data_to_start_with_keeps_ids_and_dates_and_is_not_the_integrations(new_org):
    data = {
        "Account": [
            {"Id": "001gK000000zzzz", "Name": "Old", "CreatedDate": "2020-01-01T00:00:00Z"},
            {"Name": "New"},
        ],
        "Opportunity": [
            {
                "Name": "D",
                "StageName": "Closed Won",
                "CloseDate": "2020-02-02",
                "AccountId": "001gK000000zzzz",
            }
        ],
    }
    org = new_org(data=data)
    rows = org.query("SELECT Name, Account.CreatedDate, IsWon FROM Opportunity")
    assert rows[0]["Account"]["CreatedDate"] == "2020-01-01T00:00:00.000+0000"
    assert rows[0]["IsWon"] is True
    user = org.query("SELECT LastModifiedBy.Alias FROM Account LIMIT 1")[0]["LastModifiedBy"]
    assert user["Alias"] != "integrat"


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"status": 503}, 503, "SERVER_UNAVAILABLE"),
        ({"status": 500}, 500, "UNABLE_TO_LOCK_ROW"),
        ({"status": 403}, 403, "REQUEST_LIMIT_EXCEEDED"),
        ({"status": 401}, 401, "INVALID_SESSION_ID"),
        ({"status": 400, "code": "X", "message": "y"}, 400, "X"),
    ],
)
def test_faults_answer_in_salesforces_shape(org, rule, status, code):
    org.call("POST", "/_simulator/faults", {"path": "/sobjects/Account$", "times": 1, **rule})
    got, answer = org.call("POST", "/sobjects/Account", {"Name": "A"})
    assert (got, answer[0]["errorCode"]) == (status, code)
    assert org.query("SELECT Id FROM Account") == []
    assert org.call("POST", "/sobjects/Account", {"Name": "A"})[0] == 201


def test_a_lost_reply_has_committed(org):
    org.call("POST", "/_simulator/faults", {"path": "/sobjects/Account$", "drop": True})
    org.call("POST", "/sobjects/Account", {"Name": "A"})
    assert isinstance(org.last, InterruptedResponse)
    assert org.last.drop
    assert len(org.query("SELECT Id FROM Account")) == 1


def test_calls_are_counted_by_kind(org):
    org.call("DELETE", "/_simulator/stats")
    org.sign_in()
    org.create("Account", Name="A")
    org.query("SELECT Id FROM Account")
    org.call("GET", "/sobjects/Account/describe")
    record = {"attributes": {"type": "Account"}, "Name": "B", "PRM_Partner_Id__c": "b"}
    org.call("PATCH", "/composite/sobjects/Account/PRM_Partner_Id__c", {"records": [record]})
    stats = org.call("GET", "/_simulator/stats")[1]
    assert stats["by_endpoint"] == {
        "collections-upsert": 1,
        "describe": 1,
        "query": 1,
        "record-create": 1,
        "token": 1,
    }


def test_merged_accounts_name_their_master_and_hand_over_their_children(org):
    loser = org.create("Account", Name="L", PRM_Partner_Id__c="l")
    master = org.create("Account", Name="M")
    deal = org.opportunity(AccountId=loser, PRM_Partner__c=loser)
    org.advance(60)
    body = {"object": "Account", "id": loser, "into": master}
    assert org.call("POST", "/_simulator/merge", body) == (200, {"id": master})
    soql = "SELECT Id, MasterRecordId, IsDeleted FROM Account WHERE PRM_Partner_Id__c = 'l'"
    row = org.query(soql, "queryAll")[0]
    assert (row["Id"], row["MasterRecordId"], row["IsDeleted"]) == (loser, master, True)
    record = org.read("Opportunity", deal)
    assert (record["AccountId"], record["PRM_Partner__c"]) == (master, master)
    assert record["SystemModstamp"] == "2026-03-01T12:01:00.000+0000"
    assert org.call("POST", "/_simulator/merge", body)[0] == 400
    deals = {"object": "Opportunity", "id": deal, "into": org.opportunity()}
    assert org.call("POST", "/_simulator/merge", deals)[0] == 400
