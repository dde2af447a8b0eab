"""Two CRMs meet through the partner database: one is a record's home, the other keeps a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prmsync.domain.values import Values
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
