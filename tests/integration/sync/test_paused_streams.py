"""Streams that runs leave alone: paused by a person, or not the one that was asked for."""

from __future__ import annotations

import pytest

from prmsync.domain.values import Values
from prmsync.errors import StateError
from prmsync.store import pausing
from prmsync.sync import run
from prmsync.sync.status import status
from prmsync.sync.undo import undo
from rig import Crm, World

WHY = "rebuilding its layout (dana)"


@pytest.fixture
def partner(world: World, partner_values: Values) -> str:
    made = world.insert("partner", partner_values)
    world.settle("crm")
    return made


@pytest.fixture
def registration(world: World, partner: str) -> str:
    return register(world, partner, "DR-1")


def register(world: World, partner: str, number: str) -> str:
    values: Values = {"number": number, "partner": partner, "customer_name": f"{number} GmbH"}
    made = world.insert("registration", values)
    world.settle("crm")
    return made


def pause(world: World, stream: str) -> None:
    known = ["partner", "opportunity", "registration", "relation"]
    with world.database.begin() as connection:
        pausing.pause_stream(connection, "crm", "x", known, stream, WHY)


def resume(world: World, stream: str) -> None:
    with world.database.begin() as connection:
        assert pausing.resume_stream(connection, "crm", stream)


def customer(crm: Crm) -> object:
    return crm.only("registration")[crm.words["registration_customer"]]


def contact(world: World, registration: str) -> object:
    return world.ours("registration", registration).get("customer_contact")


def crm_edit(crm: Crm, **values: str) -> None:
    record = crm.only("registration")
    crm.change("registration", str(record[crm.words["id"]]), **values)


def partner_name(crm: Crm) -> object:
    return crm.only("partner")[crm.words["name"]]


def test_a_paused_stream_is_neither_read_nor_written_and_caught_up_on_resume(
    world: World, crm: Crm, partner: str, registration: str
) -> None:
    pause(world, "registration")
    world.edit("registration", registration, {"customer_name": "Initech AG"})
    crm_edit(crm, customer_contact="ann@x.example")
    world.edit("partner", partner, {"name": "Globex SE"})
    report = world.sync("crm")
    assert report.left_out == [f"registration is paused: {WHY}"]
    assert (report.state, partner_name(crm), customer(crm)) == ("done", "Globex SE", "DR-1 GmbH")
    assert contact(world, registration) is None
    resume(world, "registration")
    world.settle("crm")
    assert customer(crm) == "Initech AG"
    assert contact(world, registration) == "ann@x.example"


def test_status_and_verify_say_that_it_is_paused(
    world: World, crm: Crm, partner: str, registration: str
) -> None:
    pause(world, "registration")
    crm_edit(crm, registration_customer="Initech AG")
    (found,) = status(world.database, world.now())
    assert {one.name: one.paused for one in found.streams}["registration"] == WHY
    reports = {one.stream: one for one in world.verify("crm")}
    assert reports["registration"].explained == {"its stream is paused": 1}
    assert all(one.is_clean for one in reports.values())


def test_children_of_a_paused_stream_wait_for_their_parents(
    world: World, crm: Crm, partner_values: Values
) -> None:
    world.settle("crm")
    pause(world, "partner")
    made = world.insert("partner", partner_values)
    register(world, made, "DR-7")
    assert (crm.rows("partner"), crm.rows("registration")) == ([], [])
    resume(world, "partner")
    world.settle("crm")
    assert len(crm.rows("partner")) == len(crm.rows("registration")) == 1


def test_a_plan_from_before_the_pause_is_refused_and_stays(
    world: World, crm: Crm, partner: str, registration: str
) -> None:
    world.edit("registration", registration, {"customer_name": "Initech AG"})
    with world.session("crm") as session:
        planned = run.plan(session).run_id
    pause(world, "registration")
    with (
        world.session("crm") as session,
        pytest.raises(StateError, match="registration is paused") as refused,
    ):
        run.apply(session, planned)
    assert "prmsync resume crm --stream registration" in str(refused.value.hint)
    assert customer(crm) == "DR-1 GmbH"
    resume(world, "registration")
    with world.session("crm") as session:
        run.apply(session, planned)
    assert customer(crm) == "Initech AG"


def test_a_brake_on_a_paused_stream_is_not_let_go_by_a_release(
    world: World, crm: Crm, partner: str
) -> None:
    values: Values = {"number": "DR-1", "partner": partner, "customer_name": "DR-1 GmbH"}
    world.insert("registration", values)
    waiting = world.sync("crm").waiting_run
    assert waiting is not None  # the first creation
    pause(world, "registration")
    assert world.sync("crm", release=True).state in ("done", "waiting")
    assert crm.rows("registration") == []
    resume(world, "registration")
    world.sync("crm", release=True)
    assert len(crm.rows("registration")) == 1


def test_a_run_of_one_stream_leaves_the_others_for_the_next_run(
    world: World, crm: Crm, partner: str, registration: str
) -> None:
    world.edit("partner", partner, {"name": "Globex SE"})
    world.edit("registration", registration, {"customer_name": "Initech AG"})
    report = world.sync("crm", only="registration")
    assert (report.left_out, customer(crm)) == ([], "Initech AG")
    assert partner_name(crm) == "Globex Corporation"
    world.settle("crm")
    assert partner_name(crm) == "Globex SE"


def test_an_undo_reaches_a_paused_stream(
    world: World, crm: Crm, partner: str, registration: str
) -> None:
    world.edit("registration", registration, {"customer_name": "Initech AG"})
    bad = world.sync("crm").run_id
    pause(world, "registration")
    with world.session("crm", while_paused=True) as session:
        undo(session, bad, release=True)
    assert customer(crm) == "DR-1 GmbH"


def test_a_paused_stream_cannot_be_the_only_one(world: World, partner: str) -> None:
    pause(world, "partner")
    with pytest.raises(StateError, match="partner of crm is paused"):
        world.sync("crm", only="partner")
