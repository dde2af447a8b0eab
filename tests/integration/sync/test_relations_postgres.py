"""Relations on PostgreSQL: they come back with their deal, and keep to what they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from prmsync.domain.values import Values
from rig import World


@pytest.fixture
def world(make_world: Callable[..., World], postgres_url: str) -> World:
    return make_world(url=postgres_url, crm="salesforce")


def test_a_relation_comes_back_with_its_deal_and_stays_where_its_row_is_inserted_again(
    world: World, partner_values: Values
) -> None:
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    said: Values = {"opportunity": deal, "partner": partner, "role": "reseller"}
    relation = world.insert("relation", said)
    world.settle("crm")
    record = str(crm.only("opportunity")["Id"])
    crm.remove("opportunity", record)
    look(world)
    assert crm.relations() == []
    crm.restore("opportunity", record)
    look(world)
    (again,) = crm.relations()
    world.remove("relation", relation)
    world.insert("relation", said)
    look(world)
    assert crm.relations() == [again]
    assert (world.held(), world.parked()) == ([], [])


def look(world: World) -> None:
    world.wait(700)
    world.settle("crm")
