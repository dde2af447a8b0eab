"""Relations whose deal or partner went and came back, and rows that were deleted and made anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from prmsync.domain.values import PrmId, Values
from prmsync.store import records
from prmsync.sync.relation_ends import BACK_THERE
from rig import Crm, World, without

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20"}


@pytest.fixture
def ends(world: World, partner_values: Values) -> Values:
    """What a reseller's relation to a deal says; both sides have it."""
    return related(world, partner_values)


def related(world: World, partner_values: Values) -> Values:
    partner, deal = world.insert("partner", partner_values), world.insert("opportunity", DEAL)
    said: Values = {"opportunity": deal, "partner": partner, "role": "reseller"}
    world.insert("relation", said)
    look(world)
    return said


def look(world: World, *names: str) -> None:
    for _ in range(2):
        for name in names or tuple(world.crms):
            world.wait(700)
            world.sync(name, full=True, release=True)


def ours(world: World) -> list[Values]:
    """What our relations say."""
    said = ("opportunity", "partner", "role")
    return [{name: one[name] for name in said} for one in world.all_ours("relation").values()]


def roles(crm: Crm) -> list[str]:
    return [role for _, _, role, _ in crm.relations()]


def delete(crm: Crm, stream: str) -> str:
    record = str(crm.only(stream)[crm.words["id"]])
    crm.remove(stream, record)
    return record


def insert(world: World, stream: str, prm_id: str, values: Values) -> None:
    with world.database.begin() as connection:
        assert not records.insert(connection, stream, [(PrmId(prm_id), values)])


def assert_at_rest(world: World) -> None:
    assert (world.held(), world.parked()) == ([], [])
    assert [world.sync(name).counts for name in world.crms] == [{} for _ in world.crms]
    assert all(one.is_clean for name in world.crms for one in world.verify(name))


# --- an end that the CRM had lost -------------------------------------------------------------


@pytest.mark.parametrize("gone", ["opportunity", "partner"])
def test_with_a_record_that_the_crm_restores_its_relations_are_made_again(
    world: World, crm: Crm, ends: Values, gone: str
) -> None:
    record = delete(crm, gone)
    look(world)
    assert ours(world) == [ends]
    crm.restore(gone, record)
    look(world)
    assert roles(crm) == [crm.words["reseller"]]
    assert ours(world) == [ends]
    assert_at_rest(world)


@pytest.mark.parametrize("take", ["prm", "crm"])
def test_a_deal_that_hubspot_restores_without_its_relation_has_a_person_asked(
    make_world: Callable[..., World], partner_values: Values, take: str
) -> None:
    """Somebody had taken it off the deal before they deleted that, which nobody could see."""
    world = make_world(crm="hubspot")
    crm, ends = world.crms["crm"], related(world, partner_values)
    ((*_, relation),) = crm.relations()
    crm.unrelate(relation)
    record = delete(crm, "opportunity")
    look(world)
    assert ours(world) == [ends]
    crm.restore("opportunity", record)
    look(world)
    assert (ours(world), crm.relations()) == ([ends], [])
    (item,) = world.held()
    assert item.kind == BACK_THERE
    world.decide(take)
    look(world)
    assert (len(ours(world)), len(roles(crm))) == ((1, 1) if take == "prm" else (0, 0))
    assert_at_rest(world)


def test_a_role_edited_while_the_partner_was_gone_in_the_crm_stands_there_when_it_is_back(
    world: World, crm: Crm, ends: Values
) -> None:
    record = delete(crm, "partner")
    look(world)
    (relation,) = world.all_ours("relation")
    world.edit("relation", relation, {"role": "si"})
    look(world)
    crm.restore("partner", record)
    look(world)
    assert roles(crm) == [crm.words["si"]]
    assert_at_rest(world)


def test_a_relation_taken_away_here_while_its_deal_was_gone_in_the_crm_does_not_come_back(
    world: World, crm: Crm, ends: Values
) -> None:
    record = delete(crm, "opportunity")
    look(world)
    world.remove("relation", *world.all_ours("relation"))
    look(world)
    crm.restore("opportunity", record)
    look(world)
    assert ours(world) == []
    if crm.connector == "hubspot":  # restores the relation too, which nobody has asked for
        assert len(crm.relations()) == 1
        world.decide("prm")
        look(world)
    assert crm.relations() == []
    assert_at_rest(world)


