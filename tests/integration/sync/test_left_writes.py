"""What a person left stays left, and verify explains it by just these fields."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.store import links
from prmsync.sync import run
from prmsync.sync.verify import StreamReport, verify


@pytest.fixture
def filed(world: Any, partner_values: Values) -> str:
    """A registration that both sides have."""
    partner = world.insert("partner", partner_values)
    values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind GmbH"}
    made = world.insert("registration", values)
    world.settle("crm")
    return str(made)


def verified(world: Any) -> StreamReport:
    world.wait(2)
    with world.session("crm") as session:
        return next(one for one in verify(session) if one.stream == "registration")


def leave_an_edit(world: Any, filed: str) -> None:
    """A person plans, looks, and leaves the edit where it is."""
    world.edit("registration", filed, {"customer_name": "Northwind AG"})
    world.wait(2)
    with world.session("crm") as session:
        run.drop(session, run.plan(session).run_id)


def test_what_was_left_stays_explained_after_another_field_was_written(
    world: Any, crm: Any, filed: str
) -> None:
    leave_an_edit(world, filed)
    assert dict(verified(world).explained) == {"left by a person until it moves": 1}
    world.edit("registration", filed, {"expected_close": "2027-01-15"})
    world.sync("crm")
    report = verified(world)
    assert report.is_clean, report.shown


def test_what_was_left_explains_no_other_difference(world: Any, crm: Any, filed: str) -> None:
    leave_an_edit(world, filed)
    world.edit("registration", filed, {"expected_close": "2027-01-15"})
    verified(world)  # notices the edit
    with world.database.begin() as connection:
        (link,) = links.ids_of_record(connection, "registration", filed)
        links.set_dirty(connection, [link], links.Dirty.CLEAN)  # as a defect of ours would
    report = verified(world)
    assert report.mismatched == 1
    assert [one.group for one in report.shown] == ["expected_close"]


def test_what_a_person_left_is_not_written_with_another_edit_of_the_record(
    world: Any, crm: Any, filed: str
) -> None:
    leave_an_edit(world, filed)
    world.edit("registration", filed, {"expected_close": "2027-01-15"})
    world.sync("crm", release=True)
    assert crm.only("registration")[crm.words["registration_customer"]] == "Northwind GmbH"
