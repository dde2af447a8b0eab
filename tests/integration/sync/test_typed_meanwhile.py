"""`guard: history`: what is typed between the look and the write is found in HubSpot's history and
waits for a person, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from prmsync.connector.simulator.http import Request, Response
from prmsync.domain.merge import Guard, Side
from prmsync.domain.values import Values
from prmsync.errors import ConnectorError, SchemaError
from prmsync.mapping.model import StreamMapping
from prmsync.store.sending import ToSend
from prmsync.sync.quota import cost
from prmsync.sync.typed_meanwhile import TYPED_MEANWHILE
from rig import World

UPDATE = r"/batch/update$"
READ = r"/batch/read$"
CONTACT = "customer_contact"
QUOTA = {"errorType": "RATE_LIMIT", "policyName": "DAILY"}


def with_history(mapping: StreamMapping) -> StreamMapping:
    return replace(mapping, guard=Guard.HISTORY) if mapping.relation is None else mapping


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    world = make_world(crm="hubspot")
    world.alter = with_history
    return world


@pytest.fixture
def crm(world: World) -> Any:
    return world.crms["crm"]


@pytest.fixture
def filed(world: World, partner_values: Values) -> str:
    """A registration that both sides have."""
    partner = world.insert("partner", partner_values)
    values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind GmbH"}
    made = world.insert("registration", {**values, CONTACT: "Before"})
    world.settle("crm")
    world.wait(60)
    return made


@contextmanager
def typing(world: World, crm: Any, **values: str) -> Iterator[None]:
    """While this lasts, a person types into the registration right before its next update."""
    record_id = str(crm.only("registration")["id"])
    done: list[Request] = []

    def act(request: Request) -> None:
        if not done:
            done.append(request)
            world.wait(0.005)
            crm.change("registration", record_id, **values)
            world.wait(0.005)

    with crm.standing_before(act, UPDATE):
        yield
    assert done


def waiting(world: World) -> list[tuple[Any, ...]]:
    return [(item.group, item.kind, item.base, item.prm, item.crm) for item in world.held()]


WAITS = (CONTACT, TYPED_MEANWHILE, ("Before",), ("Ours",), ("Theirs",))


@pytest.fixture
def lost_edit(world: World, crm: Any, filed: str) -> str:
    """Our edit has gone over somebody's."""
    world.edit("registration", filed, {CONTACT: "Ours"})
    with typing(world, crm, customer_contact="Theirs"):
        world.sync("crm", release=True)
    return filed


def both(world: World, crm: Any, prm_id: str) -> tuple[Any, Any]:
    return world.ours("registration", prm_id)[CONTACT], crm.only("registration")[CONTACT]


def test_it_waits_for_a_person_with_both_values(world: World, crm: Any, lost_edit: str) -> None:
    assert waiting(world) == [WAITS]
    assert both(world, crm, lost_edit) == ("Ours", "Ours")
    world.wait(700)
    world.settle("crm")
    assert waiting(world) == [WAITS]
    assert crm.only("registration")["sync_state"] == "needs_decision"
    assert crm.only("registration")["sync_reason"] == (
        "Customer contact: somebody typed “Theirs” at the moment when “Ours” was written over it; "
        "“Keep CRM value” brings “Theirs” back."
    )


def test_the_run_that_found_it_says_that_it_waits(world: World, crm: Any, filed: str) -> None:
    world.edit("registration", filed, {CONTACT: "Ours"})
    with typing(world, crm, customer_contact="Theirs"):
        found = world.sync("crm", release=True)
    assert (found.held, len(waiting(world))) == (1, 1)


@pytest.mark.parametrize(("take", "left"), [("crm", "Theirs"), ("prm", "Ours")])
def test_a_decision_makes_both_sides_so(
    world: World, crm: Any, lost_edit: str, take: str, left: str
) -> None:
    world.decide(take)
    world.settle("crm")
    assert both(world, crm, lost_edit) == (left, left)
    assert waiting(world) == []
    world.wait(700)
    assert world.settle("crm").counts == {}
    assert both(world, crm, lost_edit) == (left, left)


@pytest.mark.parametrize("side", ["prm", "crm"])
def test_who_edits_the_field_again_has_decided(
    world: World, crm: Any, lost_edit: str, side: str
) -> None:
    if side == "prm":
        world.edit("registration", lost_edit, {CONTACT: "Later"})
    else:
        crm.change("registration", str(crm.only("registration")["id"]), customer_contact="Later")
    world.wait(5)
    world.settle("crm")
    assert both(world, crm, lost_edit) == ("Later", "Later")
    assert waiting(world) == []


def test_an_edit_in_the_moment_of_the_decisions_own_write_waits_too(
    world: World, crm: Any, lost_edit: str
) -> None:
    world.decide("crm")
    world.wait(60)
    with typing(world, crm, customer_contact="Third"):
        world.sync("crm", release=True)
    world.settle("crm")
    assert waiting(world) == [(CONTACT, TYPED_MEANWHILE, ("Ours",), ("Theirs",), ("Third",))]
    assert both(world, crm, lost_edit) == ("Theirs", "Theirs")
    world.decide("crm")
    world.settle("crm")
    assert both(world, crm, lost_edit) == ("Third", "Third")
    assert waiting(world) == []


