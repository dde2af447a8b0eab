"""References of journal rows and held values by name: readable, and still to be pasted."""

from __future__ import annotations

from datetime import UTC, datetime

from prmsync.cli.plans import shown
from prmsync.domain.ids import ordered_uuid
from prmsync.domain.values import PrmId
from prmsync.service.naming import held_with_names, with_names
from prmsync.service.waiting import HeldRow
from prmsync.store import records
from prmsync.store.database import Database
from prmsync.store.find import find_record
from prmsync.store.held import GroupValue, HeldItem
from prmsync.store.journal import Action

GLOBEX = PrmId("1f0c9a2b-0000-4000-8000-000000000001")


def test_a_reference_is_told_by_name_and_the_rest_stays(database: Database) -> None:
    with database.begin() as connection:
        assert not records.insert(connection, "partner", [(GLOBEX, {"name": "Globex"})])
    row = Action(1, 1, "crm", "update", {"partner": (None, GLOBEX), "number": (None, "DR-1")})
    (told,) = with_names(database, "registration", [row])
    assert told.fields == {"partner": (None, "Globex (…00000001)"), "number": (None, "DR-1")}
    assert row.fields["partner"] == (None, GLOBEX)


def test_what_stands_behind_a_name_finds_its_record_among_those_of_the_same_minute(
    database: Database,
) -> None:
    """Ids begin with the time at which they were made."""
    ids = [PrmId(ordered_uuid(1_764_000_000_000, bytes([n] * 10))) for n in range(40)]
    with database.begin() as connection:
        rows = [(one, {"name": "Globex"}) for one in ids]
        assert not records.insert(connection, "partner", rows)
    actions = [Action(1, 1, "crm", "update", {"partner": (None, one)}) for one in ids]
    told = [str(one.fields["partner"][1]) for one in with_names(database, "registration", actions)]
    pasted = [one.removeprefix("Globex (").removesuffix(")") for one in told]
    with database.read() as connection:
        for text in (*pasted, *(one.removeprefix("…") for one in pasted)):
            find_record(connection, "partner", text)
        assert [find_record(connection, "partner", one).id for one in pasted] == ids


def test_a_name_with_its_id_fits_a_line_of_a_plan(database: Database) -> None:
    with database.begin() as connection:
        assert not records.insert(connection, "partner", [(GLOBEX, {"name": "Globex " * 9})])
    row = Action(1, 1, "crm", "update", {"partner": (None, GLOBEX)})
    (told,) = with_names(database, "registration", [row])
    assert shown(told.fields["partner"][1]).endswith("… (…00000001)")


def test_a_reference_to_nothing_stays_an_id(database: Database) -> None:
    row = Action(1, 1, "crm", "update", {"partner": ("gone", None)})
    (told,) = with_names(database, "registration", [row])
    assert told.fields == {"partner": ("gone", None)}


def test_a_stream_without_references_is_left_as_it_is(database: Database) -> None:
    row = Action(1, 1, "crm", "update", {"name": ("A", "B")})
    assert with_names(database, "partner", [row]) == [row]


def held(fields: tuple[str, ...], base: GroupValue | None, prm: GroupValue | None) -> HeldRow:
    since = datetime(2026, 11, 23, tzinfo=UTC)
    item = HeldItem(1, 1, "@record", fields, "", base, prm, None, "open", None, None, since, 1)
    return HeldRow(item, "acme-hs", "registration", "DR-1")


def test_held_values_tell_references_by_name_on_every_side(database: Database) -> None:
    with database.begin() as connection:
        assert not records.insert(connection, "partner", [(GLOBEX, {"name": "Globex"})])
    row = held(("number", "partner"), ("DR-1", None), ("DR-2", GLOBEX))
    plain = held(("number",), None, ("DR-3",))
    told, same = held_with_names(database, [row, plain])
    assert told.item.base == ("DR-1", None)
    assert told.item.prm == ("DR-2", "Globex (…00000001)")
    assert told.item.crm is None
    assert row.item.prm == ("DR-2", GLOBEX)
    assert same == plain
