"""A record is found by what a person types, or they are told what comes near."""

from __future__ import annotations

import pytest

from prmsync.errors import NotFoundError
from prmsync.store.database import Database
from prmsync.store.find import Found, find_record
from prmsync.store.tables import deal_partner, opportunity, partner, registration

ACME = "7d0b1c52-0000-4000-8000-000000000001"
BOLT = "7d0b1c52-0000-4000-8000-000000000002"
NAMESAKE = "99990000-0000-4000-8000-000000000003"


@pytest.fixture
def store(database: Database) -> Database:
    with database.begin() as db:
        db.execute(
            partner.insert(),
            [
                {"id": ACME, "name": "Acmé Systems"},
                {"id": BOLT, "name": "Bolt"},
                {"id": NAMESAKE, "name": "bolt "},
            ],
        )
        db.execute(opportunity.insert().values(id="o-1", number="O-77", name="Firewalls"))
        db.execute(
            registration.insert().values(
                id="r-1", number="R-1", partner=ACME, customer_name="Initech"
            )
        )
        db.execute(
            deal_partner.insert().values(id="d-1", opportunity="o-1", partner=ACME, role="reseller")
        )
    return database


def find(store: Database, stream: str, text: str) -> Found:
    with store.read() as db:
        return find_record(db, stream, text)


@pytest.mark.parametrize(
    "text", [ACME, "Acmé Systems", " acmÉ systems ", ACME[:8] + "-0000-4000-8000-000000000001"]
)
def test_by_id_and_by_name_in_any_case(store: Database, text: str) -> None:
    assert find(store, "partner", text) == (ACME, "Acmé Systems")


def test_by_number_with_a_title_that_people_know(store: Database) -> None:
    assert find(store, "registration", "r-1") == ("r-1", "R-1  Initech")
    assert find(store, "opportunity", "o-77") == ("o-1", "O-77  Firewalls")
    assert find(store, "relation", "d-1") == ("d-1", "reseller")


def test_by_the_beginning_of_an_id(store: Database) -> None:
    assert find(store, "partner", "9999").id == NAMESAKE
    with pytest.raises(NotFoundError):
        find(store, "partner", "999")
    with pytest.raises(NotFoundError):
        find(store, "partner", "____")


@pytest.mark.parametrize("text", ["00000002", "…00000002", "0002"])
def test_by_the_end_of_an_id_as_plans_show_it(store: Database, text: str) -> None:
    assert find(store, "partner", text).id == BOLT
    with pytest.raises(NotFoundError):
        find(store, "partner", "…002")


@pytest.mark.parametrize("text", ["Bolt", "7d0b1c52"])
def test_several_that_fit_are_listed(store: Database, text: str) -> None:
    with pytest.raises(NotFoundError, match="more than one partner") as raised:
        find(store, "partner", text)
    assert f"{BOLT}  Bolt" in raised.value.hint


def test_a_near_spelling_is_offered(store: Database) -> None:
    with pytest.raises(NotFoundError, match="there is no partner 'Acme Sistems'") as raised:
        find(store, "partner", "Acme Sistems")
    assert raised.value.hint == "did you mean 'Acmé Systems'?"
    with pytest.raises(NotFoundError) as raised:
        find(store, "partner", "zzzzzzzz")
    assert raised.value.hint == "name it by its id or its name"


def test_an_unknown_kind_of_record_is_told(store: Database) -> None:
    with pytest.raises(NotFoundError, match="no records called 'partners'") as raised:
        find(store, "partners", "x")
    assert raised.value.hint == "did you mean `partner`?"
