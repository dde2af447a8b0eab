from __future__ import annotations

import csv
import io

import pytest

from prmsync.connector.simulator.http import Request


def raw(org, method, path, body=b"", **query):
    headers = {"host": "127.0.0.1:9999", "authorization": f"Bearer {org.token}"}
    values = {name: [value] for name, value in query.items()}
    full = f"/services/data/v68.0{path}"
    return org.simulator.handle(Request(method, full, values, headers, body))


def table(response):
    return list(csv.reader(io.StringIO(response.body.decode())))


def job(org, operation, text, object_name="Opportunity", **more):
    """A finished ingest job's id and its last look."""
    body = {"object": object_name, "operation": operation, "contentType": "CSV", **more}
    status, made = org.call("POST", "/jobs/ingest", body)
    assert status == 200, made
    assert made["state"] == "Open"
    path = f"/jobs/ingest/{made['id']}"
    assert made["contentUrl"] == f"services/data/v68.0{path}/batches"
    assert raw(org, "PUT", f"{path}/batches", text.encode()).status == 201
    status, answer = org.call("PATCH", path, {"state": "UploadComplete"})
    assert (status, answer["state"]) == (200, "UploadComplete")
    assert org.call("GET", path)[1]["state"] == "InProgress"
    return made["id"], org.call("GET", path)[1]


def results(org, job_id, name):
    return table(raw(org, "GET", f"/jobs/ingest/{job_id}/{name}"))


KEYED = {"externalIdFieldName": "PRM_Opportunity_Id__c"}


def test_an_upsert_job_creates_changes_and_refuses_row_by_row(org):
    known = org.opportunity(PRM_Opportunity_Id__c="k1", NextStep="call", Amount=5)
    text = (
        "PRM_Opportunity_Id__c,Name,StageName,CloseDate,NextStep,Amount\n"
        "k1,,,,#N/A,\n"
        'k2,"New, one",Prospecting,2026-05-01,,7.5\n'
        "k3,,Prospecting,2026-05-01,,\n"
        "k4,Bad,Prospecting,not-a-day,,\n"
    )
    job_id, done = job(org, "upsert", text, **KEYED)
    assert done["state"] == "JobComplete"
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (4, 2)
    row = org.read("Opportunity", known)
    assert (row["Name"], row["NextStep"], row["Amount"]) == ("Deal", None, 5.0)
    good = results(org, job_id, "successfulResults")
    assert good[0][:3] == ["sf__Id", "sf__Created", "PRM_Opportunity_Id__c"]
    assert [line[1:4] for line in good[1:]] == [["false", "k1", ""], ["true", "k2", "New, one"]]
    bad = results(org, job_id, "failedResults")
    assert bad[0][:2] == ["sf__Id", "sf__Error"]
    assert [line[:3] for line in bad[1:]] == [
        ["", "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --", "k3"],
        [
            "",
            "INVALID_FIELD:Failed to deserialize field at col 3. Due to, 'not-a-day' is not a "
            "valid value for the type xsd:date:CloseDate --",
            "k4",
        ],
    ]
    assert results(org, job_id, "unprocessedrecords")[1:] == []


def test_the_other_operations_name_records_by_id(org):
    first, second = org.opportunity(), org.opportunity()
    _, done = job(org, "update", f"Id,Name\n{first},Renamed\n{first[:15]},Again\n")
    assert done["numberRecordsFailed"] == 0
    assert org.read("Opportunity", first)["Name"] == "Again"
    _, done = job(org, "insert", "Name,StageName,CloseDate\nX,Prospecting,2026-01-01\n")
    assert len(org.ids("SELECT Id FROM Opportunity")) == 3
    job_id, done = job(org, "delete", f"Id\n{second}\n{second}\n")
    assert done["numberRecordsFailed"] == 1
    assert results(org, job_id, "failedResults")[1][1] == "ENTITY_IS_DELETED:entity is deleted:--"


def test_parents_are_named_by_their_external_id(org):
    account = org.create("Account", Name="P", PRM_Partner_Id__c="p1")
    text = "PRM_Opportunity_Id__c,Name,StageName,CloseDate,Account.PRM_Partner_Id__c\n"
    text += "k1,N,Prospecting,2026-01-01,p1\nk2,N,Prospecting,2026-01-01,p9\n"
    job_id, _ = job(org, "upsert", text, **KEYED)
    assert org.query("SELECT AccountId FROM Opportunity")[0]["AccountId"] == account
    assert "Foreign key external ID: p9 not found" in results(org, job_id, "failedResults")[1][1]


def test_a_key_given_twice_in_one_job_is_refused_both_times(org):
    text = "PRM_Opportunity_Id__c,Name,StageName,CloseDate\n"
    text += "same,A,Prospecting,2026-01-01\nSAME,B,Prospecting,2026-01-01\n"
    _, done = job(org, "upsert", text, **KEYED)
    assert done["numberRecordsFailed"] == 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Nope__c,Name\n1,2\n", "InvalidBatch : Field name not found : Nope__c"),
        (
            "Name,StageName\r\n1,2\r\n",
            "ClientInputError : LineEnding is invalid on user data. "
            "Current LineEnding setting is LF",
        ),
        ("", "InvalidBatch : Unable to parse CSV: it is empty"),
    ],
)
def test_a_file_that_cannot_be_used_fails_the_whole_job(org, text, error):
    job_id, done = job(org, "insert", text)
    assert (done["state"], done["errorMessage"]) == ("Failed", error)
    assert done["numberRecordsProcessed"] == 0
    assert results(org, job_id, "failedResults")[1:] == []


