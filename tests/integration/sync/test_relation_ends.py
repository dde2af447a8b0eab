"""A relation that went with its deal or its partner was taken away by nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.merge import OnDelete
from prmsync.domain.values import PrmId, Values
from prmsync.mapping.model import StreamMapping
from prmsync.store import records, runs
from prmsync.sync import run

DEAL: Values = {
    "name": "Firewall",
    "close_date": "2026-12-20",
    "customer_domain": "northwind.example",
}


@pytest.fixture
def deal(world: Any, partner_values: Values) -> str:
    """A deal with a reseller, in both systems; returns the deal's id."""
    return related(world, partner_values, "crm")


def related(world: Any, partner_values: Values, *names: str) -> str:
    partner = world.insert("partner", partner_values)
    deal = str(world.insert("opportunity", DEAL))
    world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    for name in names:
        world.settle(name)
    world.wait(60)
    return deal


def look(world: Any, name: str = "crm", *, release: bool = True) -> None:
    """A whole read, which shows what is gone; then once more, to rest."""
    for _ in range(2):
        world.wait(700)
        with world.session(name) as session:
            run.sync(session, full=True, release=release)


def our_roles(world: Any) -> list[Any]:
    return [values["role"] for values in world.all_ours("relation").values()]


def shown(crm: Any) -> list[str]:
    """Roles on deals that are there: HubSpot keeps associations of archived ones."""
    deals = {one[crm.words["id"]] for one in crm.rows("opportunity")}
    return [role for deal, _, role, _ in crm.relations() if deal in deals]


def remove(crm: Any, stream: str) -> None:
    crm.remove(stream, str(crm.only(stream)[crm.words["id"]]))


def propagating(mapping: StreamMapping) -> StreamMapping:
    return replace(mapping, on_delete=OnDelete.PROPAGATE)


@pytest.mark.parametrize("gone", ["opportunity", "partner"])
def test_a_record_deleted_and_unlinked_in_the_crm_leaves_our_relations_alone(
    world: Any, crm: Any, deal: str, gone: str
) -> None:
    remove(crm, gone)
    look(world)
    assert our_roles(world) == ["reseller"]
    assert world.held() == []
    assert world.sync("crm").counts == {}


@pytest.mark.parametrize("copy", ["hs", "sf"])
def test_a_deleted_copy_leaves_the_relations_of_the_home_alone(
    make_world: Callable[..., Any], partner_values: Values, copy: str
) -> None:
    both = make_world(hs="hubspot", sf="salesforce")
    home = "sf" if copy == "hs" else "hs"
    related(both, partner_values, home, copy)
    remove(both.crms[copy], "opportunity")
    for _ in range(2):
        look(both, copy)
        look(both, home)
    assert our_roles(both) == ["reseller"]
    assert len(shown(both.crms[home])) == 1
    assert shown(both.crms[copy]) == []
    assert [both.sync(name).counts for name in (home, copy)] == [{}, {}]


def test_a_deal_that_follows_its_deletion_takes_its_relations_along(
    world: Any, crm: Any, deal: str
) -> None:
    world.alter = propagating
    remove(crm, "opportunity")
    look(world)
    assert world.all_ours("opportunity") == world.all_ours("relation") == {}


@pytest.mark.parametrize("applied", [False, True])
def test_relations_wait_with_the_deals_whose_deletion_a_brake_holds(
    world: Any, crm: Any, partner_values: Values, applied: bool
) -> None:
    world.alter = propagating
    partner = world.insert("partner", partner_values)
    deals = [world.insert("opportunity", {**DEAL, "name": f"Deal {at}"}) for at in range(12)]
    for deal in deals[:3]:
        world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    world.settle("crm")
    for row in crm.rows("opportunity"):
        crm.remove("opportunity", str(row[crm.words["id"]]))
    look(world, release=False)
    assert len(world.all_ours("opportunity")) == 12
    assert our_roles(world) == ["reseller"] * 3
    if not applied:
        look(world)
    else:
        with world.session("crm") as session:
            run.apply(session, waiting_run(world))
    assert world.all_ours("opportunity") == world.all_ours("relation") == {}


def waiting_run(world: Any) -> int:
    with world.database.read() as connection:
        (found,) = runs.in_state(connection, "crm", runs.RunState.WAITING)
    return int(found.id)


