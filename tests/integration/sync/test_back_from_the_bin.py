"""A deal that both sides had deleted comes back in one CRM; to the other it is the same deal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from prmsync.domain.merge import OnDelete
from prmsync.domain.values import PrmId, Values
from prmsync.store import records
from prmsync.sync import run
from rig import Crm, World, without

NAMES = ("hs", "sf")


@pytest.fixture
def both(make_world: Callable[..., World]) -> World:
    """Deletions are carried over to the other side; nobody's owners are the other CRM's users."""
    world = make_world(hs="hubspot", sf="salesforce")
    world.alter = lambda one: (
        one
        if one.stream == "relation"
        else dataclasses.replace(without(one, "owner"), on_delete=OnDelete.PROPAGATE)
    )
    return world


@pytest.fixture
def deal(both: World) -> str:
    """A deal that all three have; no match key tells it from others."""
    made = both.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    for _ in range(3):
        for name in ("sf", "hs"):
            both.sync(name, release=True)
    return made


@pytest.fixture(params=["prm", "sf"])
def deleted_in(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def number(crm: Crm) -> str:
    return str(crm.only("opportunity")[crm.words["id"]])


def delete(world: World, deal: str, where: str) -> None:
    if where == "prm":
        world.remove("opportunity", deal)
    else:
        world.crms[where].remove("opportunity", number(world.crms[where]))


def settle(world: World, *names: str) -> None:
    for _ in range(2):
        for name in names or NAMES:
            world.wait(700)
            world.sync(name, release=True, full=True)


def assert_one_deal(world: World, deal: str) -> None:
    assert list(world.all_ours("opportunity")) == [deal]
    assert [len(crm.rows("opportunity")) for crm in world.crms.values()] == [1, 1]
    assert (world.held(), world.parked()) == ([], [])
    assert [world.sync(name).counts for name in NAMES] == [{}, {}]


def test_before_the_other_crm_has_heard_of_the_deletion(
    both: World, deal: str, deleted_in: str
) -> None:
    sf, before = both.crms["sf"], number(both.crms["hs"])
    record = number(sf)
    delete(both, deal, deleted_in)
    settle(both, "sf")
    assert both.all_ours("opportunity") == {}
    sf.restore("opportunity", record)
    settle(both, "sf", "hs")
    assert_one_deal(both, deal)
    assert number(both.crms["hs"]) == before


@pytest.mark.parametrize("later", NAMES)
@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("stamps", [False, True])
def test_without_our_key_where_it_was_made(
    both: World, first: str, later: str, *, stamps: bool
) -> None:
    """No run has written a key there, but which record of ours it was is known."""
    alter = both.alter
    both.alter = lambda one: dataclasses.replace(alter(one), stamp_key=stamps)
    (other,) = {*NAMES} - {first}
    crm, words = both.crms[first], both.crms[first].words
    day = words["day"].format("2026-12-20")
    values = {"deal_name": "Firewall", "stage": words["qualified"], "close_date": day}
    record = crm.create(words["opportunity"], {words[key]: values[key] for key in values})
    both.sync(first, release=True)
    (made,) = both.all_ours("opportunity")
    both.sync(other, release=True)
    before = number(both.crms[other])
    both.remove("opportunity", made)
    settle(both, first)
    assert crm.rows("opportunity") == []
    crm.restore("opportunity", record)
    settle(both, *([later] if later == first else [other, first]))
    settle(both)
    assert_one_deal(both, made)
    assert bool(crm.only("opportunity").get(words["opportunity_key"])) == stamps
    assert later == other or number(both.crms[other]) == before


def test_within_the_second_in_which_it_was_deleted(both: World, deal: str) -> None:
    """Salesforce counts in whole seconds: the deletion and the restore have the same stamp."""
    sf = both.crms["sf"]
    record = number(sf)
    sf.remove("opportunity", record)
    with both.session("sf") as session:
        run.sync(session, release=True)
    assert both.all_ours("opportunity") == {}
    sf.restore("opportunity", record)
    settle(both, "sf", "hs")
    assert_one_deal(both, deal)


def test_also_where_the_crm_makes_no_new_ones(both: World, partner_values: Values) -> None:
    """No account becomes a partner by itself, but this one was a partner before."""
    made = both.insert("partner", partner_values)
    settle(both)
    sf, hs = both.crms["sf"], both.crms["hs"]
    record, before = (str(crm.only("partner")[crm.words["id"]]) for crm in (sf, hs))
    sf.create("Account", {"Name": "Stranger"})
    both.remove("partner", made)
    settle(both, "sf")
    sf.restore("partner", record)
    settle(both, "sf", "hs")
    assert list(both.all_ours("partner")) == [made]
    assert str(hs.only("partner")["id"]) == before
    assert (both.held(), both.parked()) == ([], [])


@pytest.mark.parametrize("take", ["prm", "crm"])
def test_where_our_side_deleted_it_too_on_its_own_a_person_is_asked(
    both: World, deal: str, take: str
) -> None:
    """Whoever restored it took their own deletion back, and had not heard of ours."""
    sf = both.crms["sf"]
    record = number(sf)
    delete(both, deal, "sf")
    delete(both, deal, "prm")
    settle(both, "sf")
    sf.restore("opportunity", record)
    settle(both, "sf")
    assert [one.group for one in both.held()] == ["@record"]
    both.decide(take)
    settle(both)
    if take == "crm":
        assert_one_deal(both, deal)
    else:
        assert both.all_ours("opportunity") == {}
        assert [len(crm.rows("opportunity")) for crm in both.crms.values()] == [0, 0]


def test_while_the_other_crm_asks_whether_to_delete_what_was_edited_there(
    both: World, deal: str
) -> None:
    sf, hs = both.crms["sf"], both.crms["hs"]
    record, before = number(sf), number(hs)
    hs.change("opportunity", before, deal_name="Firewall, second offer")
    delete(both, deal, "prm")
    settle(both)
    assert [item.group for item in both.held()] == ["@record"]
    sf.restore("opportunity", record)
    settle(both)
    assert number(hs) == before
    assert_one_deal(both, deal)


@pytest.mark.parametrize("first", NAMES)
def test_after_the_other_crm_has_deleted_it_too_it_is_made_there_again(
    both: World, deal: str, first: str
) -> None:
    crm = both.crms[first]
    record = number(crm)
    delete(both, deal, "prm")
    settle(both)
    assert [len(one.rows("opportunity")) for one in both.crms.values()] == [0, 0]
    crm.restore("opportunity", record)
    settle(both)
    assert_one_deal(both, deal)
    assert number(crm) == record


@pytest.mark.parametrize("later", NAMES)
def test_restored_in_both_crms_at_once_it_is_made_once(
    both: World, deal: str, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later run has read and planned before the other one creates the record."""
    records = {name: number(crm) for name, crm in both.crms.items()}
    delete(both, deal, "prm")
    settle(both)
    for name, record in records.items():
        both.crms[name].restore("opportunity", record)
    both.wait(700)
    (other,) = {*NAMES} - {later}
    real, done = run.plan_streams, []

    def plan_streams(session: Any, *args: Any, **more: Any) -> None:
        if session.name == later and not done:
            done.append(other)
            both.sync(other, release=True, full=True)
        real(session, *args, **more)

    monkeypatch.setattr(run, "plan_streams", plan_streams)
    both.sync(later, release=True, full=True)
    settle(both)
    assert done == [other]
    assert_one_deal(both, deal)
    assert {name: number(crm) for name, crm in both.crms.items()} == records


