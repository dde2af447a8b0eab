"""Holes through which an edit or a decision could fall: one test for each that was found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from prmsync.connector.simulator.http import Request, Response
from prmsync.domain.merge import First
from prmsync.domain.values import Values
from prmsync.mapping.model import StreamMapping
from prmsync.store import held, links
from prmsync.store.links import LinkState


@pytest.fixture
def filed(world: Any, partner_values: Values) -> str:
    """A registration that both sides have."""
    partner = world.insert("partner", partner_values)
    values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind GmbH"}
    made = world.insert("registration", values)
    world.settle("crm")
    return str(made)


def in_crm(crm: Any) -> str:
    return str(crm.only("registration")[crm.words["id"]])


@dataclass
class During:
    """A simulator during whose first write somebody does something."""

    inner: Any
    act: Any
    done: bool = False

    def handle(self, request: Request) -> Response:
        writes = request.path.endswith(("batch/update", "batch/upsert")) or (
            request.method == "PATCH" and "composite/sobjects" in request.path
        )
        if writes and not self.done:
            self.done = True
            self.act()
        answer: Response = self.inner.handle(request)
        return answer


def test_a_decision_taken_while_its_record_is_written_is_carried_out(
    world: Any, crm: Any, filed: str
) -> None:
    world.edit("registration", filed, {"expected_close": "2027-01-15"})
    crm.change("registration", in_crm(crm), expected_close="2027-02-20")
    world.settle("crm")
    with world.database.read() as connection:
        ((_, item),) = held.waiting_items(connection)

    def decide() -> None:
        with world.database.begin() as connection:
            held.decide(connection, item.id, "crm", "dana", world.now())

    simulator = crm.simulator
    crm.simulator = During(simulator, decide)
    world.edit("registration", filed, {"customer_name": "Northwind AG"})
    world.sync("crm", release=True)
    assert crm.simulator.done
    crm.simulator = simulator
    world.settle("crm")
    assert world.ours("registration", filed)["expected_close"] == "2027-02-20"


def test_a_field_new_in_the_mapping_is_read_before_it_is_merged(
    world: Any, crm: Any, partner_values: Values, monkeypatch: pytest.MonkeyPatch, rig: Any
) -> None:
    """Of the CRM's value we know nothing yet: it must not count as blank and clear ours."""
    whole = rig.shipped(crm.connector)
    with monkeypatch.context() as patched:
        patched.setattr(rig, "shipped", lambda _: [rig.without(one, "duns") for one in whole])
        partner = world.insert("partner", {**partner_values, "duns": "987654321"})
        world.settle("crm")
        record = crm.only("partner")[crm.words["id"]]
        word = next(one for one in whole if one.stream == "partner").fields["duns"].crm
        crm.edit(crm.words["partner"], record, {word: "123456789"})
        world.settle("crm")
        world.wait(10_000)
        world.settle("crm")
    monkeypatch.setattr(rig, "shipped", lambda _: [crm_first(one, "duns") for one in whole])
    world.settle("crm")
    assert world.ours("partner", partner)["duns"] == "123456789"


def crm_first(mapping: StreamMapping, name: str) -> StreamMapping:
    """The mapping with `first: crm` for one field of partners."""
    if mapping.stream != "partner":
        return mapping
    changed = replace(mapping.groups[name], first=First.CRM)
    return replace(mapping, groups={**mapping.groups, name: changed})


def add_second(world: Any) -> str:
    (partner,) = world.all_ours("partner")
    values = {"number": "DR-2", "partner": partner, "customer_name": "Second AG"}
    made: str = world.insert("registration", values)
    return made


def give_key(crm: Any, prm_id: str) -> None:
    word = "PRM_Registration_Id__c" if crm.connector == "salesforce" else "prm_registration_id"
    crm.edit(crm.words["registration"], in_crm(crm), {word: prm_id})


def test_a_record_that_shows_the_key_of_a_new_one_gets_its_own_before_that_is_made(
    world: Any, crm: Any, filed: str
) -> None:
    """Made at once the new one would be written over it."""
    second = add_second(world)
    give_key(crm, second)
    word = crm.words["registration_customer"]
    crm.edit(crm.words["registration"], in_crm(crm), {word: "Northwind SE"})
    world.settle("crm")
    assert {one: row["customer_name"] for one, row in world.all_ours("registration").items()} == {
        filed: "Northwind SE",
        second: "Second AG",
    }
    shown = [row[word] for row in crm.rows("registration")]
    assert sorted(shown) == ["Northwind SE", "Second AG"]
    assert world.parked() == [] == world.held()


def test_two_records_that_mean_one_crm_record_do_not_take_it_from_each_other(
    world: Any, crm: Any, filed: str
) -> None:
    """Somebody gives the CRM record of one registration the key of another that is just made."""
    simulator = crm.simulator
    second = add_second(world)
    crm.simulator = During(simulator, lambda: give_key(crm, second))
    world.sync("crm", release=True)
    assert crm.simulator.done
    crm.simulator = simulator
    with world.database.read() as connection:
        (link,) = links.ids_of_record(connection, "registration", filed)
        mine = links.by_ids(connection, [link])[link]
        refused = held.parked_items(connection)
    assert (mine.state, mine.crm_id) == (LinkState.LIVE, in_crm(crm))
    assert [item.code for _, item in refused] == ["KEY_COLLISION"]


def test_what_a_create_overwrote_waits_for_a_person_though_its_answer_was_lost(
    world: Any, crm: Any, filed: str
) -> None:
    """As when the answer comes: the other registration's values stay out of our first one."""
    simulator = crm.simulator
    second = add_second(world)

    def give_and_lose_the_answer() -> None:
        give_key(crm, second)
        crm.fault(drop=True, commit=True, times=1)

    crm.simulator = During(simulator, give_and_lose_the_answer)
    world.sync("crm", release=True)
    crm.simulator = simulator
    crm.no_faults()
    assert crm.only("registration")[crm.words["registration_customer"]] == "Second AG"
    world.wait(700)
    world.settle("crm")
    assert {item.code for item in world.parked()} == {"KEY_COLLISION"}
    waiting = {item.group: (item.prm, item.crm) for item in world.held()}
    assert {group: (ours[0], theirs[0]) for group, (ours, theirs) in waiting.items()} == {
        "customer": ("Northwind GmbH", "Second AG"),
        "number": ("DR-1", "DR-2"),
    }
    assert world.ours("registration", filed)["customer_name"] == "Northwind GmbH"
