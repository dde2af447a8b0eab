"""A decision is done with the run that carries it out, and decides nothing that comes up later."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from prmsync.connector.simulator.http import Request
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


def test_what_the_crm_shows_only_at_the_next_look_comes_after_what_was_decided(
    world: World, crm: Crm, partner: str
) -> None:
    """Whoever typed it had seen the value that was taken; history tells both steps."""
    world.decide("crm")
    world.edit("partner", partner, {"partner_manager": "dana@example.com"})
    again: list[str] = []

    def types_again(_: Request) -> None:
        if not again:
            again.append("Newest GmbH")
            crm.change("partner", number(crm), name=again[0])

    guard = r"batch/read$|composite/sobjects/Account$"
    with crm.standing_before(types_again, guard):
        world.sync("crm", release=True)
    world.settle("crm")
    assert again
    assert world.ours("partner", partner)["name"] == "Newest GmbH"
    names = [
        row.fields["name"]
        for row in world.history("partner", partner)
        if row.side == "prm" and "name" in row.fields
    ]
    assert names == [("Ours GmbH", "Theirs GmbH"), ("Theirs GmbH", "Newest GmbH")]
    assert world.held() == []
