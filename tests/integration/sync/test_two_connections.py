"""Two CRMs meet through the partner database: one is a record's home, the other keeps a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prmsync.domain.merge import Writes
from prmsync.domain.values import Values
from prmsync.store import held
from prmsync.sync.verify import verify

DEAL: Values = {
    "name": "Northwind firewall",
    "stage": "qualified",
    "amount": "48000.00",
    "currency": "EUR",
    "close_date": "2026-12-20",
    "customer_name": "Northwind GmbH",
}


@pytest.fixture
def both(make_world: Callable[..., Any]) -> Any:
    return make_world(hs="hubspot", sf="salesforce")


def settle(world: Any) -> None:
    for _ in range(3):
        for name in ("hs", "sf"):
            world.sync(name, release=True)


def test_a_deal_without_an_owner_keeps_the_owner_that_the_copys_crm_insists_on(both: Any) -> None:
    deal = both.insert("opportunity", dict(DEAL))
    settle(both)
    assert both.ours("opportunity", deal)["home"] == "hs"
    assert both.ours("opportunity", deal)["owner"] is None
    assert both.crms["sf"].only("opportunity")["OwnerId"]
    assert both.sync("sf").counts == {}
    with both.session("sf") as session:
        assert all(one.is_clean for one in verify(session))


def test_an_edit_in_the_home_crm_reaches_the_copy(both: Any) -> None:
    both.insert("opportunity", dict(DEAL))
    settle(both)
    home = both.crms["hs"]
    record = home.only("opportunity")[home.words["id"]]
    home.change("opportunity", record, stage=home.words["negotiation"])
    settle(both)
    assert both.crms["sf"].only("opportunity")["StageName"] == "Negotiation/Review"


def test_an_edit_of_a_copy_is_put_back_and_stays_in_history(both: Any) -> None:
    both.insert("opportunity", dict(DEAL))
    settle(both)
    copy = both.crms["sf"]
    copy.change("opportunity", copy.only("opportunity")["Id"], amount=99)
    settle(both)
    assert copy.only("opportunity")["Amount"] == 48000


def test_the_user_that_salesforce_puts_in_place_of_no_owner_is_nobody_for_us(both: Any) -> None:
    deal = both.insert("opportunity", dict(DEAL))
    for _ in range(3):
        for name in ("sf", "hs"):
            both.sync(name, release=True)
    assert both.ours("opportunity", deal)["home"] == "sf"
    assert both.ours("opportunity", deal)["owner"] is None
    assert not both.crms["hs"].only("opportunity").get("hubspot_owner_id")
    assert both.sync("hs").state == both.sync("sf").state == "done"


def test_both_crms_edit_one_partner_in_turn_and_all_three_end_equal(
    both: Any, partner_values: Values
) -> None:
    """A partner has no home: every side may edit it, and what one CRM says reaches the other."""
    partner = both.insert("partner", dict(partner_values))
    settle(both)
    hs, sf = both.crms["hs"], both.crms["sf"]
    hs.change("partner", hs.only("partner")["id"], name="Globex One")
    settle(both)
    assert sf.only("partner")["Name"] == "Globex One"
    sf.change("partner", sf.only("partner")["Id"], name="Globex Two")
    settle(both)
    assert hs.only("partner")["name"] == "Globex Two"
    assert both.ours("partner", partner)["name"] == "Globex Two"
    assert [both.sync(name).counts for name in ("hs", "sf")] == [{}, {}]


def test_edits_of_different_fields_in_both_crms_at_once_both_arrive_everywhere(
    both: Any, partner_values: Values
) -> None:
    partner = both.insert("partner", dict(partner_values))
    settle(both)
    hs, sf = both.crms["hs"], both.crms["sf"]
    hs.change("partner", hs.only("partner")["id"], name="Globex One")
    sf.change("partner", sf.only("partner")["Id"], country="FR")
    settle(both)
    ours = both.ours("partner", partner)
    assert (ours["name"], ours["country"]) == ("Globex One", "FR")
    assert sf.only("partner")["Name"] == "Globex One"
    assert hs.only("partner")["country"] == "FR"
    assert [both.sync(name).counts for name in ("hs", "sf")] == [{}, {}]


def test_edits_of_one_field_in_both_crms_at_once_wait_for_a_person_and_lose_nothing(
    both: Any, partner_values: Values
) -> None:
    """The first run brings one of them in; for the second both sides have changed."""
    partner = both.insert("partner", dict(partner_values))
    settle(both)
    hs, sf = both.crms["hs"], both.crms["sf"]
    hs.change("partner", hs.only("partner")["id"], name="Globex One")
    sf.change("partner", sf.only("partner")["Id"], name="Globex Two")
    settle(both)
    with both.database.read() as connection:
        ((where, item),) = held.waiting_items(connection)
    assert (where.connection, item.prm, item.crm) == ("sf", ("Globex One",), ("Globex Two",))
    assert sf.only("partner")["Name"] == "Globex Two"
    with both.database.begin() as connection:
        held.decide(connection, item.id, "crm", "dana", both.now())
    settle(both)
    assert both.ours("partner", partner)["name"] == "Globex Two"
    assert hs.only("partner")["name"] == "Globex Two"
    assert [both.sync(name).counts for name in ("hs", "sf")] == [{}, {}]


def test_both_crms_move_one_deal_in_turn_and_its_home_has_the_last_word(both: Any) -> None:
    deal = both.insert("opportunity", dict(DEAL))
    settle(both)
    home, copy = both.crms["hs"], both.crms["sf"]
    home.change("opportunity", home.only("opportunity")["id"], stage=home.words["proposal"])
    copy.change("opportunity", copy.only("opportunity")["Id"], stage=copy.words["won"])
    settle(both)
    home.change("opportunity", home.only("opportunity")["id"], stage=home.words["negotiation"])
    settle(both)
    assert both.ours("opportunity", deal)["stage"] == "committed"
    assert copy.only("opportunity")["StageName"] == copy.words["negotiation"]
    assert home.only("opportunity")["dealstage"] == home.words["negotiation"]
    assert [both.sync(name).counts for name in ("hs", "sf")] == [{}, {}]


def test_a_copy_deleted_in_its_crm_leaves_the_deal_and_its_home_alone(both: Any) -> None:
    deal = both.insert("opportunity", dict(DEAL))
    settle(both)
    copy = both.crms["sf"]
    copy.remove("opportunity", copy.only("opportunity")["Id"])
    settle(both)
    assert copy.rows("opportunity") == []
    assert list(both.all_ours("opportunity")) == [deal]
    assert len(both.crms["hs"].rows("opportunity")) == 1
    assert [both.sync(name).counts for name in ("hs", "sf")] == [{}, {}]


@pytest.mark.parametrize("writes", [Writes.NONE, Writes.PRM, Writes.CRM])
def test_what_waited_while_connections_did_not_write_is_done_when_they_do(
    both: Any, partner_values: Values, writes: Writes
) -> None:
    partner = both.insert("partner", dict(partner_values))
    settle(both)
    hs, sf = both.crms["hs"], both.crms["sf"]
    hs.change("partner", hs.only("partner")["id"], name="Globex One")
    sf.change("partner", sf.only("partner")["Id"], country="FR")
    both.edit("partner", partner, {"status": "suspended"})
    for _ in range(2):
        both.sync("hs", release=True, writes=writes)
        both.sync("sf", release=True, writes=writes)
        both.wait(3600)
    settle(both)
    ours = both.ours("partner", partner)
    assert (ours["name"], ours["country"], ours["status"]) == ("Globex One", "FR", "suspended")
    row = sf.only("partner")
    assert (row["Name"], row["BillingCountryCode"]) == ("Globex One", "FR")
    assert row["PRM_Status__c"] == hs.only("partner")["prm_status"] == "suspended"
    assert hs.only("partner")["country"] == "FR"
    assert [both.sync(name).counts for name in ("hs", "sf")] == [{}, {}]
