"""HubSpot's associations have no changes of their own: runs read those of all deals in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.sync import relation_reading, run
from rig import Crm, World

IDLE = 10
"""Calls that a run may cost in which nobody edited anything."""


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world(crm="hubspot")


@pytest.fixture
def partner(world: World, partner_values: Values) -> str:
    return world.insert("partner", partner_values)


def deals(world: World, many: int) -> list[str]:
    """Deals that both sides have, and that no later search finds again."""
    made = [
        world.insert("opportunity", {"name": f"Deal {at}", "close_date": "2026-12-20"})
        for at in range(many)
    ]
    world.settle("crm")
    world.wait(3600)
    world.settle("crm")
    return made


@pytest.fixture
def relation(world: World, partner: str) -> str:
    """A reseller on a deal that both sides have; returns the relation's id."""
    (deal,) = deals(world, 1)
    ends = {"opportunity": deal, "partner": partner}
    made = world.insert("relation", {**ends, "role": "reseller"})
    world.settle("crm")
    world.wait(3600)
    return made


def said(world: World) -> list[tuple[Any, Any, Any]]:
    """What our relations say."""
    return sorted(
        (one["opportunity"], one["partner"], one["role"])
        for one in world.all_ours("relation").values()
    )


def roles(crm: Crm) -> list[str]:
    return sorted(role for _, _, role, _ in crm.relations())


def others(crm: Crm) -> list[Any]:
    """Associations that are not ours to change: the primary company, those without a label."""
    return [one for one in crm.records("associations") if one["category"] == "HUBSPOT_DEFINED"]


def ends(crm: Crm) -> tuple[str, str]:
    return crm.id_of("opportunity", "Deal 0"), crm.id_of("partner", "Globex Corporation")


def test_an_association_made_alone_is_found_by_a_normal_run(
    world: World, crm: Crm, relation: str
) -> None:
    crm.relate(*ends(crm), crm.words["si"])
    world.settle("crm")
    assert [role for _, _, role in said(world)] == ["reseller", "si"]
    assert len(crm.relations()) == 2


def test_an_association_taken_away_alone_is_found_by_a_normal_run(
    world: World, crm: Crm, relation: str
) -> None:
    crm.unrelate(crm.relations()[0][3])
    world.settle("crm")
    assert said(world) == []
    assert crm.relations() == []


def test_a_role_changed_in_the_crm_replaces_ours_and_touches_no_other_association(
    world: World, crm: Crm, relation: str
) -> None:
    deal, partner, _, record = crm.relations()[0]
    pair = {"from_object": "deals", "from_id": deal, "to_object": "companies", "to_id": partner}
    crm.create("associations", {**pair, "label": "Primary"})
    before = others(crm)
    crm.unrelate(record)
    crm.relate(deal, partner, crm.words["distributor"])
    world.settle("crm")
    assert [role for _, _, role in said(world)] == ["distributor"]
    assert roles(crm) == [crm.words["distributor"]]
    assert others(crm) == before
    assert any("primary" in str(one["label"]).lower() for one in before)


def test_a_role_changed_here_leaves_the_primary_company(
    world: World, crm: Crm, relation: str
) -> None:
    deal, partner, _, _ = crm.relations()[0]
    pair = {"from_object": "deals", "from_id": deal, "to_object": "companies", "to_id": partner}
    crm.create("associations", {**pair, "label": "Primary"})
    before = others(crm)
    world.edit("relation", relation, {"role": "si"})
    world.settle("crm")
    world.settle("crm")
    assert roles(crm) == [crm.words["si"]]
    assert [role for _, _, role in said(world)] == ["si"]
    assert others(crm) == before


def test_every_deal_has_its_turn_within_as_many_runs_as_there_are_slices(
    world: World, crm: Crm, partner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run is a session of its own: where it stands is stored."""
    monkeypatch.setattr(relation_reading, "SLICE", 2)
    made = deals(world, 5)
    to = crm.id_of("partner", "Globex Corporation")
    for turn in range(2):  # it begins again when it has come to the end
        role = ("reseller", "si")[turn]
        for row in crm.rows("opportunity"):
            crm.relate(str(row["id"]), to, crm.words[role])
        found = []
        for _ in range(3):
            world.sync("crm", release=True)
            found.append(len(said(world)) - turn * len(made))
        assert found[0] in (1, 2)
        assert found[-1] == len(made)
    assert {deal for deal, _, _ in said(world)} == set(made)


def test_a_run_without_edits_costs_few_calls_and_writes_nothing(
    world: World, crm: Crm, relation: str
) -> None:
    world.settle("crm")
    report = world.sync("crm")
    assert sum(report.calls.values()) <= IDLE
    assert report.calls.get("write", 0) == 0
    assert report.counts == {}


def test_a_relation_deleted_on_both_sides_while_no_run_looked_is_simply_gone(
    world: World, crm: Crm, relation: str
) -> None:
    crm.unrelate(crm.relations()[0][3])
    world.remove("relation", relation)
    world.settle("crm")
    assert (said(world), crm.relations(), world.held()) == ([], [], [])


def test_an_association_made_again_after_it_went_is_a_relation_again(
    world: World, crm: Crm, relation: str
) -> None:
    deal, partner, role, record = crm.relations()[0]
    before = said(world)
    crm.unrelate(record)
    world.settle("crm")
    crm.relate(deal, partner, role)
    world.settle("crm")
    assert said(world) == before
    assert roles(crm) == [role]


def test_a_duplicate_takes_the_place_of_the_relation_whose_company_was_merged_away(
    world: World, crm: Crm, relation: str
) -> None:
    """Both companies have the deal; the one that stays is not the one that was linked."""
    deal, lost, role, _ = crm.relations()[0]
    winner = crm.create("companies", {"name": "Globex Corp."})
    crm.relate(deal, winner, role)
    world.settle("crm")
    crm.merge("partner", lost, winner)
    world.wait(700)
    world.settle("crm")
    world.settle("crm")
    assert list(world.all_ours("relation")) == [relation]
    assert [(to, label) for _, to, label, _ in crm.relations()] == [(winner, role)]
    crm.unrelate(crm.relations()[0][3])
    world.settle("crm")
    assert said(world) == []


def test_verify_with_repair_finds_what_came_and_what_went_at_once(
    world: World, crm: Crm, relation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal, partner, _, record = crm.relations()[0]
    crm.unrelate(record)
    crm.relate(deal, partner, crm.words["si"])
    world.verify("crm", repair=True)
    monkeypatch.setattr(run, "read_relations", lambda _: None)
    world.settle("crm")
    assert [role for _, _, role in said(world)] == ["si"]
    assert roles(crm) == [crm.words["si"]]


def test_a_comparison_that_only_looks_names_the_difference_and_stores_nothing(
    world: World, crm: Crm, relation: str
) -> None:
    crm.unrelate(crm.relations()[0][3])
    (report,) = [one for one in world.verify("crm") if one.stream == "relation"]
    assert report.missing_in_crm == 1
    assert len(said(world)) == 1
