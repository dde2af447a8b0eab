"""What an admin is shown of possible pairs, and what not."""

from __future__ import annotations

from typing import Any

from prmsync.service.matching import find_pairs

PARTNER = {"name": "Globex Corporation", "domain": "globex.example", "country": "DE"}


def pairs(world: Any) -> list[tuple[str, bool]]:
    with world.session("crm") as session:
        return [(row.candidate.by, row.candidate.unique) for row in find_pairs(session)]


def company(world: Any, crm: Any, name: str, domain: str) -> None:
    words = {"name": name, "domain": domain, "country": "DE"}
    crm.create(crm.words["partner"], {crm.words[key]: value for key, value in words.items()})


def test_a_pair_that_several_keys_find_is_listed_once(world: Any, crm: Any) -> None:
    world.insert("partner", dict(PARTNER))
    company(world, crm, "Globex Corporation", "www.globex.example")
    assert pairs(world) == [("domain", True)]


def test_alike_names_of_two_domains_are_two_companies(world: Any, crm: Any) -> None:
    world.insert("partner", dict(PARTNER))
    company(world, crm, "Globex Corporations", "globex-mills.example")
    assert pairs(world) == []


def test_alike_names_wait_for_a_person_where_a_domain_is_not_known(world: Any, crm: Any) -> None:
    world.insert("partner", PARTNER | {"domain": None})
    company(world, crm, "Globex Corporations", "globex.example")
    assert pairs(world) == [("name", False)]


def test_a_record_with_a_sure_pair_is_not_offered_to_another(world: Any, crm: Any) -> None:
    world.insert("partner", dict(PARTNER))
    world.insert("partner", {"name": "Globex Corporate", "country": "DE"})
    company(world, crm, "Globex Corporation", "globex.example")
    assert pairs(world) == [("domain", True)]
