"""What the stories of the engine begin with."""

from __future__ import annotations

import pytest

from prmsync.domain.values import Values
from rig import World


@pytest.fixture
def partner(world: World, partner_values: Values) -> str:
    """A partner that both sides have."""
    made = world.insert("partner", partner_values)
    world.settle("crm")
    world.wait(60)
    return made
