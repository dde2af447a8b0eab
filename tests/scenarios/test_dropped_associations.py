"""Dropped associations.

**In the field.** Which partner sells a deal, with which distributor, stands in an association, not
in the deal. Reading a deal without its associations, reading only the first page of them, or
reading them only when the deal itself has changed (editing an association does not touch the deal)
leaves partners without their deals. The indirect pipeline is too small, and the partner who should
get the margin is missing from it.

**Known from.** airbytehq/airbyte#14390, airbytehq/airbyte#27199.

**prmsync** has relations as a stream of their own. A deal that moved is read with all its
relations; where an association edit touches no deal, each run reads those of the next 1,000 deals
in turn, so that a bounded number of runs finds it, and whole reads do; a relation whose deal or
partner is not there yet waits for it and is never dropped.
"""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Values
from rig import Crm, World


@pytest.fixture
def ends(world: World, partner: str, deal: str) -> Values:
    return {"opportunity": deal, "partner": partner}


def roles(crm: Crm) -> list[str]:
    return sorted(role for _, _, role, _ in crm.relations())


def our_roles(world: World) -> list[Any]:
    return sorted(str(values["role"]) for values in world.all_ours("relation").values())


def look(world: World) -> None:
    """A whole read, as the schedule makes one each day."""
    world.wait(700)
    world.sync("crm", full=True, release=True)
    world.settle("crm")


def in_crm(crm: Crm) -> tuple[str, str]:
    """Ids of the one deal and the one partner."""
    deal = str(crm.only("opportunity")[crm.words["id"]])
    return deal, str(crm.only("partner")[crm.words["id"]])


def test_an_association_that_touches_no_record_is_found(
    world: World, crm: Crm, ends: Values
) -> None:
    crm.relate(*in_crm(crm), crm.words["reseller"])
    look(world)
    assert our_roles(world) == ["reseller"]
    assert world.all_ours("relation").popitem()[1].items() >= ends.items()


def test_an_association_made_together_with_an_edit_of_its_deal_is_found_at_once(
    world: World, crm: Crm, ends: Values
) -> None:
    deal, partner = in_crm(crm)
    crm.relate(deal, partner, crm.words["reseller"])
    crm.change("opportunity", deal, source="web")
    world.wait(10)
    world.settle("crm")
    assert our_roles(world) == ["reseller"]


def test_all_roles_of_one_pair_are_kept_and_one_that_goes_takes_no_other_along(
    world: World, crm: Crm, ends: Values
) -> None:
    made = [world.insert("relation", {**ends, "role": one}) for one in ("reseller", "si")]
    world.settle("crm")
    crm.relate(*in_crm(crm), crm.words["distributor"])
    look(world)
    assert our_roles(world) == ["distributor", "reseller", "si"]
    world.remove("relation", made[0])
    look(world)
    assert roles(crm) == sorted([crm.words["si"], crm.words["distributor"]])
    (si,) = [one for one in crm.relations() if one[2] == crm.words["si"]]
    crm.unrelate(si[3])
    look(world)
    assert our_roles(world) == ["distributor"]


def test_more_associations_than_one_page_are_all_read(world: World, crm: Crm, deal: str) -> None:
    """A deal with many partners, and the CRM pages its associations."""
    words = crm.words
    for at in range(120):
        values: Values = {
            "name": f"Partner {at}",
            "domain": f"p{at}.example",
            "country": "DE",
            "types": "reseller",
            "status": "active",
        }
        world.insert("partner", values)
    world.settle("crm")
    record = str(crm.only("opportunity")[words["id"]])
    for row in crm.rows("partner"):
        crm.relate(record, str(row[words["id"]]), words["reseller"])
    look(world)
    assert len(world.all_ours("relation")) == len(crm.rows("partner"))


def test_an_association_with_a_company_that_is_no_partner_yet_waits_for_it(
    world: World, crm: Crm, deal: str
) -> None:
    words = crm.words
    other = crm.create(
        words["partner"], {words["name"]: "Initech", words["domain"]: "initech.example"}
    )
    crm.relate(str(crm.only("opportunity")[words["id"]]), other, words["reseller"])
    look(world)
    assert our_roles(world) == []
    values: Values = {
        "name": "Initech",
        "domain": "initech.example",
        "country": "DE",
        "types": "reseller",
        "status": "active",
    }
    world.insert("partner", values)
    for _ in range(2):
        look(world)
    assert our_roles(world) == ["reseller"]


def test_a_relation_of_a_deal_that_the_crm_refused_goes_with_it_later(
    world: World, crm: Crm, partner: str
) -> None:
    deal = world.insert("opportunity", {"name": "Refused", "close_date": "2026-12-20"})
    world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    code = "FIELD_CUSTOM_VALIDATION_EXCEPTION" if crm.connector == "salesforce" else None
    crm.fault(record="Refused", status=400, **({"code": code} if code else {}))
    world.sync("crm", release=True)
    assert roles(crm) == []
    crm.no_faults()
    world.edit("opportunity", deal, {"name": "Accepted"})
    world.settle("crm")
    look(world)
    assert roles(crm) == [crm.words["reseller"]]
    assert our_roles(world) == ["reseller"]


def test_a_lost_answer_to_an_association_makes_no_second_one_and_loses_none(
    world: World, crm: Crm, ends: Values
) -> None:
    for role in ("reseller", "distributor", "si"):
        world.insert("relation", {**ends, "role": role})
    path = r"composite/sobjects$" if crm.connector == "salesforce" else "batch/create$"
    crm.fault(path=path, drop=True, times=1)
    world.sync("crm", release=True)
    world.settle("crm")
    look(world)
    assert roles(crm) == sorted(crm.words[one] for one in ("reseller", "distributor", "si"))
    assert our_roles(world) == ["distributor", "reseller", "si"]
