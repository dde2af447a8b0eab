"""A write to our side that names a record of ours which is gone waits for that record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prmsync.domain.values import PrmId, Values
from prmsync.store import records
from prmsync.store.row_checks import NO_SUCH_RECORD
from prmsync.sync import run
from prmsync.sync.session import Session
from rig import Crm, World

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20"}


@pytest.fixture
def deal(world: World, partner_values: Values) -> str:
    """A deal and a partner that both sides have."""
    world.insert("partner", partner_values)
    made = world.insert("opportunity", DEAL)
    world.settle("crm")
    return made


@pytest.fixture
def refused(world: World, crm: Crm, deal: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A relation made in the CRM, of a deal that is deleted here once the run has read both."""
    ends = [str(crm.only(one)[crm.words["id"]]) for one in ("opportunity", "partner")]
    crm.relate(ends[0], ends[1], crm.words["distributor"])
    with monkeypatch.context() as patch:
        remove_before_deciding(patch, lambda: world.remove("opportunity", deal))
        world.wait(700)
        world.sync("crm", full=True, release=True)
    assert [one.code for one in world.parked()] == [NO_SUCH_RECORD]
    return deal


def remove_before_deciding(patch: pytest.MonkeyPatch, remove: Callable[[], None]) -> None:
    """Somebody deletes something here while a run is at work: it has read both sides."""
    real, todo = run.plan_streams, [remove]

    def plan_streams(session: Session, *args: Any, **more: Any) -> None:
        if todo:
            todo.pop()()
        real(session, *args, **more)

    patch.setattr(run, "plan_streams", plan_streams)


def put_back(world: World, deal: str) -> None:
    with world.database.begin() as connection:
        assert not records.insert(connection, "opportunity", [(PrmId(deal), DEAL)])


def test_it_is_not_tried_while_that_record_is_missing(world: World, refused: str) -> None:
    world.settle("crm")
    assert [one.code for one in world.parked()] == [NO_SUCH_RECORD]
    assert world.all_ours("relation") == {}


def test_it_is_written_once_that_record_is_back(world: World, refused: str) -> None:
    world.settle("crm")
    put_back(world, refused)
    world.settle("crm")
    assert [one["role"] for one in world.all_ours("relation").values()] == ["distributor"]
    assert world.parked() == []


def test_two_that_are_refused_wake_neither_and_the_deal_comes_in_the_next_run(
    world: World, crm: Crm, deal: str
) -> None:
    """A new deal and a relation of the CRM name a partner that was deleted here meanwhile."""
    words = crm.words
    ends = [str(crm.only(one)[words["id"]]) for one in ("opportunity", "partner")]
    crm.relate(ends[0], ends[1], words["distributor"])
    partner = "PRM_Partner__c" if crm.connector == "salesforce" else "prm_partner"
    made = {words["deal_name"]: "Switches", words["stage"]: words["qualified"], partner: ends[1]}
    made[words["close_date"]] = words["day"].format("2026-12-20")
    crm.create(words["opportunity"], made)
    world.remove("partner", *world.all_ours("partner"))
    world.wait(700)
    counts = world.sync("crm", full=True, release=True).counts
    refused = {name: many for name, many in counts.items() if name.endswith("prm/create/parked")}
    assert refused == {"opportunity/prm/create/parked": 1, "relation/prm/create/parked": 1}
    world.sync("crm", release=True)
    names = {one["name"] for one in world.all_ours("opportunity").values()}
    assert names == {"Firewall", "Switches"}
