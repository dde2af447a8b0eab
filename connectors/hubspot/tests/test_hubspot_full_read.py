"""A full read of a large object, its pages under way together, against a simulated account."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from prmsync.connector.protocol import Connector, ObjectSpec, RelationSpec, SimulatorOptions
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.connector.testing import Bench, FakeClock
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.simulator import HubSpotSimulator, Settings

FIRST, COUNT = 51_000_000_001, 3_550
DEALS = ObjectSpec("opportunity", "deals", ("prm_opportunity_id", "dealname"), "prm_opportunity_id")
RELATIONS = ObjectSpec(
    "relation",
    "deals",
    ("deal", "partner", "role"),
    relation=RelationSpec("deal", "deals", "partner", "companies", "role", ("Reseller",)),
)


def account() -> dict[str, Any]:
    """Deals with gaps between their ids, each with a reseller."""
    deals = [str(FIRST + 3 * place) for place in range(COUNT)]
    return {
        "companies": [{"id": "29000000001", "properties": {"name": "Acme", "domain": "a.example"}}],
        "deals": [{"id": one, "properties": {"dealname": f"Deal {one}"}} for one in deals],
        "associations": [
            {
                "from": {"object": "deals", "id": one},
                "to": {"object": "companies", "id": "29000000001"},
                "label": "Reseller",
            }
            for one in deals
        ],
    }


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    return account()


@pytest.fixture
def make(data: dict[str, Any]) -> Iterator[Any]:
    with ThreadPoolExecutor(12) as pool:
        made: list[Bench] = []

        def bench(**settings: Any) -> Bench:
            clock = FakeClock()
            simulator = HubSpotSimulator(
                SimulatorOptions(now=clock.now, data=data),
                Settings(**settings),
                monotonic=lambda: clock.now().timestamp(),
            )
            base = "http://crm.test"
            runtime = in_process_runtime({base: simulator.handle}, clock.now, clock.sleep)
            made.append(Bench(PLUGIN, replace(runtime, pool=pool), base, clock))
            return made[-1]

        yield bench
        for one in made:
            one.runtime.http.close()
            one.runtime.requests.close()


def alone(bench: Bench) -> Connector:
    """Without a pool: one call after the other."""
    return PLUGIN.connect(bench.settings, replace(bench.runtime, pool=None))


def records(connector: Connector, spec: ObjectSpec = DEALS, cursor: str | None = None) -> Any:
    found = [one for page in connector.changes(spec, cursor) for one in page.records]
    return {one.id: (one.version, one.values, one.deleted) for one in found}


def endpoints(bench: Bench) -> dict[str, int]:
    told: dict[str, int] = bench.control("GET", "stats")["by_endpoint"]
    return told


def test_lanes_read_what_one_lane_reads_and_meet_no_limit(make: Any) -> None:
    bench = make()
    assert records(bench.connector()) == records(alone(bench))
    assert "429" not in bench.control("GET", "stats")["by_status"]


def test_a_full_read_with_its_relations_takes_few_calls_more_than_the_least(make: Any) -> None:
    bench = make()
    connector = bench.connector()
    assert len(records(connector)) == len(records(connector, RELATIONS)) == COUNT
    least = -(-COUNT // 100) + 1 + -(-COUNT // 1000)
    told = endpoints(bench)
    assert told["objects.search"] >= 2
    made = sum(told.get(one, 0) for one in ("objects.list", "objects.search"))
    assert made + told["associations.batch_read"] <= 1.1 * least + 2


def test_cursors_without_a_meaning_are_followed_by_one_lane(make: Any) -> None:
    bench = make(opaque_cursors=True)
    assert len(records(bench.connector())) == COUNT
    told = endpoints(bench)
    assert told["objects.list"] == -(-COUNT // 100) + 1
    assert "objects.search" not in told


def test_a_search_that_fails_costs_nothing_but_the_lanes(make: Any) -> None:
    bench = make()
    bench.fault(path="/search", status=400)
    assert len(records(bench.connector())) == COUNT


def test_when_the_days_calls_are_short_one_lane_reads_alone(make: Any) -> None:
    bench = make(daily_limit=60)
    assert len(records(bench.connector())) == COUNT
    assert endpoints(bench)["objects.search"] == 1


def test_what_comes_and_goes_while_it_is_read_is_there_after_the_next_read(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prmsync_hubspot.connector.JOINED", 100)
    bench = make()
    connector = bench.connector(options={"prefetch": False, "archive_seconds": 0})
    bench.user_deletes("deals", str(FIRST + 9))
    seen: dict[str, bool] = {}
    cursor, made, gone = None, [], []
    for number, page in enumerate(connector.changes(DEALS, None)):
        seen |= {one.id: one.deleted for one in page.records}
        cursor = page.cursor or cursor
        if number in (3, 14, 17, 22, 30):
            made.append(bench.user_creates("deals", {"dealname": f"New {number}"}))
            gone.append(str(FIRST + 3 * (number * 100 + 50)))
            bench.user_deletes("deals", gone[-1])
        if number == 15:
            bench.user_edits("deals", str(FIRST + 9), {"archived": False})
    bench.clock.advance(60)
    for page in connector.changes(DEALS, cursor):
        seen |= {one.id: one.deleted for one in page.records}
    there = {str(FIRST + 3 * place) for place in range(COUNT)} | set(made)
    assert seen == {one: one in gone for one in there}


def test_wherever_reading_ends_the_stored_cursor_brings_the_rest(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill: what was stored up to a page's cursor, and what comes from there."""
    monkeypatch.setattr("prmsync_hubspot.connector.JOINED", 100)
    bench = make()
    pages = list(bench.connector().changes(DEALS, None))
    known = {str(FIRST + 3 * place) for place in range(COUNT)}
    stored: set[str] = set()
    for number, page in enumerate(pages):
        stored |= {one.id for one in page.records}
        if number % 4 == 0 and page.cursor:
            assert stored | records(alone(bench), cursor=page.cursor).keys() == known
    assert stored == known


def test_a_read_that_was_stopped_goes_on_in_lanes_too(make: Any) -> None:
    bench = make()
    connector = bench.connector(options={"prefetch": False})
    reading = connector.changes(DEALS, None)
    first = next(reading)
    assert isinstance(reading, Generator)
    reading.close()
    calls = bench.calls()
    assert first.cursor is not None
    rest = records(connector, cursor=first.cursor)
    assert {one.id for one in first.records} | rest.keys() == {
        str(FIRST + 3 * place) for place in range(COUNT)
    }
    assert bench.calls() - calls <= 40
