"""A write to our side that names a record of ours which is gone waits for that record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.merge import OnDelete
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


@pytest.fixture
def names_what_is_gone(world: World, crm: Crm, deal: str) -> str:
    """A new deal and a relation of the CRM name a partner that is deleted here before they are
    read. Returns that deal's id in the CRM."""
    words = crm.words
    ends = [str(crm.only(one)[words["id"]]) for one in ("opportunity", "partner")]
    crm.relate(ends[0], ends[1], words["distributor"])
    made = {words["deal_name"]: "Switches", words["stage"]: words["qualified"]}
    made |= {reference(crm): ends[1], words["close_date"]: words["day"].format("2026-12-20")}
    return crm.create(words["opportunity"], made)


def reference(crm: Crm) -> str:
    return "PRM_Partner__c" if crm.connector == "salesforce" else "prm_partner"


def switches(world: World) -> Values:
    (found,) = (one for one in world.all_ours("opportunity").values() if one["name"] == "Switches")
    return found


def test_a_new_deal_comes_without_it_and_only_the_reference_waits(
    world: World, crm: Crm, names_what_is_gone: str, partner_values: Values
) -> None:
    ((partner, _),) = world.all_ours("partner").items()
    world.remove("partner", partner)
    world.wait(700)
    counts = world.sync("crm", full=True, release=True).counts
    refused = {name: many for name, many in counts.items() if name.endswith("prm/create/parked")}
    assert refused == {"relation/prm/create/parked": 1}
    assert switches(world)["partner"] is None
    world.sync("crm", release=True)
    assert switches(world)["partner"] is None
    (row,) = (one for one in crm.rows("opportunity") if one[crm.words["id"]] == names_what_is_gone)
    assert "Waits for a record that it refers to." in row.values()
    assert world.sync("crm").counts == {}
    with world.database.begin() as connection:
        assert not records.insert(connection, "partner", [(PrmId(partner), partner_values)])
    world.settle("crm")
    assert switches(world)["partner"] == partner
    assert [one["role"] for one in world.all_ours("relation").values()] == ["distributor"]
    assert world.parked() == []


def test_that_reference_ends_with_the_partner_in_the_crm(
    make_world: Callable[..., World], partner_values: Values
) -> None:
    """The run that brings the deal here carries the deletion over: the next one changes nothing
    here, as neither side names anybody any more."""
    world = make_world(crm="salesforce")
    world.alter = lambda one: (
        one if one.stream == "relation" else replace(one, on_delete=OnDelete.PROPAGATE)
    )
    crm = world.crms["crm"]
    made = world.insert("partner", partner_values)
    world.settle("crm")
    number = str(crm.only("partner")[crm.words["id"]])
    values = {"Name": "Switches", "StageName": "Qualification", "CloseDate": "2026-12-20"}
    crm.create("Opportunity", {**values, reference(crm): number})
    world.remove("partner", made)
    world.wait(700)
    world.sync("crm", full=True, release=True)
    assert (crm.rows("partner"), switches(world)["partner"]) == ([], None)
    world.wait(700)
    counts = world.sync("crm", full=True, release=True).counts
    assert [name for name in counts if "/prm/" in name] == []
    assert (world.parked(), world.held()) == ([], [])
    assert world.sync("crm").counts == {}
