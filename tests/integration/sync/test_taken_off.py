"""Relations that were taken off in a CRM while ours were gone with their deal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from prmsync.domain.values import Values
from prmsync.sync.relation_ends import BACK, BACK_THERE
from rig import World, without


@pytest.fixture
def both(make_world: Callable[..., World], partner_values: Values) -> World:
    """A deal with its partner on all sides; it was deleted here, and edited in HubSpot before
    anybody read that."""
    world = make_world(sf="salesforce", hs="hubspot")
    world.alter = lambda one: without(one, "owner") if one.stream != "relation" else one
    partner = world.insert("partner", partner_values)
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    look(world, "sf", "hs", "sf", "hs")
    hs = world.crms["hs"]
    hs.change("opportunity", hs.only("opportunity")["id"], deal_name="Firewall, second offer")
    world.remove("relation", *world.all_ours("relation"))
    world.remove("opportunity", deal)
    return world


def look(world: World, *names: str) -> None:
    for name in names:
        world.wait(700)
        world.sync(name, full=True, release=True)


def take_off(world: World) -> None:
    sf = world.crms["sf"]
    ((*_, relation),) = sf.relations()
    sf.unrelate(relation)


def related(world: World) -> list[int]:
    there = [len(crm.relations()) for crm in world.crms.values()]
    return [len(world.all_ours("relation")), *there]


@pytest.mark.parametrize("take", ["prm", "crm"])
def test_after_our_deal_was_let_go_there_it_is_asked_about_when_the_deal_is_wanted_here_again(
    both: World, take: str
) -> None:
    look(both, "sf", "hs")
    take_off(both)
    both.decide("crm")
    look(both, "hs")
    assert len(both.all_ours("relation")) == 1
    look(both, "sf")
    assert both.crms["sf"].relations() == []
    assert [one.kind for one in both.held()] == [BACK_THERE]
    both.decide(take)
    look(both, "sf", "hs", "sf", "hs")
    assert related(both) == [1 if take == "prm" else 0] * 3
    assert both.held() == []


@pytest.mark.parametrize("take", ["prm", "crm"])
def test_before_our_deal_was_let_go_there_it_is_asked_about_where_the_deal_comes_from(
    both: World, take: str
) -> None:
    take_off(both)
    look(both, "sf", "hs")
    both.decide("crm")
    look(both, "hs", "sf")
    assert related(both) == [0, 0, 1]
    assert [one.kind for one in both.held()] == [BACK]
    both.decide(take)
    look(both, "sf", "hs", "sf", "hs")
    assert related(both) == [1 if take == "crm" else 0] * 3
    assert both.held() == []
