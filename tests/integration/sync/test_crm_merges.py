"""Records that people merge in the CRM: links, references and decisions follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.cli.comparisons import merged_lines
from prmsync.domain.values import Values
from prmsync.store import held, journal, links
from prmsync.sync import run
from prmsync.sync.comparing import Merged
from prmsync.sync.status import status
from prmsync.sync.verify import verify
from rig import OTHER_PARTNER


def crm_id(world: Any, crm: Any, name: str) -> str:
    (row,) = [one for one in crm.rows("partner") if one[crm.words["name"]] == name]
    return str(row[crm.words["id"]])


def duplicate(crm: Any, **values: Any) -> str:
    """A record that a CRM user made by hand."""
    return str(crm.create(crm.words["partner"], {crm.words["name"]: "Globex Corp.", **values}))


def look(world: Any) -> Any:
    world.wait(60)
    return world.settle("crm")


def searches_lag(crm: Any) -> None:
    """HubSpot's search does not show yet what is done from now on."""
    portal = crm.simulator.portal
    portal.settings = replace(portal.settings, index_lag_seconds=400)


def waiting(world: Any) -> list[Any]:
    with world.database.read() as connection:
        return [item for _, item in held.waiting_items(connection)]


def decide(world: Any, item: Any, take: str) -> None:
    with world.database.begin() as connection:
        held.decide(connection, item.id, take, "dana", world.now())


def linked(world: Any, prm_id: str) -> Any:
    with world.database.read() as connection:
        (one,) = links.ids_of_record(connection, "partner", prm_id)
        return links.by_ids(connection, [one])[one]


def relations(world: Any) -> list[tuple[Any, ...]]:
    kept = world.all_ours("relation").values()
    return [(one["opportunity"], one["partner"], one["role"]) for one in kept]


def clean(world: Any) -> bool:
    with world.session("crm") as session:
        return all(one.is_clean for one in verify(session))


def test_the_link_follows_its_record_into_the_one_that_stays(
    world: Any, crm: Any, partner: str
) -> None:
    lost = crm_id(world, crm, "Globex Corporation")
    winner = duplicate(crm)
    crm.merge("partner", lost, winner)
    look(world)
    assert linked(world, partner).crm_id == winner
    assert list(world.all_ours("partner")) == [partner]
    assert len(crm.rows("partner")) == 1
    assert clean(world)
    world.edit("partner", partner, {"tier": None, "status": "suspended"})
    look(world)
    status = "PRM_Status__c" if crm.connector == "salesforce" else "prm_status"
    assert crm.only("partner")[status] == "suspended"


def test_history_tells_the_merge_with_both_ids(world: Any, crm: Any, partner: str) -> None:
    lost = crm_id(world, crm, "Globex Corporation")
    winner = duplicate(crm)
    crm.merge("partner", lost, winner)
    look(world)
    with world.database.read() as connection:
        (link,) = links.ids_of_record(connection, "partner", partner)
        lines = [one for one, _, _ in journal.history(connection, [link])]
    (merge,) = [one for one in lines if one.op == "merge"]
    assert merge.fields["@record"] == (lost, winner)
    assert merge.reason == f"merged in the CRM into {winner}"


def test_what_the_winner_shows_is_merged_on_the_old_base(
    world: Any, crm: Any, partner: str
) -> None:
    """The name that the merge left is an edit in the CRM; ours of another field is one here."""
    lost = crm_id(world, crm, "Globex Corporation")
    winner = duplicate(crm)
    world.edit("partner", partner, {"country": "AT"})
    crm.merge("partner", lost, winner)
    look(world)
    ours = world.ours("partner", partner)
    assert (ours["name"], ours["country"]) == ("Globex Corp.", "AT")
    assert crm.only("partner")[crm.words["country"]] == "AT"


