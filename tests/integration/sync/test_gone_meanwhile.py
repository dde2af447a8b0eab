"""Deletions that arrive while something is written, and records that come back after one."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.connector.simulator.http import Request
from prmsync.domain.values import PrmId, Values
from prmsync.store import records
from prmsync.sync import run
from rig import Crm, World


@pytest.fixture
def deal(world: World, partner: str) -> str:
    """A deal that both sides have."""
    made = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    world.settle("crm")
    world.wait(60)
    return made


def look(world: World) -> None:
    """A whole read, which lists what is archived, and then quiet."""
    world.wait(700)
    world.sync("crm", full=True, release=True)
    world.settle("crm")


def insert(world: World, stream: str, prm_id: str, values: Values) -> None:
    with world.database.begin() as connection:
        assert not records.insert(connection, stream, [(PrmId(prm_id), values)])


def number(crm: Crm, stream: str) -> str:
    return str(crm.only(stream)[crm.words["id"]])


def shown_domain(crm: Crm) -> str:
    """The customer's domain of the one deal that the CRM has."""
    word = "PRM_Customer_Domain__c" if crm.connector == "salesforce" else "prm_customer_domain"
    return str(crm.only("opportunity")[word])


class Once:
    """Does something before the first write, and then nothing more."""

    def __init__(self, act: Any) -> None:
        self.act, self.done = act, 0

    def __call__(self, request: Request) -> None:
        if request.method == "GET" or "batch/read" in request.path or self.done:
            return
        self.done += 1
        self.act()


# --- inserted again with the id that it had ---------------------------------------------------


def test_a_record_inserted_again_with_its_id_is_linked_to_what_it_was(
    world: World, crm: Crm, partner: str, partner_values: Values
) -> None:
    """Both sides' edits of the meantime are merged on what they last agreed on."""
    world.remove("partner", partner)
    look(world)
    crm.change("partner", number(crm, "partner"), name="Globex SE")
    look(world)
    assert world.all_ours("partner") == {}
    insert(world, "partner", partner, {**partner_values, "country": "AT"})
    look(world)
    row = crm.only("partner")
    assert (row[crm.words["name"]], row[crm.words["country"]]) == ("Globex SE", "AT")
    assert world.ours("partner", partner)["name"] == "Globex SE"
    assert world.held() == []


def test_a_record_deleted_and_inserted_again_between_two_runs_was_only_edited(
    world: World, crm: Crm, partner: str, partner_values: Values
) -> None:
    before = number(crm, "partner")
    world.remove("partner", partner)
    insert(world, "partner", partner, {**partner_values, "name": "Globex AG"})
    look(world)
    assert number(crm, "partner") == before
    assert crm.only("partner")[crm.words["name"]] == "Globex AG"
    assert list(world.all_ours("partner")) == [partner]


def test_a_relation_inserted_again_with_its_id_comes_again_in_the_crm(
    world: World, crm: Crm, partner: str, deal: str
) -> None:
    values: Values = {"opportunity": deal, "partner": partner, "role": "reseller"}
    made = world.insert("relation", values)
    world.settle("crm")
    world.remove("relation", made)
    look(world)
    assert crm.relations() == []
    insert(world, "relation", made, values)
    look(world)
    assert [role for _, _, role, _ in crm.relations()] == [crm.words["reseller"]]
    assert list(world.all_ours("relation")) == [made]


# --- deleted while a write is on its way ------------------------------------------------------


def test_our_record_deleted_while_its_edit_is_sent_ends_the_link_and_stays_deleted(
    world: World, crm: Crm, partner: str
) -> None:
    world.edit("partner", partner, {"name": "Globex SE"})
    act = Once(lambda: world.remove("partner", partner))
    with crm.standing_before(act):
        world.sync("crm", release=True)
    assert act.done
    look(world)
    look(world)
    assert world.all_ours("partner") == {}
    assert crm.only("partner")[crm.words["name"]] == "Globex SE"
    assert world.held() == []


def test_our_record_deleted_while_it_is_created_makes_no_second_one_and_stays_deleted(
    world: World, crm: Crm, partner_values: Values
) -> None:
    made = world.insert("partner", partner_values)
    act = Once(lambda: world.remove("partner", made))
    with crm.standing_before(act):
        world.sync("crm", release=True)
    assert act.done
    look(world)
    look(world)
    assert world.all_ours("partner") == {}
    assert len(crm.rows("partner")) == 1


