"""Several candidates wait for a person only as long as there are several."""

from __future__ import annotations

from typing import Any

from prmsync.domain.values import Values
from prmsync.store import held
from prmsync.sync import run


def waiting(world: Any) -> list[tuple[Any, ...]]:
    with world.database.read() as connection:
        return [(item.prm, item.crm) for _, item in held.waiting_items(connection)]


def company(crm: Any, name: str, domain: str) -> str:
    values = {crm.words["name"]: name, crm.words["domain"]: domain}
    return str(crm.create(crm.words["partner"], values))


def two_of_theirs(world: Any, crm: Any, values: Values) -> tuple[str, str, str]:
    """(ours, theirs, theirs), all of one domain, waiting for a person."""
    first = company(crm, "Globex Corp.", "globex.example")
    second = company(crm, "Globex Ltd", "globex.example")
    ours = world.insert("partner", values)
    world.settle("crm")
    assert len(waiting(world)) == 3
    return ours, first, second


def test_a_duplicate_deleted_in_the_crm_leaves_a_sure_pair(
    world: Any, crm: Any, partner_values: Values
) -> None:
    ours, first, second = two_of_theirs(world, crm, partner_values)
    crm.remove("partner", second)
    with world.session("crm") as session:  # HubSpot lists what is archived, it is not searched
        run.sync(session, full=True)
    world.settle("crm")
    assert waiting(world) == []
    assert crm.row("partner", first)[crm.words["partner_key"]] == ours


def test_a_candidate_that_turns_out_to_be_another_company_is_none_any_more(
    world: Any, crm: Any, partner_values: Values
) -> None:
    ours, first, second = two_of_theirs(world, crm, partner_values)
    crm.change("partner", second, domain="hooli.example")
    world.settle("crm")
    assert waiting(world) == []
    assert crm.row("partner", first)[crm.words["partner_key"]] == ours
    assert not crm.row("partner", second).get(crm.words["partner_key"])


def test_a_record_of_ours_that_turns_out_to_be_another_company_is_created(
    world: Any, crm: Any, partner_values: Values
) -> None:
    theirs = company(crm, "Globex Corp.", "globex.example")
    ours = world.insert("partner", partner_values)
    other = world.insert("partner", {**partner_values, "name": "Hooli"})
    world.settle("crm")
    assert len(waiting(world)) == 3
    world.edit("partner", other, {"domain": "hooli.example"})
    world.settle("crm")
    assert waiting(world) == []
    keys = {row[crm.words["id"]]: row[crm.words["partner_key"]] for row in crm.rows("partner")}
    assert keys.pop(theirs) == ours
    assert list(keys.values()) == [other]


def test_a_further_candidate_is_shown_to_the_person_who_decides(
    world: Any, crm: Any, partner_values: Values
) -> None:
    _, first, second = two_of_theirs(world, crm, partner_values)
    third = company(crm, "Globex SA", "globex.example")
    world.settle("crm")
    told = [theirs for mine, theirs in waiting(world) if theirs and len(theirs) == 3]
    assert sorted(told[0]) == sorted([first, second, third])
    assert len(waiting(world)) == 4


def test_what_still_waits_keeps_its_number(world: Any, crm: Any, partner_values: Values) -> None:
    """A person may have it on the screen: an edit that changes no candidate changes no item."""
    two_of_theirs(world, crm, partner_values)
    with world.database.read() as connection:
        before = [item.id for _, item in held.waiting_items(connection)]
    for one in crm.rows("partner"):
        crm.change("partner", one[crm.words["id"]], country="DE")
    world.settle("crm")
    with world.database.read() as connection:
        assert [item.id for _, item in held.waiting_items(connection)] == before
