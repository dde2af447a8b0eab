"""A decision is done with the run that carries it out, and decides nothing that comes up later."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from prmsync.domain.merge import Writes
from prmsync.domain.values import Values
from prmsync.store.held import HeldState
from prmsync.store.tables import held as table
from rig import Crm, World


@pytest.fixture
def partner(world: World, crm: Crm, partner_values: Values) -> str:
    """Both sides renamed it: its name waits for a person."""
    made = world.insert("partner", partner_values)
    world.settle("crm")
    rename_both(world, crm, made)
    return made


def rename_both(world: World, crm: Crm, partner: str) -> None:
    world.edit("partner", partner, {"name": "Ours GmbH"})
    crm.change("partner", number(crm), name="Theirs GmbH")
    world.sync("crm", release=True)


def number(crm: Crm) -> str:
    return str(crm.only("partner")[crm.words["id"]])


def states(world: World) -> list[str]:
    with world.database.read() as connection:
        rows = connection.execute(sa.select(table.c.state).order_by(table.c.id))
        return list(rows.scalars())


@pytest.mark.parametrize("take", ["prm", "crm"])
def test_it_is_done_with_the_run_that_writes(
    world: World, crm: Crm, partner: str, take: str
) -> None:
    world.decide(take)
    world.sync("crm", release=True)
    assert states(world) == [HeldState.DONE]


def test_the_same_two_values_later_are_a_new_question(world: World, crm: Crm, partner: str) -> None:
    world.decide("crm")
    world.sync("crm", release=True)
    world.edit("partner", partner, {"name": "Other GmbH"})
    world.settle("crm")
    rename_both(world, crm, partner)
    assert states(world) == [HeldState.DONE, HeldState.OPEN]


def test_it_stands_while_its_write_is_only_planned_or_was_refused(
    world: World, crm: Crm, partner: str
) -> None:
    world.decide("prm")
    world.sync("crm", writes=Writes.NONE)
    assert states(world) == [HeldState.DECIDED]
    code = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION"} if crm.connector == "salesforce" else {}
    crm.fault(record=number(crm), status=400, message="not on a Sunday", **code)
    world.sync("crm", release=True)
    assert (len(world.parked()), states(world)) == (1, [HeldState.DECIDED])
