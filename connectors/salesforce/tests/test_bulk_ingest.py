"""Many records by a Bulk job: every row finds its own result, whatever becomes of the job."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest

from prmsync.connector.protocol import Change, NewRecord, ObjectSpec
from prmsync.errors import GoneError, OutcomeUnknownError, RejectedError, RetryableError
from prmsync_salesforce import PLUGIN, bulk_ingest

FIELDS = (
    "PRM_Registration_Id__c",
    "Name",
    "Customer_Name__c",
    "Amount__c",
    "Conflict__c",
    "Conflict_Reason__c",
    "Submitted_At__c",
)
SPEC = ObjectSpec("registration", "PRM_Registration__c", FIELDS, "PRM_Registration_Id__c")
JOBS = r"/jobs/ingest"
ONE_JOB = r"/jobs/ingest/[^/]+$"


def row(number, **changed):
    values = {
        "Name": f"R-{number:05d}",
        "Customer_Name__c": f'O\'Brien, "Søns" & {number}',
        "Amount__c": f"{number}.50",
        "Conflict__c": number % 2 == 0,
        "Conflict_Reason__c": "First line\nsecond, line",
        "Submitted_At__c": "2026-11-20T08:15:00.000Z",
    }
    return NewRecord(f"key-{number}", {**values, **changed})


@pytest.fixture
def connect(bench):
    """A connector as the product makes it, with a pool, and jobs from eleven rows on."""
    with ThreadPoolExecutor(4) as pool:
        runtime = dataclasses.replace(bench.runtime, pool=pool)
        options = {"bulk_writes": 10, "prefetch": False}
        settings = dataclasses.replace(bench.settings, options=options)
        yield lambda: PLUGIN.connect(settings, runtime)


def found(connector, count):
    return connector.find(SPEC, [f"key-{number}" for number in range(count)])


def write_calls(connector):
    return connector.usage().calls.get("write", 0)


def test_a_job_writes_what_collections_write(bench, connect):
    connector = connect()
    results = connector.create(SPEC, [row(number) for number in range(40)])
    assert all(result.created and result.error is None for result in results)
    assert write_calls(connector) == 3
    there = found(connector, 40)
    assert [there[f"key-{n}"].id for n in range(40)] == [result.id for result in results]
    for number in (0, 1, 39):
        assert there[f"key-{number}"].values == {
            **row(number).values,
            "PRM_Registration_Id__c": f"key-{number}",
        }


def test_the_same_rows_again_make_no_second_record(bench, connect):
    rows = [row(number) for number in range(20)]
    first = connect().create(SPEC, rows)
    again = connect().create(SPEC, rows)
    assert [result.id for result in again] == [result.id for result in first]
    assert not any(result.created for result in again)


def test_an_empty_cell_leaves_a_field_and_none_clears_it(bench, connect):
    connector = connect()
    connector.create(SPEC, [row(number) for number in range(20)])
    cleared = NewRecord("key-0", {"Name": "R-0", "Customer_Name__c": None, "Amount__c": None})
    left = [NewRecord(f"key-{number}", {"Name": "Same"}) for number in range(1, 20)]
    assert not [one for one in connector.create(SPEC, [cleared, *left]) if one.error]
    there = found(connector, 2)
    assert there["key-0"].values["Customer_Name__c"] is None
    assert there["key-0"].values["Amount__c"] is None
    assert there["key-1"].values["Customer_Name__c"] == row(1).values["Customer_Name__c"]
    assert there["key-1"].values["Amount__c"] == "1.50"


def test_a_text_that_says_the_clearing_word_goes_another_way_and_stays(bench, connect):
    connector = connect()
    rows = [row(number) for number in range(20)]
    rows[3] = row(3, Customer_Name__c="#N/A")
    assert not [one for one in connector.create(SPEC, rows) if one.error]
    assert found(connector, 5)["key-3"].values["Customer_Name__c"] == "#N/A"


def test_refused_rows_of_a_complete_job_are_told_with_code_words_and_fields(bench, connect):
    rows = [row(number) for number in range(20)]
    rows[4] = row(4, Name="x" * 300)
    connector = connect()
    results = connector.create(SPEC, rows)
    assert isinstance(results[4].error, RejectedError)
    assert results[4].error.code == "STRING_TOO_LONG"
    assert "Name" in results[4].error.fields
    assert sum(result.error is None for result in results) == 19


def test_rows_that_a_broken_job_did_not_come_to_are_sent_again_later(bench, connect):
    bench.fault(record="key-12", code="JOB_FAILED", status=400, message="disk")
    connector = connect()
    results = connector.create(SPEC, [row(number) for number in range(20)])
    assert [result.error is None for result in results] == [True] * 12 + [False] * 8
    assert all(isinstance(one.error, RetryableError) for one in results[12:])
    assert not any(isinstance(one.error, OutcomeUnknownError) for one in results[12:])
    assert set(found(connector, 20)) == {f"key-{number}" for number in range(12)}


def test_locked_rows_of_a_job_are_sent_again_by_themselves(bench, connect):
    bench.fault(record="key-7$", code="UNABLE_TO_LOCK_ROW", status=400, times=2)
    connector = connect()
    assert not [one for one in connector.create(SPEC, [row(n) for n in range(20)]) if one.error]
    assert bench.clock.slept == [1.0, 1.0]
    assert write_calls(connector) == 5


@pytest.mark.parametrize("code", ["FUNCTIONALITY_NOT_ENABLED", "INVALIDJOB", "API_ERROR"])
def test_an_org_that_takes_no_job_gets_collections(bench, connect, code):
    bench.fault(path=f"{JOBS}$", method="POST", status=400, code=code)
    connector = connect()
    assert not [one for one in connector.create(SPEC, [row(n) for n in range(20)]) if one.error]
    assert len(found(connector, 20)) == 20


def test_an_upload_that_is_lost_writes_nothing_and_collections_do(bench, connect):
    bench.fault(path=f"{JOBS}/[^/]+/batches", drop=True, times=1)
    connector = connect()
    assert not [one for one in connector.create(SPEC, [row(n) for n in range(20)]) if one.error]
    assert len(found(connector, 20)) == 20


@pytest.mark.parametrize("commit", [True, False])
def test_a_lost_closing_shows_in_the_jobs_state(bench, connect, commit):
    bench.fault(path=ONE_JOB, method="PATCH", drop=True, commit=commit, times=1)
    connector = connect()
    assert not [one for one in connector.create(SPEC, [row(n) for n in range(20)]) if one.error]
    assert len(found(connector, 20)) == 20


def test_a_job_that_takes_too_long_leaves_its_rows_unknown(bench, connect):
    bench.fault(path=ONE_JOB, method="GET", status=200, body={"state": "InProgress"})
    results = connect().create(SPEC, [row(number) for number in range(20)])
    assert all(isinstance(result.error, OutcomeUnknownError) for result in results)
    assert bulk_ingest.PATIENCE <= sum(bench.clock.slept) <= 260


@pytest.mark.parametrize("lost", ["successfulResults", "failedResults", "unprocessedrecords"])
def test_results_that_cannot_be_fetched_leave_rows_unknown_and_never_done(bench, connect, lost):
    bench.fault(path=f"{JOBS}/[^/]+/{lost}", status=503)
    results = connect().create(SPEC, [row(number) for number in range(20)])
    assert all(isinstance(result.error, OutcomeUnknownError) for result in results)


def test_a_session_waits_for_jobs_that_an_earlier_one_left_at_work(bench, connect):
    bench.fault(path=ONE_JOB, method="GET", status=200, body={"state": "InProgress"})
    connect().create(SPEC, [row(number) for number in range(20)])
    bench.mend()
    bench.clock.slept.clear()
    connector = connect()
    (result,) = connector.create(SPEC, [row(1, Customer_Name__c="Newer")])
    assert result.error is None
    assert found(connector, 2)["key-1"].values["Customer_Name__c"] == "Newer"


def test_nothing_is_written_while_an_earlier_job_is_still_at_work(bench, connect):
    open_job = {"id": "750000000000001AAA", "state": "InProgress"}
    first = connect()
    first.account()
    ours = {"createdById": first._client.user, **open_job}
    bench.fault(path=f"{JOBS}$", method="GET", status=200, body={"done": True, "records": [ours]})
    bench.fault(path=ONE_JOB, method="GET", status=200, body=open_job)
    connector = connect()
    with pytest.raises(RetryableError, match="still at work"):
        connector.create(SPEC, [row(1)])
    assert write_calls(connector) == 0


def test_an_earlier_job_that_was_never_finished_is_ended(bench, connect):
    bench.fault(path=f"{JOBS}/[^/]+/batches", drop=True, times=1)
    bench.fault(path=ONE_JOB, method="PATCH", status=503, times=8)
    connect().create(SPEC, [row(number) for number in range(20)])
    bench.mend()
    connector = connect()
    assert connector.create(SPEC, [row(50)])[0].error is None
    states = {job["state"] for job in connector._client.get("metadata", "/jobs/ingest")["records"]}
    assert "Open" not in states


def test_few_rows_need_no_job(bench, connect):
    connector = connect()
    ids = [one.id for one in connector.create(SPEC, [row(number) for number in range(10)])]
    connector.update(SPEC, [Change(one, {"Name": "Renamed"}) for one in ids])
    connector.delete(SPEC, ids)
    assert write_calls(connector) == 3
    assert connector.rows_at_once() == 10_000
    assert bench.connector().rows_at_once() == 200


@pytest.fixture
def twenty(connect):
    """Ids of twenty records that are there."""
    return [one.id for one in connect().create(SPEC, [row(number) for number in range(20)])]


def test_a_job_updates_the_named_fields_of_each_record_and_no_other(connect, twenty):
    connector = connect()
    changes = [Change(one, {"Amount__c": f"{at}.75"}) for at, one in enumerate(twenty)]
    changes[3] = Change(twenty[3], {"Customer_Name__c": None, "Conflict_Reason__c": "a,\nb"})
    results = connector.update(SPEC, changes)
    assert [result.id for result in results] == twenty
    assert write_calls(connector) == 3
    there = found(connector, 20)
    assert there["key-2"].values == {
        **row(2).values,
        "PRM_Registration_Id__c": "key-2",
        "Amount__c": "2.75",
    }
    assert there["key-3"].values == {
        **row(3).values,
        "PRM_Registration_Id__c": "key-3",
        "Customer_Name__c": None,
        "Conflict_Reason__c": "a,\nb",
    }


def test_each_record_of_an_update_job_has_its_own_refusal(bench, connect, twenty):
    connector = connect()
    connector.delete(SPEC, twenty[5:6])
    bench.fault(record=twenty[7], code="UNABLE_TO_LOCK_ROW", status=400, times=1)
    changes = [
        Change(one, {"Name": "N" * (300 if at == 4 else 3)}) for at, one in enumerate(twenty)
    ]
    results = connector.update(SPEC, changes)
    assert results[4].error.code == "STRING_TOO_LONG"
    assert isinstance(results[5].error, GoneError)
    assert [at for at, result in enumerate(results) if result.error] == [4, 5]


def test_a_strict_guard_is_never_given_up_for_a_job(connect, twenty):
    connector = connect()
    strict = dataclasses.replace(SPEC, strict=True)
    old = Change(twenty[0], {"Name": "Late"}, "2020-01-01T00:00:00.000Z")
    changes = [old, *(Change(one, {"Name": "New"}) for one in twenty[1:])]
    results = connector.update(strict, changes)
    assert results[0].error.code == "PRECONDITION_FAILED"
    assert write_calls(connector) == 1


def test_a_job_deletes_and_what_was_gone_already_counts_as_done(connect, twenty):
    connector = connect()
    connector.delete(SPEC, twenty[:1])
    before = write_calls(connector)
    results = connector.delete(SPEC, twenty)
    assert [result.id for result in results] == twenty
    assert write_calls(connector) - before == 3
    assert all(record.deleted for record in connector.fetch(SPEC, twenty).values())


def test_what_a_job_wrote_is_looked_up_only_once_it_has_ended(bench, connect, twenty):
    """An update whose end was not seen: read at once, its records would look untouched."""
    bench.fault(path=ONE_JOB, method="GET", status=200, body={"state": "InProgress"})
    connector = connect()
    changes = [Change(one, {"Name": "New"}) for one in twenty]
    results = connector.update(SPEC, changes)
    assert all(isinstance(result.error, OutcomeUnknownError) for result in results)
    with pytest.raises(RetryableError, match="still at work"):
        connector.settle()
    bench.mend()
    connector.settle()


def test_a_plan_knows_what_jobs_save(connect):
    connector = connect()
    strict = dataclasses.replace(SPEC, strict=True)
    assert connector.calls_saved(SPEC, "update", 10) == 0
    assert connector.calls_saved(SPEC, "update", 10_000) == 50 - bulk_ingest.CALLS
    assert connector.calls_saved(SPEC, "delete", 20_000) == 100 - 2 * bulk_ingest.CALLS
    assert connector.calls_saved(strict, "update", 10_000) == 0


def test_no_assignment_rule_takes_a_record_from_the_owner_that_a_job_writes(bench, connect):
    bench.user_creates("AssignmentRule", {"Name": "Desk", "SobjectType": "Account", "Active": True})
    connector = connect()
    fields = ("PRM_Partner_Id__c", "Name", "OwnerId")
    partners = ObjectSpec("partner", "Account", fields, "PRM_Partner_Id__c")
    owner = connector.account().user_id
    rows = [NewRecord(f"key-{n}", {"Name": f"P{n}", "OwnerId": owner}) for n in range(12)]
    made = [str(one.id) for one in connector.create(partners, rows)]
    assert write_calls(connector) == 3
    there = connector.fetch(partners, made).values()
    assert {one.values["OwnerId"] for one in there} == {owner}
