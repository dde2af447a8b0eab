"""What most scenarios begin with: a partner, a deal and a registration that both sides have."""

from __future__ import annotations

import pytest

from prmsync.domain.values import Values
from rig import World

DEAL: Values = {
    "name": "Northwind firewall",
    "number": "OP-1",
    "stage": "qualified",
    "amount": "48000.00",
    "currency": "EUR",
    "close_date": "2026-12-20",
    "customer_name": "Northwind GmbH",
}


@pytest.fixture
def partner(world: World, partner_values: Values) -> str:
    """A partner on both sides; returns our id."""
    made = world.insert("partner", partner_values)
    world.settle("crm")
    return made


@pytest.fixture
def deal(world: World, partner: str) -> str:
    """A deal of that partner on both sides; returns our id."""
    made = world.insert("opportunity", {**DEAL, "partner": partner})
    world.settle("crm")
    return made


@pytest.fixture
def registration(world: World, partner: str) -> str:
    """A registration of that partner on both sides; returns our id."""
    values: Values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind GmbH"}
    made = world.insert("registration", values)
    world.settle("crm")
    return made
