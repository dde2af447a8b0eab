"""The small story on PostgreSQL, and what only several writers at once can do."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from prmsync.domain.values import PrmId, Values
from prmsync.store import held, links, records
from prmsync.store.database import open_database
from prmsync.sync import apply_prm, run
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


def test_a_decision_taken_while_our_side_is_written_is_carried_out(
    world: Any, crm: Any, filed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run holds the record's link; who decides waits for it, and is not overwritten."""
    world.edit("registration", filed, {"expected_close": "2027-01-15"})
    crm.change("registration", in_crm(crm), expected_close="2027-02-20")
    world.settle("crm")
    with world.database.read() as connection:
        ((_, item),) = held.waiting_items(connection)

    def decide() -> None:
        with world.database.begin() as connection:
            held.decide(connection, item.id, "crm", "dana", world.now())

    thread = threading.Thread(target=decide)
    carry_out = apply_prm.carry_out

    def meanwhile(*args: Any) -> bool:
        if thread.ident is None:
            thread.start()
            thread.join(0.5)
        return carry_out(*args)

    monkeypatch.setattr(apply_prm, "carry_out", meanwhile)
    # Equal edits: only what both sides agree on moves, and no edit of ours marks the link again.
    world.edit("registration", filed, {"customer_name": "Northwind AG"})
    crm.change("registration", in_crm(crm), registration_customer="Northwind AG")
    world.sync("crm")
    assert thread.ident is not None
    thread.join()
    world.settle("crm")
    assert world.ours("registration", filed)["expected_close"] == "2027-02-20"


def test_a_decision_taken_while_a_plan_is_applied_is_carried_out(
    world: Any, crm: Any, filed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.edit("registration", filed, {"expected_close": "2027-01-15"})
    crm.change("registration", in_crm(crm), expected_close="2027-02-20")
    world.settle("crm")
    with world.database.read() as connection:
        ((_, item),) = held.waiting_items(connection)
    world.edit("registration", filed, {"customer_name": "Northwind AG"})
    with world.session("crm") as session:
        planned = run.plan(session)

    def decide() -> None:
        with world.database.begin() as connection:
            held.decide(connection, item.id, "crm", "dana", world.now())

    thread = threading.Thread(target=decide)
    set_dirty = links.set_dirty

    def meanwhile(*args: Any) -> None:
        if thread.ident is None and args[2] == links.Dirty.CLEAN:
            thread.start()
            thread.join(0.5)
        set_dirty(*args)

    monkeypatch.setattr(links, "set_dirty", meanwhile)
    world.wait(2)
    with world.session("crm") as session:
        run.apply(session, planned.run_id)
    thread.join()
    world.settle("crm")
    assert world.ours("registration", filed)["expected_close"] == "2027-02-20"
