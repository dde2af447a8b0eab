"""An undo that is undone twice: what somebody took away in between stays away."""

from __future__ import annotations

import pytest

from prmsync.domain.merge import Writes
from prmsync.domain.values import Values
from prmsync.reconcile.undo import GONE_AGAIN
from prmsync.store import journal
from prmsync.store.journal import ActionState
from prmsync.sync.running import Report
from rig import Crm, World


@pytest.fixture
def mistaken(world: World, partner_values: Values) -> int:
    """The number of an undo that took a deal, its partner and their relation away in the CRM."""
    partner = world.insert("partner", partner_values)
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    first = world.sync("crm", release=True).run_id
    return int(world.undo("crm", first).run_id)


def kept(world: World, run_id: int) -> list[str]:
    with world.database.read() as connection:
        rows = journal.page(connection, run_id, [ActionState.KEPT])
    return [one.reason for one in rows]


def undone_once_more(world: World, mistaken: int) -> Report:
    """After a run has read what people did, and written nothing of it."""
    world.wait(700)
    world.sync("crm", full=True, writes=Writes.NONE)
    return world.undo("crm", mistaken)


def test_a_relation_that_somebody_took_off_after_it_was_made_again(
    world: World, crm: Crm, mistaken: int
) -> None:
    world.undo("crm", mistaken)
    ((*_, relation),) = crm.relations()
    crm.unrelate(relation)
    again = undone_once_more(world, mistaken)
    assert crm.relations() == []
    assert f"kept: {GONE_AGAIN}" in kept(world, again.run_id)


def test_a_deal_that_somebody_deleted_after_it_was_made_again(
    world: World, crm: Crm, mistaken: int
) -> None:
    world.undo("crm", mistaken)
    crm.remove("opportunity", crm.only("opportunity")[crm.words["id"]])
    again = undone_once_more(world, mistaken)
    assert crm.rows("opportunity") == []
    assert f"kept: {GONE_AGAIN}" in kept(world, again.run_id)


def test_what_the_undo_of_an_undo_was_undone_for_comes_back(
    world: World, crm: Crm, mistaken: int
) -> None:
    """Nobody else has taken it away: it goes and comes as often as somebody wants."""
    back = world.undo("crm", mistaken)
    world.undo("crm", back.run_id)
    assert crm.rows("opportunity") == []
    world.undo("crm", mistaken)
    assert len(crm.rows("opportunity")) == 1
    assert len(crm.relations()) == 1