def test_a_deal_that_goes_and_comes_back_time_and_again_has_its_relation_each_time(
    world: World, crm: Crm, ends: Values
) -> None:
    for _ in range(2):
        record = delete(crm, "opportunity")
        look(world)
        crm.restore("opportunity", record)
        look(world)
        assert len(crm.relations()) == 1
    assert ours(world) == [ends]
    assert_at_rest(world)


def test_an_edit_of_the_mapping_writes_nothing_about_relations_that_rest(
    world: World, crm: Crm, ends: Values
) -> None:
    delete(crm, "opportunity")
    look(world)
    world.alter = lambda one: without(one, "tier")
    assert world.sync("crm", release=True).counts == {}
    assert ours(world) == [ends]


# --- an end that we had lost ------------------------------------------------------------------


def lost_here(world: World, ends: Values) -> Values:
    """Somebody deletes the deal here, and what hung on it; the CRM keeps both. Returns what the
    deal was."""
    before = world.ours("opportunity", str(ends["opportunity"]))
    world.remove("relation", *world.all_ours("relation"))
    world.remove("opportunity", str(ends["opportunity"]))
    look(world)
    return before


@pytest.mark.parametrize("take", ["prm", "crm"])
def test_a_deal_put_back_here_without_its_relation_has_a_person_asked(
    world: World, crm: Crm, ends: Values, take: str
) -> None:
    before = lost_here(world, ends)
    assert len(crm.relations()) == 1
    insert(world, "opportunity", str(ends["opportunity"]), before)
    look(world)
    (item,) = world.held()
    assert item.kind == "deleted in prm with its deal or partner, which is back without it"
    assert (item.group, item.prm) == ("@record", None)
    assert (len(crm.relations()), ours(world)) == (1, [])
    world.decide(take)
    look(world)
    assert ours(world) == ([] if take == "prm" else [ends])
    assert len(crm.relations()) == len(ours(world))
    assert_at_rest(world)


@pytest.mark.parametrize("later", [False, True])
def test_a_relation_put_back_here_with_its_deal_or_after_it_answers_the_question(
    world: World, crm: Crm, ends: Values, later: bool
) -> None:
    """Under another id than before: what it says is the same."""
    before = crm.relations()
    insert(world, "opportunity", str(ends["opportunity"]), lost_here(world, ends))
    if later:
        look(world)
        assert len(world.held()) == 1
    world.insert("relation", ends)
    look(world)
    assert crm.relations() == before
    assert ours(world) == [ends]
    assert_at_rest(world)


def test_a_deal_that_one_crm_brings_back_has_not_the_relation_that_was_taken_away_there(
    make_world: Callable[..., World], partner_values: Values
) -> None:
    """The other CRM still has it, and whether it goes there too is a person's to say."""
    both = make_world(sf="salesforce", hs="hubspot")
    both.alter = lambda one: without(one, "owner")
    ends = related(both, partner_values)
    sf, hs = both.crms["sf"], both.crms["hs"]
    sf.unrelate(sf.relations()[0][3])
    deal = str(sf.only("opportunity")[sf.words["id"]])
    sf.change("opportunity", deal, deal_name="Firewall, second offer")
    lost_here(both, ends)
    both.decide("crm")
    look(both)
    assert both.ours("opportunity", str(ends["opportunity"]))["name"] == "Firewall, second offer"
    assert (sf.relations(), ours(both), len(hs.relations())) == ([], [], 1)
    both.decide("prm")
    look(both)
    assert (sf.relations(), ours(both), hs.relations()) == ([], [], [])
    assert_at_rest(both)


# --- a merged deal ----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["reseller", "si"])
def test_a_merged_deal_that_is_given_a_record_of_its_own_again_has_its_relation_there(
    make_world: Callable[..., World], partner_values: Values, role: str
) -> None:
    """HubSpot's association has the lost deal's id: what that shows is on the other deal now."""
    world = make_world(hs="hubspot")
    ends = related(world, partner_values)
    crm = world.crms["hs"]
    lost = str(crm.only("opportunity")[crm.words["id"]])
    world.insert("opportunity", {**DEAL, "name": "Switches"})
    look(world)
    (relation,) = world.all_ours("relation")
    if role != "reseller":
        world.edit("relation", relation, {"role": role})
    crm.merge("opportunity", lost, crm.id_of("opportunity", "Switches"))
    look(world)
    world.decide("prm")
    look(world)
    own = crm.id_of("opportunity", "Firewall")
    found = [label for deal, _, label, _ in crm.relations() if deal == own]
    assert found == [crm.words[role]]
    assert {**ends, "role": role} in ours(world)
    assert_at_rest(world)