def test_our_relation_deleted_while_it_is_created_goes_in_the_crm_too(
    world: World, crm: Crm, partner: str, deal: str
) -> None:
    made = world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    act = Once(lambda: world.remove("relation", made))
    path = r"composite/sobjects$" if crm.connector == "salesforce" else r"associations/.*create$"
    with crm.standing_before(act, path):
        world.sync("crm", release=True)
    assert act.done
    look(world)
    look(world)
    assert (world.all_ours("relation"), crm.relations()) == ({}, [])


@pytest.mark.parametrize("edited", ["another field", "the same field"])
def test_our_record_deleted_before_an_edit_of_the_crm_is_written_waits_for_a_person(
    world: World, crm: Crm, partner: str, edited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was decided to write it; the edit must not bring it back, nor be lost unseen."""
    crm.change("partner", number(crm, "partner"), name="Globex SE")
    world.wait(60)
    real = run.apply_prm
    once: list[str] = []

    def deleted_first(*args: Any) -> None:
        if not once:
            once.append(edited)
            if edited == "the same field":
                world.edit("partner", partner, {"name": "Globex AG"})
            world.remove("partner", partner)
        real(*args)

    monkeypatch.setattr(run, "apply_prm", deleted_first)
    world.sync("crm")
    assert once
    look(world)
    assert world.all_ours("partner") == {}
    assert crm.only("partner")[crm.words["name"]] == "Globex SE"
    assert [one.group for one in world.held()] == ["@record"]


def test_a_record_deleted_in_the_crm_while_our_edit_is_sent_waits_for_a_person(
    world: World, crm: Crm, deal: str
) -> None:
    """Behind the guard, before the write: the CRM's answer is the evidence."""
    record = number(crm, "opportunity")
    world.edit("opportunity", deal, {"customer_domain": "edited.example"})
    act = Once(lambda: crm.remove("opportunity", record))
    with crm.standing_before(act):
        world.sync("crm", release=True)
    assert act.done
    look(world)
    assert crm.rows("opportunity") == []
    assert world.ours("opportunity", deal)["customer_domain"] == "edited.example"
    assert [one.group for one in world.held()] == ["@record"]


def test_a_record_deleted_in_the_crm_right_after_it_was_created_is_not_made_again(
    world: World, crm: Crm, partner: str
) -> None:
    made = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    world.sync("crm", release=True)
    crm.remove("opportunity", number(crm, "opportunity"))
    look(world)
    look(world)
    assert crm.rows("opportunity") == []
    assert list(world.all_ours("opportunity")) == [made]


# --- out of the recycle bin -------------------------------------------------------------------


def test_a_restored_record_is_merged_on_what_both_sides_last_agreed_on(
    world: World, crm: Crm, deal: str
) -> None:
    record = number(crm, "opportunity")
    crm.remove("opportunity", record)
    look(world)
    world.edit("opportunity", deal, {"customer_domain": "ours.example"})
    look(world)
    assert crm.rows("opportunity") == []
    crm.restore("opportunity", record)
    crm.change("opportunity", record, deal_name="Firewall renewed")
    look(world)
    assert number(crm, "opportunity") == record
    ours = world.ours("opportunity", deal)
    assert (ours["name"], ours["customer_domain"]) == ("Firewall renewed", "ours.example")
    assert shown_domain(crm) == "ours.example"
    assert list(world.all_ours("opportunity")) == [deal]
    assert world.held() == []


def test_a_field_edited_on_both_sides_around_a_restore_waits_for_a_person(
    world: World, crm: Crm, deal: str
) -> None:
    record = number(crm, "opportunity")
    crm.remove("opportunity", record)
    look(world)
    world.edit("opportunity", deal, {"name": "Firewall of ours"})
    look(world)
    crm.restore("opportunity", record)
    crm.change("opportunity", record, deal_name="Firewall of theirs")
    look(world)
    assert world.ours("opportunity", deal)["name"] == "Firewall of ours"
    assert crm.only("opportunity")[crm.words["deal_name"]] == "Firewall of theirs"
    assert [one.group for one in world.held()] == ["name"]


def test_a_restore_answers_the_question_that_the_deletion_had_asked(
    world: World, crm: Crm, deal: str
) -> None:
    record = number(crm, "opportunity")
    crm.remove("opportunity", record)
    world.edit("opportunity", deal, {"customer_domain": "ours.example"})
    look(world)
    assert [one.group for one in world.held()] == ["@record"]
    crm.restore("opportunity", record)
    look(world)
    assert world.held() == []
    assert shown_domain(crm) == "ours.example"
