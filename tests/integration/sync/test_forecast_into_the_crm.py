"""What the forecast says reaches the CRM through the mapping, one way, after people's edits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from prmsync.answers.forecast_marks import Marked, mark_forecasts
from prmsync.domain.values import Values
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store import quota
from prmsync.sync.status import status
from schema_edits import redefine

NAMES = {
    "salesforce": ("PRM_Forecast_Chance__c", "PRM_Forecast_Amount__c", "PRM_Forecast_Period__c"),
    "hubspot": ("prm_forecast_chance", "prm_forecast_amount", "prm_forecast_period"),
}


@pytest.fixture
def deal(world: Any, partner_values: Values) -> str:
    partner = world.insert("partner", partner_values)
    made: str = world.insert("opportunity", values(world, partner, "Northwind firewall"))
    world.settle("crm")
    return made


def values(world: Any, partner: str, name: str) -> Values:
    made = (world.now() - timedelta(days=40)).isoformat(timespec="milliseconds")
    return {
        "name": name,
        "number": name,
        "partner": partner,
        "stage": "committed",
        "amount": "10000.00",
        "currency": "EUR",
        "close_date": (world.now().date() + timedelta(days=30)).isoformat(),
        "created_at": made.replace("+00:00", "Z"),
    }


def mark(world: Any) -> Marked:
    return mark_forecasts(world.database, REFERENCE_PROGRAM, world.now())


def test_chance_and_amount_reach_the_deal_and_never_come_back(
    world: Any, crm: Any, deal: str
) -> None:
    assert mark(world).deals == 1
    world.wait(60)
    world.settle("crm")
    chance, amount, period = NAMES[crm.connector]
    ours, theirs = world.ours("opportunity", deal), crm.named("opportunity", "Northwind firewall")
    assert Decimal(str(theirs[chance])) == Decimal(ours["forecast_chance"]) > 0
    assert Decimal(str(theirs[amount])) == Decimal(ours["forecast_amount"]) > 0
    assert theirs[period] == ours["forecast_period"] == "2026Q4"
    assert world.history("opportunity", deal)[-1].cause == "forecast"
    crm.change("opportunity", crm.id_of("opportunity", "Northwind firewall"), **{chance: 1})
    world.wait(60)
    world.settle("crm")
    assert world.ours("opportunity", deal)["forecast_chance"] == ours["forecast_chance"]


def test_a_number_that_hardly_moved_is_not_told_again(world: Any, crm: Any, deal: str) -> None:
    mark(world)
    world.wait(60)
    world.settle("crm")
    assert mark(world) == Marked(0, 0, 1)
    before = len(world.history("opportunity", deal))
    world.settle("crm")
    assert len(world.history("opportunity", deal)) == before


def test_a_forecast_leaves_calls_to_people(world: Any, crm: Any, deal: str) -> None:
    """In one run the edit of a person is written first, though the forecast came before it."""
    mark(world)
    partner = world.ours("opportunity", deal)["partner"]
    other = world.insert("opportunity", values(world, partner, "Zeta"))
    world.wait(60)
    world.settle("crm")
    world.edit("opportunity", deal, {"forecast_chance": "1"})
    world.edit("opportunity", other, {"customer_name": "Zeta GmbH"})
    world.wait(60)
    world.sync("crm", release=True)
    forecast = world.history("opportunity", deal)[-1]
    person = world.history("opportunity", other)[-1]
    assert (forecast.cause, person.cause) == ("forecast", "prm")
    assert person.done_at <= forecast.done_at


LIMITS = {"salesforce": 1_000_000, "hubspot": 650_000}
CONNECTORS = (
    "prmsync_salesforce.connector.SalesforceConnector",
    "prmsync_hubspot.connector.HubSpotConnector",
)


def test_a_forecast_beyond_its_own_share_waits_for_the_next_window_and_people_do_not(
    world: Any, crm: Any, deal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = world.ours("opportunity", deal)["partner"]
    deals = [world.insert("opportunity", values(world, partner, f"Deal {at}")) for at in range(9)]
    world.settle("crm")
    for connector in CONNECTORS:
        monkeypatch.setattr(f"{connector}.batch_size", 4)
    allowed = world.calls_made("crm") + 200
    world.options["call_share"] = (allowed + 0.5) / LIMITS[crm.connector]
    spent = allowed // 10 - 9  # a batch is four calls at most, and took two
    with world.database.begin() as connection:
        quota.add_forecast_calls(connection, "crm", world.now(), spent)
    mark(world)
    world.wait(60)
    first = world.sync("crm", release=True)
    chance = NAMES[crm.connector][0]
    assert sum(row.get(chance) is not None for row in crm.rows("opportunity")) == 8
    assert (first.state, first.goes_on_in) == ("stopped", None)
    assert "the forecast's daily share" in first.message
    assert first.forecast_left == 3
    world.edit("opportunity", deals[0], {"customer_name": "Zeta GmbH"})
    world.wait(60)
    second = world.sync("crm")
    named = crm.named("opportunity", "Deal 0")
    assert named[crm.words["customer_name"]] == "Zeta GmbH"
    assert second.state == "stopped"
    (one,) = status(world.database, world.now())
    assert one.calls is not None
    assert (one.calls.forecast, one.calls.forecast_allowed) == (spent + 6, allowed // 10)
    world.wait(timedelta(hours=25).total_seconds())
    assert world.sync("crm", release=True).state == "done"
    assert all(row.get(chance) is not None for row in crm.rows("opportunity"))


def test_without_the_fields_all_else_is_synced_and_what_is_missing_is_told_once_an_object(
    world: Any, crm: Any, deal: str
) -> None:
    names = NAMES[crm.connector]
    held: dict[str, Any] = {}

    def take(present: dict[str, Any]) -> None:
        held.update({name: present.pop(name) for name in names})

    redefine(crm, "opportunity", take)
    world.wait(4000)  # the schema is asked for anew after an hour
    mark(world)
    world.edit("opportunity", deal, {"customer_name": "Northwind GmbH"})
    report = world.sync("crm")
    assert (report.state, report.paused) == ("done", [])
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind GmbH"
    (part,) = status(world.database, world.now())[0].paused_parts
    assert str(part).startswith("opportunity: the forecast: no field ")
    assert all(f"`{name}`" in part.message for name in names)
    redefine(crm, "opportunity", lambda present: present.update(held))
    world.wait(4000)
    world.settle("crm")
    assert status(world.database, world.now())[0].paused_parts == []
    assert crm.only("opportunity")[names[0]] is not None
