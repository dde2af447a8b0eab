"""An admin changes the CRM's schema: only what that touches is paused, and goes on by itself."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.errors import SchemaError
from prmsync.store import held, misfits
from prmsync.sync.status import status
from schema_edits import alter, drop, hide, require

DUNS = {"salesforce": "DunsNumber", "hubspot": "prm_duns"}
CONTACT = {"salesforce": "Customer_Contact__c", "hubspot": "customer_contact"}
AN_HOUR = 3700


@pytest.fixture
def partner(world: Any, partner_values: Values) -> str:
    made = world.insert("partner", partner_values)
    world.settle("crm")
    return str(made)


def paused(world: Any) -> list[str]:
    with world.database.read() as connection:
        return [one.what for one in misfits.of_connection(connection, "crm")]


@pytest.mark.parametrize("described", ["just now", "an hour ago"])
def test_a_field_that_is_gone_pauses_only_itself(
    world: Any, crm: Any, partner: str, described: str
) -> None:
    drop(crm, "partner", DUNS[crm.connector])
    world.wait(AN_HOUR if described == "an hour ago" else 0)
    world.edit("partner", partner, {"country": "FR"})
    report = world.sync("crm", release=True)
    assert len(report.paused) == 1
    assert report.paused[0].startswith("partner: duns")
    assert crm.only("partner")[crm.words["country"]] == "FR"
    assert paused(world) == ["partner: duns"]
    (found,) = status(world.database, world.now())
    assert found.paused_parts[0].hint
    assert not world.settle("crm").counts


def test_it_goes_on_by_itself_with_what_was_edited_meanwhile(
    world: Any, crm: Any, partner: str
) -> None:
    word = DUNS[crm.connector]
    world.edit("partner", partner, {"country": "DE"})
    mend = drop(crm, "partner", word)
    world.wait(AN_HOUR)
    world.edit("partner", partner, {"duns": "123456789", "country": "FR"})
    world.settle("crm")
    world.settle("crm")
    assert world.ours("partner", partner)["duns"] == "123456789"
    mend()
    world.wait(AN_HOUR)
    report = world.sync("crm", release=True)
    assert report.paused == []
    world.settle("crm")
    assert crm.only("partner")[word] == "123456789"
    assert paused(world) == []


def test_an_edit_in_the_crm_before_the_field_went_is_not_lost(
    world: Any, crm: Any, partner_values: Values
) -> None:
    partner = world.insert("partner", partner_values)
    made = world.insert("registration", {"number": "DR-1", "partner": partner})
    world.settle("crm")
    word = CONTACT[crm.connector]
    record = crm.only("registration")[crm.words["id"]]
    mend = drop(crm, "registration", word)
    world.wait(AN_HOUR)
    world.settle("crm")
    mend()
    crm.change("registration", record, customer_contact="b@x.example")
    world.wait(AN_HOUR)
    world.settle("crm")
    assert world.ours("registration", made)["customer_contact"] == "b@x.example"


def test_a_field_that_became_read_only_pauses_only_itself(
    world: Any, crm: Any, partner: str
) -> None:
    """Found by the refusal of a write, within the hour for which the schema is trusted."""
    mend = alter(
        crm,
        "partner",
        DUNS[crm.connector],
        salesforce={"updateable": False},
        hubspot={"read_only": True},
    )
    world.edit("partner", partner, {"duns": "123456789", "country": "FR"})
    report = world.sync("crm", release=True)
    assert crm.only("partner")[crm.words["country"]] == "FR"
    assert [one.partition(":")[0] for one in report.paused] == ["partner"]
    assert paused(world) == ["partner: duns"]
    with world.database.read() as connection:
        assert held.parked_items(connection) == []
    mend()
    world.settle("crm")
    assert crm.only("partner")[DUNS[crm.connector]] == "123456789"


def test_a_type_that_changed_pauses_only_that_field(world: Any, crm: Any, partner: str) -> None:
    alter(
        crm,
        "partner",
        crm.words["domain"],
        salesforce={"type": "double", "precision": 18},
        hubspot={"type": "number"},
    )
    world.wait(AN_HOUR)
    world.edit("partner", partner, {"country": "FR", "domain": "other.example"})
    world.settle("crm")
    assert crm.only("partner")[crm.words["country"]] == "FR"
    assert paused(world) == ["partner: domain"]


def test_a_field_required_from_now_on_pauses_creation_only(
    world: Any, crm: Any, partner: str
) -> None:
    first = world.insert("registration", {"number": "DR-1", "partner": partner})
    world.settle("crm")
    mend = require(crm, "registration")
    world.wait(AN_HOUR)
    world.insert("registration", {"number": "DR-2", "partner": partner})
    world.edit("registration", first, {"customer_contact": "b@x.example"})
    report = world.sync("crm", release=True)
    assert crm.only("registration")[CONTACT[crm.connector]] == "b@x.example"
    assert len(report.paused) == 1
    assert paused(world) == ["registration: creation in the CRM"]
    mend()
    world.settle("crm")
    assert len(crm.rows("registration")) == 2


def test_an_object_that_is_gone_pauses_its_stream(
    world: Any, crm: Any, partner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registration = world.insert("registration", {"number": "DR-1", "partner": partner})
    world.settle("crm")
    mend = hide(crm, "registration")
    world.wait(AN_HOUR)
    world.edit("partner", partner, {"country": "FR"})
    world.edit("registration", registration, {"customer_contact": "b@x.example"})
    report = world.sync("crm", release=True)
    assert crm.only("partner")[crm.words["country"]] == "FR"
    assert paused(world) == ["registration"]
    assert report.paused
    mend()
    world.settle("crm")
    assert crm.only("registration")[CONTACT[crm.connector]] == "b@x.example"
    assert paused(world) == []


def test_at_the_first_connection_everything_must_fit(world: Any, crm: Any) -> None:
    drop(crm, "partner", DUNS[crm.connector])
    with pytest.raises(SchemaError) as raised:
        world.sync("crm")
    assert [DUNS[crm.connector] in one.message for one in raised.value.findings] == [True]


def test_what_waits_for_a_person_outlives_the_pause(world: Any, crm: Any, partner: str) -> None:
    world.edit("partner", partner, {"domain": "ours.example"})
    record = crm.only("partner")[crm.words["id"]]
    crm.change("partner", record, domain="theirs.example")
    world.settle("crm")
    with world.database.read() as connection:
        ((_, item),) = held.waiting_items(connection)
    mend = drop(crm, "partner", crm.words["domain"])
    world.wait(AN_HOUR)
    world.settle("crm")
    with world.database.begin() as connection:
        held.decide(connection, item.id, "crm", "dana", world.now())
    world.settle("crm")
    mend()
    world.settle("crm")
    assert world.ours("partner", partner)["domain"] == "theirs.example"
