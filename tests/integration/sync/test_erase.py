"""Erasing a person: their values are nowhere any more, and no later read brings them back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.errors import NotFoundError, StateError
from prmsync.store import erasures, held, journal, streams, tallies
from prmsync.store.tables import action, lease, metadata, person
from prmsync.sync import erase, erase_crm, undo
from prmsync.sync.verify import verify

CONTACT = "Zdenka Whitfield-Quist <zdenka.wq@customer.example>"
SECOND = "zdenka.private@home.example"


def registration(world: Any, partner: str, number: str, **more: Any) -> str:
    values: Values = {
        "number": number,
        "partner": partner,
        "customer_name": "Customer GmbH",
        "customer_contact": CONTACT,
        **more,
    }
    return str(world.insert("registration", values))


@pytest.fixture
def filed(world: Any, crm: Any, partner_values: Values) -> str:
    """A registration whose contact stands in records, base, history, and a held field."""
    partner = world.insert("partner", partner_values)
    made = registration(world, partner, "DR-1")
    registration(world, partner, "DR-2", customer_contact="someone.else@x.example")
    world.settle("crm")
    world.edit("registration", made, {"customer_contact": SECOND})
    crm.change("registration", theirs(crm), customer_contact="Contact (CRM) zdenka@third.example")
    world.wait(60)
    world.settle("crm")
    assert len(waiting(world)) == 1
    return made


def theirs(crm: Any, number: str = "DR-1") -> str:
    row = next(one for one in crm.rows("registration") if one[crm.words["number"]] == number)
    return str(row[crm.words["id"]])


def waiting(world: Any) -> list[held.HeldItem]:
    with world.database.read() as connection:
        return [item for _, item in held.waiting_items(connection)]


def erased(world: Any, name: str = "DR-1", *, kind: str = "registration", **more: Any) -> Any:
    with world.database.read() as connection:
        chosen = erase.targets(connection, kind, [name], more.pop("fields", ()))
    return erase.erase(
        world.database, chosen, why="letter of 2026-11-20", by="dpo", now=world.now(), **more
    )


def everything(world: Any) -> str:
    """All rows of all tables as text, leases excepted: who looks holds one for a moment."""
    with world.database.read() as connection:
        return repr(
            [
                connection.execute(sa.select(one)).all()
                for one in metadata.sorted_tables
                if one is not lease
            ]
        )


def test_the_values_are_in_no_table_any_more(world: Any, crm: Any, filed: str) -> None:
    before = everything(world)
    for value in (CONTACT, SECOND, "zdenka@third.example"):
        assert value in before
    erased(world)
    after = everything(world)
    for value in (CONTACT, SECOND, "zdenka@third.example", "zdenka"):
        assert value not in after
    assert "someone.else@x.example" in after
    assert "Customer GmbH" in after


def test_the_values_are_in_no_byte_of_the_database_file(
    world: Any, crm: Any, filed: str, tmp_path: Path
) -> None:
    erased(world)
    world.database.rewrite()
    files = sorted(tmp_path.glob("prm.db*"))
    assert tmp_path / "prm.db" in files
    for one in files:
        assert b"zdenka" not in one.read_bytes(), one.name


def test_on_postgresql_no_table_has_the_values(
    make_world: Callable[..., Any], postgres_url: str, partner_values: Values
) -> None:
    world = make_world(postgres_url, crm="salesforce")
    partner = world.insert("partner", partner_values)
    registration(world, partner, "DR-1")
    world.settle("crm")
    erased(world)
    world.database.rewrite()
    assert "zdenka" not in everything(world)


def test_a_later_read_of_the_crm_does_not_bring_the_value_back(
    world: Any, crm: Any, filed: str
) -> None:
    erased(world)
    crm.change("registration", theirs(crm), expected_close="2027-03-01")
    world.wait(60)
    world.settle("crm")
    with world.session("crm") as session:
        reports = verify(session)
    assert all(one.is_clean for one in reports)
    assert "zdenka" not in everything(world)
    assert world.ours("registration", filed)["customer_contact"] is None
    assert world.ours("registration", filed)["expected_close"] == "2027-03-01"
    shown = crm.row("registration", theirs(crm))[crm.words["customer_contact"]]
    assert "zdenka@third.example" in shown


def test_a_new_value_typed_in_the_crm_is_read(world: Any, crm: Any, filed: str) -> None:
    erased(world)
    world.settle("crm")
    crm.change("registration", theirs(crm), customer_contact="new.person@x.example")
    world.wait(60)
    world.settle("crm")
    assert world.ours("registration", filed)["customer_contact"] == "new.person@x.example"
    assert waiting(world) == []


def test_the_crm_copies_are_named_and_cleared_on_request(world: Any, crm: Any, filed: str) -> None:
    (one,) = erased(world)
    (copy,) = one.copies
    assert (copy.connection, copy.crm_id) == ("crm", theirs(crm))
    with world.session("crm") as session:
        (cleared,) = erase_crm.clear(session, [copy.link_id])
        assert erase_crm.clear(session, [copy.link_id]) == []
    assert cleared.why == ""
    assert not crm.row("registration", theirs(crm)).get(crm.words["customer_contact"])
    world.settle("crm")
    assert waiting(world) == []
    world.edit("registration", filed, {"customer_contact": "new.person@x.example"})
    world.settle("crm")
    assert (
        crm.row("registration", theirs(crm))[crm.words["customer_contact"]]
        == "new.person@x.example"
    )


def test_clearing_spares_what_somebody_typed_there_since(world: Any, crm: Any, filed: str) -> None:
    (one,) = erased(world)
    crm.change("registration", theirs(crm), customer_contact="new.person@x.example")
    with world.session("crm") as session:
        erase_crm.clear(session, [one.copies[0].link_id])
    shown = crm.row("registration", theirs(crm))[crm.words["customer_contact"]]
    assert shown == "new.person@x.example"


def test_a_tombstone_says_who_when_why_and_which_fields(world: Any, crm: Any, filed: str) -> None:
    erased(world)
    with world.database.read() as connection:
        (tombstone,) = erasures.of_record(connection, "registration", filed)
        rows = [
            (one.fields, by)
            for one, by, _ in journal.history(connection, [tombstone.link_id])
            if one.op == "erase"
        ]
    assert (tombstone.erased_by, tombstone.why) == ("dpo", "letter of 2026-11-20")
    assert list(tombstone.fields) == ["customer_contact"]
    assert rows == [({"customer_contact": (None, None)}, "dpo")]


def test_a_look_at_what_would_go_changes_nothing(world: Any, crm: Any, filed: str) -> None:
    before = everything(world)
    (one,) = erased(world, only_plan=True)
    assert one.places["partner database"] == 1
    assert one.places["needs decision"] == 1
    assert everything(world) == before


def test_an_undo_restores_nothing_that_was_erased(world: Any, crm: Any, filed: str) -> None:
    with world.database.read() as connection:
        ids = connection.execute(
            sa.select(action.c.run_id).where(action.c.fields.contains(CONTACT)).distinct()
        ).scalars()
        first = min(ids)
    erased(world)
    world.undo("crm", first)
    world.settle("crm")
    assert "zdenka" not in everything(world)


def test_a_person_goes_from_every_record_and_text(
    world: Any, crm: Any, partner_values: Values
) -> None:
    mail = "lee.manager@ours.example"
    with world.database.begin() as connection:
        connection.execute(person.insert().values(id="1", email=mail, name="Lee", active=True))
    partner = world.insert("partner", {**partner_values, "partner_manager": mail})
    world.settle("crm")
    assert mail in everything(world)
    erased(world, mail, kind="person", person=mail)
    assert mail not in everything(world)
    world.settle("crm")
    assert world.ours("partner", partner)["partner_manager"] is None
    assert mail not in everything(world)


def test_other_fields_are_erased_by_name(world: Any, crm: Any, filed: str) -> None:
    erased(world, fields=("customer_name",))
    assert world.ours("registration", filed)["customer_name"] is None
    assert world.ours("registration", filed)["customer_contact"] == SECOND


def test_what_cannot_be_erased_is_said_all_at_once(world: Any, crm: Any, filed: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        erased(world, fields=("number", "shoe_size", "partner"))
    assert [one.where for one in caught.value.findings] == ["number", "shoe_size", "partner"]
    with pytest.raises(NotFoundError):
        erased(world, "DR-4711")
    with pytest.raises(NotFoundError):
        erased(world, "nobody", kind="person")


def test_a_write_without_an_answer_is_looked_up_first(world: Any, crm: Any, filed: str) -> None:
    with world.database.begin() as connection:
        connection.execute(
            action.update()
            .where(action.c.fields.contains(CONTACT))
            .values(state=journal.ActionState.UNKNOWN)
        )
        for one in streams.streams_of(connection, "crm").values():
            tallies.mend(connection, one.id, tallies.recount(connection, one.id))
    with pytest.raises(StateError, match="no answer yet"):
        erased(world)
    assert SECOND in everything(world)


def test_an_erasure_is_not_undone(world: Any, crm: Any, filed: str) -> None:
    erased(world)
    with world.database.read() as connection:
        last = connection.execute(sa.text("select max(id) from run")).scalar_one()
    with world.session("crm") as session, pytest.raises(StateError, match="erasure"):
        undo.plan_undo(session, last)


def test_the_file_shows_the_value_before_it_is_erased(
    world: Any, crm: Any, filed: str, tmp_path: Path
) -> None:
    """The search for bytes finds what is there."""
    with closing(sqlite3.connect(tmp_path / "prm.db")) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert CONTACT.encode() in (tmp_path / "prm.db").read_bytes()
