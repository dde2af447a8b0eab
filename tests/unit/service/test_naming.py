"""References of journal rows by name: readable, and still to be pasted."""

from __future__ import annotations

from prmsync.domain.values import PrmId
from prmsync.service.naming import with_names
from prmsync.store import records
from prmsync.store.database import Database
from prmsync.store.journal import Action

GLOBEX = PrmId("1f0c9a2b-0000-4000-8000-000000000001")


def test_a_reference_is_told_by_name_and_the_rest_stays(database: Database) -> None:
    with database.begin() as connection:
        assert not records.insert(connection, "partner", [(GLOBEX, {"name": "Globex"})])
    row = Action(1, 1, "crm", "update", {"partner": (None, GLOBEX), "number": (None, "DR-1")})
    (told,) = with_names(database, "registration", [row])
    assert told.fields == {"partner": (None, "Globex (1f0c9a2b)"), "number": (None, "DR-1")}
    assert row.fields["partner"] == (None, GLOBEX)


def test_a_reference_to_nothing_stays_an_id(database: Database) -> None:
    row = Action(1, 1, "crm", "update", {"partner": ("gone", None)})
    (told,) = with_names(database, "registration", [row])
    assert told.fields == {"partner": ("gone", None)}


def test_a_stream_without_references_is_left_as_it_is(database: Database) -> None:
    row = Action(1, 1, "crm", "update", {"name": ("A", "B")})
    assert with_names(database, "partner", [row]) == [row]