@pytest.mark.parametrize("take", ["prm", "crm"])
@pytest.mark.parametrize("last", ["deleted", "restored"])
@pytest.mark.parametrize("name", NAMES)
def test_after_an_undo_took_it_away_there_and_somebody_deleted_it_here_a_person_is_asked(
    both: World, name: str, last: str, take: str
) -> None:
    """No run carried our deletion over, and nobody can tell which of the two came last."""
    made = both.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    crm = both.crms[name]
    record_run = both.sync(name, release=True).run_id
    record = number(crm)
    both.undo(name, record_run)
    if last == "restored":
        both.remove("opportunity", made)
    crm.restore("opportunity", record)
    if last == "deleted":
        both.remove("opportunity", made)
    settle(both)
    assert (both.all_ours("opportunity"), number(crm)) == ({}, record)
    assert [one.group for one in both.held()] == ["@record"]
    both.decide(take)
    settle(both)
    if take == "crm":
        assert list(both.all_ours("opportunity")) == [made]
        assert number(crm) == record
    else:
        assert both.all_ours("opportunity") == {}
        assert crm.rows("opportunity") == []
    assert both.held() == []
    assert [both.sync(one).counts for one in NAMES] == [{}, {}]


@pytest.mark.parametrize("name", NAMES)
def test_and_an_undo_puts_a_field_of_it_back_before_it_is_here_again(
    both: World, deal: str, name: str
) -> None:
    """The restore is read by the undo's run, which makes no records: the next one does."""
    crm = both.crms[name]
    record = number(crm)
    both.edit("opportunity", deal, {"customer_domain": "typo.example"})
    typo = both.sync(name, release=True).run_id
    both.remove("opportunity", deal)
    both.sync(name, release=True)
    crm.restore("opportunity", record)
    both.wait(700)
    both.undo(name, typo)
    settle(both)
    assert_one_deal(both, deal)
    assert both.ours("opportunity", deal)["customer_domain"] is None


@pytest.mark.parametrize("name", NAMES)
def test_before_it_is_known_that_our_deletion_arrived(both: World, deal: str, name: str) -> None:
    """The run died before the answer came. What stands there may never have gone, or was
    restored: a person is asked before it is deleted, for good or again."""
    crm = both.crms[name]
    record = number(crm)
    both.remove("opportunity", deal)
    inner = crm.simulator

    def deletes_and_dies(request: Any) -> Any:
        inner.handle(request)
        raise KeyboardInterrupt

    path = r"composite/sobjects$" if crm.connector == "salesforce" else r"objects/.*archive$"
    with pytest.raises(KeyboardInterrupt), crm.standing_before(deletes_and_dies, path):
        both.sync(name, release=True)
    assert crm.rows("opportunity") == []
    crm.restore("opportunity", record)
    settle(both, name)
    assert number(crm) == record
    both.decide("crm")
    settle(both)
    assert_one_deal(both, deal)


def test_and_it_is_here_again_while_a_brake_holds_it(both: World, deal: str) -> None:
    """It is linked by its key. Else it would be made there a second time, which is an upsert on
    that key: over what stands there."""
    sf = both.crms["sf"]
    record = number(sf)
    sf.remove("opportunity", record)
    settle(both, "sf")
    assert both.all_ours("opportunity") == {}
    sf.restore("opportunity", record)
    both.wait(700)
    both.sync("sf", full=True)
    assert both.all_ours("opportunity") == {}
    values: Values = {"name": "Of another CRM", "close_date": "2026-12-20"}
    with both.database.begin() as connection:
        assert not records.insert(connection, "opportunity", [(PrmId(deal), values)])
    assert "opportunity/crm/create/found" not in both.sync("sf", release=True).counts
    assert sf.only("opportunity")["Name"] == "Firewall"
