"""Records that a CRM user deletes before their creation could be noted: not made again unasked."""

from __future__ import annotations

import pytest

from prmsync.connector.simulator.http import Request, Response
from prmsync.domain.values import Values
from prmsync.store import links
from prmsync.store.held import HeldState
from rig import Crm, World

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20"}


class DeletesAtOnce:
    """A CRM with somebody who deletes a deal as soon as there is one."""

    def __init__(self, crm: Crm) -> None:
        self.crm, self.inner, self.done = crm, crm.simulator, False

    def handle(self, request: Request) -> Response:
        try:
            return self.inner.handle(request)
        finally:
            if not self.done and not request.path.startswith("/_simulator/"):
                for row in self.crm.rows("opportunity"):
                    self.done = True
                    self.crm.remove("opportunity", row[self.crm.words["id"]])


@pytest.fixture
def deal(world: World, crm: Crm) -> str:
    """Ours; its record in the CRM was made, the answer lost, and then somebody deleted it."""
    made = world.insert("opportunity", DEAL)
    made_and_deleted(world, crm)
    return made


def made_and_deleted(world: World, crm: Crm) -> None:
    crm.fault(drop=True, times=1)
    simulator = crm.simulator
    crm.simulator = DeletesAtOnce(crm)
    assert world.sync("crm", release=True).state == "failed"
    crm.simulator = simulator
    world.settle("crm")


def test_it_is_not_made_again_and_waits_for_a_person(world: World, crm: Crm, deal: str) -> None:
    assert crm.rows("opportunity") == []
    assert list(world.all_ours("opportunity")) == [deal]
    assert [one.group for one in world.held()] == ["@record"]


def test_whoever_agrees_with_the_deletion_ends_the_link(world: World, crm: Crm, deal: str) -> None:
    world.decide("crm")
    world.settle("crm")
    assert (crm.rows("opportunity"), world.held()) == ([], [])


@pytest.mark.parametrize("reached", [True, False])
def test_whoever_wants_it_back_gets_one_record_also_where_that_answer_is_lost(
    world: World, crm: Crm, deal: str, reached: bool
) -> None:
    world.decide("prm")
    crm.fault(drop=True, commit=reached, times=1)
    assert world.sync("crm", release=True).state == "failed"
    world.settle("crm")
    assert crm.only("opportunity")[crm.words["opportunity_key"]] == deal
    assert world.held() == []


def test_whoever_wanted_it_back_is_asked_again_where_it_was_deleted_once_more(
    world: World, crm: Crm, deal: str
) -> None:
    world.decide("prm")
    made_and_deleted(world, crm)
    assert crm.rows("opportunity") == []
    assert list(world.all_ours("opportunity")) == [deal]
    assert [(one.group, one.state) for one in world.held()] == [("@record", HeldState.OPEN)]


def test_out_of_the_recycle_bin_it_is_the_same_deal_again(
    world: World, crm: Crm, deal: str
) -> None:
    with world.database.read() as connection:
        known = links.by_ids(connection, links.ids_of_record(connection, "opportunity", deal))
    (number,) = (str(one.crm_id) for one in known.values())
    crm.restore("opportunity", number)
    world.wait(700)
    world.sync("crm", release=True, full=True)
    world.settle("crm")
    assert crm.only("opportunity")[crm.words["id"]] == number
    assert list(world.all_ours("opportunity")) == [deal]
    assert world.held() == []
