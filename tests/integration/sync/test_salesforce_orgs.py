"""Orgs with one currency or several, west and east of Greenwich, with record types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.domain.values import Values
from prmsync.mapping.model import StreamMapping
from prmsync_salesforce.simulator.app import SalesforceSimulator
from rig import Crm, World, without

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20", "stage": "qualified"}
THEIR_DEAL = {"Name": "Theirs", "StageName": "Qualification", "CloseDate": "2026-12-20"}
Org = Callable[..., tuple[World, Crm]]


@pytest.fixture
def org(make_world: Any) -> Org:
    def make(data: dict[str, Any] | None = None, **settings: Any) -> tuple[World, Crm]:
        world: World = make_world(crm="salesforce")
        options = SimulatorOptions(now=world.now, schema={"settings": settings}, data=data)
        world.crms["crm"] = Crm(
            "crm", "salesforce", SalesforceSimulator(options), "http://crm.example"
        )
        return world, world.crms["crm"]

    return make


def the_deal(world: World) -> Values:
    (values,) = world.all_ours("opportunity").values()
    return values


def test_in_an_org_with_several_currencies_an_amount_keeps_its_own(org: Org) -> None:
    world, crm = org(multi_currency=True, currency="EUR")
    crm.create("Opportunity", {**THEIR_DEAL, "Amount": 5000, "CurrencyIsoCode": "GBP"})
    world.settle("crm")
    (prm_id,) = world.all_ours("opportunity")
    assert (the_deal(world)["amount"], the_deal(world)["currency"]) == ("5000.00", "GBP")
    world.edit("opportunity", prm_id, {"amount": "48000", "currency": "JPY"})
    world.settle("crm")
    world.decide("prm")  # an amount that a partner edits is a proposal
    world.settle("crm")
    theirs = crm.only("opportunity")
    assert (theirs["Amount"], theirs["CurrencyIsoCode"]) == (48000, "JPY")


def test_a_deal_that_names_no_currency_has_the_corporate_one(org: Org) -> None:
    world, crm = org(multi_currency=True, currency="SEK")
    crm.create("Opportunity", {**THEIR_DEAL, "Amount": 5000})
    world.settle("crm")
    assert the_deal(world)["currency"] == "SEK"
    assert world.sync("crm").counts == {}


def test_a_currency_that_the_org_has_not_activated_is_refused_with_its_remedy(org: Org) -> None:
    world, _ = org(multi_currency=True, currency="EUR")
    world.insert("opportunity", {**DEAL, "amount": "10.00", "currency": "BRL"})
    world.sync("crm", release=True)
    (item,) = world.parked()
    assert "CurrencyIsoCode" in item.message


def test_in_an_org_with_one_currency_every_amount_is_in_it(org: Org) -> None:
    world, crm = org(multi_currency=False, currency="EUR")
    crm.create("Opportunity", {**THEIR_DEAL, "Amount": 5000})
    ours = world.insert("opportunity", {**DEAL, "amount": "48000.00", "currency": "EUR"})
    world.settle("crm")
    by_name = {str(one["name"]): one for one in world.all_ours("opportunity").values()}
    assert (by_name["Theirs"]["amount"], by_name["Theirs"]["currency"]) == ("5000.00", "EUR")
    theirs = next(one for one in crm.rows("opportunity") if one["Name"] == "Firewall")
    assert theirs["Amount"] == 48000
    assert "CurrencyIsoCode" not in theirs
    crm.edit("Opportunity", theirs["Id"], {"Amount": 49000})
    world.wait(700)
    world.settle("crm")
    assert world.ours("opportunity", ours)["amount"] == "49000.00"
    assert [one for one in world.verify("crm") if not one.is_clean] == []


def test_in_an_org_with_one_currency_another_is_refused_and_never_relabelled(org: Org) -> None:
    world, crm = org(multi_currency=False, currency="EUR")
    world.insert("opportunity", {**DEAL, "amount": "10.00", "currency": "USD"})
    fine = world.insert("opportunity", {**DEAL, "name": "Fine", "currency": "EUR"})
    world.sync("crm", release=True)
    (item,) = world.parked()
    assert item.message == "the org has one currency, EUR, and the record is in USD"
    assert "in EUR" in item.hint
    assert crm.only("opportunity")["Name"] == "Fine"
    world.edit("opportunity", fine, {"customer_name": "Northwind"})
    world.settle("crm")
    assert crm.only("opportunity")["PRM_Customer_Name__c"] == "Northwind"


ZONES = ["America/Los_Angeles", "Pacific/Auckland", "Asia/Kolkata", "UTC"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_stays_the_same_day_wherever_the_org_is(org: Org, zone: str) -> None:
    world, crm = org(time_zone=zone)
    deal = world.insert("opportunity", DEAL)
    world.settle("crm")
    record = crm.only("opportunity")
    assert record["CloseDate"] == "2026-12-20"
    crm.edit("Opportunity", record["Id"], {"CloseDate": "2027-01-01"})
    world.wait(700)
    world.settle("crm")
    assert world.ours("opportunity", deal)["close_date"] == "2027-01-01"


@pytest.mark.parametrize("zone", ZONES)
def test_a_moment_stays_the_same_moment_wherever_the_org_is(org: Org, zone: str) -> None:
    world, crm = org(time_zone=zone)
    until = "2026-12-31T23:59:59.000Z"
    world.insert("opportunity", {**DEAL, "protected_until": until})
    world.settle("crm")
    assert crm.only("opportunity")["PRM_Protected_Until__c"] == "2026-12-31T23:59:59.000+0000"
    assert world.sync("crm").counts == {}


def _day_as_moment(mapping: StreamMapping) -> StreamMapping:
    """A company that keeps the expected close in a field for date and time."""
    if mapping.stream != "registration":
        return mapping
    left = without(mapping, "due_at")
    day = replace(left.fields["expected_close"], crm="Due_At__c", transform="day_in_zone")
    return replace(left, fields={**left.fields, "expected_close": day})


@pytest.mark.parametrize(
    ("zone", "evening"),
    [
        ("America/Los_Angeles", "2026-12-21T06:30:00.000Z"),
        ("Pacific/Auckland", "2026-12-20T09:30:00.000Z"),
    ],
)
def test_a_day_kept_as_a_moment_is_the_orgs_own_day(org: Org, zone: str, evening: str) -> None:
    """Half past ten in the evening of the 20th, which is another day or not in UTC."""
    world, crm = org(time_zone=zone)
    world.alter = _day_as_moment
    partner = world.insert("partner", {"name": "Globex", "status": "active"})
    values: Values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind"}
    ours = world.insert("registration", {**values, "expected_close": "2026-12-19"})
    world.settle("crm")
    crm.edit("PRM_Registration__c", crm.only("registration")["Id"], {"Due_At__c": evening})
    world.wait(700)
    world.settle("crm")
    assert world.ours("registration", ours)["expected_close"] == "2026-12-20"
    assert world.sync("crm").counts == {}


def _channel_deals(mapping: StreamMapping) -> StreamMapping:
    """Deals of the record type `Channel`, with stages of its own."""
    if mapping.stages is None:
        return mapping
    known = mapping.stages.pipelines["default"]
    stages = replace(
        mapping.stages, field="RecordTypeId", default="Channel", pipelines={"Channel": known}
    )
    return replace(mapping, stages=stages)


def test_new_deals_get_the_record_type_that_the_mapping_names_and_keep_it(org: Org) -> None:
    kind = {"DeveloperName": "Channel", "Name": "Channel Deal", "SobjectType": "Opportunity"}
    world, crm = org(data={"RecordType": [kind]})
    world.alter = _channel_deals
    deal = world.insert("opportunity", DEAL)
    world.settle("crm")
    record = crm.only("opportunity")
    with world.session("crm") as session:
        types = session.connector.describe("Opportunity").record_types
    assert record["RecordTypeId"] == types["Channel"]
    world.edit("opportunity", deal, {"stage": "technical_validation"})
    world.settle("crm")
    changed = crm.only("opportunity")
    assert (changed["StageName"], changed["RecordTypeId"]) == ("Needs Analysis", types["Channel"])
