"""A run in which a row failed is never reported as a success, whichever side failed it."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.store import held, runs
from prmsync.sync import run


@pytest.fixture
def deal(world: Any) -> str:
    """An opportunity that both sides have."""
    values: Values = {"name": "Northwind firewall", "number": "D-1", "close_date": "2026-12-20"}
    made = world.insert("opportunity", values)
    world.settle("crm")
    return str(made)


def test_a_value_that_our_side_refuses_fails_the_run_and_is_named(
    make_world: Any, partner_values: Values
) -> None:
    """HubSpot has companies without a name, we have none."""
    world = make_world(crm="hubspot")
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    world.settle("crm")
    crm.change("partner", crm.only("partner")["id"], name="")
    report = world.sync("crm", release=True)
    assert report.state == "failed"
    with world.database.read() as connection:
        ((_, item),) = held.parked_items(connection)
        stored = runs.get(connection, report.run_id)
    assert (item.side, stored.state) == ("prm", "failed")
    assert world.sync("crm").state == "done"
    assert world.ours("partner", partner)["name"] == partner_values["name"]


def test_a_record_that_the_crm_no_longer_shows_fails_the_run_and_is_named(
    world: Any, crm: Any, deal: str
) -> None:
    """No evidence of a deletion: it may be a permission that was taken away."""
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    world.wait(2)
    with world.session("crm") as session:
        session.connector.fetch = lambda *_: {}
        report = run.sync(session)
    assert report.state == "failed"
    assert "does not show" in report.message
    world.settle("crm")
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind AG"
