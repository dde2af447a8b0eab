"""A connection keeps to its share of the CRM's calls, stops between two batches, and goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.errors import QuotaError
from prmsync.store import quota, runs
from prmsync.sync import run
from prmsync.sync.verify import verify

LIMITS = {"salesforce": 1_000_000, "hubspot": 650_000}
CONNECTORS = (
    "prmsync_salesforce.connector.SalesforceConnector",
    "prmsync_hubspot.connector.HubSpotConnector",
)
BATCH = 4
COUNT = 40


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for connector in CONNECTORS:
        monkeypatch.setattr(f"{connector}.batch_size", BATCH)


@pytest.fixture
def partner(world: Any, partner_values: Values, small_batches: None) -> str:
    """A partner that both sides have; nothing else."""
    made: str = world.insert("partner", partner_values)
    world.settle("crm")
    world.wait(700)
    world.settle("crm")
    return made


def allow(world: Any, crm: Any, calls: int) -> None:
    """The share of the connection from now on, in calls beyond those made so far."""
    total = world.calls_made("crm") + calls
    world.options["call_share"] = (total + 0.5) / LIMITS[crm.connector]


def registered(world: Any, partner: str, count: int = COUNT) -> list[str]:
    return [
        world.insert(
            "registration",
            {"number": f"DR-{at:03}", "partner": partner, "customer_name": f"Customer {at}"},
        )
        for at in range(count)
    ]


def state_of(world: Any, run_id: int) -> Any:
    with world.database.read() as connection:
        return runs.get(connection, run_id)


def unexplained(world: Any) -> int:
    with world.session("crm") as session:
        return sum(one.mismatched + one.missing_in_crm for one in verify(session))


def numbers(crm: Any) -> list[str]:
    return sorted(row[crm.words["number"]] for row in crm.rows("registration"))


def test_a_first_load_beyond_the_share_stops_between_batches_and_goes_on_in_the_next_window(
    world: Any, crm: Any, partner: str
) -> None:
    registered(world, partner)
    allow(world, crm, 14)
    stopped = world.sync("crm", release=True)
    sent = len(numbers(crm))
    assert stopped.state == "stopped"
    assert 0 < sent < COUNT
    assert sent % BATCH == 0
    assert "goes on at 20" in stopped.message
    assert stopped.goes_on_in is None  # what people edit meanwhile is still sent
    assert state_of(world, stopped.run_id).state == "stopped"
    assert stopped.counts["registration/crm/create/done"] == sent
    assert stopped.counts["registration/crm/create/released"] == COUNT - sent
    world.options.clear()
    world.wait(timedelta(hours=25).total_seconds())
    resumed = world.sync("crm")
    assert resumed.went_on == {stopped.run_id: COUNT - sent}
    assert resumed.trips == []
    assert numbers(crm) == [f"DR-{at:03}" for at in range(COUNT)]
    assert state_of(world, stopped.run_id).state == "done"
    assert unexplained(world) == 0


def test_what_is_kept_for_people_carries_their_edits_while_a_backfill_waits(
    world: Any, crm: Any, partner: str
) -> None:
    registered(world, partner)
    world.edit("partner", partner, {"name": "Globex before"})
    with world.database.begin() as connection:  # a long day: a tenth of its share is kept
        quota.add_calls(connection, "crm", world.now(), 300)
    allow(world, crm, 50)
    first = world.sync("crm", release=True)
    assert first.state == "stopped"
    assert crm.only("partner")[crm.words["name"]] == "Globex before"
    sent = len(numbers(crm))
    world.edit("partner", partner, {"name": "Globex after"})
    second = world.sync("crm")
    assert crm.only("partner")[crm.words["name"]] == "Globex after"
    assert (second.state, second.went_on) == ("stopped", {first.run_id: 0})
    assert len(numbers(crm)) == sent
    assert world.calls_made("crm") <= world.options["call_share"] * LIMITS[crm.connector]


def test_edits_of_people_are_sent_before_what_a_changed_record_set_brings(
    world: Any, crm: Any, partner: str
) -> None:
    """In one run: the edit leaves first, though its row is the younger one."""
    registered(world, partner, 8)
    world.edit("partner", partner, {"name": "Globex edited"})
    order: list[str] = []
    with world.session("crm") as session:
        connector = session.connector
        create, update = connector.create, connector.update
        connector.create = lambda *args: order.append("backfill") or create(*args)
        connector.update = lambda *args: order.append("edit") or update(*args)
        world.wait(2)
        run.sync(session, release=True)
    assert order[0] == "edit"
    assert order.count("backfill") == 2


def test_reading_that_meets_the_share_ends_the_run_as_stopped_and_says_when_it_goes_on(
    world: Any, crm: Any, partner: str
) -> None:
    allow(world, crm, 3)
    with pytest.raises(QuotaError, match=r"daily share of .* calls .*; goes on at ") as caught:
        world.sync("crm")
    assert caught.value.retry_after is not None
    with world.database.read() as connection:
        (last,) = runs.recent(connection, "crm", limit=1)
        known = quota.meter(connection, "crm")
    assert (last.state, last.message) == ("stopped", caught.value.message)
    assert known is not None
    assert known.goes_on_at is not None
    world.wait(caught.value.retry_after + 1)
    assert world.sync("crm").state == "done"


def test_the_crms_own_limit_ends_a_run_the_same_clean_way(
    world: Any, crm: Any, partner: str
) -> None:
    registered(world, partner)
    path = "composite/sobjects/PRM" if crm.connector == "salesforce" else "batch/upsert$"
    crm.control("POST", "faults", {"path": path, "method": None, "every_nth": 4, **no_calls(crm)})
    report = world.sync("crm", release=True)
    sent = len(numbers(crm))
    assert report.state == "stopped"
    assert "; goes on at " in report.message
    assert not [key for key in report.counts if key.endswith(("/unknown", "/sent", "/retry"))]
    assert report.counts.get("registration/crm/create/done", 0) == sent
    assert report.counts["registration/crm/create/released"] == COUNT - sent
    assert unexplained(world) == 0
    crm.control("DELETE", "faults")
    assert world.sync("crm").went_on == {report.run_id: COUNT - sent}
    assert numbers(crm) == [f"DR-{at:03}" for at in range(COUNT)]


def no_calls(crm: Any) -> dict[str, Any]:
    if crm.connector == "salesforce":
        body: Any = [
            {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
        ]
        return {"status": 403, "body": body}
    return {
        "status": 429,
        "body": {
            "status": "error",
            "message": "You have reached your daily limit.",
            "errorType": "RATE_LIMIT",
            "policyName": "DAILY",
        },
    }


def test_unsent_updates_are_explained_by_verify(world: Any, crm: Any, partner: str) -> None:
    made = registered(world, partner)
    world.settle("crm")
    for one in made:
        world.edit("registration", one, {"customer_name": "Renamed"})
    allow(world, crm, 12)
    report = world.sync("crm", release=True)
    assert report.state == "stopped"
    world.options.clear()
    with world.session("crm") as session:
        found = next(one for one in verify(session) if one.stream == "registration")
    assert found.mismatched == 0
    assert found.explained["let go, not sent yet"] > 0


def test_a_plan_says_what_it_costs_and_the_run_calls_just_that(
    world: Any, crm: Any, partner: str
) -> None:
    made = registered(world, partner, 10)
    world.settle("crm")
    for one in made[:6]:
        world.edit("registration", one, {"customer_name": "Renamed"})
    registered_more = world.insert(
        "registration", {"number": "DR-900", "partner": partner, "customer_name": "More"}
    )
    assert registered_more
    world.wait(5)
    with world.session("crm") as session:
        planned = run.plan(session)
    assert planned.cost == {"guard": 2, "write": 3}
    with world.session("crm") as session:
        applied = run.apply(session, planned.run_id)
    assert {kind: applied.calls[kind] for kind in planned.cost} == planned.cost


def test_calls_are_counted_over_all_runs_and_sessions(world: Any, crm: Any, partner: str) -> None:
    before = world.calls_made("crm")
    reports = [world.sync("crm") for _ in range(3)]
    assert world.calls_made("crm") == before + sum(sum(one.calls.values()) for one in reports)
    world.wait(timedelta(hours=26).total_seconds())
    assert world.calls_made("crm") == 0