def test_references_to_the_lost_record_follow(world: Any, crm: Any, partner: str) -> None:
    deal = world.insert(
        "opportunity", {"name": "Firewall", "close_date": "2026-12-20", "partner": partner}
    )
    look(world)
    lost = crm_id(world, crm, "Globex Corporation")
    winner = duplicate(crm)
    crm.merge("partner", lost, winner)
    look(world)
    crm.change(
        "opportunity", crm.only("opportunity")[crm.words["id"]], deal_name="Firewall renewed"
    )
    look(world)
    ours = world.ours("opportunity", deal)
    assert (ours["name"], ours["partner"]) == ("Firewall renewed", partner)
    assert waiting(world) == []
    assert clean(world)


def test_a_relation_of_the_lost_record_is_one_relation_afterwards(
    world: Any, crm: Any, partner: str
) -> None:
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    made = world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    look(world)
    winner = duplicate(crm)
    crm.merge("partner", crm_id(world, crm, "Globex Corporation"), winner)
    world.wait(700)
    with world.session("crm") as session:
        run.sync(session, full=True, release=True)
    look(world)
    assert list(world.all_ours("relation")) == [made]
    assert [(role, to) for _, to, role, _ in crm.relations()] == [(crm.words["reseller"], winner)]
    assert clean(world)


@pytest.fixture
def both(world: Any, crm: Any, partner: str) -> str:
    """A second partner, into whose CRM record the first one's was merged; returns its id."""
    other = str(world.insert("partner", dict(OTHER_PARTNER)))
    look(world)
    first, second = (crm_id(world, crm, name) for name in ("Globex Corporation", "Initech"))
    crm.merge("partner", first, second)
    look(world)
    return other


def test_a_winner_that_is_linked_waits_for_a_person_with_both_named(
    world: Any, crm: Any, partner: str, both: str
) -> None:
    (item,) = waiting(world)
    winner = crm.only("partner")[crm.words["id"]]
    assert item.link_id == linked(world, partner).id
    assert item.kind == f"merged in the CRM into {winner}, which is linked to Initech"
    assert "Globex Corporation" in (item.prm or ())
    assert "Initech" in (item.crm or ())
    assert set(world.all_ours("partner")) == {partner, both}
    look(world)
    assert [one.id for one in waiting(world)] == [item.id]


def test_verify_says_into_what_it_was_merged_while_it_waits(
    world: Any, crm: Any, partner: str, both: str
) -> None:
    lost, winner = linked(world, partner).crm_id, crm.only("partner")[crm.words["id"]]
    (compared,) = [one for one in world.verify("crm") if one.stream == "partner"]
    assert compared.explained == {"merged into another record in the CRM": 1}
    assert compared.merged == [Merged(partner, lost, winner, "Initech")]
    assert compared.is_clean
    assert list(merged_lines(compared)) == [
        f"{lost} was merged into {winner}, which is linked to Initech"
    ]


def test_a_partner_that_was_made_again_after_a_merge_differs_in_nothing(
    world: Any, crm: Any, partner: str, both: str
) -> None:
    (item,) = waiting(world)
    decide(world, item, "prm")
    look(world)
    world.settle("crm")
    assert len(crm.rows("partner")) == 2
    (compared,) = [one for one in world.verify("crm") if one.stream == "partner"]
    assert (compared.explained, compared.equal) == ({}, 2)
    (shown,) = status(world.database, world.now())
    (partners,) = [one for one in shown.streams if one.name == "partner"]
    assert (partners.in_prm, partners.linked, partners.only_prm) == (2, 2, 0)


def test_a_deal_names_its_partner_that_was_made_again_after_a_merge(
    make_world: Any, partner_values: Values
) -> None:
    """HubSpot takes the id that stands at the deal for the other partner, and the deal itself shows
    no edit."""
    world = make_world(crm="hubspot")
    crm, partner = world.crms["crm"], world.insert("partner", partner_values)
    world.insert("partner", dict(OTHER_PARTNER))
    deal = {"name": "Firewall", "close_date": "2026-12-20", "partner": partner}
    world.insert("opportunity", deal)
    world.settle("crm")
    world.wait(700)
    crm.merge("partner", *(crm_id(world, crm, name) for name in ("Globex Corporation", "Initech")))
    look(world)
    (item,) = waiting(world)
    decide(world, item, "prm")
    look(world)
    assert crm.only("opportunity")["prm_partner"] == crm_id(world, crm, "Globex Corporation")
    assert (waiting(world), clean(world)) == ([], True)


