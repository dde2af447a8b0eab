"""A first read by a Bulk job: the same records in fewer calls, and no harm without a job."""

from __future__ import annotations

import pytest

from prmsync.connector.protocol import NewRecord, ObjectSpec, RelationSpec
from prmsync.errors import QuotaError, RetryableError
from prmsync_salesforce import bulk_query

FIELDS = (
    "PRM_Registration_Id__c",
    "Name",
    "Customer_Name__c",
    "Product_Lines__c",
    "Amount__c",
    "Expected_Close__c",
    "Review_State__c",
    "Submitted_At__c",
    "Extensions__c",
    "Conflict__c",
    "Conflict_Reason__c",
)
REGISTRATIONS = ObjectSpec("registration", "PRM_Registration__c", FIELDS, "PRM_Registration_Id__c")
BULK = {"bulk_rows": 100, "prefetch": False}
JOBS = r"/jobs/query"


def registration(number):
    values = {
        "Name": f"R-{number:05d}",
        "Customer_Name__c": f'O\'Brien, "Søns" & {number}' if number % 3 else None,
        "Product_Lines__c": "backup;firewall" if number % 2 else "backup",
        "Amount__c": f"{number}.50" if number % 5 else None,
        "Expected_Close__c": "2026-12-24",
        "Review_State__c": "submitted",
        "Submitted_At__c": "2026-11-20T08:15:00.000Z" if number % 7 else None,
        "Extensions__c": str(number % 4),
        "Conflict__c": number % 2 == 0,
        "Conflict_Reason__c": "First line\nsecond, line" if number % 4 else None,
    }
    return NewRecord(f"key-{number}", values)


@pytest.fixture
def filled(bench):
    connector = bench.connector()
    for at in range(0, 400, 200):
        rows = [registration(number) for number in range(at, at + 200)]
        assert not [one for one in connector.create(REGISTRATIONS, rows) if one.error]
    bench.clock.advance(1200)
    return bench


def read(connector, spec=REGISTRATIONS, cursor=None):
    pages = list(connector.changes(spec, cursor))
    return {record.id: record for page in pages for record in page.records}, pages


def test_a_job_reads_the_same_records_as_pages_do(filled):
    by_pages, _ = read(filled.connector(options={"bulk_rows": 0, "prefetch": False}))
    by_job, pages = read(filled.connector(options=BULK))
    assert by_job == by_pages
    assert len(by_job) == 400
    assert [page.cursor is None for page in pages] == [True, False]


def test_what_is_edited_after_the_job_comes_with_the_next_read(filled):
    _, pages = read(filled.connector(options=BULK))
    one = next(iter(pages[0].records)).id
    filled.clock.advance(3600)
    filled.user_edits("PRM_Registration__c", one, {"Customer_Name__c": "Typed"})
    changed, _ = read(filled.connector(options=BULK), cursor=pages[-1].cursor)
    assert changed[one].values["Customer_Name__c"] == "Typed"
    assert len(changed) == 1


def test_pages_of_a_job_follow_one_another_to_the_end(filled, monkeypatch):
    monkeypatch.setattr(bulk_query, "PAGE", 150)
    found, pages = read(filled.connector(options=BULK))
    assert len(found) == 400
    assert [len(page.records) for page in pages] == [150, 150, 100, 0]


def test_a_job_is_asked_for_with_patience_and_deleted_at_the_end(filled):
    connector = filled.connector(options=BULK)
    connector.describe("PRM_Registration__c")
    before = connector.usage().calls.get("read", 0)
    read(connector)
    assert filled.clock.slept == [2.0]
    # one page that shows how many there are; the job: made, asked twice, one page, deleted
    assert connector.usage().calls["read"] - before == 6


def test_few_records_and_changes_are_read_by_pages(filled):
    filled.fault(path=JOBS, status=500, code="UNKNOWN_EXCEPTION")
    found, pages = read(filled.connector(options={"prefetch": False}))
    assert len(found) == 400
    read(filled.connector(options=BULK), cursor=pages[-1].cursor)


