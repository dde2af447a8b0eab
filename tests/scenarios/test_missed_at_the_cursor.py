"""Rows missed at the cursor.

**In the field.** A sync remembers the newest modified time it has seen and asks for what came
after. Two records with the same time, one on each side of a page or of a run; a slow transaction
that commits late with an older time; a clock that is ahead of the CRM's; more than ten thousand
results: each leaves a deal that nobody reads again. The channel team sees a pipeline that is
quietly too small, and finds out when a partner asks why a won deal paid no bonus.

**Known from.** Equal stamps: supaglue-labs/supaglue#532. Late commits: airbytehq/airbyte#27146.
The wall at 10,000 results: airbytehq/airbyte#43317, estuary/connectors#2100.

**prmsync** reads inclusively, ten minutes further back than it has been, by the CRM's own clock,
and pages by record id where results have a wall. Rows that come twice cost nothing, because values
are compared. What commits even later than that is found by `verify`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from prmsync.connector.simulator.http import Request, Response
from prmsync.errors import ConnectorError
from prmsync.sync import run
from prmsync_hubspot.simulator import search
from rig import Crm, World

PAGE = {"salesforce": 2000, "hubspot": 200}


def make_deals(world: World, crm: Crm, count: int, *, at: Any = None) -> None:
    """Deals that a data load makes in the CRM, all with one modified time."""
    words = crm.words
    for number in range(count):
        values = {
            words["deal_name"]: f"Loaded {number:05}",
            words["stage"]: words["qualified"],
            words["close_date"]: words["day"].format("2026-11-30"),
        }
        body = {"object": words["opportunity"], "values": values}
        if at is not None:
            body["stamp"] = at.isoformat()
        crm.control("POST", "records", body)


def change_at(crm: Crm, record: str, at: Any, **values: Any) -> None:
    """An edit that becomes visible now and carries the modified time `at`."""
    named = {crm.words.get(key, key): value for key, value in values.items()}
    body = {"object": crm.words["opportunity"], "id": record, "values": named}
    crm.control("PATCH", "records", {**body, "stamp": at.isoformat()})


def test_records_of_one_moment_on_both_sides_of_a_page_all_arrive(world: World, crm: Crm) -> None:
    world.settle("crm")
    world.wait(60)
    count = PAGE[crm.connector] + 7
    make_deals(world, crm, count, at=world.now())
    world.wait(10)
    world.sync("crm", release=True)
    assert len(world.all_ours("opportunity")) == count


def test_a_read_that_breaks_between_two_pages_of_one_moment_is_gone_on_with(
    world: World, crm: Crm
) -> None:
    world.settle("crm")
    world.wait(60)
    count = PAGE[crm.connector] + 7
    make_deals(world, crm, count, at=world.now())
    world.wait(10)

    def break_off(request: Request) -> Response | None:
        further = "query/" in request.path or b'"GT"' in request.body
        return Response(503) if further else None

    with crm.standing_before(break_off, "query/|search$"), suppress(ConnectorError):
        world.sync("crm", release=True)
    assert len(world.all_ours("opportunity")) < count
    world.wait(3600)
    world.settle("crm")
    assert len(world.all_ours("opportunity")) == count


def test_an_edit_in_the_very_second_of_a_read_is_not_lost(
    world: World, crm: Crm, deal: str
) -> None:
    """The first edit is read, the second has the same modified time and comes after the read."""
    record = crm.id_of("opportunity", "Northwind firewall")
    world.wait(60)
    moment = world.now()
    change_at(crm, record, moment, customer_name="First")
    with world.session("crm") as session:
        run.sync(session)
    change_at(crm, record, moment, customer_name="Second")
    world.settle("crm")
    assert world.ours("opportunity", deal)["customer_name"] == "Second"


@pytest.mark.parametrize("late", [5, 120, 590])
def test_a_slow_transaction_that_commits_behind_the_cursor_is_read(
    world: World, crm: Crm, deal: str, late: int
) -> None:
    record = crm.id_of("opportunity", "Northwind firewall")
    world.wait(3600)
    world.settle("crm")
    change_at(crm, record, world.now() - timedelta(seconds=late), customer_name="Late AG")
    world.settle("crm")
    assert world.ours("opportunity", deal)["customer_name"] == "Late AG"


def test_a_commit_later_than_any_look_back_is_found_by_verify_and_repaired(
    world: World, crm: Crm, deal: str
) -> None:
    record = crm.id_of("opportunity", "Northwind firewall")
    world.wait(86_400)
    world.settle("crm")
    change_at(crm, record, world.now() - timedelta(hours=5), customer_name="Very late AG")
    world.settle("crm")
    assert world.ours("opportunity", deal)["customer_name"] == "Northwind GmbH"
    mismatched = {one.stream: one.mismatched for one in world.verify("crm", repair=True)}
    assert mismatched["opportunity"] == 1
    world.settle("crm")
    assert world.ours("opportunity", deal)["customer_name"] == "Very late AG"
    assert all(one.is_clean for one in world.verify("crm"))


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_a_crm_whose_clock_differs_from_ours_loses_nothing(
    world: World, crm: Crm, deal: str, skew: int
) -> None:
    record = crm.id_of("opportunity", "Northwind firewall")
    crm.control("POST", "clock", {"advance_seconds": skew})
    world.wait(7200)
    world.settle("crm")
    for number in range(4):
        world.wait(900)
        crm.change("opportunity", record, customer_name=f"Customer {number}")
        world.settle("crm")
        assert world.ours("opportunity", deal)["customer_name"] == f"Customer {number}"


def test_more_results_than_the_search_gives_are_read_whole(
    make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HubSpot's wall, brought nearer: the reading never comes to it, however many there are."""
    monkeypatch.setattr(search, "WALL", 600)
    world: World = make_world(crm="hubspot")
    world.settle("crm")
    world.wait(60)
    make_deals(world, world.crms["crm"], 1_300, at=world.now())
    world.wait(10)
    world.sync("crm", release=True)
    assert len(world.all_ours("opportunity")) == 1_300
