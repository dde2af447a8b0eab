"""Where a mapping's fallback stands in for somebody, plan and history of a record say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.mapping.model import OwnerMap, StreamMapping
from prmsync.store import journal
from prmsync.sync import run

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20", "stage": "qualified"}
OWNER = {"hubspot": "hubspot_owner_id", "salesforce": "OwnerId"}


@pytest.fixture
def fallback(world: Any) -> str:
    """An active user of the CRM, who owns what nobody known owns."""
    with world.session("crm") as session:
        email = next(one.email for one in session.connector.people() if one.active and one.email)

    def alter(mapping: StreamMapping) -> StreamMapping:
        return replace(mapping, owners=OwnerMap(fallback=email))

    world.alter = alter
    return str(email)


def test_a_deal_whose_owner_the_crm_does_not_know_tells_who_stands_in(
    world: Any, crm: Any, fallback: str
) -> None:
    deal = world.insert("opportunity", {**DEAL, "owner": "somebody@partners.example"})
    with world.session("crm") as session:
        planned = run.plan(session)
    with world.database.read() as connection:
        (row,) = journal.page(connection, planned.run_id, [journal.ActionState.PLANNED])
    assert "owner: no active CRM user has the owner's e-mail" in row.reason
    world.settle("crm")
    created = world.history("opportunity", deal)[0]
    assert created.reason.endswith("the fallback owner stands in")


# Salesforce takes nobody as owner who is inactive already.
@pytest.mark.parametrize("world", ["hubspot"], indirect=True)
def test_an_owner_who_left_the_crm_is_told_beside_the_one_who_stands_in(
    world: Any, crm: Any, fallback: str
) -> None:
    deal = world.insert("opportunity", {**DEAL, "owner": None})
    world.settle("crm")
    record = str(crm.only("opportunity")[crm.words["id"]])
    with world.session("crm") as session:
        gone = next(one.id for one in session.connector.people() if not one.active)
    crm.edit(crm.words["opportunity"], record, {OWNER[crm.connector]: gone})
    world.wait(700)
    world.settle("crm")
    assert world.ours("opportunity", deal)["owner"] == fallback
    last = [one for one in world.history("opportunity", deal) if "owner" in one.fields][-1]
    assert "owner: the CRM's owner is inactive or no user" in last.reason
    assert world.sync("crm").counts == {}


def test_a_write_of_other_fields_does_not_speak_of_the_owner(
    world: Any, crm: Any, fallback: str
) -> None:
    deal = world.insert("opportunity", {**DEAL, "owner": "somebody@partners.example"})
    world.settle("crm")
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    world.settle("crm")
    last = [one for one in world.history("opportunity", deal) if "customer_name" in one.fields][-1]
    assert "stands in" not in last.reason
