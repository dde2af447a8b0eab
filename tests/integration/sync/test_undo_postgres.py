"""Undo on PostgreSQL: a run goes back on both sides, stays so, and can itself be undone."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Values


@pytest.fixture(params=["salesforce", "hubspot"])
def world(request: pytest.FixtureRequest, make_world: Any, postgres_url: str) -> Any:
    return make_world(url=postgres_url, crm=request.param)


@pytest.fixture
def mistaken(world: Any, crm: Any, partner_values: Values) -> tuple[str, str, int]:
    """Two deals that both sides had; one run has overwritten each on another side and created a
    third."""
    partner = world.insert("partner", partner_values)
    deal: Values = {
        "stage": "qualified",
        "amount": "1000.00",
        "currency": "EUR",
        "close_date": "2026-12-20",
        "partner": partner,
    }
    ours = world.insert("opportunity", {**deal, "name": "Ours", "customer_name": "Right AG"})
    theirs = world.insert("opportunity", {**deal, "name": "Theirs", "customer_name": "Other AG"})
    world.settle("crm")
    world.wait(60)
    world.edit("opportunity", ours, {"customer_name": "Wrong SE"})
    crm.change("opportunity", crm.id_of("opportunity", "Theirs"), source="wrong fair")
    world.insert("opportunity", {**deal, "name": "Created", "customer_name": "Wrong AG"})
    run_id = world.sync("crm", release=True).run_id
    assert shown(world, crm, theirs) == ("Wrong SE", "wrong fair", ["Created", "Ours", "Theirs"])
    return ours, theirs, run_id


def shown(world: Any, crm: Any, theirs: str) -> tuple[str, str | None, list[str]]:
    """What the mistake touched: a value in the CRM, one of ours, and the CRM's deals."""
    word = crm.words["deal_name"]
    return (
        crm.named("opportunity", "Ours")[crm.words["customer_name"]],
        world.ours("opportunity", theirs)["source"],
        sorted(row[word] for row in crm.rows("opportunity")),
    )


def test_both_sides_go_back_and_stay(world: Any, crm: Any, mistaken: tuple[str, str, int]) -> None:
    ours, theirs, run_id = mistaken
    report = world.undo("crm", run_id)
    assert (report.state, report.held) == ("done", 2)
    right = ("Right AG", None, ["Ours", "Theirs"])
    assert shown(world, crm, theirs) == right
    assert world.settle("crm").counts == {}
    assert shown(world, crm, theirs) == right
    assert world.ours("opportunity", ours)["customer_name"] == "Wrong SE"
    assert {item.kind for item in world.held()} == {f"undone run {run_id}"}


def test_what_people_edited_since_is_kept(
    world: Any, crm: Any, mistaken: tuple[str, str, int]
) -> None:
    _, theirs, run_id = mistaken
    crm.change("opportunity", crm.id_of("opportunity", "Ours"), customer_name="Corrected AG")
    world.undo("crm", run_id)
    assert shown(world, crm, theirs) == ("Corrected AG", None, ["Ours", "Theirs"])


def test_an_undo_can_be_undone(world: Any, crm: Any, mistaken: tuple[str, str, int]) -> None:
    _, theirs, run_id = mistaken
    undone = world.undo("crm", run_id)
    world.undo("crm", undone.run_id)
    customer, source, _ = shown(world, crm, theirs)
    assert (customer, source) == ("Wrong SE", "wrong fair")
