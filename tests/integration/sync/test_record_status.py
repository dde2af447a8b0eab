"""A CRM record says how it stands, and a person in the CRM answers what needs a decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prmsync.connector.simulator.http import Request
from prmsync.domain.values import Values
from prmsync.store import held, journal, links, misfits
from prmsync.sync import run

FIELDS = {
    "salesforce": ("PRM_Sync_State__c", "PRM_Sync_Reason__c", "PRM_Sync_Decision__c"),
    "hubspot": ("prm_sync_state", "prm_sync_reason", "prm_sync_decision"),
}
CODES = {
    "salesforce": {"crm": "Keep CRM value", "prm": "Take partner value"},
    "hubspot": {"crm": "keep_crm", "prm": "take_partner"},
}


@pytest.fixture
def partner(world: Any, partner_values: Values) -> str:
    made = world.insert("partner", partner_values)
    world.settle("crm")
    return str(made)


def shown(crm: Any) -> tuple[str, str, str]:
    """The partner's state in words, its reason and its decision."""
    row = crm.only("partner")
    state, reason, decision = (row.get(name) or "" for name in FIELDS[crm.connector])
    return state.replace("_", " ").capitalize(), reason, decision


def record(crm: Any) -> str:
    return str(crm.only("partner")[crm.words["id"]])


def decide(crm: Any, take: str) -> None:
    crm.edit(
        crm.words["partner"],
        record(crm),
        {FIELDS[crm.connector][2]: CODES[crm.connector][take]},
    )


def disagree(
    world: Any, crm: Any, partner: str, ours: str = "Ours", theirs: str = "Theirs"
) -> None:
    world.wait(2)
    world.edit("partner", partner, {"name": ours})
    crm.change("partner", record(crm), name=theirs)
    world.sync("crm", release=True)


def quiet(world: Any) -> None:
    """A further run writes nothing and asks nothing more than to read."""
    report = world.sync("crm", release=True)
    assert report.calls.get("write", 0) == 0
    assert report.counts == {}


def test_a_record_that_prmsync_made_is_in_step(world: Any, crm: Any, partner: str) -> None:
    assert shown(crm) == ("In step", "", "")
    quiet(world)


def test_a_record_that_was_linked_is_told_with_our_key(
    world: Any, crm: Any, partner_values: Values
) -> None:
    names = {crm.words["name"]: "Globex Corporation", crm.words["domain"]: "globex.example"}
    crm.create(crm.words["partner"], names)
    world.insert("partner", partner_values)
    world.settle("crm")
    assert shown(crm) == ("In step", "", "")
    quiet(world)


def test_what_needs_a_decision_is_told_with_both_values(world: Any, crm: Any, partner: str) -> None:
    disagree(world, crm, partner)
    state, reason, decision = shown(crm)
    assert (state, decision) == ("Needs decision", "")
    assert "Name: " in reason
    assert "“Theirs”" in reason
    assert "“Ours”" in reason
    quiet(world)


@pytest.mark.parametrize(("take", "name"), [("crm", "Theirs"), ("prm", "Ours")])
def test_a_decision_in_the_crm_is_carried_out_and_told(
    world: Any, crm: Any, partner: str, take: str, name: str
) -> None:
    disagree(world, crm, partner)
    decide(crm, take)
    world.sync("crm", release=True)
    assert world.ours("partner", partner)["name"] == name
    assert crm.only("partner")[crm.words["name"]] == name
    state, reason, decision = shown(crm)
    assert (state, decision) == ("In step", "")
    assert reason.startswith(CODES["salesforce"][take])
    assert "for Name: done" in reason
    quiet(world)
    quiet(world)


def test_who_decided_is_who_last_modified_the_record(
    make_world: Callable[..., Any], partner_values: Values
) -> None:
    world = make_world(crm="salesforce")
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    world.settle("crm")
    disagree(world, crm, partner)
    with world.database.read() as connection:
        ((_, item),) = held.waiting_items(connection)
    decide(crm, "crm")
    world.sync("crm", release=True)
    with world.database.read() as connection:
        assert held.get(connection, item.id).decided_by == "Dana Admin in Salesforce"
    assert "as Dana Admin in Salesforce decided" in shown(crm)[1]


