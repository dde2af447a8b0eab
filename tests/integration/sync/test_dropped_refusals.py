"""A refusal that a person has taken off the list: left as it is, explained, tried with an edit."""

from __future__ import annotations

import pytest

from prmsync.domain.values import Values
from prmsync.errors import NotFoundError
from prmsync.service.waiting import drop_links, replay_links
from prmsync.sync.status import status
from rig import Crm, World

REFUSED = {
    "salesforce": {"status": 400, "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION"},
    "hubspot": {"status": 400},
}
WHY = "refused by the CRM, dropped by a person until its content changes"


@pytest.fixture
def registration(world: World, partner_values: Values) -> str:
    """A registration that both sides have; returns our id."""
    partner = world.insert("partner", partner_values)
    values: Values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind GmbH"}
    made = world.insert("registration", values)
    world.settle("crm")
    return made


@pytest.fixture
def dropped(world: World, crm: Crm, registration: str) -> int:
    """The link of a registration whose name the CRM refused, dropped by a person."""
    crm.fault(**REFUSED[crm.connector], record="Northwind AG", message="not on a Sunday")
    world.edit("registration", registration, {"customer_name": "Northwind AG"})
    assert world.sync("crm").state == "failed"
    (item,) = world.parked()
    drop_links(world.database, [item.link_id])
    return item.link_id


def counted(world: World) -> int:
    return sum(
        stream.parked for one in status(world.database, world.now()) for stream in one.streams
    )


def test_it_is_off_the_list_and_explained_and_not_tried_again(
    world: World, crm: Crm, registration: str, dropped: int
) -> None:
    assert (world.parked(), counted(world)) == ([], 0)
    crm.no_faults()
    assert world.sync("crm", full=True).state == "done"
    assert crm.only("registration")[crm.words["registration_customer"]] != "Northwind AG"
    explained = {one.stream: one.explained for one in world.verify("crm")}
    assert explained["registration"] == {WHY: 1}
    with pytest.raises(NotFoundError, match="not refused"):
        drop_links(world.database, [dropped])


def test_the_next_edit_is_tried_and_listed_when_it_is_refused_too(
    world: World, crm: Crm, registration: str, dropped: int
) -> None:
    crm.no_faults()
    crm.fault(**REFUSED[crm.connector], record="Northwind SE", message="nor on a Monday")
    world.edit("registration", registration, {"customer_name": "Northwind SE"})
    assert world.sync("crm").state == "failed"
    assert ["nor on a Monday" in one.message for one in world.parked()] == [True]
    crm.no_faults()
    world.edit("registration", registration, {"customer_name": "Northwind"})
    world.settle("crm")
    assert crm.only("registration")[crm.words["registration_customer"]] == "Northwind"


def test_a_replay_of_its_number_tries_it_again(
    world: World, crm: Crm, registration: str, dropped: int
) -> None:
    crm.no_faults()
    replay_links(world.database, [dropped])
    world.settle("crm")
    assert crm.only("registration")[crm.words["registration_customer"]] == "Northwind AG"


@pytest.mark.parametrize("world", ["salesforce"], indirect=True)  # a field has a length there
def test_a_value_that_does_not_fit_stays_off_the_list_while_it_is_the_same(
    world: World, registration: str
) -> None:
    world.edit("registration", registration, {"customer_name": "N" * 300})
    world.sync("crm")
    (item,) = world.parked()
    drop_links(world.database, [item.link_id])
    report = world.sync("crm", full=True)
    assert (report.unfit, world.parked()) == (0, [])
    world.edit("registration", registration, {"customer_name": "N" * 301})
    world.sync("crm")
    assert len(world.parked()) == 1


def test_a_creation_that_was_refused_is_told_as_refused_and_not_as_merely_ours(
    world: World, crm: Crm, registration: str
) -> None:
    partner = world.ours("registration", registration)["partner"]
    crm.fault(**REFUSED[crm.connector], record="Southwind", message="not here")
    for number, name in (("DR-2", "Southwind"), ("DR-3", "Westwind")):
        world.insert("registration", {"number": number, "partner": partner, "customer_name": name})
    world.sync("crm")
    (item,) = world.parked()
    reports = {one.stream: one for one in world.verify("crm")}
    assert reports["registration"].explained == {"refused by the CRM": 1}
    assert reports["registration"].only_in_prm == 0
    drop_links(world.database, [item.link_id])
    reports = {one.stream: one for one in world.verify("crm")}
    assert reports["registration"].explained == {WHY: 1}