def test_a_job_that_breaks_down_leaves_the_rest_unprocessed(org):
    org.call("POST", "/_simulator/faults", {"record": "^two$", "code": "JOB_FAILED"})
    text = "Name,StageName,CloseDate\n"
    text += "".join(f"{name},Prospecting,2026-01-01\n" for name in ("one", "two", "three"))
    job_id, done = job(org, "insert", text)
    assert (done["state"], done["numberRecordsProcessed"]) == ("Failed", 1)
    assert [row[0] for row in results(org, job_id, "unprocessedrecords")] == [
        "Name",
        "two",
        "three",
    ]
    assert len(results(org, job_id, "successfulResults")) == 2


def test_rows_are_locked_one_by_one(org):
    org.call("POST", "/_simulator/faults", {"record": "^A$", "path": "jobs/ingest", "times": 1})
    text = "Name,StageName,CloseDate\nA,Prospecting,2026-01-01\nB,Prospecting,2026-01-01\n"
    job_id, done = job(org, "insert", text)
    assert (done["state"], done["numberRecordsFailed"]) == ("JobComplete", 1)
    assert results(org, job_id, "failedResults")[1][1] == (
        "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--"
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"object": "Nope", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Account", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "merge"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "insert", "lineEnding": "CR"}, "INVALIDJOB"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(org, body, code):
    status, answer = org.call("POST", "/jobs/ingest", body)
    assert (status, answer[0]["errorCode"]) == (400, code)


def test_a_job_that_is_done_is_listed_as_under_way_until_somebody_looks(org):
    made = org.call("POST", "/jobs/ingest", {"object": "Account", "operation": "insert"})[1]
    path = f"/jobs/ingest/{made['id']}"
    raw(org, "PUT", f"{path}/batches", b"Name\nx\n")
    org.call("PATCH", path, {"state": "UploadComplete"})

    def listed():
        [job] = org.call("GET", "/jobs/ingest")[1]["records"]
        return job["state"]

    assert (listed(), listed()) == ("InProgress", "InProgress")
    for _ in range(2):
        org.call("GET", path)
    assert listed() == "JobComplete"


def test_a_job_s_states_go_one_way(org):
    made = org.call("POST", "/jobs/ingest", {"object": "Account", "operation": "insert"})[1]
    path = f"/jobs/ingest/{made['id']}"
    assert org.call("PATCH", path, {"state": "Aborted"})[1]["state"] == "Aborted"
    assert (
        org.call("PATCH", path, {"state": "UploadComplete"})[1][0]["errorCode"] == "INVALIDJOBSTATE"
    )
    assert raw(org, "PUT", f"{path}/batches", b"Name\nx\n").status == 400
    assert org.call("GET", "/jobs/ingest")[1]["records"][0]["id"] == made["id"]
    assert org.call("DELETE", path)[0] == 204
    assert org.call("GET", path)[0] == 404


def query_job(org, soql, operation="query"):
    status, made = org.call("POST", "/jobs/query", {"operation": operation, "query": soql})
    assert (status, made["state"]) == (200, "UploadComplete")
    path = f"/jobs/query/{made['id']}"
    assert raw(org, "GET", f"{path}/results").status == 400
    assert org.call("GET", path)[1]["state"] == "InProgress"
    done = org.call("GET", path)[1]
    assert done["state"] == "JobComplete"
    return path, done


def test_a_query_job_gives_its_rows_as_csv_page_by_page(org):
    account = org.create("Account", Name="Parent")
    for number in range(5):
        org.opportunity(Name=f"D{number}", AccountId=account if number else None, Amount=number)
    soql = (
        "SELECT Id, Name, Account.Name, Amount, IsWon, CreatedDate FROM Opportunity ORDER BY Name"
    )
    path, done = query_job(org, soql)
    assert done["numberRecordsProcessed"] == 5
    page = raw(org, "GET", f"{path}/results", maxRecords="3")
    assert page.headers["Sforce-NumberOfRecords"] == "3"
    rows = table(page)
    assert rows[0] == ["Id", "Name", "Account.Name", "Amount", "IsWon", "CreatedDate"]
    assert rows[1][1:] == ["D0", "", "0.0", "false", "2026-03-01T12:00:00.000Z"]
    assert rows[2][2] == "Parent"
    rest = raw(
        org, "GET", f"{path}/results", locator=page.headers["Sforce-Locator"], maxRecords="3"
    )
    assert [row[1] for row in table(rest)[1:]] == ["D3", "D4"]
    assert rest.headers["Sforce-Locator"] == "null"
    assert raw(org, "GET", f"{path}/results", locator="nope").status == 400


def test_a_query_job_shows_the_rows_of_its_moment(org):
    record_id = org.opportunity(Name="before")
    path, _ = query_job(org, "SELECT Name FROM Opportunity")
    org.call("PATCH", f"/sobjects/Opportunity/{record_id}", {"Name": "after"})
    assert table(raw(org, "GET", f"{path}/results"))[1] == ["before"]
    org.call("DELETE", f"/sobjects/Opportunity/{record_id}")
    assert query_job(org, "SELECT Id FROM Opportunity")[1]["numberRecordsProcessed"] == 0
    assert (
        query_job(org, "SELECT Id FROM Opportunity", "queryAll")[1]["numberRecordsProcessed"] == 1
    )


def test_a_query_that_bulk_cannot_run_is_refused_at_once(org):
    for soql, code in (
        ("SELECT COUNT() FROM Account", "API_ERROR"),
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELEC Id", "MALFORMED_QUERY"),
    ):
        body = {"operation": "query", "query": soql}
        assert org.call("POST", "/jobs/query", body)[1][0]["errorCode"] == code