def test_a_decision_with_a_write_of_its_own_needs_no_second_one(
    world: Any, crm: Any, partner: str
) -> None:
    disagree(world, crm, partner)
    decide(crm, "prm")
    report = world.sync("crm", release=True)
    assert report.calls["write"] == 1


def test_a_decision_on_values_that_moved_meanwhile_is_not_carried_out(
    world: Any, crm: Any, partner: str
) -> None:
    disagree(world, crm, partner)
    world.edit("partner", partner, {"name": "Ours again"})
    decide(crm, "prm")
    world.sync("crm", release=True)
    assert crm.only("partner")[crm.words["name"]] == "Theirs"
    state, reason, decision = shown(crm)
    assert (state, decision) == ("Needs decision", "")
    assert "too late" in reason
    assert "“Ours again”" in reason
    quiet(world)
    decide(crm, "prm")
    world.settle("crm")
    assert crm.only("partner")[crm.words["name"]] == "Ours again"


def test_a_decision_that_comes_before_the_new_values_are_told_is_not_one_on_them(
    world: Any, crm: Any, partner: str
) -> None:
    """The new sentence was on its way when somebody answered the one that stood there."""
    disagree(world, crm, partner)
    world.edit("partner", partner, {"name": "Ours again"})
    answers: list[str] = []

    def answer(_: Request) -> None:
        if not answers:
            answers.append("crm")
            decide(crm, "crm")

    with crm.standing_before(answer, r"batch/read$|composite/sobjects/Account$"):
        world.sync("crm", release=True)
    world.settle("crm")
    assert answers
    assert world.ours("partner", partner)["name"] == "Ours again"
    state, reason, decision = shown(crm)
    assert (state, decision) == ("Needs decision", "")
    assert "“Ours again”" in reason


def test_a_decision_counts_only_for_what_its_reader_was_told(
    world: Any, crm: Any, partner: str
) -> None:
    """Nothing waited when the choice was made: what comes to wait later is not decided by it."""
    decide(crm, "prm")
    disagree(world, crm, partner)
    assert crm.only("partner")[crm.words["name"]] == "Theirs"
    state, _, decision = shown(crm)
    assert (state, decision) == ("Needs decision", "")


def test_several_fields_are_named_and_decided_together(world: Any, crm: Any, partner: str) -> None:
    world.wait(2)
    world.edit("partner", partner, {"name": "Ours", "domain": "ours.example"})
    crm.change("partner", record(crm), name="Theirs", domain="theirs.example")
    world.sync("crm", release=True)
    assert "Your decision applies to Name, Domain" in shown(crm)[1]
    decide(crm, "crm")
    world.settle("crm")
    ours = world.ours("partner", partner)
    assert (ours["name"], ours["domain"]) == ("Theirs", "theirs.example")
    assert shown(crm)[0] == "In step"


def test_a_decision_at_the_command_line_is_told_too(world: Any, crm: Any, partner: str) -> None:
    disagree(world, crm, partner)
    with world.database.begin() as connection:
        ((_, item),) = held.waiting_items(connection)
        held.decide(connection, item.id, "crm", "jane", world.now())
    world.sync("crm", release=True)
    assert shown(crm) == ("In step", "", "")
    quiet(world)


def test_a_state_that_somebody_edits_is_put_right(world: Any, crm: Any, partner: str) -> None:
    names = FIELDS[crm.connector]
    code = {"salesforce": "Refused", "hubspot": "refused"}[crm.connector]
    crm.edit(crm.words["partner"], record(crm), {names[0]: code, names[1]: "by hand"})
    world.sync("crm", release=True)
    assert shown(crm) == ("In step", "", "")
    quiet(world)


def test_telling_is_no_edit_and_is_journalled(world: Any, crm: Any, partner: str) -> None:
    disagree(world, crm, partner)
    with world.database.read() as connection:
        ids = links.ids_of_record(connection, "partner", partner)
        last = journal.history(connection, ids)[-1][0]
    assert set(last.fields) == {"@state", "@reason"}
    assert last.reason == "tells how the record stands"
    assert world.ours("partner", partner)["name"] == "Ours"


