"""The thirteen things a simulator must get right, each met by the HubSpot connector.

Point 13 is about Salesforce alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prmsync.connector.protocol import Change, NewRecord, ObjectSpec, SimulatorOptions
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.connector.testing import Bench, FakeClock
from prmsync.domain.values import Values
from prmsync.errors import GoneError, OutcomeUnknownError, QuotaError, RejectedError
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.simulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    HubSpotSimulator,
    Settings,
)

WALL = 10_000
"""Results that HubSpot gives to one search, however it is paged."""
DEALS = ObjectSpec(
    "opportunity",
    "deals",
    ("prm_opportunity_id", "dealname", "amount", "dealstage", "description"),
    "prm_opportunity_id",
)


@pytest.fixture
def make() -> Iterator[Any]:
    made: list[Bench] = []

    def bench(schema: Any = None, **settings: Any) -> Bench:
        clock = FakeClock()
        simulator = HubSpotSimulator(
            SimulatorOptions(now=clock.now, schema=schema),
            Settings(**settings),
            monotonic=lambda: clock.now().timestamp(),
        )
        base = "http://crm.test"
        runtime = in_process_runtime({base: simulator.handle}, clock.now, clock.sleep)
        made.append(Bench(PLUGIN, runtime, base, clock))
        return made[-1]

    yield bench
    for one in made:
        one.runtime.http.close()
        one.runtime.requests.close()


def deal(number: int, **values: str | None) -> NewRecord:
    new: Values = {"dealname": f"Deal {number}", "dealstage": "appointmentscheduled"}
    return NewRecord(f"key-{number}", {**new, **values})


def create_deals(connector: Any, count: int) -> list[str]:
    made = []
    for start in range(0, count, 100):
        rows = [deal(number) for number in range(start, min(start + 100, count))]
        made += [str(result.id) for result in connector.create(DEALS, rows)]
    return made


def read(connector: Any, cursor: str | None = None) -> Any:
    """Records by id, and the cursor behind them."""
    pages = list(connector.changes(DEALS, cursor))
    return {record.id: record for page in pages for record in page.records}, pages[-1].cursor


def test_point_01_a_207_that_contains_a_failure_is_a_failure_of_that_row_only(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    one, two = create_deals(connector, 2)
    bench.user_deletes("deals", one)
    first, second = connector.update(
        DEALS, [Change(one, {"dealname": "New"}), Change(two, {"dealname": "New"})]
    )
    assert isinstance(first.error, GoneError)
    assert second.error is None
    assert bench.control("GET", "stats")["by_status"]["207"] == 1


def test_point_02_an_index_that_lags_and_equal_stamps_lose_nobody(make: Any) -> None:
    bench = make(index_lag_seconds=60)
    connector = bench.connector()
    _, cursor = read(connector)
    made = create_deals(connector, 250)
    seen, cursor = read(connector, cursor)
    bench.clock.advance(120)
    later, _ = read(connector, cursor)
    assert set(seen) | set(later) == set(made)
    assert len(later) == 250


def test_point_02_more_changes_than_a_search_gives_are_all_read(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    _, cursor = read(connector)
    made = create_deals(connector, WALL + 50)
    bench.clock.advance(60)
    seen, _ = read(connector, cursor)
    assert seen.keys() == set(made)
    assert bench.control("GET", "stats")["by_status"] == {"200": bench.calls()}


def test_point_03_a_healthy_run_meets_neither_limit(make: Any) -> None:
    bench = make(burst_limit=20)
    connector = bench.connector()
    ids = create_deals(connector, 1000)
    _, cursor = read(connector)
    for _ in range(10):
        read(connector, cursor)
        connector.fetch(DEALS, ids)
    told = bench.control("GET", "stats")
    assert told["by_endpoint"]["objects.search"] >= 10
    assert "429" not in told["by_status"]


def test_point_03_each_429_in_its_own_words_is_met_in_its_own_way(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    create_deals(connector, 1)
    _, cursor = read(connector)
    secondly = {
        "status": "error",
        "message": "You have reached your secondly limit.",
        "category": "RATE_LIMITS",
    }
    rolling = {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
    for body in (secondly, rolling):
        before = len(bench.clock.slept)
        bench.fault(path="/search", status=429, body=body, times=1)
        read(connector, cursor)
        assert len(bench.clock.slept) > before
    bench.fault(path="/search", status=429, body={**rolling, "policyName": "DAILY"})
    with pytest.raises(QuotaError):
        read(connector, cursor)


def test_point_04_a_session_that_ends_between_pages_is_renewed(make: Any) -> None:
    bench = make()
    auth = {
        "refresh_token": REFRESH_TOKEN,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    connector = bench.connector(auth=auth)
    made = create_deals(connector, 250)
    pages = connector.changes(DEALS, None)
    seen = {record.id for record in next(pages).records}
    bench.clock.advance(1801)
    seen |= {record.id for page in pages for record in page.records}
    assert seen == set(made)


def test_point_04_so_is_one_that_ends_between_two_writes(make: Any) -> None:
    bench = make()
    auth = {
        "refresh_token": REFRESH_TOKEN,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    connector = bench.connector(auth=auth)
    one, two = create_deals(connector, 2)
    for record_id in (one, two):
        bench.clock.advance(1801)
        (result,) = connector.update(DEALS, [Change(record_id, {"amount": "7"})])
        assert result.error is None
    found = connector.fetch(DEALS, [one, two])
    assert {record.values["amount"] for record in found.values()} == {"7"}


def test_point_05_what_the_admin_made_required_is_told(make: Any) -> None:
    bench = make({"objects": {"deals": {"requiredByAdmin": ["amount"]}}})
    connector = bench.connector()
    rows = [deal(1), deal(2, amount="5")]
    first, second = connector.create(DEALS, rows)
    assert isinstance(first.error, RejectedError)
    assert "amount" in f"{first.error.message} {first.error.hint}"
    assert second.error is None


def test_point_06_what_was_written_while_its_answer_was_lost_is_found_again(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    connector.describe("deals")
    bench.fault(path="/batch/upsert", drop=True, times=1)
    with pytest.raises(OutcomeUnknownError):
        connector.create(DEALS, [deal(1)])
    found = connector.find(DEALS, ["key-1"])
    (again,) = connector.create(DEALS, [deal(1)])
    assert again.id == found["key-1"].id


def test_point_06_a_change_whose_answer_was_lost_is_not_sent_again_by_itself(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    (made,) = create_deals(connector, 1)
    bench.fault(path="/batch/update", drop=True, times=1)
    with pytest.raises(OutcomeUnknownError):
        connector.update(DEALS, [Change(made, {"amount": "7"})])
    assert bench.control("GET", "stats")["by_endpoint"]["objects.batch_update"] == 1
    assert connector.fetch(DEALS, [made])[made].values["amount"] == "7"


def test_point_07_200_and_201_are_both_success(make: Any) -> None:
    bench = make()
    base, auth = bench.settings.base_url, bench.settings.auth["token"]
    headers = {"authorization": f"Bearer {auth}"}
    body = {"properties": {"dealname": "By hand", "dealstage": "appointmentscheduled"}}
    path = f"{base}/crm/v3/objects/deals"
    answers = [
        bench.runtime.http.post(path, json=body, headers=headers).status_code for _ in range(4)
    ]
    assert set(answers) == {200, 201}
    connector = bench.connector()
    for number in range(4):
        (result,) = connector.create(DEALS, [deal(number)])
        assert result.error is None
        assert result.id


def test_point_08_blank_clears_and_what_is_not_named_stays(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    (made,) = connector.create(DEALS, [deal(1, amount="5", description="x")])
    record_id = str(made.id)
    bench.user_edits("deals", record_id, {"description": ""})
    assert connector.fetch(DEALS, [record_id])[record_id].values["description"] is None
    connector.update(DEALS, [Change(record_id, {"amount": None})])
    values = connector.fetch(DEALS, [record_id])[record_id].values
    assert (values["amount"], values["dealname"]) == (None, "Deal 1")


@pytest.mark.parametrize("name", ["deals", "deal", "DEAL", "0-3"])
def test_point_09_an_object_is_the_same_by_all_its_names(make: Any, name: str) -> None:
    connector = make().connector()
    (made,) = create_deals(connector, 1)
    spec = ObjectSpec("opportunity", name, ("dealname",), None)
    assert connector.fetch(spec, [made])[made].values["dealname"] == "Deal 0"


@pytest.mark.parametrize(
    "name",
    ["prm_registration", "p_prm_registration", "p24681012_prm_registration", "2-24680001"],
)
@pytest.mark.parametrize("api_version", ["2026-09", "v3"])
def test_point_09_so_is_an_object_of_the_admins_own(make: Any, name: str, api_version: str) -> None:
    connector = make().connector(api_version=api_version)
    spec = ObjectSpec("registration", name, ("number",), "prm_registration_id")
    (made,) = connector.create(spec, [NewRecord("key-1", {"number": "R-1"})])
    assert made.id is not None
    assert connector.find(spec, ["key-1"])["key-1"].id == made.id
    assert "number" in connector.describe(name).fields


def test_point_10_a_record_that_was_restored_is_there_again(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    (made,) = create_deals(connector, 1)
    bench.user_deletes("deals", made)
    assert connector.fetch(DEALS, [made])[made].deleted
    bench.user_edits("deals", made, {"archived": False})
    assert not connector.fetch(DEALS, [made])[made].deleted


@pytest.mark.parametrize("new_id", [False, True])
def test_point_10_deletes_and_merges_are_evidence(make: Any, new_id: bool) -> None:
    bench = make(merge_new_id=new_id)
    connector = bench.connector()
    kept, lost, gone = create_deals(connector, 3)
    _, cursor = read(connector)
    bench.user_deletes("deals", gone)
    answer = bench.runtime.http.post(
        f"{bench.settings.base_url}/crm/v3/objects/deals/merge",
        json={"primaryObjectId": kept, "objectIdToMerge": lost},
        headers={"authorization": f"Bearer {bench.settings.auth['token']}"},
    )
    seen, _ = read(connector, cursor)
    assert seen[lost].deleted
    assert seen[lost].merged_into == str(answer.json()["id"])
    assert connector.fetch(DEALS, [gone])[gone].deleted


def test_point_11_our_own_writes_come_back_under_our_own_name(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    (made,) = create_deals(connector, 1)
    seen, cursor = read(connector)
    ours = seen[made].modified_by
    bench.clock.advance(5)
    bench.user_edits("deals", made, {"description": "by a person"})
    seen, _ = read(connector, cursor)
    assert ours not in (None, seen[made].modified_by)


def test_point_12_stages_are_renamed_and_closed_options_refused(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    assert "appointmentscheduled" in stages(connector)
    (result,) = connector.create(DEALS, [deal(1, dealstage="no such stage")])
    assert isinstance(result.error, RejectedError)
    base, auth = bench.settings.base_url, bench.settings.auth["token"]
    path = f"{base}/crm/v3/pipelines/deals/default/stages/appointmentscheduled"
    headers = {"authorization": f"Bearer {auth}"}
    changed = bench.runtime.http.patch(path, json={"label": "Met"}, headers=headers)
    assert changed.status_code == 200
    connector.forget_schema()
    assert stages(connector)["appointmentscheduled"].endswith("Met")


def test_point_12_what_the_stage_decides_is_not_written(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    (made,) = create_deals(connector, 1)
    fields = ("dealstage", "hs_is_closed", "hs_is_closed_won")
    spec = ObjectSpec("opportunity", "deals", fields, "prm_opportunity_id")
    (refused,) = connector.update(spec, [Change(made, {"hs_is_closed": True})])
    assert isinstance(refused.error, RejectedError)
    bench.user_edits("deals", made, {"dealstage": "closedwon"})
    values = connector.fetch(spec, [made])[made].values
    assert (values["hs_is_closed"], values["hs_is_closed_won"]) == (True, True)


def stages(connector: Any) -> dict[str, str]:
    """Labels of all stages of all pipelines by id."""
    pipelines = connector.describe("deals").pipelines
    return {stage.id: stage.label for pipeline in pipelines for stage in pipeline.stages}
