"""The small story on PostgreSQL, and what only several writers at once can do."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from prmsync.domain.values import PrmId, Values
from prmsync.store import held, records
from prmsync.store.database import open_database
from prmsync.sync.verify import verify


@pytest.fixture(params=["salesforce", "hubspot"])
def world(request: pytest.FixtureRequest, make_world: Any, postgres_url: str) -> Any:
    return make_world(url=postgres_url, crm=request.param)


@pytest.fixture
def filed(world: Any, partner_values: Values) -> str:
    """A registration that both sides have."""
    partner = world.insert("partner", partner_values)
    values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind GmbH"}
    made = world.insert("registration", values)
    world.settle("crm")
    return str(made)


def in_crm(crm: Any) -> str:
    return str(crm.only("registration")[crm.words["id"]])


def test_both_sides_are_created_merged_and_held(world: Any, crm: Any, filed: str) -> None:
    world.edit("registration", filed, {"customer_contact": "c@northwind.example"})
    crm.change("registration", in_crm(crm), registration_customer="Northwind AG")
    world.settle("crm")
    assert world.ours("registration", filed)["customer_name"] == "Northwind AG"
    word = crm.words["customer_contact"]
    assert crm.only("registration")[word] == "c@northwind.example"
    world.edit("registration", filed, {"expected_close": "2027-01-15"})
    crm.change("registration", in_crm(crm), expected_close="2027-02-20")
    world.settle("crm")
    with world.database.read() as connection:
        ((_, item),) = held.waiting_items(connection)
    assert (item.prm, item.crm) == (("2027-01-15",), ("2027-02-20",))
    with world.database.begin() as connection:
        held.decide(connection, item.id, "crm", "dana", world.now())
    world.settle("crm")
    assert world.ours("registration", filed)["expected_close"] == "2027-02-20"
    assert world.sync("crm").counts == {}
    with world.session("crm") as session:
        assert all(one.is_clean for one in verify(session))


def test_an_edit_that_commits_late_is_not_skipped(
    world: Any, crm: Any, filed: str, postgres_url: str
) -> None:
    """Its place in the log was given out before a later edit committed and was read."""
    other = open_database(postgres_url)
    try:
        with other.begin() as late:
            records.update(late, "registration", [(PrmId(filed), {"customer_name": "Late SE"})])
            world.insert("partner", {"name": "Initech", "domain": "initech.example"})
            world.sync("crm", release=True)
        world.settle("crm")
    finally:
        other.close()
    assert crm.only("registration")[crm.words["registration_customer"]] == "Late SE"


def test_an_edit_made_while_we_write_our_side_is_not_overwritten(
    world: Any, crm: Any, filed: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look at a record and our write to it, its row belongs to us."""
    crm.change("registration", in_crm(crm), registration_customer="Theirs AG")
    other = open_database(postgres_url)
    people: list[threading.Thread] = []

    def edit() -> None:
        with other.begin() as connection:
            values: Values = {"customer_name": "Ours SE"}
            write(connection, "registration", [(PrmId(filed), values)])

    write = records.update

    def meanwhile(connection: Any, stream: str, rows: Any) -> Any:
        if stream == "registration" and rows and not people:
            people.append(threading.Thread(target=edit))
            people[0].start()
            people[0].join(0.5)  # unless the row is ours, the edit is through by now
        return write(connection, stream, rows)

    with monkeypatch.context() as patched:
        patched.setattr(records, "update", meanwhile)
        world.sync("crm", release=True)
        people[0].join()
    other.close()
    world.settle("crm")
    assert world.ours("registration", filed)["customer_name"] == "Ours SE"
    assert crm.only("registration")[crm.words["registration_customer"]] == "Ours SE"
