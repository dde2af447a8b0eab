"""Schema change.

**In the field.** An admin deletes a field, renames a stage, shortens a text. The sync stops for
everything, for days, until somebody reads the log; or it goes on without the field, takes "not
there" for "blank" and empties it on the other side; or it is started anew and loses what was edited
meanwhile.

**Known from.** heroku/roadmap#248, MinnPost/object-sync-for-salesforce#343,
airbytehq/airbyte#77627.

**prmsync** compares the mapping with the CRM's live schema. What does not fit is paused: the field,
the creation, or the stream, named in `status` with the remedy; everything else goes on. What was
edited meanwhile is kept and goes when the schema fits again. Nothing is blanked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.store import misfits
from rig import Crm, World
from schema_edits import alter, drop, redefine

AN_HOUR = 3700
DUNS = {"salesforce": "DunsNumber", "hubspot": "prm_duns"}
COUNT = 12


@pytest.fixture
def partners(world: World) -> list[str]:
    """Partners with a DUNS number that both sides have."""
    made = []
    for at in range(COUNT):
        values: Values = {
            "name": f"Partner {at}",
            "domain": f"p{at}.example",
            "country": "DE",
            "types": "reseller",
            "status": "active",
            "duns": f"1234567{at:02}",
        }
        made.append(world.insert("partner", values))
    world.settle("crm")
    return made


def paused(world: World) -> list[str]:
    with world.database.read() as connection:
        return [one.what for one in misfits.of_connection(connection, "crm")]


def numbers(world: World) -> list[str]:
    return sorted(str(one["duns"]) for one in world.all_ours("partner").values())


EXPECTED = [f"1234567{at:02}" for at in range(COUNT)]


def empty(crm: Crm, name: str) -> None:
    """What a deleted field held is gone; no record's modified time moves."""
    if crm.connector == "hubspot":
        for row in crm.simulator.portal.find_type("companies").table.everyone():
            row.props.pop(name, None)
        return
    for row in crm.simulator.org.database.table("Account").rows.values():
        row.pop(name, None)


def test_a_deleted_field_is_not_a_blank_one(world: World, crm: Crm, partners: list[str]) -> None:
    drop(crm, "partner", DUNS[crm.connector])
    for at in range(3):
        world.wait(AN_HOUR)
        crm.change("partner", crm.id_of("partner", f"Partner {at}"), country="FR")
        world.sync("crm")
    assert numbers(world) == EXPECTED
    assert paused(world) == ["partner: duns"]
    countries = [one["country"] for one in world.all_ours("partner").values()]
    assert countries.count("FR") == 3


def test_a_field_deleted_and_made_again_empties_nothing_unseen(
    world: World, crm: Crm, partners: list[str]
) -> None:
    """The new field is blank everywhere; that is nobody's edit of twelve records."""
    back = drop(crm, "partner", DUNS[crm.connector])
    empty(crm, DUNS[crm.connector])
    world.wait(AN_HOUR)
    world.sync("crm")
    back()
    for _ in range(3):
        world.wait(AN_HOUR)
        world.sync("crm")
    assert numbers(world) == EXPECTED


def test_a_text_made_shorter_cuts_nothing(make_world: Any, partner_values: Values) -> None:
    """In Salesforce; HubSpot's texts have one length."""
    world: World = make_world(crm="salesforce")
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    world.settle("crm")
    alter(crm, "partner", "PRM_Partner_Manager__c", salesforce={"length": 10})
    world.wait(AN_HOUR)
    manager = "dana.whitfield@acme.example"
    world.edit("partner", partner, {"partner_manager": manager})
    for _ in range(2):
        world.sync("crm")
        world.wait(AN_HOUR)
    assert world.ours("partner", partner)["partner_manager"] == manager
    assert not crm.only("partner").get("PRM_Partner_Manager__c")
    waits = [item.message for item in world.parked()] + paused(world)
    assert any("partner_manager" in one or "PRM_Partner_Manager__c" in one for one in waits)


def test_a_renamed_stage_loses_no_deal_and_moves_none(world: World, crm: Crm, deal: str) -> None:
    """The label that the mapping names is gone; deals stay where they are."""
    before = {"salesforce": "Negotiation/Review", "hubspot": "Contract Sent"}[crm.connector]
    rename_stage(crm, before, "Contract out")
    world.wait(AN_HOUR)
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    for _ in range(2):
        world.sync("crm", release=True)
        world.wait(AN_HOUR)
    assert world.ours("opportunity", deal)["stage"] == "qualified"
    assert crm.only("opportunity")[crm.words["stage"]] == crm.words["qualified"]
    rename_stage(crm, "Contract out", before)
    world.wait(AN_HOUR)
    world.settle("crm")
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind AG"
    assert world.ours("opportunity", deal)["stage"] == "qualified"
    assert paused(world) == []


def rename_stage(crm: Crm, old: str, new: str) -> None:
    """Salesforce's stages are records and choices of a field; HubSpot's belong to a pipeline."""
    if crm.connector == "hubspot":
        kind = crm.simulator.portal.find_type("deals")
        stages = next(iter(kind.pipelines.values())).stages.values()
        (stage,) = [one for one in stages if one.label == old]
        stage.label = new
        return
    for row in crm.simulator.org.database.table("OpportunityStage").rows.values():
        if row.get("ApiName") == old:
            row["ApiName"] = row["MasterLabel"] = new

    def relabel(fields: dict[str, Any]) -> None:
        named = {one.value: one for one in fields["StageName"].choices}
        named[old] = replace(named[old], value=new, label=new)
        fields["StageName"] = replace(fields["StageName"], choices=tuple(named.values()))

    redefine(crm, "opportunity", relabel)
