"""References to records that are not there yet: circles, themselves, and what is never linked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.sync.verify import verify


def distributor(crm: Any) -> str:
    return "PRM_Distributor__c" if crm.connector == "salesforce" else "prm_distributor"


def by_name(crm: Any) -> dict[str, dict[str, Any]]:
    return {str(one[crm.words["name"]]): one for one in crm.rows("partner")}


def company(name: str) -> Values:
    return {"name": name, "domain": f"{name.lower()}.example", "country": "DE"}


def clean(world: Any) -> bool:
    with world.session("crm") as session:
        return all(one.is_clean for one in verify(session))


def test_partners_that_name_each_other_are_both_created_in_one_run(world: Any, crm: Any) -> None:
    first, second = (world.insert("partner", company(name)) for name in ("Acme", "Globex"))
    world.edit("partner", first, {"distributor": second})
    world.edit("partner", second, {"distributor": first})
    assert world.sync("crm", release=True).state == "done"
    rows = by_name(crm)
    word, key = distributor(crm), crm.words["id"]
    assert rows["Acme"][word] == rows["Globex"][key]
    assert rows["Globex"][word] == rows["Acme"][key]
    world.settle("crm")
    assert clean(world)


def test_a_partner_that_is_its_own_distributor_names_itself(world: Any, crm: Any) -> None:
    one = world.insert("partner", company("Acme"))
    world.edit("partner", one, {"distributor": one})
    world.sync("crm", release=True)
    (row,) = by_name(crm).values()
    assert row[distributor(crm)] == row[crm.words["id"]]


@pytest.fixture
def from_crm(world: Any) -> Callable[[], None]:
    """Companies of the CRM become partners."""
    world.alter = lambda one: (
        dataclasses.replace(one, create_prm=True) if one.stream == "partner" else one
    )
    return lambda: world.settle("crm")


def test_a_circle_in_the_crm_arrives_whole_although_we_own_the_field(
    world: Any, crm: Any, from_crm: Callable[[], None]
) -> None:
    word, name, key = distributor(crm), crm.words["name"], crm.words["id"]
    ids = [crm.create(crm.words["partner"], {name: one}) for one in ("Acme", "Globex")]
    crm.change("partner", ids[0], **{word: ids[1]})
    crm.change("partner", ids[1], **{word: ids[0]})
    from_crm()
    ours = {str(one["name"]): (key, one["distributor"]) for key, one in _ours(world)}
    assert ours["Acme"][1] == ours["Globex"][0]
    assert ours["Globex"][1] == ours["Acme"][0]
    rows = by_name(crm)
    assert rows["Acme"][word] == rows["Globex"][key]
    assert clean(world)


def _ours(world: Any) -> list[tuple[str, Values]]:
    return list(world.all_ours("partner").items())


def test_a_deal_arrives_before_its_partner_is_one_and_gets_it_later(world: Any, crm: Any) -> None:
    account = crm.create(crm.words["partner"], {crm.words["name"]: "Acme"})
    partner = "PRM_Partner__c" if crm.connector == "salesforce" else "prm_partner"
    words = crm.words
    made = {words["deal_name"]: "Firewall", words["stage"]: words["qualified"], partner: account}
    made[words["close_date"]] = words["day"].format("2026-12-20")
    crm.create(words["opportunity"], made)
    world.settle("crm")
    ((deal, values),) = world.all_ours("opportunity").items()
    assert values["partner"] is None
    assert crm.only("opportunity")[partner] == account
    crm.change("partner", account, domain="acme.example")
    one = world.insert("partner", company("Acme"))
    world.settle("crm")
    assert world.ours("opportunity", deal)["partner"] == one
    assert crm.only("opportunity")[partner] == account
    assert clean(world)
