"""The thirteen things a simulator must get right, each met by the Salesforce connector.

Points 3, 7 and 9 are about HubSpot in part; test_thirteen_points_hubspot.py has that part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from prmsync.connector.protocol import Change, Connector, NewRecord, ObjectSpec
from prmsync.connector.testing import Bench
from prmsync.domain.values import Values
from prmsync.errors import (
    GoneError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    RetryableError,
)
from prmsync_salesforce import PLUGIN

DEALS = ObjectSpec(
    "opportunity",
    "Opportunity",
    ("PRM_Opportunity_Id__c", "Name", "StageName", "CloseDate", "Amount", "NextStep"),
    "PRM_Opportunity_Id__c",
)
PARTNERS = ObjectSpec(
    "partner", "Account", ("PRM_Partner_Id__c", "Name", "Website"), "PRM_Partner_Id__c"
)
REGISTRATIONS = ObjectSpec(
    "registration",
    "PRM_Registration__c",
    ("PRM_Registration_Id__c", "Review_State__c"),
    "PRM_Registration_Id__c",
)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench.in_process(PLUGIN) as bench:
        yield bench


@pytest.fixture
def in_bulk(bench: Bench) -> Iterator[Connector]:
    """A connector as the product makes it, that writes eleven new records and more by a job."""
    with ThreadPoolExecutor(2) as pool:
        runtime = dataclasses.replace(bench.runtime, pool=pool)
        settings = dataclasses.replace(bench.settings, options={"bulk_writes": 10})
        yield PLUGIN.connect(settings, runtime)


def deal(number: int, **values: str | None) -> NewRecord:
    new: Values = {"Name": f"Deal {number}", "StageName": "Prospecting", "CloseDate": "2026-12-24"}
    return NewRecord(f"key-{number}", {**new, **values})


def create_deals(connector, count: int) -> list[str]:
    made = []
    for start in range(0, count, 200):
        rows = [deal(number) for number in range(start, min(start + 200, count))]
        made += [str(result.id) for result in connector.create(DEALS, rows)]
    return made


def read(connector, cursor: str | None = None, spec: ObjectSpec = DEALS):
    """Records by id, and the cursor behind them."""
    pages = list(connector.changes(spec, cursor))
    return {record.id: record for page in pages for record in page.records}, pages[-1].cursor


def test_point_01_a_200_that_contains_a_failure_is_a_failure_of_that_row_only(bench):
    connector = bench.connector()
    rows = [deal(1), deal(2, Name=None), deal(3)]
    first, second, third = connector.create(DEALS, rows)
    assert isinstance(second.error, RejectedError)
    assert second.error.code == "REQUIRED_FIELD_MISSING"
    assert first.error is third.error is None
    assert set(connector.find(DEALS, ["key-1", "key-2", "key-3"])) == {"key-1", "key-3"}
    statuses = bench.control("GET", "stats")["by_status"]
    assert set(statuses) == {"200"}


def test_point_01_a_job_that_is_complete_may_have_failed_rows(bench, in_bulk):
    rows = [deal(number) for number in range(12)]
    rows[5] = deal(5, StageName=None)
    results = in_bulk.create(DEALS, rows)
    assert bench.control("GET", "stats")["by_endpoint"]["bulk-ingest"] > 3
    (refused,) = [result for result in results if result.error is not None]
    assert results[5] is refused
    assert refused.error.code == "REQUIRED_FIELD_MISSING"
    assert len(in_bulk.find(DEALS, [row.key for row in rows])) == 11


def test_point_02_a_commit_that_comes_late_with_an_older_stamp_is_read(bench):
    connector = bench.connector()
    (made,) = create_deals(connector, 1)
    bench.clock.advance(3600)
    _, cursor = read(connector)
    bench.clock.advance(30)
    late = bench.clock.now()
    bench.clock.advance(300)
    _, cursor = read(connector, cursor)
    bench.user_edits("Opportunity", made, {"NextStep": "late"}, stamp=late)
    seen, _ = read(connector, cursor)
    assert seen[made].values["NextStep"] == "late"


def test_point_02_equal_stamps_across_a_page_edge_lose_nobody(bench):
    connector = bench.connector()
    made = create_deals(connector, 2100)
    seen, cursor = read(connector)
    assert set(seen) == set(made)
    again, _ = read(connector, cursor)
    assert set(again) <= set(made)


def test_point_03_the_days_limit_stops_and_too_many_at_once_is_waited_for(bench):
    connector = bench.connector()
    create_deals(connector, 1)
    message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    bench.fault(path="/query", status=403, code="REQUEST_LIMIT_EXCEEDED", message=message, times=1)
    assert len(read(connector)[0]) == 1
    assert bench.clock.slept
    bench.fault(path="/query", status=403, code="REQUEST_LIMIT_EXCEEDED")
    with pytest.raises(QuotaError):
        read(connector)


def test_point_04_tokens_expire_mid_run_and_between_pages(bench):
    bench.control("POST", "sign_in", {"token_lifetime_seconds": 600})
    connector = bench.connector(options={"prefetch": False})
    made = create_deals(connector, 2100)
    pages = connector.changes(DEALS, None)
    seen = {record.id for record in next(pages).records}
    bench.clock.advance(601)
    seen |= {record.id for page in pages for record in page.records}
    assert seen == set(made)
    bench.control("POST", "sign_in", {"revoke": "access"})
    (result,) = connector.update(DEALS, [Change(made[0], {"Name": "After"})])
    assert result.error is None
    assert connector.usage().calls["sign_in"] == 3


def test_point_04_a_session_that_ends_in_a_bulk_job_is_renewed(bench):
    made = create_deals(bench.connector(), 300)
    connector = bench.connector(options={"bulk_rows": 100})
    expired = {"status": 401, "code": "INVALID_SESSION_ID"}
    bench.fault(path="/jobs/query/[^/]+$", method="GET", times=1, **expired)
    bench.fault(path="/jobs/query/.*/results", times=1, **expired)
    assert set(read(connector)[0]) == set(made)
    assert connector.usage().calls["sign_in"] == 3
    assert "bulk-query" in bench.control("GET", "stats")["by_endpoint"]


def test_point_04_a_session_that_ends_while_a_job_writes_is_renewed(bench, in_bulk):
    in_bulk.describe("Opportunity")
    expired = {"status": 401, "code": "INVALID_SESSION_ID"}
    bench.fault(path="/jobs/ingest/[^/]+$", method="GET", times=1, **expired)
    bench.fault(path="/jobs/ingest/.*/successfulResults", times=1, **expired)
    results = in_bulk.create(DEALS, [deal(number) for number in range(12)])
    assert all(result.created for result in results)
    assert in_bulk.usage().calls["sign_in"] == 3


@pytest.mark.parametrize("status", [400, 500])
def test_point_05_a_locked_row_is_tried_again_row_by_row_and_as_a_whole(bench, status):
    connector = bench.connector()
    one, two = create_deals(connector, 2)
    both = [Change(one, {"Name": "New"}), Change(two, {"Name": "New"})]
    bench.fault(record=one, code="UNABLE_TO_LOCK_ROW", times=1)
    assert [result.error for result in connector.update(DEALS, both)] == [None, None]
    bench.fault(record=one, code="UNABLE_TO_LOCK_ROW")
    first, second = connector.update(DEALS, both)
    assert isinstance(first.error, RetryableError)
    assert second.error is None
    bench.mend()
    bench.fault(
        path="/composite", method="PATCH", status=status, times=1, code="UNABLE_TO_LOCK_ROW"
    )
    (again,) = connector.update(DEALS, [Change(one, {"Name": "New"})])
    assert again.error is None
    assert connector.fetch(DEALS, [one])[one].values["Name"] == "New"


def test_point_05_duplicate_and_validation_rules_speak_in_their_own_words(bench):
    connector = bench.connector()
    known = bench.user_creates("Account", {"Name": "Acme", "Website": "acme.example"})
    bench.control("POST", "duplicate_rules", {"object": "Account", "fields": ["Website"]})
    row = NewRecord("p1", {"Name": "Acme again", "Website": "ACME.example"})
    (result,) = connector.create(PARTNERS, [row])
    assert isinstance(result.error, RejectedError)
    assert result.error.code == "DUPLICATES_DETECTED"
    assert known in f"{result.error.message} {result.error.hint}"
    rule = {"object": "Opportunity", "when": "Amount > 1000", "message": "Ask Dana first."}
    bench.control("POST", "validation_rules", rule)
    (result,) = connector.create(DEALS, [deal(1, Amount="1001")])
    assert isinstance(result.error, RejectedError)
    assert "Ask Dana first." in result.error.message


def test_point_06_what_was_written_while_its_answer_was_lost_is_found_again(bench):
    connector = bench.connector()
    connector.describe("Opportunity")
    bench.fault(path="/composite", method="PATCH", drop=True, times=1)
    with pytest.raises(OutcomeUnknownError):
        connector.create(DEALS, [deal(1)])
    found = connector.find(DEALS, ["key-1"])
    (again,) = connector.create(DEALS, [deal(1)])
    assert (again.id, again.created) == (found["key-1"].id, False)


def test_point_07_an_upsert_tells_whether_it_created(bench):
    connector = bench.connector()
    assert [one.created for one in connector.create(DEALS, [deal(1)])] == [True]
    assert [one.created for one in connector.create(DEALS, [deal(1), deal(2)])] == [False, True]


def test_point_08_none_clears_and_what_is_not_named_stays(bench):
    connector = bench.connector()
    (made,) = connector.create(DEALS, [deal(1, NextStep="call", Amount="5")])
    record_id = str(made.id)
    bench.user_edits("Opportunity", record_id, {"NextStep": ""})
    assert connector.fetch(DEALS, [record_id])[record_id].values["NextStep"] is None
    connector.update(DEALS, [Change(record_id, {"Amount": None})])
    values = connector.fetch(DEALS, [record_id])[record_id].values
    assert (values["Amount"], values["Name"]) == (None, "Deal 1")


def test_point_08_in_a_job_an_empty_cell_leaves_and_the_clearing_word_clears(bench, in_bulk):
    rows = [deal(number, NextStep="call", Amount="5") for number in range(12)]
    in_bulk.create(DEALS, rows)
    again = [deal(number, NextStep=None) for number in range(12)]
    results = in_bulk.create(DEALS, again)
    assert not any(result.created for result in results)
    found = in_bulk.find(DEALS, [row.key for row in rows])
    assert {(one.values["NextStep"], one.values["Amount"]) for one in found.values()} == {
        (None, "5.00")
    }
    assert "collections-upsert" not in bench.control("GET", "stats")["by_endpoint"]


def test_point_09_ids_of_15_characters_and_names_in_any_case_are_the_same(bench):
    connector = bench.connector()
    (made,) = create_deals(connector, 1)
    spec = ObjectSpec("opportunity", "opportunity", ("prm_OPPORTUNITY_id__C", "NAME"), None)
    assert connector.fetch(spec, [made[:15]])[made[:15]].values["NAME"] == "Deal 0"
    (result,) = connector.update(spec, [Change(made[:15], {"name": "Renamed"})])
    assert result.error is None
    assert connector.fetch(DEALS, [made])[made].values["Name"] == "Renamed"
    assert connector.describe("OPPORTUNITY").name == "Opportunity"


def test_point_10_deleted_records_are_evidence_and_come_back(bench):
    connector = bench.connector()
    one, two = create_deals(connector, 2)
    _, cursor = read(connector)
    bench.user_deletes("Opportunity", one)
    seen, cursor = read(connector, cursor)
    assert seen[one].deleted
    first, second = connector.update(
        DEALS, [Change(one, {"Name": "x"}), Change(two, {"Name": "x"})]
    )
    assert isinstance(first.error, GoneError)
    assert second.error is None
    bench.clock.advance(60)
    bench.control("POST", "undelete", {"id": one})
    seen, _ = read(connector, cursor)
    assert not seen[one].deleted


def test_point_10_a_merge_changes_ids_and_names_the_survivor(bench):
    connector = bench.connector()
    kept, gone = (
        str(one.id)
        for one in connector.create(
            PARTNERS, [NewRecord("p1", {"Name": "A"}), NewRecord("p2", {"Name": "B"})]
        )
    )
    _, cursor = read(connector, None, PARTNERS)
    bench.user_merges("Account", gone, kept)
    seen, _ = read(connector, cursor, PARTNERS)
    assert (seen[gone].deleted, seen[gone].merged_into) == (True, kept)
    assert not seen[kept].deleted


def test_point_11_our_own_writes_come_back_under_our_own_name(bench):
    connector = bench.connector()
    (made,) = create_deals(connector, 1)
    us = connector.account().user_id
    seen, cursor = read(connector)
    assert seen[made].modified_by == us
    bench.clock.advance(5)
    bench.user_edits("Opportunity", made, {"NextStep": "by Dana"})
    seen, _ = read(connector, cursor)
    assert seen[made].modified_by not in (None, us)


def test_point_12_renamed_stages_restricted_picklists_and_read_only_flags(bench):
    connector = bench.connector()
    (made,) = create_deals(connector, 1)
    _, cursor = read(connector)
    bench.clock.advance(60)
    rename = {"object": "Opportunity", "field": "StageName", "value": "Prospecting", "to": "New"}
    assert bench.control("POST", "rename_choice", rename) == {"records": 1}
    seen, _ = read(connector, cursor)
    assert seen[made].values["StageName"] == "New"
    assert not connector.describe("Opportunity").fields["IsWon"].updateable
    row = NewRecord("r1", {"Review_State__c": "no such state"})
    (result,) = connector.create(REGISTRATIONS, [row])
    assert isinstance(result.error, RejectedError)
    assert result.error.code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    connector.update(DEALS, [Change(made, {"StageName": "Closed Won"})])
    [row] = bench.control("GET", "records", params={"object": "Opportunity", "id": made})["records"]
    assert (row["IsClosed"], row["IsWon"]) == (True, True)


def test_point_13_the_org_and_the_user_are_told_where_the_vendors_tools_ask(bench):
    connector = bench.connector()
    account = connector.account()
    auth = bench.settings.auth
    base = bench.settings.base_url
    form = {"grant_type": "client_credentials", **auth}
    token = bench.runtime.requests.post(f"{base}/services/oauth2/token", form).json()
    headers = {"authorization": f"Bearer {token['access_token']}"}

    def ask(path: str, **params: str):
        answer = bench.runtime.http.get(f"{base}{path}", headers=headers, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    info = ask("/services/oauth2/userinfo")
    assert (info["organization_id"], info["user_id"]) == (account.org_id, account.user_id)
    data = "/services/data/v68.0"
    assert ask(f"{data}/sobjects/User/{account.user_id}")["Name"] == account.user
    soql = "SELECT Id, IsSandbox FROM Organization"
    assert ask(f"{data}/query", q=soql)["records"][0]["Id"] == account.org_id
    columns = ask(f"{data}/query", q=soql, columns="true")["columnMetadata"]
    assert [column["columnName"] for column in columns] == ["Id", "IsSandbox"]
