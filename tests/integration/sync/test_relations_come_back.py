"""Relations whose deal or partner went and came back, and rows that were deleted and made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from prmsync.domain.merge import OnDelete
from prmsync.domain.values import PrmId, Values
from prmsync.store import held, records
from prmsync.sync.relation_ends import BACK, BACK_THERE
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


def answer(world: World, item: int, take: str) -> None:
    with world.database.begin() as connection:
        held.decide(connection, item, take, "dana", world.now())


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


def test_a_deal_put_back_after_a_person_had_let_it_go_has_a_person_asked_about_its_relation(
    world: World, crm: Crm, ends: Values
) -> None:
    """Until that was decided the relation had waited with it."""
    record = str(crm.only("opportunity")[crm.words["id"]])
    crm.change("opportunity", record, deal_name="Offer 2")
    before = lost_here(world, ends)
    world.decide("prm")
    look(world)
    assert (world.held(), len(crm.relations()), ours(world)) == ([], 1, [])
    insert(world, "opportunity", str(ends["opportunity"]), before)
    look(world)
    assert [one.kind for one in world.held() if one.prm is None] == [BACK]
    assert (len(crm.relations()), ours(world)) == (1, [])


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


@pytest.mark.parametrize("seen", [False, True])
def test_a_relation_whose_partner_was_merged_comes_back_with_its_deal_in_the_same_run(
    make_world: Callable[..., World], partner_values: Values, seen: bool
) -> None:
    """The deal was deleted here and edited in the CRM, which has the relation still. `seen`: a run
    meets the merge before the decision."""
    world = make_world(crm="salesforce")
    crm = world.crms["crm"]
    ends = related(world, partner_values)
    second = world.insert("partner", {**partner_values, "name": "Second", "domain": "s.example"})
    look(world)
    deal = str(crm.only("opportunity")[crm.words["id"]])
    crm.change("opportunity", deal, deal_name="Offer 2")
    lost_here(world, ends)
    crm.merge(
        "partner", crm.id_of("partner", str(partner_values["name"])), crm.id_of("partner", "Second")
    )
    if seen:
        look(world)
    (item,) = [one for one in world.held() if one.prm is None]
    answer(world, item.id, "crm")
    world.sync("crm", release=True)
    assert ours(world) == [{**ends, "partner": second}]
    assert all("merged in the CRM" in one.kind for one in world.held())


@pytest.fixture
def lost_in_both(make_world: Callable[..., World], partner_values: Values) -> World:
    """A deal and its relation that both CRMs have, deleted here just now."""
    both = make_world(sf="salesforce", hs="hubspot")
    both.alter = lambda one: replace(without(one, "owner"), on_delete=OnDelete.PROPAGATE)
    ends = related(both, partner_values)
    both.remove("relation", *both.all_ours("relation"))
    both.remove("opportunity", str(ends["opportunity"]))
    return both


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("take", ["prm", "crm"])
def test_a_relation_taken_off_where_its_deal_comes_back_from_is_asked_about_in_the_other_crm(
    lost_in_both: World, take: str, first: bool
) -> None:
    """While the deal was gone here; `first`: before a run had seen that."""
    both = lost_in_both
    sf, hs = both.crms["sf"], both.crms["hs"]
    ((*_, relation),) = hs.relations()
    hs.change("opportunity", str(hs.only("opportunity")[hs.words["id"]]), deal_name="Offer 2")
    if first:
        hs.unrelate(relation)
    both.sync("hs", release=True)
    both.decide("crm")
    sf.change("opportunity", str(sf.only("opportunity")[sf.words["id"]]), deal_name="Offer 3")
    both.sync("sf", release=True)
    if not first:
        hs.unrelate(relation)
    both.wait(700)
    both.sync("hs", full=True, release=True)
    both.sync("sf", release=True)
    assert (ours(both), len(sf.relations()), hs.relations()) == ([], 1, [])
    (item,) = [one for one in both.held() if one.kind == BACK]
    answer(both, item.id, take)
    look(both)
    if take == "crm" and not first:  # whether it goes where it was taken off is asked as well
        assert [one.kind for one in both.held()] == [BACK_THERE]
        both.decide("prm")
        look(both)
    stands = 1 if take == "crm" else 0
    assert [len(ours(both)), len(sf.relations()), len(hs.relations())] == [stands] * 3
    assert_at_rest(both)


@pytest.mark.parametrize("off", ["sf", "hs"])
@pytest.mark.parametrize("take", ["prm", "crm"])
def test_a_deal_brings_back_no_relation_that_was_taken_off_in_the_other_crm(
    lost_in_both: World, take: str, off: str
) -> None:
    """It was taken off there while the deal, deleted here, waited for a person in both."""
    both, wanted = lost_in_both, "hs" if off == "sf" else "sf"
    there, other = both.crms[off], both.crms[wanted]
    for name, crm in both.crms.items():
        deal = str(crm.only("opportunity")[crm.words["id"]])
        crm.change("opportunity", deal, deal_name=f"Offer in {name}")
    there.unrelate(there.relations()[0][3])
    look(both)
    (item,) = [one for one in both.held() if f"Offer in {wanted}" in (one.crm or ())]
    answer(both, item.id, "crm")
    look(both)
    assert (ours(both), there.relations(), len(other.relations())) == ([], [], 1)
    (item,) = both.held()
    assert item.kind == BACK
    both.decide(take)
    look(both)
    stands = 1 if take == "crm" else 0
    assert [len(ours(both)), len(there.relations()), len(other.relations())] == [stands] * 3
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