def test_no_relation_is_made_for_the_other_partner_meanwhile(
    world: Any, crm: Any, partner: str, both: str
) -> None:
    """HubSpot takes the lost id for the one that is left: whose partner that is, is not ours."""
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    world.settle("crm")
    world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    look(world)
    assert crm.relations() == []
    (item,) = waiting(world)
    decide(world, item, "prm")
    look(world)
    ((_, there, _, _),) = crm.relations()
    assert there == crm_id(world, crm, "Globex Corporation")


def test_a_relation_that_a_merge_moved_goes_by_the_ends_that_it_has_in_the_crm(
    make_world: Any, partner_values: Values
) -> None:
    """Its partner here is let go; the one that it hangs on there stays, and so does what a person
    has decided about it."""
    world = make_world(crm="salesforce")
    crm, partner = world.crms["crm"], world.insert("partner", partner_values)
    world.insert("partner", dict(OTHER_PARTNER))
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    made = world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    look(world)
    world.remove("relation", made)
    first, second = (crm_id(world, crm, name) for name in ("Globex Corporation", "Initech"))
    crm.merge("partner", first, second)
    look(world)
    for item in waiting(world):
        decide(world, item, "crm" if item.kind.startswith("merged") else "prm")
    look(world)
    assert crm.relations() == []
    assert (waiting(world), world.all_ours("relation")) == ([], {})


@pytest.mark.parametrize("known", [True, False])
def test_a_relation_taken_from_the_lost_deal_stays_on_the_one_that_is_left(
    make_world: Any, partner_values: Values, known: bool
) -> None:
    """In HubSpot the lost deal's id means the other deal: what that has is not ours to take."""
    world = make_world(crm="hubspot")
    crm, partner = world.crms["crm"], world.insert("partner", partner_values)
    lost, left = (
        world.insert("opportunity", {"name": name, "close_date": "2026-12-20"})
        for name in ("Firewall", "Switches")
    )
    values = {"opportunity": lost, "partner": partner, "role": "reseller"}
    relation = world.insert("relation", values)
    world.insert("relation", {**values, "opportunity": left})
    world.settle("crm")
    if not known:
        searches_lag(crm)
    ids = {row["dealname"]: row["id"] for row in crm.rows("opportunity")}
    crm.merge("opportunity", ids["Firewall"], ids["Switches"])
    world.remove("relation", relation)
    look(world)
    assert [one[0] for one in crm.relations()] == [ids["Switches"]]


def test_no_relation_is_made_on_the_other_deal_before_the_search_tells_of_the_merge(
    make_world: Any, partner_values: Values
) -> None:
    world = make_world(crm="hubspot")
    crm, partner = world.crms["crm"], world.insert("partner", partner_values)
    lost, _ = (
        world.insert("opportunity", {"name": name, "close_date": "2026-12-20"})
        for name in ("Firewall", "Switches")
    )
    world.settle("crm")
    searches_lag(crm)
    ids = {row["dealname"]: row["id"] for row in crm.rows("opportunity")}
    crm.merge("opportunity", ids["Firewall"], ids["Switches"])
    world.insert("relation", {"opportunity": lost, "partner": partner, "role": "reseller"})
    assert world.sync("crm", release=True).state == "done"
    assert crm.relations() == []
    world.wait(700)
    look(world)
    assert crm.relations() == []
    (item,) = waiting(world)
    decide(world, item, "prm")
    world.wait(700)
    look(world)
    (there,) = (row["id"] for row in crm.rows("opportunity") if row["dealname"] == "Firewall")
    assert [one[0] for one in crm.relations()] == [there]


def test_taking_ours_gives_the_record_one_of_its_own_in_the_crm_again(
    world: Any, crm: Any, partner: str, both: str
) -> None:
    (item,) = waiting(world)
    decide(world, item, "prm")
    look(world)
    names = sorted(one[crm.words["name"]] for one in crm.rows("partner"))
    assert names == ["Globex Corporation", "Initech"]
    assert waiting(world) == []
    assert linked(world, partner).crm_id == crm_id(world, crm, "Globex Corporation")
    assert clean(world)


