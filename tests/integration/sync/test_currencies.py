"""Deals of several currencies in one HubSpot account: each at its own scale, none converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync_hubspot.simulator import HubSpotSimulator
from rig import World

AMOUNTS = {"EUR": "1000.50", "JPY": "125000", "KWD": "12.345"}


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    world = make_world(crm="hubspot")
    account = {"companyCurrency": "EUR", "additionalCurrencies": ["JPY", "KWD"]}
    world.crms["crm"].simulator = HubSpotSimulator(
        SimulatorOptions(now=world.now, schema={"account": account}),
        monotonic=lambda: world.now().timestamp(),
    )
    return world


@pytest.fixture
def crm(world: World) -> Any:
    return world.crms["crm"]


def deal(world: World, currency: str, amount: str) -> str:
    values = {"name": f"Deal in {currency}", "stage": "qualified"}
    return world.insert("opportunity", {**values, "amount": amount, "currency": currency})


def test_amounts_go_there_and_back_at_their_currencys_scale(world: World, crm: Any) -> None:
    made = {currency: deal(world, currency, amount) for currency, amount in AMOUNTS.items()}
    world.settle("crm")
    shown = {row["deal_currency_code"]: float(row["amount"]) for row in crm.rows("opportunity")}
    assert shown == {currency: float(amount) for currency, amount in AMOUNTS.items()}
    world.wait(700)
    assert world.settle("crm").counts == {}
    ours = {currency: world.ours("opportunity", one) for currency, one in made.items()}
    assert {one["currency"]: str(one["amount"]) for one in ours.values()} == AMOUNTS


def test_an_amount_and_its_currency_are_taken_over_together(world: World, crm: Any) -> None:
    made = deal(world, "EUR", "1000.50")
    world.settle("crm")
    world.wait(60)
    record_id = crm.only("opportunity")["id"]
    crm.edit("deals", record_id, {"amount": "160000", "deal_currency_code": "JPY"})
    world.wait(5)
    world.settle("crm")
    ours = world.ours("opportunity", made)
    assert (str(ours["amount"]), ours["currency"]) == ("160000", "JPY")


def test_a_currency_that_the_account_has_not_keeps_only_its_own_deal_back(
    world: World, crm: Any
) -> None:
    deal(world, "EUR", "1000.50")
    deal(world, "XOF", "5000")
    world.settle("crm")
    assert crm.only("opportunity")["dealname"] == "Deal in EUR"
    (item,) = world.parked()
    assert "deal_currency_code" in item.message
    assert "Currency" in str(item.hint)


def test_a_deal_without_a_currency_is_in_the_company_currency(world: World, crm: Any) -> None:
    """In an account with one currency no deal has one of its own."""
    crm.create("deals", {"dealname": "Walk-in", "amount": "1000.50"})
    world.settle("crm")
    (found,) = world.all_ours("opportunity").values()
    assert (str(found["amount"]), found["currency"]) == ("1000.50", "EUR")
    world.wait(700)
    assert world.settle("crm").counts == {}
    assert crm.only("opportunity").get("deal_currency_code") is None


def test_a_currency_that_was_cleared_is_the_company_currency_again(world: World, crm: Any) -> None:
    made = deal(world, "JPY", "125000")
    world.settle("crm")
    world.wait(60)
    crm.edit("deals", crm.only("opportunity")["id"], {"deal_currency_code": ""})
    world.wait(5)
    world.settle("crm")
    assert world.ours("opportunity", made)["currency"] == "EUR"
