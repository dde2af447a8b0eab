"""Resurrected deletes.

**In the field.** A rep deletes a dead deal. The next sync does not find it, concludes that it was
never there, and creates it again; or another system that still has a copy brings it back. Reps
delete it again, every day. The other way round a sync takes "not shown to me" for "deleted" and
removes live records after somebody narrowed the integration user's permissions.

**Known from.** veda-consulting-company/uk.co.vedaconsulting.mailchimp#140.

**prmsync** deletes and ends links on evidence only (a recycle bin, an archive, a delete error).
An ended link is a tombstone: it is neither matched nor created again. Merely absent is no delete.
"""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.connector.simulator.http import Request, Response
from rig import Crm, World


def look(world: World, name: str = "crm") -> None:
    """A whole read, then runs until nothing is written."""
    world.wait(3600)
    world.sync(name, full=True, release=True)
    world.settle(name)


def test_a_record_deleted_in_the_crm_is_not_made_again(
    world: World, crm: Crm, registration: str
) -> None:
    crm.remove("registration", crm.id_of("registration", "DR-1"))
    for _ in range(2):
        look(world)
    assert crm.rows("registration") == []
    assert list(world.all_ours("registration")) == [registration]


def test_an_edit_of_ours_does_not_bring_back_what_was_deleted_in_the_crm(
    world: World, crm: Crm, registration: str
) -> None:
    """Deleted there, edited here: a person says which; until then nothing is made or removed."""
    crm.remove("registration", crm.id_of("registration", "DR-1"))
    world.edit("registration", registration, {"customer_name": "Northwind AG"})
    for _ in range(2):
        look(world)
    assert crm.rows("registration") == []
    assert world.ours("registration", registration)["customer_name"] == "Northwind AG"
    assert len(world.held()) == 1


def test_a_record_deleted_here_is_not_made_again_by_the_crms_copy(
    world: World, crm: Crm, deal: str
) -> None:
    world.remove("opportunity", deal)
    look(world)
    crm.change("opportunity", crm.id_of("opportunity", "Northwind firewall"), source="web")
    look(world)
    assert world.all_ours("opportunity") == {}


def test_a_record_deleted_here_whose_crm_record_was_edited_waits_for_a_person(
    world: World, crm: Crm, deal: str
) -> None:
    world.remove("opportunity", deal)
    crm.change("opportunity", crm.id_of("opportunity", "Northwind firewall"), source="web")
    look(world)
    assert world.all_ours("opportunity") == {}
    assert len(crm.rows("opportunity")) == 1
    assert len(world.held()) == 1


def test_the_edit_of_a_vanished_record_deletes_nothing_and_creates_nothing(
    world: World, crm: Crm, registration: str
) -> None:
    """The CRM answers a write with "deleted" before any read has shown it."""
    crm.remove("registration", crm.id_of("registration", "DR-1"))
    world.edit("registration", registration, {"customer_name": "Northwind AG"})
    world.sync("crm", release=True)
    world.settle("crm")
    assert crm.rows("registration") == []
    assert list(world.all_ours("registration")) == [registration]


def test_the_other_crm_does_not_bring_back_what_one_crm_deleted(
    make_world: Any, partner_values: Any
) -> None:
    world: World = make_world(sf="salesforce", hs="hubspot")
    world.insert("partner", partner_values)
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    for _ in range(2):
        world.settle("sf")
        world.settle("hs")
    sf, hs = world.crms["sf"], world.crms["hs"]
    sf.remove("opportunity", sf.id_of("opportunity", "Firewall"))
    hs.change("opportunity", hs.id_of("opportunity", "Firewall"), source="web")
    for _ in range(2):
        look(world, "sf")
        look(world, "hs")
    assert sf.rows("opportunity") == []
    assert list(world.all_ours("opportunity")) == [deal]
    assert len(hs.rows("opportunity")) == 1


@pytest.mark.parametrize("full", [False, True])
def test_records_that_the_crm_no_longer_shows_us_are_not_deleted(
    world: World, crm: Crm, registration: str, full: bool
) -> None:
    """Somebody narrowed the integration user's permissions: every answer is empty."""
    empty = {
        "salesforce": b'{"totalSize":0,"done":true,"records":[]}',
        "hubspot": b'{"results":[],"total":0}',
    }

    asked: list[str] = []

    def nothing(request: Request) -> Response:
        asked.append(request.path)
        return Response(200, empty[crm.connector], {"content-type": "application/json"})

    before = world.all_ours("registration")
    path = r"/query(All)?$|/search$|/crm/[^/]*objects/[^/]+(/[^/]+)?$|/objects/2026-09/[^/]+$"
    with crm.standing_before(nothing, path):
        for _ in range(2):
            world.wait(3600)
            world.sync("crm", full=full, release=True)
    assert len(asked) >= 2 * 3
    assert world.all_ours("registration") == before
    look(world)
    assert len(crm.rows("registration")) == 1
