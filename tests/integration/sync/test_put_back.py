"""Automations that rewrite what we write: everything settles or is held, with its cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.merge import First, Policy
from prmsync.domain.values import Values
from prmsync.mapping.model import StreamMapping
from prmsync.store import held, links
from prmsync.store.held import HeldItem
from prmsync.sync.not_taken import NOT_TAKEN
from prmsync.sync.put_back import PUT_BACK
from prmsync_salesforce.simulator.ids import make_id

SOMEBODY = {"salesforce": make_id("005", 3), "hubspot": "61777"}
FIELD = "customer_contact"


def with_policy(policy: Policy, name: str = FIELD) -> Callable[[StreamMapping], StreamMapping]:
    def altered(mapping: StreamMapping) -> StreamMapping:
        if name not in mapping.fields:
            return mapping
        first = First.CRM if policy is Policy.CRM else First.PRM
        group = replace(mapping.groups[name], policy=policy, first=first)
        return replace(mapping, groups={**mapping.groups, name: group})

    return altered


def waiting(world: Any) -> list[HeldItem]:
    with world.database.read() as connection:
        return [item for _, item in held.waiting_items(connection)]


def registration(world: Any, partner_values: Values) -> str:
    partner = world.insert("partner", partner_values)
    values = {"number": "DR-1", "partner": partner, FIELD: "a@x.example"}
    made = world.insert("registration", {**values, "customer_name": "Northwind GmbH"})
    world.settle("crm")
    return str(made)


def automate(crm: Any, stream: str, field: str, **what: Any) -> None:
    rule = {"object": crm.words[stream], "field": crm.words[field], **what}
    crm.control("POST", "automations", rule)


def in_crm(crm: Any) -> str:
    return str(crm.only("registration")[crm.words["id"]])


def writes(report: Any) -> int:
    """Calls that wrote the CRM."""
    return int(report.calls.get("write", 0))


def test_a_field_put_back_three_times_is_held_with_its_cause(
    world: Any, crm: Any, partner_values: Values
) -> None:
    world.alter = with_policy(Policy.PRM)
    made = registration(world, partner_values)
    for round_number in range(3):
        crm.change("registration", in_crm(crm), customer_contact=f"{round_number}@flow.example")
        assert writes(world.sync("crm", release=True)) == 1
    crm.change("registration", in_crm(crm), customer_contact="again@flow.example")
    world.sync("crm", release=True)  # writes only that the record needs a decision
    assert "again@flow.example" in crm.only("registration")[crm.words["customer_contact"]]
    (item,) = waiting(world)
    assert (item.group, item.prm, item.crm) == (FIELD, ("a@x.example",), ("again@flow.example",))
    assert item.kind.lower().startswith(f"{PUT_BACK}: {crm.connector} changes it again")
    assert "last by" in item.kind
    assert writes(world.sync("crm", release=True)) == 0
    assert waiting(world) == [item]
    assert world.ours("registration", made)[FIELD] == "a@x.example"


def test_the_user_whose_automation_rewrites_is_named(
    make_world: Callable[..., Any], partner_values: Values
) -> None:
    world = make_world(crm="salesforce")
    crm = world.crms["crm"]
    world.alter = with_policy(Policy.PRM)
    registration(world, partner_values)
    for round_number in range(4):
        crm.change("registration", in_crm(crm), customer_contact=f"{round_number}@flow.example")
        world.sync("crm", release=True)
    (item,) = waiting(world)
    assert item.kind == f"{PUT_BACK}: Salesforce changes it again each time, last by Dana Admin"


def test_an_edit_on_our_side_begins_the_count_anew(
    world: Any, crm: Any, partner_values: Values
) -> None:
    world.alter = with_policy(Policy.PRM)
    made = registration(world, partner_values)
    for round_number in range(3):
        crm.change("registration", in_crm(crm), customer_contact=f"{round_number}@flow.example")
        world.sync("crm", release=True)
    world.edit("registration", made, {FIELD: "new@x.example"})
    assert writes(world.sync("crm", release=True)) == 1
    crm.change("registration", in_crm(crm), customer_contact="4@flow.example")
    assert writes(world.sync("crm", release=True)) == 1
    assert waiting(world) == []
    assert crm.row("registration", in_crm(crm))[crm.words[FIELD]] == "new@x.example"


def test_a_held_put_back_is_decided_by_a_person(
    world: Any, crm: Any, partner_values: Values
) -> None:
    world.alter = with_policy(Policy.PRM)
    made = registration(world, partner_values)
    for round_number in range(4):
        crm.change("registration", in_crm(crm), customer_contact=f"{round_number}@flow.example")
        world.sync("crm", release=True)
    (item,) = waiting(world)
    with world.database.begin() as connection:
        held.decide(connection, item.id, "crm", "dana", world.now())
    world.settle("crm")
    assert world.ours("registration", made)[FIELD] == "3@flow.example"
    assert waiting(world) == []


@pytest.mark.parametrize("policy", [Policy.HOLD, Policy.PRM])
def test_a_decision_against_an_automation_is_carried_out_once_and_then_asked_again(
    world: Any, crm: Any, partner_values: Values, policy: Policy
) -> None:
    """It answers a question once; what comes back to the same values again is nobody's word."""
    world.alter = with_policy(policy)
    made = registration(world, partner_values)
    crm.change("registration", in_crm(crm), customer_contact="flow@crm.example")
    with world.database.begin() as connection:
        (link_id,) = links.ids_of_record(connection, "registration", made)
        item = held.new_item(
            link_id, FIELD, (FIELD,), "asked", ("a@x.example",), ("flow@crm.example",), None
        )
        held.open_items(connection, [item], 1, world.now())
    (asked,) = waiting(world)
    with world.database.begin() as connection:
        held.decide(connection, asked.id, "prm", "dana", world.now())
    assert writes(world.sync("crm", release=True)) == 1
    assert crm.only("registration")[crm.words[FIELD]] == "a@x.example"
    crm.change("registration", in_crm(crm), customer_contact="flow@crm.example")
    world.sync("crm", release=True)
    assert writes(world.sync("crm", release=True)) == 0
    assert crm.only("registration")[crm.words[FIELD]] == "flow@crm.example"
    assert world.ours("registration", made)[FIELD] == "a@x.example"
    assert [one.kind for one in waiting(world)] == [NOT_TAKEN]


