"""Several calls under way together: every row keeps its own result, and no limit is passed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest

from prmsync.connector.protocol import (
    Change,
    ConnectionSettings,
    ManyWriter,
    NewRecord,
    ObjectSpec,
    RelationSpec,
    SimulatorOptions,
)
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.connector.testing import Bench, FakeClock
from prmsync.errors import GoneError, OutcomeUnknownError, RejectedError
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.simulator import HubSpotSimulator, Settings

DEALS = ObjectSpec(
    "opportunity", "deals", ("prm_opportunity_id", "dealname", "amount"), "prm_opportunity_id"
)
UPDATE = "/objects/2026-09/deals/batch/update"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(12) as pool:
        yield pool


@pytest.fixture
def portal(pool: ThreadPoolExecutor) -> Iterator[Bench]:
    clock = FakeClock()
    simulator = HubSpotSimulator(
        SimulatorOptions(now=clock.now), Settings(), monotonic=lambda: clock.now().timestamp()
    )
    runtime = in_process_runtime({"http://crm.test": simulator.handle}, clock.now, clock.sleep)
    with runtime.http, runtime.requests:
        yield Bench(PLUGIN, replace(runtime, pool=pool), "http://crm.test", clock)


def new_deals(count: int) -> list[NewRecord]:
    stage = {"dealstage": "appointmentscheduled"}
    return [NewRecord(f"key-{one}", {"dealname": f"Deal {one}", **stage}) for one in range(count)]


def test_ten_thousand_updates_take_the_fewest_calls_and_meet_no_limit(portal: Bench) -> None:
    hubspot = portal.connector()
    assert isinstance(hubspot, ManyWriter)
    at_once = hubspot.rows_at_once()
    assert at_once == 1000
    assert hubspot.write_calls(DEALS, "update", 10_001) == 101
    made: list[str] = []
    for start in range(0, 10_000, at_once):
        results = hubspot.create(DEALS, new_deals(10_000)[start : start + at_once])
        made += [str(one.id) for one in results]
    before = dict(hubspot.usage().calls)
    for start in range(0, 10_000, at_once):
        some = made[start : start + at_once]
        seen = hubspot.fetch(DEALS, some)
        assert set(seen) == set(some)
        results = hubspot.update(DEALS, [Change(one, {"amount": one}) for one in some])
        assert [one.id for one in results] == some
    calls = hubspot.usage().calls
    assert {kind: calls[kind] - before.get(kind, 0) for kind in ("guard", "write")} == {
        "guard": 100,
        "write": 100,
    }
    assert "429" not in portal.control("GET", "stats")["by_status"]
    assert hubspot.fetch(DEALS, [made[-1]])[made[-1]].values["amount"] == made[-1]


def test_a_record_that_is_gone_fails_alone_in_any_of_the_calls(portal: Bench) -> None:
    hubspot = portal.connector()
    made = [str(one.id) for one in hubspot.create(DEALS, new_deals(450))]
    portal.user_deletes("deals", made[17])
    portal.user_deletes("deals", made[444])
    results = hubspot.update(DEALS, [Change(one, {"dealname": "New"}) for one in made])
    failed = [place for place, one in enumerate(results) if one.error is not None]
    assert failed == [17, 444]
    assert all(isinstance(results[place].error, GoneError) for place in failed)
    assert [one.id for one in results if one.error is None] == [
        one for place, one in enumerate(made) if place not in failed
    ]


def test_a_lost_answer_leaves_its_own_rows_unknown_and_no_others(portal: Bench) -> None:
    hubspot = portal.connector()
    made = [str(one.id) for one in hubspot.create(DEALS, new_deals(300))]
    portal.fault(path="/batch/update", drop=True, times=1)
    results = hubspot.update(DEALS, [Change(one, {"dealname": "New"}) for one in made])
    unknown = [place for place, one in enumerate(results) if one.error is not None]
    assert len(unknown) == 100
    assert all(isinstance(results[place].error, OutcomeUnknownError) for place in unknown)
    assert {place // 100 for place in unknown} == {unknown[0] // 100}


def test_a_batch_that_is_refused_whole_is_halved_until_the_row_is_found(
    deals: Any, pool: ThreadPoolExecutor, runtime: Any
) -> None:
    lock = threading.Lock()

    def handle(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(UPDATE):
            with lock:
                return deals.handle(request)
        inputs = orjson.loads(request.content)["inputs"]
        if any(one["id"] == "250" for one in inputs):
            return httpx.Response(400, json={"category": "VALIDATION_ERROR", "message": "no"})
        found = [{"id": one["id"], "properties": {}, "updatedAt": None} for one in inputs]
        return httpx.Response(200, json={"results": found})

    with httpx.Client(transport=httpx.MockTransport(handle)) as client:
        together = replace(runtime, http=client, pool=pool)
        signed_in = ConnectionSettings("main", auth={"token": "pat-1"})
        hubspot = PLUGIN.connect(signed_in, together)
        results = hubspot.update(DEALS, [Change(str(n), {"dealname": "New"}) for n in range(300)])
    assert [place for place, one in enumerate(results) if one.error is not None] == [250]
    assert isinstance(results[250].error, RejectedError)


def test_without_a_pool_calls_go_one_after_the_other(connect: Any) -> None:
    assert connect().rows_at_once() == 100


def test_labels_are_written_one_call_after_the_other(portal: Bench) -> None:
    """Two labels of one pair may come in different calls, and none may undo the other."""
    hubspot = portal.connector()
    partners = ObjectSpec("partner", "companies", ("prm_partner_id", "name"), "prm_partner_id")
    made = [str(one.id) for one in hubspot.create(DEALS, new_deals(150))]
    (partner,) = hubspot.create(partners, [NewRecord("key-1", {"name": "A"})])
    ends = ("deal", "deals", "partner", "companies")
    roles = ("Reseller", "Distributor")
    fields = ("deal", "partner", "role")
    spec = ObjectSpec("relation", "deals", fields, relation=RelationSpec(*ends, "role", roles))
    rows = [
        NewRecord("any", {"deal": one, "partner": str(partner.id), "role": role})
        for role in roles
        for one in made
    ]
    results = hubspot.create(spec, rows)
    assert all(one.error is None for one in results)
    found = {one.id for page in hubspot.changes(spec, None) for one in page.records}
    assert found == {str(one.id) for one in results}
    assert len(found) == 300
    gone = hubspot.delete(spec, [str(one.id) for one in results[:250]])
    assert all(one.error is None for one in gone)
    left = {one.id for page in hubspot.changes(spec, None) for one in page.records}
    assert left == {str(one.id) for one in results[250:]}
