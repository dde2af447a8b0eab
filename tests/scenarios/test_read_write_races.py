"""Read/write race duplicates.

**In the field.** "Look whether it is there; if not, create it." Between the two somebody else has
made it: another worker of the same integration, a rep, or the sync's own first try whose answer
was lost on the way. The CRM ends with two Globex accounts, registrations hang on the wrong one, and
the channel conflict check sees two partners.

**Known from.** HubSpot/hubspot-api-nodejs#545, HubSpot/hubspot-api-php#59.

**prmsync** creates by upsert on a key of its own (a random UUID in every record), so that the same
create twice is one record; a write whose answer is missing is read again by that key before
anything else happens; one process at a time holds a connection; and batches look at each record
just before they change it.
"""

from __future__ import annotations

import pytest

from prmsync.connector.simulator.http import Request
from prmsync.domain.values import Values
from prmsync.errors import LeaseLostError
from prmsync.sync import run
from rig import Crm, World


def names(crm: Crm, stream: str = "registration", word: str = "number") -> list[str]:
    return sorted(str(row[crm.words[word]]) for row in crm.rows(stream))


def register(world: World, partner: str, number: str) -> str:
    values: Values = {"number": number, "partner": partner, "customer_name": f"{number} GmbH"}
    return world.insert("registration", values)


@pytest.mark.parametrize("committed", [True, False])
def test_a_create_without_an_answer_is_not_sent_again_blindly(
    world: World, crm: Crm, partner: str, committed: bool
) -> None:
    for number in ("DR-1", "DR-2", "DR-3"):
        register(world, partner, number)
    crm.fault(drop=True, commit=committed, times=1)
    assert world.sync("crm", release=True).state == "failed"
    world.settle("crm")
    assert names(crm) == ["DR-1", "DR-2", "DR-3"]


def test_an_answer_lost_again_and_again_makes_no_second_record(
    world: World, crm: Crm, partner: str
) -> None:
    register(world, partner, "DR-1")
    crm.fault(drop=True)
    for _ in range(4):
        world.sync("crm", release=True)
    crm.no_faults()
    world.settle("crm")
    assert names(crm) == ["DR-1"]


def test_two_processes_do_not_create_the_same_record(world: World, crm: Crm, partner: str) -> None:
    register(world, partner, "DR-1")
    refused: list[str] = []

    def second(_: Request) -> None:
        with world.session("crm") as other, pytest.raises(LeaseLostError) as caught:
            run.sync(other, release=True)
        refused.append(caught.value.message)

    with crm.standing_before(second):
        world.sync("crm", release=True)
    assert refused
    world.settle("crm")
    assert names(crm) == ["DR-1"]


def test_a_partner_made_on_both_sides_between_two_runs_is_one(
    world: World, crm: Crm, partner_values: Values
) -> None:
    world.settle("crm")
    world.insert("partner", partner_values)
    words = crm.words
    crm.create(words["partner"], {words["name"]: "Globex Corp.", words["domain"]: "globex.example"})
    world.wait(10)
    world.settle("crm")
    assert len(crm.rows("partner")) == 1
    assert len(world.all_ours("partner")) == 1


def test_a_record_whose_key_somebody_copied_in_before_us_is_adopted(
    world: World, crm: Crm, partner_values: Values
) -> None:
    """An admin's data load brought our key into the CRM while we were about to create it."""
    partner = world.insert("partner", partner_values)
    words = crm.words

    def load(_: Request) -> None:
        if not crm.rows("partner"):
            values = {words["name"]: "Loaded", words["partner_key"]: partner}
            crm.create(words["partner"], values)

    with crm.standing_before(load):
        world.sync("crm", release=True)
    world.settle("crm")
    assert len(crm.rows("partner")) == 1
    assert len(world.all_ours("partner")) == 1


def test_the_edit_of_a_rep_between_our_read_and_our_write_stands(
    world: World, crm: Crm, deal: str
) -> None:
    record = crm.id_of("opportunity", "Northwind firewall")
    world.edit("opportunity", deal, {"customer_name": "Our name"})
    done: list[str] = []

    def rep(_: Request) -> None:
        if not done:
            done.append(record)
            crm.change("opportunity", record, customer_name="Rep's name")

    guard = r"composite/sobjects/[^/]+$|batch/read$"
    with crm.standing_before(rep, guard):
        world.sync("crm", release=True)
    assert done
    world.settle("crm")
    assert crm.row("opportunity", record)[crm.words["customer_name"]] == "Rep's name"
    assert [(one.prm[0], one.crm[0]) for one in world.held() if one.prm and one.crm] == [
        ("Our name", "Rep's name")
    ]