def test_after_a_decision_put_backs_are_counted_anew(
    world: Any, crm: Any, partner_values: Values
) -> None:
    world.alter = with_policy(Policy.PRM)
    registration(world, partner_values)

    def somebody_edits(number: int) -> None:
        crm.change("registration", in_crm(crm), customer_contact=f"{number}@flow.example")

    for number in range(4):
        somebody_edits(number)
        world.sync("crm", release=True)
    world.decide("prm")
    world.sync("crm", release=True)
    for number in range(4, 7):
        somebody_edits(number)
        world.sync("crm", release=True)
        assert crm.only("registration")[crm.words[FIELD]] == "a@x.example"
    somebody_edits(7)
    world.sync("crm", release=True)
    assert crm.only("registration")[crm.words[FIELD]] == "7@flow.example"
    assert [one.kind.startswith(PUT_BACK) for one in waiting(world)] == [True]


def test_what_the_crm_owns_is_put_back_here_three_times_at_most(
    world: Any, crm: Any, partner_values: Values
) -> None:
    world.alter = with_policy(Policy.CRM)
    made = registration(world, partner_values)
    crm.change("registration", in_crm(crm), customer_contact="owner@crm.example")
    world.settle("crm")
    for round_number in range(3):
        world.edit("registration", made, {FIELD: f"{round_number}@job.example"})
        world.settle("crm")
        assert world.ours("registration", made)[FIELD] == "owner@crm.example"
    world.edit("registration", made, {FIELD: "again@job.example"})
    world.settle("crm")
    assert world.ours("registration", made)[FIELD] == "again@job.example"
    (item,) = waiting(world)
    assert item.kind.startswith(f"{PUT_BACK}: something in the partner database")