def test_taking_ours_leaves_the_other_as_it_is_also_where_the_merge_gave_it_our_key(
    make_world: Any,
) -> None:
    """HubSpot fills what the winner leaves blank: a deal that was made there carries no key."""
    world = make_world(crm="hubspot")
    crm = world.crms["crm"]
    ours = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    values = {"dealstage": "qualifiedtobuy", "closedate": "2026-12-20T12:00:00.000Z"}
    winner = crm.create("deals", {"dealname": "Switches", **values})
    world.settle("crm")
    (other,) = set(world.all_ours("opportunity")) - {ours}
    (lost,) = (row["id"] for row in crm.rows("opportunity") if row["id"] != winner)
    crm.merge("opportunity", lost, winner)
    look(world)
    (item,) = waiting(world)
    decide(world, item, "prm")
    look(world)
    shown = {row["dealname"]: row["prm_opportunity_id"] for row in crm.rows("opportunity")}
    assert shown == {"Firewall": ours, "Switches": other}
    assert crm.row("opportunity", winner)["dealname"] == "Switches"
    assert [world.ours("opportunity", one)["name"] for one in (ours, other)] == [
        "Firewall",
        "Switches",
    ]
    assert waiting(world) == []


@pytest.mark.parametrize("take", ["prm", "crm"])
def test_one_answer_is_enough_where_the_merge_also_filled_what_only_we_write(
    make_world: Any, take: str
) -> None:
    """What the run that asks puts back in the winner does not make the question another one."""
    world = make_world(crm="hubspot")
    crm = world.crms["crm"]
    values = {"close_date": "2026-12-20", "stage": "prospect"}
    lost = world.insert("opportunity", {"name": "Firewall", "number": "OP-1", **values})
    left = world.insert("opportunity", {"name": "Switches", **values})
    world.settle("crm")
    ids = {row["dealname"]: row["id"] for row in crm.rows("opportunity")}
    crm.merge("opportunity", ids["Firewall"], ids["Switches"])
    assert crm.row("opportunity", ids["Switches"])["prm_number"] == "OP-1"
    world.wait(60)
    world.sync("crm", release=True)
    assert crm.row("opportunity", ids["Switches"])["prm_number"] is None
    (item,) = waiting(world)
    decide(world, item, take)
    look(world)
    assert waiting(world) == []
    assert set(world.all_ours("opportunity")) == {lost, left}
    shown = {row["dealname"]: row["prm_number"] for row in crm.rows("opportunity")}
    assert shown == {"Switches": None} | ({"Firewall": "OP-1"} if take == "prm" else {})


def test_taking_the_crms_lets_our_record_go_and_leaves_the_other_linked(
    world: Any, crm: Any, partner: str, both: str
) -> None:
    (item,) = waiting(world)
    decide(world, item, "crm")
    look(world)
    assert len(crm.rows("partner")) == 1
    assert linked(world, partner).state == "ended"
    assert linked(world, both).state == "live"
    world.edit("partner", partner, {"country": "AT"})
    look(world)
    assert crm.only("partner")[crm.words["name"]] == "Initech"
    assert waiting(world) == []


def test_when_the_other_record_is_let_go_the_waiting_link_follows(
    world: Any, crm: Any, partner: str, both: str
) -> None:
    world.remove("partner", both)
    look(world)
    look(world)
    assert linked(world, partner).crm_id == crm.only("partner")[crm.words["id"]]
    assert waiting(world) == []


def test_what_hung_on_a_record_that_was_let_go_comes_with_it(
    world: Any, crm: Any, partner: str
) -> None:
    """The winner kept its relation in the CRM when its record here was deleted."""
    other = world.insert("partner", dict(OTHER_PARTNER))
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    values = {"opportunity": deal, "partner": other, "role": "reseller"}
    relation = world.insert("relation", values)
    world.settle("crm")
    ids = [crm_id(world, crm, name) for name in ("Globex Corporation", "Initech")]
    world.remove("relation", relation)
    world.remove("partner", other)
    look(world)
    crm.merge("partner", *ids)
    look(world)
    assert relations(world) == [(deal, partner, "reseller")]
    assert [(role, to) for _, to, role, _ in crm.relations()] == [(crm.words["reseller"], ids[1])]
    assert waiting(world) == []
    assert clean(world)


