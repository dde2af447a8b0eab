"""Echo loops.

**In the field.** The sync writes a record; the CRM says "this record has changed"; the sync reads
it, takes it for an edit and writes it to the other side, which says "this record has changed". Or
the sync ignores everything that its own user changed, and loses the edits that a workflow, another
integration or an admin's data load makes in that user's name. With two CRMs and a hub the loop has
three members.

**Known from.** MinnPost/object-sync-for-salesforce#445, ibericode/mailchimp-user-sync#46.

**prmsync** knows an echo by its values, never by who wrote it: what both sides agree on is no
change. An edit in the integration user's name is an edit. An automation that does not take a value
is named to a person instead of being written to again and again.
"""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.connector.simulator.http import Request
from prmsync.domain.values import Values
from prmsync.sync.not_taken import NOT_TAKEN
from rig import Crm, World

INTEGRATION = {"salesforce": "prmsync@example.com", "hubspot": ""}


def writes(world: World, name: str = "crm") -> int:
    return world.sync(name, release=True).calls.get("write", 0)


def test_our_own_write_comes_back_and_writes_nothing(world: World, crm: Crm, deal: str) -> None:
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    assert writes(world) == 1
    for wait in (1, 30, 700, 3600):
        world.wait(wait)
        report = world.sync("crm")
        assert report.counts == {}
        assert report.calls.get("write", 0) == 0


def test_a_rep_who_types_what_we_have_just_written_is_no_edit(
    world: World, crm: Crm, deal: str
) -> None:
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    crm.change(
        "opportunity", crm.id_of("opportunity", "Northwind firewall"), customer_name="Northwind AG"
    )
    world.wait(10)
    assert writes(world) == 0
    assert world.held() == []
    assert writes(world) == 0


def test_an_edit_in_the_integration_users_name_is_an_edit(
    make_world: Any, partner_values: Values
) -> None:
    """A data loader signed in as our user: ignoring "our own" changes would lose it."""
    world: World = make_world(crm="salesforce")
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    world.settle("crm")
    with world.session("crm") as session:
        user = session.account.user_id
    record = crm.id_of("partner", "Globex Corporation")
    body = {"object": "Account", "id": record, "values": {"Name": "Globex AG"}, "user": user}
    crm.control("PATCH", "records", body)
    world.wait(10)
    world.settle("crm")
    assert world.ours("partner", partner)["name"] == "Globex AG"


@pytest.mark.parametrize("first", ["sf", "hs"])
def test_an_edit_travels_through_the_hub_once_and_does_not_come_back(
    make_world: Any, partner_values: Values, first: str
) -> None:
    world: World = make_world(sf="salesforce", hs="hubspot")
    partner = world.insert("partner", partner_values)
    for _ in range(2):
        world.settle("sf")
        world.settle("hs")
    second = "hs" if first == "sf" else "sf"
    origin = world.crms[first]
    origin.change("partner", origin.id_of("partner", "Globex Corporation"), name="Globex AG")
    world.wait(10)
    assert (writes(world, first), writes(world, second)) == (0, 1)
    for _ in range(3):
        world.wait(700)
        assert (writes(world, first), writes(world, second)) == (0, 0)
    assert world.ours("partner", partner)["name"] == "Globex AG"
    assert world.crms[second].named("partner", "Globex AG")


def test_an_automation_that_puts_the_old_value_back_is_named_to_a_person(
    world: World, crm: Crm, deal: str
) -> None:
    """The CRM's own rule undoes what we write, each time: we write it once."""
    record = crm.id_of("opportunity", "Northwind firewall")
    inner = crm.simulator

    def undoing(request: Request) -> Any:
        answer = inner.handle(request)
        with_us = crm.row("opportunity", record)[crm.words["customer_name"]]
        if with_us == "Northwind AG":
            restored = {crm.words["customer_name"]: "Northwind GmbH"}
            body = {"object": crm.words["opportunity"], "id": record, "values": restored}
            if crm.connector == "salesforce":
                body["user"] = integration_user(world)
            crm.control("PATCH", "records", body)
        return answer

    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    sent = 0
    with crm.standing_before(undoing):
        for _ in range(6):
            world.wait(60)
            sent += writes(world)
    assert sent <= 3
    assert world.ours("opportunity", deal)["customer_name"] == "Northwind AG"
    (item,) = world.held()
    assert item.group == "customer"
    assert item.kind.startswith(NOT_TAKEN) or "put back" in item.kind


def integration_user(world: World) -> str:
    """Flows run in the name of who wrote the record."""
    with world.session("crm") as session:
        return str(session.account.user_id)


def test_an_automation_that_rewrites_our_value_ends_at_one_value(
    world: World, crm: Crm, partner: str
) -> None:
    """A workflow writes names in capitals: that is the CRM's edit, it arrives once and rests."""
    record = crm.id_of("partner", "Globex Corporation")
    inner = crm.simulator

    def shouting(request: Request) -> Any:
        answer = inner.handle(request)
        name = str(crm.row("partner", record)[crm.words["name"]])
        if name != name.upper():
            crm.change("partner", record, name=name.upper())
        return answer

    world.edit("partner", partner, {"name": "Globex Holding"})
    with crm.standing_before(shouting):
        for _ in range(6):
            world.wait(60)
            writes(world)
        last = writes(world)
    assert last == 0
    named = str(crm.row("partner", record)[crm.words["name"]])
    assert named == "GLOBEX HOLDING"
    held = [item.group for item in world.held()]
    assert world.ours("partner", partner)["name"] == named or held == ["name"]