@pytest.mark.parametrize("policy", [Policy.HOLD, Policy.PRM, Policy.CRM])
@pytest.mark.parametrize("somebody", [False, True])
@pytest.mark.parametrize("does", ["upper", "restore", "set"])
def test_an_automation_that_rewrites_settles_or_is_held(
    world: Any,
    crm: Any,
    partner_values: Values,
    policy: Policy,
    somebody: bool,
    does: str,
) -> None:
    world.alter = with_policy(policy)
    made = registration(world, partner_values)
    user = SOMEBODY[crm.connector] if somebody else None
    automate(crm, "registration", FIELD, does=does, user=user, value="third@crm.example")
    world.edit("registration", made, {FIELD: "b@x.example"})
    reports = [world.sync("crm", release=True) for _ in range(6)]
    assert [writes(one) for one in reports[3:]] == [0, 0, 0]
    ours = world.ours("registration", made)[FIELD]
    theirs = crm.row("registration", in_crm(crm))[crm.words[FIELD]]
    kinds = [item.kind for item in waiting(world)]
    if ours == theirs:
        assert kinds == []
    else:
        assert kinds == [NOT_TAKEN] or kinds[0].startswith(PUT_BACK)


def test_two_crms_that_fight_over_a_field_through_us_are_stopped(
    make_world: Callable[..., Any], partner_values: Values
) -> None:
    world = make_world(hs="hubspot", sf="salesforce")
    world.insert("partner", partner_values)
    for _ in range(3):
        for name in ("hs", "sf"):
            world.sync(name, release=True)
    loud, quiet = world.crms["sf"], world.crms["hs"]
    automate(loud, "partner", "name", does="upper", user=SOMEBODY["salesforce"])
    automate(quiet, "partner", "name", does="lower", user=SOMEBODY["hubspot"])
    loud.change("partner", loud.only("partner")["Id"], name="Initech GmbH")
    total = []
    for _ in range(16):
        total.append(sum(writes(world.sync(name, release=True)) for name in ("hs", "sf")))
    assert total[-10:] == [0] * 10
    (item,) = waiting(world)
    assert (item.group, item.kind) == ("name", NOT_TAKEN)


def test_people_of_two_crms_who_take_turns_are_stopped_by_name(
    make_world: Callable[..., Any], partner_values: Values
) -> None:
    world = make_world(hs="hubspot", sf="salesforce")
    world.insert("partner", partner_values)
    for _ in range(3):
        for name in ("hs", "sf"):
            world.sync(name, release=True)
    loud, quiet = world.crms["sf"], world.crms["hs"]
    for user in [None, SOMEBODY["salesforce"]] * 2:
        world.wait(1)
        body = {"object": "Account", "id": loud.only("partner")["Id"], "user": user}
        loud.control("PATCH", "records", {**body, "values": {"Name": "INITECH"}})
        for name in ("sf", "hs"):
            world.sync(name, release=True)
        world.wait(1)
        body = {"object": "companies", "id": quiet.only("partner")["id"]}
        person = {"user": "61003" if user else "61002", "values": {"name": "Initech"}}
        quiet.control("PATCH", "records", {**body, **person})
        for name in ("hs", "sf"):
            world.sync(name, release=True)
    (item,) = waiting(world)
    assert item.kind.startswith(PUT_BACK)
    assert "and the connection" in item.kind


def test_a_value_that_people_move_to_and_fro_in_one_crm_is_their_matter(
    make_world: Callable[..., Any], partner_values: Values
) -> None:
    """A flag that goes on and off for months is no fight: nobody writes against anybody."""
    world = make_world(hs="hubspot", sf="salesforce")
    world.insert("partner", partner_values)
    for _ in range(3):
        for name in ("hs", "sf"):
            world.sync(name, release=True)
    here, there = world.crms["sf"], world.crms["hs"]
    record = here.only("partner")["Id"]
    for value in ["On GmbH", "Off GmbH"] * 5:
        here.change("partner", record, name=value)
        for name in ("sf", "hs"):
            world.sync(name, release=True)
        assert there.only("partner")["name"] == value
    assert waiting(world) == []