def test_what_hung_on_a_deal_that_was_let_go_comes_with_it(
    make_world: Any, partner_values: Values
) -> None:
    world = make_world(crm="hubspot")
    crm, partner = world.crms["crm"], world.insert("partner", partner_values)
    lost, left = (
        world.insert("opportunity", {"name": name, "close_date": "2026-12-20"})
        for name in ("Firewall", "Switches")
    )
    values = {"opportunity": left, "partner": partner, "role": "reseller"}
    relation = world.insert("relation", values)
    world.settle("crm")
    ids = {row["dealname"]: row["id"] for row in crm.rows("opportunity")}
    world.remove("relation", relation)
    world.remove("opportunity", left)
    crm.merge("opportunity", ids["Firewall"], ids["Switches"])
    look(world)
    look(world)
    assert relations(world) == [(lost, partner, "reseller")]
    assert [one[0] for one in crm.relations()] == [ids["Switches"]]
    assert waiting(world) == []
    assert clean(world)


def test_a_role_that_was_changed_here_does_not_come_back_under_the_lost_deals_id(
    make_world: Any, partner_values: Values
) -> None:
    """Before the search tells of the merge, HubSpot shows the other deal's relations as the lost
    deal's too. The run that read them dies before it takes away the old role,
    and the next one reads them once more."""
    world = make_world(crm="hubspot")
    crm, partner = world.crms["crm"], world.insert("partner", partner_values)
    lost, left = (
        world.insert("opportunity", {"name": name, "close_date": "2026-12-20"})
        for name in ("Firewall", "Switches")
    )
    relation = world.insert(
        "relation", {"opportunity": left, "partner": partner, "role": "reseller"}
    )
    world.settle("crm")
    world.sync("crm")
    searches_lag(crm)
    ids = {row["dealname"]: row["id"] for row in crm.rows("opportunity")}
    world.remove("opportunity", lost)
    crm.merge("opportunity", ids["Firewall"], ids["Switches"])
    world.edit("relation", relation, {"role": "si"})

    def cut(_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), crm.standing_before(cut, "labels/archive$"):
        world.sync("crm", release=True)
    world.sync("crm", release=True)
    world.wait(700)
    look(world)
    assert relations(world) == [(left, partner, "si")]
    assert [(one[0], one[2]) for one in crm.relations()] == [(ids["Switches"], crm.words["si"])]


def test_a_merge_of_a_merge_is_followed_to_its_end(world: Any, crm: Any, partner: str) -> None:
    second, third = duplicate(crm), duplicate(crm)
    crm.merge("partner", crm_id(world, crm, "Globex Corporation"), second)
    crm.merge("partner", second, third)
    look(world)
    assert linked(world, partner).crm_id == third
    assert clean(world)


def test_a_record_deleted_here_and_merged_there_stays_deleted(
    world: Any, crm: Any, partner: str
) -> None:
    winner = duplicate(crm)
    crm.merge("partner", crm_id(world, crm, "Globex Corporation"), winner)
    world.remove("partner", partner)
    look(world)
    assert world.all_ours("partner") == {}
    assert [one[crm.words["id"]] for one in crm.rows("partner")] == [winner]


def test_a_merge_while_a_write_is_on_its_way_moves_the_write_to_the_winner(
    world: Any, crm: Any, partner: str
) -> None:
    """The plan was made before the merge; its guard meets it."""
    world.edit("partner", partner, {"country": "AT"})
    with world.session("crm") as session:
        planned = run.plan(session)
    winner = duplicate(crm)
    crm.merge("partner", crm_id(world, crm, "Globex Corporation"), winner)
    with world.session("crm") as session:
        run.apply(session, planned.run_id)
    look(world)
    assert crm.only("partner")[crm.words["id"]] == winner
    assert crm.only("partner")[crm.words["country"]] == "AT"