def test_a_crm_without_these_fields_is_synced_all_the_same(
    world: Any, crm: Any, partner_values: Values
) -> None:
    def lacking(mapping: Any) -> Any:
        if mapping.status is None:
            return mapping
        return replace(mapping, status=replace(mapping.status, state="Not_There__c"))

    world.alter = lacking
    partner = world.insert("partner", partner_values)
    report = world.settle("crm")
    assert report.paused == []
    disagree(world, crm, partner)
    assert shown(crm) == ("", "", "")
    with world.database.read() as connection:
        told = misfits.of_connection(connection, "crm")
    assert {one.part for one in told} == {"@status"}
    assert "Not_There__c" in told[0].message
    assert "docs/crm-admin.md" in told[0].hint
    quiet(world)


def test_a_refused_record_says_so(make_world: Callable[..., Any], partner_values: Values) -> None:
    world = make_world(crm="salesforce")
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    world.settle("crm")
    rule = {"object": "Account", "when": "Name = 'Nobody'", "message": "Nobody is no name"}
    crm.simulator.org.rules.add({**rule, "field": "Name"})
    world.wait(2)
    world.edit("partner", partner, {"name": "Nobody"})
    world.sync("crm", release=True)
    state, reason, _ = shown(crm)
    assert state == "Refused"
    assert "Refused by Salesforce" in reason
    assert "Nobody is no name" in reason
    world.edit("partner", partner, {"name": "Somebody"})
    world.settle("crm")
    assert shown(crm) == ("In step", "", "")
    quiet(world)


def test_records_behind_a_brake_are_not_written_to_tell_them_so(
    world: Any, crm: Any, partner: str
) -> None:
    def strict(mapping: Any) -> Any:
        return replace(mapping, brakes=replace(mapping.brakes, absolute=0, percent=0))

    world.alter = strict
    world.wait(2)
    world.edit("partner", partner, {"country": "FR"})
    assert world.sync("crm").calls.get("write", 0) == 0
    assert shown(crm) == ("In step", "", "")


def test_a_write_that_tells_what_is_so_no_more_is_put_right_in_the_same_run(
    world: Any, crm: Any, partner: str
) -> None:
    """It was planned while the name waited for a person, and is sent after the decision."""
    world.wait(2)
    world.edit("partner", partner, {"name": "Ours", "country": "AT"})
    crm.change("partner", record(crm), name="Theirs")
    with world.session("crm") as session:
        planned = run.plan(session).run_id
    world.decide("crm")
    with world.session("crm") as session:
        run.apply(session, planned)
    assert shown(crm) == ("In step", "", "")
    world.sync("crm", release=True)
    assert world.ours("partner", partner)["name"] == "Theirs"
    assert crm.only("partner")[crm.words["country"]] == "AT"
    assert shown(crm) == ("In step", "", "")
    quiet(world)


def test_a_record_that_waits_goes_on_saying_so_when_something_else_of_it_is_written(
    world: Any, crm: Any, partner: str
) -> None:
    """Its distributor in the CRM is no partner here."""
    word = "PRM_Distributor__c" if crm.connector == "salesforce" else "prm_distributor"
    first = record(crm)
    other = crm.create(crm.words["partner"], {crm.words["name"]: "Acme"})
    crm.change("partner", first, **{word: other})
    world.wait(700)
    world.sync("crm", release=True)
    world.edit("partner", partner, {"domain": "globex.test"})
    world.sync("crm", release=True)
    row = crm.row("partner", first)
    assert row.get(FIELDS[crm.connector][1]) == "Waits for a record that it refers to."
    assert world.sync("crm", release=True).counts == {}


def test_a_refused_record_goes_on_saying_so_when_something_else_of_it_is_written(
    make_world: Callable[..., Any], partner_values: Values
) -> None:
    """A partner without a name is refused here."""
    world = make_world(crm="hubspot")
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    world.settle("crm")
    crm.change("partner", record(crm), name="")
    world.wait(700)
    world.sync("crm", release=True)
    assert shown(crm)[0] == "Refused"
    world.edit("partner", partner, {"domain": "globex.test"})
    world.sync("crm", release=True)
    assert crm.only("partner")["domain"] == "globex.test"
    assert shown(crm)[0] == "Refused"
    quiet(world)
