"""Merges.

**In the field.** Sales cleans up: "Globex Corp." and "Globex Corporation" become one account. The
record that the sync knew is gone. It takes that for a deletion and unlinks the partner, or creates
the account a third time; deals and registrations still name the old id, and the partner's pipeline
falls apart in two. HubSpot may even give the result a new id, and cannot undo a merge.

**Known from.** singer-io/tap-hubspot#49, fivetran/dbt_hubspot#46.

**prmsync** follows the record into the one that stays: link, references and relations move with it,
history names both ids. Where the one that stays belongs to another of our records, a person
decides, and both are named.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prmsync.domain.values import Values
from rig import OTHER_PARTNER, Crm, World


def by_hand(crm: Crm, name: str = "Globex Corp.") -> str:
    """A second account that somebody made, without our key."""
    return crm.create(crm.words["partner"], {crm.words["name"]: name})


def merge(crm: Crm, lost: str, into: str, stream: str = "partner") -> None:
    crm.control("POST", "merge", {"object": crm.words[stream], "id": lost, "into": into})


def look(world: World) -> None:
    """Salesforce tells a merge with the changes, HubSpot at the latest in a whole read."""
    world.wait(700)
    world.sync("crm", full=True, release=True)
    world.settle("crm")


def test_a_partner_merged_into_another_account_is_still_one_partner(
    world: World, crm: Crm, partner: str
) -> None:
    winner = by_hand(crm)
    merge(crm, crm.id_of("partner", "Globex Corporation"), winner)
    look(world)
    assert list(world.all_ours("partner")) == [partner]
    assert [row[crm.words["id"]] for row in crm.rows("partner")] == [winner]
    world.edit("partner", partner, {"country": "AT"})
    world.settle("crm")
    assert crm.only("partner")[crm.words["country"]] == "AT"
    assert all(one.is_clean for one in world.verify("crm"))


def test_the_account_that_was_ours_takes_a_duplicate_in(
    world: World, crm: Crm, partner: str
) -> None:
    ours = crm.id_of("partner", "Globex Corporation")
    merge(crm, by_hand(crm), ours)
    look(world)
    assert list(world.all_ours("partner")) == [partner]
    assert [row[crm.words["id"]] for row in crm.rows("partner")] == [ours]
    assert world.held() == []
    assert all(one.is_clean for one in world.verify("crm"))


def test_deals_registrations_and_relations_of_the_lost_account_stay_the_partners(
    world: World, crm: Crm, partner: str, deal: str, registration: str
) -> None:
    world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    world.settle("crm")
    merge(crm, crm.id_of("partner", "Globex Corporation"), by_hand(crm))
    look(world)
    assert world.ours("opportunity", deal)["partner"] == partner
    assert world.ours("registration", registration)["partner"] == partner
    assert [row["partner"] for row in world.all_ours("relation").values()] == [partner]
    assert len(crm.relations()) == 1
    assert all(one.is_clean for one in world.verify("crm"))


def test_an_edit_of_ours_made_before_the_merge_was_seen_goes_to_the_one_that_stays(
    world: World, crm: Crm, partner: str
) -> None:
    winner = by_hand(crm)
    world.edit("partner", partner, {"country": "AT"})
    merge(crm, crm.id_of("partner", "Globex Corporation"), winner)
    look(world)
    assert crm.row("partner", winner)[crm.words["country"]] == "AT"


def test_two_of_our_partners_merged_by_sales_wait_for_a_person(
    world: World, crm: Crm, partner: str
) -> None:
    other = world.insert("partner", dict(OTHER_PARTNER))
    world.settle("crm")
    merge(crm, crm.id_of("partner", "Globex Corporation"), crm.id_of("partner", "Initech"))
    for _ in range(2):
        look(world)
    assert set(world.all_ours("partner")) == {partner, other}
    assert len(crm.rows("partner")) == 1
    (item,) = world.held()
    assert "Initech" in item.kind


def test_two_deals_that_are_one_are_not_made_again_after_their_merge(make_world: Any) -> None:
    """In HubSpot; Salesforce does not merge opportunities."""
    world: World = make_world(crm="hubspot")
    crm = world.crms["crm"]
    deal = world.insert("opportunity", {"name": "Northwind firewall", "close_date": "2026-12-20"})
    world.settle("crm")
    words = crm.words
    values = {
        words["deal_name"]: "Northwind firewall 2",
        words["stage"]: words["qualified"],
        words["close_date"]: words["day"].format("2026-12-20"),
    }
    second = crm.create(words["opportunity"], values)
    world.wait(60)
    world.settle("crm")
    assert len(world.all_ours("opportunity")) == 2
    merge(crm, second, crm.id_of("opportunity", "Northwind firewall"), "opportunity")
    for _ in range(2):
        look(world)
    assert len(crm.rows("opportunity")) == 1
    assert deal in world.all_ours("opportunity")
    assert len(world.held()) == 1


def test_a_merge_that_gives_the_result_a_new_id_is_followed(
    make_world: Any, partner_values: Values
) -> None:
    """HubSpot may answer a merge with a third id: neither of the two that were merged."""
    world: World = make_world(crm="hubspot")
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    world.settle("crm")
    portal = crm.simulator.portal
    portal.settings = replace(portal.settings, merge_new_id=True)
    ours = crm.id_of("partner", "Globex Corporation")
    merge(crm, by_hand(crm), ours)
    look(world)
    assert crm.only("partner")["id"] != ours
    world.edit("partner", partner, {"country": "AT"})
    look(world)
    assert crm.only("partner")["country"] == "AT"
    assert list(world.all_ours("partner")) == [partner]
