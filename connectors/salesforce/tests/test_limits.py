"""What the org says of its day: calls by a header or by `/limits`, Bulk jobs by `/limits` alone."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from prmsync.connector.protocol import NewRecord, ObjectSpec
from prmsync.errors import QuotaError
from prmsync_salesforce import PLUGIN

SPEC = ObjectSpec(
    "registration",
    "PRM_Registration__c",
    ("PRM_Registration_Id__c", "Name"),
    "PRM_Registration_Id__c",
)
ROWS = [NewRecord(f"key-{number}", {"Name": f"R-{number}"}) for number in range(20)]


def limits(**left):
    known = {"DailyApiRequests": 15000, "DailyBulkApiBatches": 15000, "DailyBulkV2QueryJobs": 10000}
    return {
        name: {"Max": most, "Remaining": left.get(name, most)} for name, most in known.items()
    } | {"PermissionSets": {"Max": 1500, "Remaining": 1499, "CreateCustom": {}}}


def org_without_header(told):
    """An org behind a proxy that takes the usage header off."""

    def answer(request):
        if request.url.path.endswith("/limits"):
            return told
        if request.url.path.endswith("/sobjects"):
            return httpx.Response(200, json={})
        organization = {"Id": "00D000000000001EAA", "Name": "A", "IsSandbox": False}
        bodies = {
            "organization": {"records": [{**organization, "TimeZoneSidKey": "UTC"}]},
            "currency": {"records": [{"IsoCode": "EUR"}]},
            "people": {"records": []},
            "stages": {"records": []},
        }
        parts = [
            {"referenceId": name, "httpStatusCode": 200, "body": body}
            for name, body in bodies.items()
        ]
        return httpx.Response(200, json={"compositeResponse": parts})

    return answer


def test_answers_with_the_usage_header_need_no_call_for_limits(bench):
    connector = bench.connector()
    connector.account()
    assert connector.usage().limit == 1_000_000
    assert connector.usage().calls == {"sign_in": 1, "metadata": 1}


def test_without_the_header_the_share_is_that_of_limits(scripted):
    told = httpx.Response(200, json=limits(DailyApiRequests=600))
    org = scripted(org_without_header(told))
    connector = PLUGIN.connect(org.settings, org.runtime)
    with pytest.raises(QuotaError, match="14,400 of the account's 15,000"):
        connector.describe("Account")


@pytest.mark.parametrize(
    "refused",
    [
        httpx.Response(403, json=[{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}]),
        httpx.Response(404, json=[{"errorCode": "NOT_FOUND", "message": "no"}]),
        httpx.Response(200, json=[]),
    ],
)
def test_a_user_who_may_not_see_limits_is_bounded_by_none(scripted, refused):
    org = scripted(org_without_header(refused))
    connector = PLUGIN.connect(org.settings, org.runtime)
    assert connector.account().currency == "EUR"
    assert (connector.usage().limit, connector.usage().left) == (None, None)


@pytest.fixture
def connector(bench):
    """With a pool, and jobs from eleven rows on."""
    with ThreadPoolExecutor(2) as pool:
        runtime = dataclasses.replace(bench.runtime, pool=pool)
        options = {"bulk_writes": 10, "bulk_rows": 10, "prefetch": False}
        settings = dataclasses.replace(bench.settings, options=options)
        yield PLUGIN.connect(settings, runtime)


def test_with_no_batches_left_many_rows_go_by_collections(bench, connector):
    bench.fault(path="/limits$", status=200, body=limits(DailyBulkApiBatches=0))
    assert not [one for one in connector.create(SPEC, ROWS) if one.error]
    assert connector.usage().calls["write"] == 1


def test_with_no_query_jobs_left_a_first_read_goes_by_pages(bench, connector):
    bench.fault(path="/limits$", status=200, body=limits(DailyBulkV2QueryJobs=0))
    connector.create(SPEC, ROWS)
    records = [one for page in connector.changes(SPEC, None) for one in page.records]
    assert len(records) == 20
    assert connector.usage().calls["read"] == 1


def test_the_simulated_org_counts_calls_and_jobs(bench, connector):
    connector.create(SPEC, ROWS)
    list(connector.changes(SPEC, None))
    told = connector.client.get("metadata", "/limits")
    assert told["DailyBulkApiBatches"]["Remaining"] == 14999
    assert told["DailyBulkV2QueryJobs"]["Remaining"] == 9999
    used = told["DailyApiRequests"]["Max"] - told["DailyApiRequests"]["Remaining"]
    assert used == connector.usage().used