def test_an_edit_of_another_field_leaves_it_waiting(world: World, crm: Any, lost_edit: str) -> None:
    world.edit("registration", lost_edit, {"expected_close": "2027-03-01"})
    world.settle("crm")
    assert waiting(world) == [WAITS]
    assert crm.only("registration")["expected_close"] == "2027-03-01"


def test_a_group_waits_as_one_value(world: World, crm: Any, filed: str) -> None:
    world.edit("registration", filed, {"customer_name": "Northwind AG"})
    with typing(world, crm, customer_domain="northwind.example"):
        world.sync("crm", release=True)
    ((group, _, before, ours, theirs),) = waiting(world)
    assert group == "customer"
    assert before[:2] == ("Northwind GmbH", None)
    assert ours[:2] == ("Northwind AG", None)
    assert theirs[:2] == ("Northwind GmbH", "northwind.example")


def test_what_was_typed_into_another_group_comes_as_any_edit_does(
    world: World, crm: Any, filed: str
) -> None:
    world.edit("registration", filed, {CONTACT: "Ours"})
    with typing(world, crm, expected_close="2027-03-01"):
        world.sync("crm", release=True)
    world.wait(700)
    world.settle("crm")
    assert waiting(world) == []
    assert world.ours("registration", filed)["expected_close"] == "2027-03-01"


def test_who_typed_the_same_has_lost_nothing(world: World, crm: Any, filed: str) -> None:
    world.edit("registration", filed, {CONTACT: "Ours"})
    with typing(world, crm, customer_contact="Ours"):
        world.sync("crm", release=True)
    world.settle("crm")
    assert waiting(world) == []


def test_it_is_found_though_the_writes_answer_was_lost(world: World, crm: Any, filed: str) -> None:
    """As after a kill between the write and its note: it is read again what became of it."""
    world.edit("registration", filed, {CONTACT: "Ours"})
    crm.fault(path=UPDATE, drop=True, times=1)
    with typing(world, crm, customer_contact="Theirs"):
        world.sync("crm", release=True)
    world.sync("crm", release=True)
    assert waiting(world) == [WAITS]
    world.decide("crm")
    world.settle("crm")
    assert both(world, crm, filed) == ("Theirs", "Theirs")


@pytest.mark.parametrize("status", [500, 429])
def test_it_is_found_by_the_next_run_where_the_history_could_not_be_read(
    world: World, crm: Any, filed: str, status: int
) -> None:
    world.edit("registration", filed, {CONTACT: "Ours"})

    failed: list[Request] = []

    def fail(request: Request) -> None:
        if not failed and b'"propertiesWithHistory":["' in request.body:
            failed.append(request)
            body, times = (QUOTA, 1) if status == 429 else (None, 4)
            crm.fault(path=READ, status=status, body=body, times=times)

    with typing(world, crm, customer_contact="Theirs"), crm.standing_before(fail, READ):
        report = world.sync("crm", release=True)
    assert failed
    assert report.state == ("stopped" if status == 429 else "failed")
    world.sync("crm", release=True)
    assert waiting(world) == [WAITS]


def test_a_history_that_is_refused_for_good_is_told_and_stops_nothing(
    world: World, crm: Any, filed: str
) -> None:
    world.edit("registration", filed, {CONTACT: "Ours"})

    def refuse(request: Request) -> Response | None:
        asked = b'"propertiesWithHistory":["' in request.body
        return (
            Response(400, b'{"category": "VALIDATION_ERROR", "message": "no"}') if asked else None
        )

    with crm.standing_before(refuse, READ):
        report = world.sync("crm", release=True)
        assert "not looked at since" in report.message
        assert both(world, crm, filed) == ("Ours", "Ours")
        assert world.sync("crm").state == "done"


def test_without_the_mappings_word_no_history_is_read(world: World, crm: Any, filed: str) -> None:
    world.alter = lambda mapping: mapping
    world.edit("registration", filed, {CONTACT: "Ours"})
    with typing(world, crm, customer_contact="Theirs"):
        report = world.sync("crm", release=True)
    assert "history" not in report.calls
    assert waiting(world) == []


def test_fifty_records_are_looked_at_in_a_call_and_the_plan_says_so(
    world: World, crm: Any, partner_values: Values
) -> None:
    made = [
        world.insert("partner", {**partner_values, "name": f"Partner {at}", "domain": None})
        for at in range(120)
    ]
    world.settle("crm")
    for one in made:
        world.edit("partner", one, {"country": "FR"})
    with world.session("crm") as session:
        stream = session.streams["partner"]
        rows = {ToSend(stream.id, Side.CRM, "update", False): 120}
        assert cost(session, rows) == {"guard": 2, "write": 2, "history": 3}
    report = world.sync("crm", release=True)
    assert (report.calls["guard"], report.calls["write"], report.calls["history"]) == (2, 2, 3)
    assert waiting(world) == []


def test_a_crm_that_keeps_no_history_refuses_the_mapping(
    make_world: Callable[..., World],
) -> None:
    world = make_world(crm="salesforce")
    world.alter = with_history
    with pytest.raises((SchemaError, ConnectorError)) as caught:
        world.sync("crm")
    assert len(caught.value.findings) == 3
    assert "guard: history" in caught.value.findings[0].message
