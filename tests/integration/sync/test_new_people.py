"""Somebody becomes a user of the CRM while its people are remembered from before."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Values

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20", "stage": "qualified"}
OWNER = {"hubspot": "hubspot_owner_id", "salesforce": "OwnerId"}
NEW = "nova.new@crm.example.com"


def joins(crm: Any) -> str:
    """A new user, active; returns the id under which they own records."""
    if crm.connector == "hubspot":
        return str(crm.create("owners", {"email": NEW, "firstName": "Nova", "lastName": "New"}))
    profile = next(one["Id"] for one in crm.records("Profile") if one["Name"] == "Standard User")
    told = {"LastName": "New", "Username": NEW, "Email": NEW, "Alias": "nova", "IsActive": True}
    fixed = {"UserType": "Standard", "ProfileId": profile, "TimeZoneSidKey": "GMT"}
    locale = {"LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US"}
    return str(crm.create("User", {**told, **fixed, **locale}))


@pytest.fixture
def deal(world: Any) -> str:
    """A deal that both sides have, so that the CRM's people are remembered."""
    made = world.insert("opportunity", {**DEAL, "number": "OP-1"})
    world.settle("crm")
    return str(made)


def owner_there(crm: Any, name: str) -> Any:
    (row,) = [one for one in crm.rows("opportunity") if one[crm.words["deal_name"]] == name]
    return row[OWNER[crm.connector]]


def test_a_record_for_somebody_unknown_is_tried_again_by_itself_once_they_are_there(
    world: Any, crm: Any, deal: str
) -> None:
    world.insert("opportunity", {**DEAL, "name": "Backup", "number": "OP-2", "owner": NEW})
    world.sync("crm", release=True)
    (item,) = world.parked()
    assert item.code == "DOES_NOT_FIT"
    assert "tried again by itself" in item.hint
    joins(crm)
    world.wait(600)
    world.settle("crm")
    assert world.parked() == []


@pytest.mark.parametrize("world", ["salesforce"], indirect=True)
def test_who_came_this_morning_owns_what_is_made_for_them_at_once(
    world: Any, crm: Any, deal: str
) -> None:
    """Salesforce tells its people with the sign-in, so no run knows less than them all."""
    user = joins(crm)
    world.insert("opportunity", {**DEAL, "name": "Backup", "number": "OP-2", "owner": NEW})
    assert world.sync("crm", release=True).state == "done"
    assert owner_there(crm, "Backup") == user


def test_a_record_whose_new_owner_was_not_known_yet_is_read_again_when_they_are(
    world: Any, crm: Any, deal: str
) -> None:
    user = joins(crm)
    record = str(crm.only("opportunity")[crm.words["id"]])
    crm.edit(crm.words["opportunity"], record, {OWNER[crm.connector]: user})
    world.wait(60)
    world.sync("crm")
    world.wait(540)
    world.sync("crm")
    assert world.ours("opportunity", deal)["owner"] == NEW
    assert world.sync("crm").counts == {}


def test_who_stays_unknown_is_told_once_and_not_tried_in_every_run(
    world: Any, crm: Any, deal: str
) -> None:
    world.insert("opportunity", {**DEAL, "name": "Backup", "number": "OP-2", "owner": NEW})
    assert world.sync("crm", release=True).state == "failed"
    for _ in range(2):  # what it wrote comes back to it
        world.wait(600)
        world.sync("crm")
    for _ in range(8):
        world.wait(600)
        assert world.sync("crm").state == "done"
    assert len(world.parked()) == 1