@pytest.mark.parametrize("take", ["prm", "crm"])
def test_relations_wait_for_the_decision_on_their_deal(
    world: Any, crm: Any, deal: str, take: str
) -> None:
    """Made again, the deal has its relations again; left deleted, ours stay as they are."""
    remove(crm, "opportunity")
    world.edit("opportunity", deal, {"customer_domain": "edited.example"})
    look(world)
    assert our_roles(world) == ["reseller"]
    world.decide(take)
    look(world)
    assert our_roles(world) == ["reseller"]
    assert shown(crm) == ([crm.words["reseller"]] if take == "prm" else [])
    assert world.sync("crm").counts == {}


def remove_ours(world: Any, deal: str) -> None:
    world.remove("relation", *world.all_ours("relation"))
    world.remove("opportunity", deal)


def test_a_deal_deleted_here_and_kept_in_the_crm_keeps_its_relations_there(
    world: Any, crm: Any, deal: str
) -> None:
    remove_ours(world, deal)
    look(world)
    assert [role for _, _, role, _ in crm.relations()] == [crm.words["reseller"]]
    assert world.all_ours("relation") == {}


@pytest.mark.parametrize("take", ["prm", "crm"])
def test_a_deal_deleted_here_and_edited_in_the_crm_decides_about_its_relations(
    world: Any, crm: Any, deal: str, take: str
) -> None:
    remove_ours(world, deal)
    crm.change(
        "opportunity", str(crm.only("opportunity")[crm.words["id"]]), source="web", deal_name="X"
    )
    look(world)
    assert len(crm.relations()) == 1
    world.decide(take)
    look(world)
    assert len(crm.relations()) == 1
    assert our_roles(world) == (["reseller"] if take == "crm" else [])
    assert world.sync("crm").counts == {}


def test_a_relation_taken_away_from_a_deal_that_stays_goes_here(
    world: Any, crm: Any, deal: str
) -> None:
    crm.unrelate(crm.relations()[0][3])
    look(world)
    assert our_roles(world) == []


@pytest.mark.parametrize("answered", [True, False])
def test_a_relation_that_waits_to_be_made_here_goes_with_its_deal_in_the_crm(
    world: Any, crm: Any, deal: str, answered: bool
) -> None:
    world.alter = propagating
    row, partner = crm.only("opportunity"), crm.only("partner")
    crm.relate(row[crm.words["id"]], partner[crm.words["id"]], crm.words["distributor"])
    values = world.ours("opportunity", deal)
    world.wait(60)
    remove_ours(world, deal)
    if not answered:
        path = r"composite/sobjects$" if crm.connector == "salesforce" else r"objects/.*archive$"
        crm.fault(drop=True, times=1, path=path)
    world.sync("crm")
    world.sync("crm")
    assert (crm.rows("opportunity"), our_roles(world)) == ([], [])
    with world.database.begin() as connection:
        assert not records.insert(connection, "opportunity", [(PrmId(deal), values)])
    look(world)
    assert len(crm.rows("opportunity")) == 1
    assert our_roles(world) == shown(crm) == []


def test_a_relation_that_waits_to_be_made_here_goes_with_its_partner_in_hubspot(
    make_world: Callable[..., Any], partner_values: Values
) -> None:
    """Its deal stays. What the run itself has taken away is no news to the next one."""
    world = make_world(crm="hubspot")
    world.alter = propagating
    partner = world.insert("partner", partner_values)
    world.insert("opportunity", DEAL)
    world.settle("crm")
    crm, words = world.crms["crm"], world.crms["crm"].words
    ends = [str(crm.only(one)[words["id"]]) for one in ("opportunity", "partner")]
    crm.relate(*ends, words["distributor"])
    world.remove("partner", partner)
    world.wait(700)
    world.sync("crm", release=True)
    assert (crm.rows("partner"), world.parked()) == ([], [])
    assert world.sync("crm", release=True).counts == {}
    with world.database.begin() as connection:
        assert not records.insert(connection, "partner", [(PrmId(partner), partner_values)])
    look(world)
    assert crm.only("partner")["id"] != ends[1]
    assert our_roles(world) == []
