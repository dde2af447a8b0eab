"""What the forecast says reaches the CRM through the mapping, one way, after people's edits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from prmsync.answers.forecast_marks import Marked, mark_forecasts
from prmsync.domain.values import Values
from prmsync.mapping.load import load_mappings
from prmsync.mapping.locate import where_mappings
from prmsync.mapping.model import StreamMapping
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store import quota
from prmsync.sync.status import status
from prmsync_hubspot.simulator.definitions import Property
from prmsync_salesforce.simulator.schema import FieldDefinition
from schema_edits import redefine

NAMES = {
    "salesforce": ("PRM_Forecast_Chance__c", "PRM_Forecast_Amount__c", "PRM_Forecast_Period__c"),
    "hubspot": ("prm_forecast_chance", "prm_forecast_amount", "prm_forecast_period"),
}


def new_field(connector: str, name: str) -> Any:
    text = name.lower().rstrip("_c").endswith("period")
    if connector == "hubspot":
        return Property(name, name, "string" if text else "number")
    if text:
        return FieldDefinition(name, name, "string", length=20)
    return FieldDefinition(name, name, "double", precision=18, scale=2)


@pytest.fixture
def told(world: Any, crm: Any, tmp_path: Path) -> Any:
    """A world whose CRM has fields for the forecast, and whose mapping of deals names them."""
    names = NAMES[crm.connector]
    fields = {name: new_field(crm.connector, name) for name in names}
    redefine(crm, "opportunity", lambda present: present.update(fields))
    (shipped,) = (path for path in where_mappings(crm.connector) if path.name == "opportunity.yaml")
    lines = "".join(
        f"  forecast_{what}: {{crm: {name}, policy: prm, direction: to_crm}}\n"
        for what, name in zip(("chance", "amount", "period"), names, strict=True)
    )
    text = shipped.read_text(encoding="utf-8").replace("\nfields:\n", f"\nfields:\n{lines}")
    path = tmp_path / "opportunity.yaml"
    path.write_text(text, encoding="utf-8")
    (mapping,) = load_mappings([path])

    def alter(one: StreamMapping) -> StreamMapping:
        return mapping if one.stream == "opportunity" else one

    world.alter = alter
    return world


@pytest.fixture
def deal(told: Any, partner_values: Values) -> str:
    partner = told.insert("partner", partner_values)
    made: str = told.insert("opportunity", values(told, partner, "Northwind firewall"))
    told.settle("crm")
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
    told: Any, crm: Any, deal: str
) -> None:
    assert mark(told).deals == 1
    told.wait(60)
    told.settle("crm")
    chance, amount, period = NAMES[crm.connector]
    ours, theirs = told.ours("opportunity", deal), crm.named("opportunity", "Northwind firewall")
    assert Decimal(str(theirs[chance])) == Decimal(ours["forecast_chance"]) > 0
    assert Decimal(str(theirs[amount])) == Decimal(ours["forecast_amount"]) > 0
    assert theirs[period] == ours["forecast_period"] == "2026Q4"
    assert told.history("opportunity", deal)[-1].cause == "forecast"
    crm.change("opportunity", crm.id_of("opportunity", "Northwind firewall"), **{chance: 1})
    told.wait(60)
    told.settle("crm")
    assert told.ours("opportunity", deal)["forecast_chance"] == ours["forecast_chance"]


def test_a_number_that_hardly_moved_is_not_told_again(told: Any, crm: Any, deal: str) -> None:
    mark(told)
    told.wait(60)
    told.settle("crm")
    assert mark(told) == Marked(0, 0, 1)
    before = len(told.history("opportunity", deal))
    told.settle("crm")
    assert len(told.history("opportunity", deal)) == before


def test_a_forecast_leaves_calls_to_people(told: Any, crm: Any, deal: str) -> None:
    """In one run the edit of a person is written first, though the forecast came before it."""
    mark(told)
    partner = told.ours("opportunity", deal)["partner"]
    other = told.insert("opportunity", values(told, partner, "Zeta"))
    told.wait(60)
    told.settle("crm")
    told.edit("opportunity", deal, {"forecast_chance": "1"})
    told.edit("opportunity", other, {"customer_name": "Zeta GmbH"})
    told.wait(60)
    told.sync("crm", release=True)
    forecast = told.history("opportunity", deal)[-1]
    person = told.history("opportunity", other)[-1]
    assert (forecast.cause, person.cause) == ("forecast", "prm")
    assert person.done_at <= forecast.done_at


LIMITS = {"salesforce": 1_000_000, "hubspot": 650_000}
CONNECTORS = (
    "prmsync_salesforce.connector.SalesforceConnector",
    "prmsync_hubspot.connector.HubSpotConnector",
)


def test_a_forecast_beyond_its_own_share_waits_for_the_next_window_and_people_do_not(
    told: Any, crm: Any, deal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = told.ours("opportunity", deal)["partner"]
    deals = [told.insert("opportunity", values(told, partner, f"Deal {at}")) for at in range(9)]
    told.settle("crm")
    for connector in CONNECTORS:
        monkeypatch.setattr(f"{connector}.batch_size", 4)
    allowed = told.calls_made("crm") + 200
    told.options["call_share"] = (allowed + 0.5) / LIMITS[crm.connector]
    spent = allowed // 10 - 7  # two batches of four calls at most, of which each takes two
    with told.database.begin() as connection:
        quota.add_forecast_calls(connection, "crm", told.now(), spent)
    mark(told)
    told.wait(60)
    first = told.sync("crm", release=True)
    chance = NAMES[crm.connector][0]
    assert sum(row.get(chance) is not None for row in crm.rows("opportunity")) == 8
    assert (first.state, first.goes_on_in) == ("stopped", None)
    assert "the forecast's daily share" in first.message
    assert first.forecast_left == 3
    told.edit("opportunity", deals[0], {"customer_name": "Zeta GmbH"})
    told.wait(60)
    second = told.sync("crm")
    named = crm.named("opportunity", "Deal 0")
    assert named[crm.words["customer_name"]] == "Zeta GmbH"
    assert second.state == "stopped"
    (one,) = status(told.database, told.now())
    assert one.calls is not None
    assert (one.calls.forecast, one.calls.forecast_allowed) == (spent + 4, allowed // 10)
    told.wait(timedelta(hours=25).total_seconds())
    assert told.sync("crm", release=True).state == "done"
    assert all(row.get(chance) is not None for row in crm.rows("opportunity"))