# --- rows that say the same -------------------------------------------------------------------


def test_a_relation_deleted_and_inserted_again_between_two_runs_has_not_changed(
    world: World, crm: Crm, ends: Values
) -> None:
    """As programs do that save all rows of a deal anew."""
    before = crm.relations()
    world.remove("relation", *world.all_ours("relation"))
    world.insert("relation", ends)
    look(world)
    assert crm.relations() == before
    assert ours(world) == [ends]
    assert_at_rest(world)


def test_a_relation_inserted_again_while_a_brake_holds_its_deletion_stays(
    world: World, crm: Crm, ends: Values
) -> None:
    before = crm.relations()
    others = [world.insert("opportunity", {**DEAL, "name": f"Deal {at}"}) for at in range(30)]
    for deal in others:
        world.insert("relation", {**ends, "opportunity": deal})
    look(world)
    world.remove("relation", *world.all_ours("relation"))
    report = world.sync("crm")
    assert report.counts["relation/crm/delete/waiting"] == 31
    world.insert("relation", ends)
    look(world)
    assert crm.relations() == before
    assert ours(world) == [ends]
    assert_at_rest(world)


@pytest.mark.parametrize("edit", ["deleted", "another role"])
def test_what_we_take_away_goes_in_the_crm_as_often_as_it_is_said_there(
    make_world: Callable[..., World], partner_values: Values, edit: str
) -> None:
    """Salesforce lets its users add the same partner twice."""
    world = make_world(sf="salesforce")
    related(world, partner_values)
    crm = world.crms["sf"]
    deal, partner, role, _ = crm.relations()[0]
    crm.relate(deal, partner, role)
    look(world)
    assert roles(crm) == [role, role]
    (relation,) = world.all_ours("relation")
    if edit == "deleted":
        world.remove("relation", relation)
    else:
        world.edit("relation", relation, {"role": "si"})
    look(world)
    assert roles(crm) == ([] if edit == "deleted" else [crm.words["si"]])
    assert len(ours(world)) == len(crm.relations())
    assert_at_rest(world)


def test_a_role_that_another_row_says_from_now_on_stays_as_it_is(
    world: World, crm: Crm, ends: Values
) -> None:
    """The row that said it has another role now: that one is new."""
    (before,) = crm.relations()
    (relation,) = world.all_ours("relation")
    world.edit("relation", relation, {"role": "si"})
    world.insert("relation", ends)
    look(world)
    assert before in crm.relations()
    assert sorted(roles(crm)) == sorted([crm.words["reseller"], crm.words["si"]])
    assert_at_rest(world)


def test_two_rows_that_exchange_their_roles_have_changed_nothing(
    world: World, crm: Crm, ends: Values
) -> None:
    (first,) = world.all_ours("relation")
    second = world.insert("relation", {**ends, "role": "si"})
    look(world)
    before = sorted(crm.relations())
    for prm_id, role in ((first, "distributor"), (second, "reseller"), (first, "si")):
        world.edit("relation", prm_id, {"role": role})
    look(world)
    assert sorted(crm.relations()) == before
    assert world.all_ours("relation")[second]["role"] == "reseller"
    assert_at_rest(world)


def test_of_rows_that_pass_their_roles_on_one_goes_and_one_is_new(
    world: World, crm: Crm, ends: Values
) -> None:
    (first,) = world.all_ours("relation")
    second = world.insert("relation", {**ends, "role": "si"})
    look(world)
    world.remove("relation", first)
    world.edit("relation", second, {"role": "reseller"})
    world.insert("relation", {**ends, "role": "distributor"})
    look(world)
    assert sorted(roles(crm)) == sorted([crm.words["reseller"], crm.words["distributor"]])
    assert len(ours(world)) == 2
    assert_at_rest(world)


@pytest.mark.parametrize("seen", [False, True])
def test_a_role_edited_here_wins_over_one_that_was_taken_away_in_the_crm_and_put_back(
    world: World, crm: Crm, ends: Values, seen: bool
) -> None:
    (deal, partner, role, record) = crm.relations()[0]
    (relation,) = world.all_ours("relation")
    world.edit("relation", relation, {"role": "si"})
    crm.unrelate(record)
    if seen:
        look(world)
        assert [one.group for one in world.held()] == ["@record"]
    crm.relate(deal, partner, role)
    look(world)
    assert roles(crm) == [crm.words["si"]]
    assert ours(world) == [{**ends, "role": "si"}]
    assert_at_rest(world)
