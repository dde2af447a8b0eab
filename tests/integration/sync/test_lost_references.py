"""A record whose reference lost its record in the CRM: only the reference waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.merge import OnDelete
from prmsync.domain.values import PrmId, Values
from prmsync.store import records
from prmsync.sync import run
from prmsync.sync.made_again import NEW_ID
from rig import OTHER_PARTNER, Crm, World

Named = tuple[World, Crm, str, str]


@pytest.fixture
def named_in_hubspot(make_world: Callable[..., World], partner_values: Values) -> Named:
    """A partner, and a deal that names it, which HubSpot has too."""
    world = make_world(crm="hubspot")
    partner = world.insert("partner", partner_values)
    deal = world.insert("opportunity", {"name": "Firewall", "partner": partner})
    world.settle("crm")
    return world, world.crms["crm"], partner, deal


def test_other_edits_do_not_wait_for_a_partner_that_was_deleted_in_the_crm(
    world: Any, crm: Any, partner_values: Values
) -> None:
    """A registration must have a partner to be made, and it has been made long ago."""
    partner = world.insert("partner", partner_values)
    filed = {"number": "DR-1", "partner": partner, "customer_name": "Northwind"}
    registration = world.insert("registration", filed)
    world.settle("crm")
    crm.remove("partner", crm.only("partner")[crm.words["id"]])
    world.wait(700)
    with world.session("crm") as session:
        run.sync(session, full=True, release=True)
    world.edit("registration", registration, {"expected_close": "2027-04-08"})
    world.settle("crm")
    word = "Expected_Close__c" if crm.connector == "salesforce" else "expected_close"
    assert crm.only("registration")[word] == "2027-04-08"
    assert world.ours("registration", registration)["partner"] == partner


@pytest.mark.parametrize("read_before", [False, True])
def test_a_deal_that_names_a_company_which_was_archived_in_hubspot_waits_for_nothing(
    named_in_hubspot: Named, read_before: bool
) -> None:
    """HubSpot keeps the id in the deal, and the partner stays here by itself: nothing was changed,
    however late the deal is read again."""
    world, crm, partner, deal = named_in_hubspot
    for at in (1, 2):
        if at == 2 or read_before:
            record = str(crm.only("opportunity")[crm.words["id"]])
            crm.change("opportunity", record, deal_name=f"Offer {at}")
        if at == 1:
            crm.remove("partner", str(crm.only("partner")[crm.words["id"]]))
        world.wait(700)
        with world.session("crm") as session:
            run.sync(session, full=True, release=True)
    kept = world.ours("opportunity", deal)
    assert (kept["name"], kept["partner"]) == ("Offer 2", partner)
    assert (crm.only("opportunity").get("prm_sync_state") or "in_step") == "in_step"
    assert (world.held(), world.parked()) == ([], [])
    assert world.sync("crm").counts == {}
    assert all(one.is_clean for one in world.verify("crm"))


def test_a_record_is_told_at_once_that_it_waits_though_its_partner_went_in_the_same_run(
    named_in_hubspot: Named,
) -> None:
    """That a link ends changes how we know what the deal names, and nothing in the CRM."""
    world, crm, partner, deal = named_in_hubspot
    crm.change("opportunity", str(crm.only("opportunity")[crm.words["id"]]), deal_name="Offer")
    crm.remove("partner", str(crm.only("partner")[crm.words["id"]]))
    world.remove("opportunity", deal)
    world.remove("partner", partner)
    world.wait(700)
    world.sync("crm", full=True, release=True)
    assert crm.only("opportunity")["prm_sync_state"] == "needs_decision"
    assert [one.kind for one in world.held()] == ["deleted in prm, edited here"]
    assert world.sync("crm").counts == {}


def test_a_merge_goes_on_giving_its_deals_to_the_partner_that_is_left_when_the_other_comes_back(
    make_world: Callable[..., Any], partner_values: Values
) -> None:
    """Another CRM brings back a partner that was deleted here and merged away in HubSpot. Nobody
    has touched the deal that waits since then, so nothing becomes of it without an answer."""
    world = make_world(crm="hubspot")
    world.alter = lambda one: (
        one if one.stream == "relation" else replace(one, on_delete=OnDelete.PROPAGATE)
    )
    crm, lost = world.crms["crm"], world.insert("partner", partner_values)
    left = world.insert("partner", dict(OTHER_PARTNER))
    deal = world.insert("opportunity", {"name": "Firewall", "partner": lost})
    world.settle("crm")
    ids = {row["name"]: row["id"] for row in crm.rows("partner")}
    crm.merge("partner", *(ids[world.ours("partner", one)["name"]] for one in (lost, left)))
    world.remove("opportunity", deal)
    world.remove("partner", lost)
    world.wait(700)
    world.sync("crm", release=True, full=True)
    (asked,) = world.held()
    assert left in (asked.crm or ())
    with world.database.begin() as connection:
        assert not records.insert(connection, "partner", [(PrmId(lost), partner_values)])
    world.sync("crm", release=True)
    questions = [one.id for one in world.held()]
    assert asked.id in questions
    world.wait(700)
    assert world.sync("crm", release=True).counts == {}
    assert [one.id for one in world.held()] == questions
    assert crm.only("opportunity")["dealname"] == "Firewall"


@pytest.mark.parametrize("read_meanwhile", [False, True])
def test_a_deal_gets_the_new_id_of_its_company_that_was_archived_and_made_again(
    named_in_hubspot: Named, read_meanwhile: bool
) -> None:
    """The old id names nobody, and no record will ever come that it waits for."""
    world, crm, partner, deal = named_in_hubspot
    crm.remove("partner", str(crm.only("partner")[crm.words["id"]]))
    world.edit("partner", partner, {"domain": "globex.test"})
    if read_meanwhile:
        crm.change("opportunity", str(crm.only("opportunity")[crm.words["id"]]), deal_name="Offer")
    world.wait(700)
    world.sync("crm", full=True, release=True)
    world.decide("prm")
    world.sync("crm", release=True)
    assert crm.only("opportunity")["prm_partner"] == crm.only("partner")[crm.words["id"]]
    assert crm.only("opportunity")["prm_sync_state"] == "in_step"
    assert world.ours("opportunity", deal)["partner"] == partner
    (row,) = [one for one in world.history("opportunity", deal) if one.reason == NEW_ID]
    assert row.fields["partner"] == (None, partner)
    world.wait(700)
    assert world.sync("crm", full=True).counts == {}
    assert all(one.is_clean for one in world.verify("crm"))