@pytest.mark.parametrize("code", ["FUNCTIONALITY_NOT_ENABLED", "API_ERROR", "INVALIDJOB"])
def test_an_org_that_refuses_the_job_is_read_by_pages(filled, code):
    filled.fault(path=f"{JOBS}$", method="POST", status=400, code=code, message="no")
    found, pages = read(filled.connector(options=BULK))
    assert len(found) == 400
    assert pages[-1].cursor is not None


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_breaks_down_is_made_up_for_by_pages(filled, state):
    filled.fault(path=f"{JOBS}/[^/]+$", method="GET", status=200, body={"state": state})
    found, _ = read(filled.connector(options=BULK))
    assert len(found) == 400


def test_a_job_that_waits_too_long_is_given_up_before_the_run_seems_dead(filled):
    filled.fault(path=f"{JOBS}/[^/]+$", method="GET", status=200, body={"state": "InProgress"})
    found, _ = read(filled.connector(options=BULK))
    assert len(found) == 400
    assert bulk_query.PATIENCE <= sum(filled.clock.slept) <= 260


def test_a_lost_page_of_a_job_is_asked_for_again(filled):
    filled.fault(path=f"{JOBS}/[^/]+/results", drop=True, times=1)
    found, _ = read(filled.connector(options=BULK))
    assert len(found) == 400


def test_a_session_that_ends_during_the_job_is_renewed(filled):
    filled.fault(path=f"{JOBS}/[^/]+/results", status=401, code="INVALID_SESSION_ID", times=1)
    connector = filled.connector(options=BULK)
    found, _ = read(connector)
    assert len(found) == 400
    assert connector.usage().calls["sign_in"] == 2


def test_the_orgs_used_up_calls_are_no_reason_to_read_by_pages(filled):
    limit = {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED"}
    filled.fault(path=JOBS, message="TotalRequests Limit exceeded.", **limit)
    with pytest.raises(QuotaError):
        read(filled.connector(options=BULK))


def test_a_busy_org_that_stays_busy_while_pages_come_is_told(filled):
    filled.fault(path=f"{JOBS}/[^/]+/results", status=503)
    with pytest.raises(RetryableError):
        read(filled.connector(options=BULK))


def test_relations_in_other_roles_are_left_out_of_a_job_too(bench):
    connector = bench.connector()
    account = bench.user_creates("Account", {"Name": "Reseller AG"})
    deal = bench.user_creates(
        "Opportunity", {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    )
    for role in ("VAR/Reseller", "Distributor"):
        values = {"OpportunityId": deal, "AccountToId": account, "Role": role}
        bench.user_creates("OpportunityPartner", values)
    relation = RelationSpec(
        "OpportunityId", "Opportunity", "AccountToId", "Account", "Role", ("Distributor",)
    )
    spec = ObjectSpec(
        "relation", "OpportunityPartner", ("OpportunityId", "AccountToId", "Role"), None, relation
    )
    connector = bench.connector(options={"bulk_rows": 1, "prefetch": False})
    found, _ = read(connector, spec)
    assert [one.values["Role"] for one in found.values()] == ["Distributor"]


def test_the_way_of_a_long_read_is_told_with_its_calls_and_its_reason(filled):
    connector = filled.connector(options=BULK)
    read(connector)
    (told,) = connector.ways_of_reading()
    assert told.startswith("registration: 400 records were read by a Bulk job, in about 11 calls")
    assert "instead of 1 page by page" in told
    assert "more than 100 records (options.bulk_rows)" in told


def test_a_job_that_could_not_be_had_is_told_with_the_reason(filled):
    filled.fault(path=JOBS, method="POST", status=400, code="FEATURENOTENABLED", message="No.")
    connector = filled.connector(options=BULK)
    read(connector)
    (told,) = connector.ways_of_reading()
    assert "400 records were read page by page, in about 1 call; a Bulk job would" in told
    assert "but Salesforce made none: FEATURENOTENABLED: No." in told


def test_of_a_short_read_nothing_is_told(filled):
    connector = filled.connector(options={"bulk_rows": 400, "prefetch": False})
    read(connector)
    assert connector.ways_of_reading() == ()
