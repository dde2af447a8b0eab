"""The past of deals comes from the CRM's own history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from prmsync.connector.values import parse_moment
from prmsync.domain.values import Values
from prmsync.errors import ConfigurationError
from prmsync.service.deal_backfill import backfill
from prmsync.store.opportunity_past import opportunity_past, past_states


@pytest.fixture
def moved(world: Any, crm: Any, partner_values: Values) -> tuple[str, Any]:
    """A deal that moved twice in the CRM, and nobody saw it; and when it was made there."""
    partner = world.insert("partner", partner_values)
    deal = world.insert(
        "opportunity",
        {
            "name": "Northwind firewall",
            "number": "O-1",
            "partner": partner,
            "stage": "qualified",
            "amount": "10000.00",
            "currency": "EUR",
            "close_date": (world.now().date() + timedelta(days=60)).isoformat(),
        },
    )
    world.settle("crm")
    made = world.now()
    record = crm.id_of("opportunity", "Northwind firewall")
    world.wait(7 * 86400)
    crm.change("opportunity", record, amount=12000)
    world.wait(7 * 86400)
    crm.change("opportunity", record, stage=crm.words["negotiation"])
    world.wait(3600)
    world.settle("crm")
    with world.database.begin() as connection:
        # The record of triggers is lost: only the CRM knows.
        connection.execute(opportunity_past.delete())
    return deal, made


def test_each_change_in_the_crm_ends_a_state(world: Any, crm: Any, moved: tuple[str, Any]) -> None:
    deal, made = moved
    with world.session("crm") as session:
        told = backfill(session)
    assert (told.new, told.late, told.unmet) == (2, 0, 0)
    with world.database.read() as connection:
        one, two = past_states(connection, [deal])
    assert [(s.stage, s.amount, s.currency) for s in (one, two)] == [
        ("qualified", 10000, "EUR"),
        ("qualified", 12000, "EUR"),
    ]
    week = timedelta(days=7)
    assert abs(one.until_at - (made + week)) < timedelta(minutes=1)
    assert abs(two.until_at - (made + 2 * week)) < timedelta(minutes=1)
    assert one.created_at is not None
    assert abs(one.created_at - made) < timedelta(minutes=1)
    assert one.source == "crm"


def test_a_deal_of_sales_that_never_moved_gets_its_date_of_creation(
    world: Any, crm: Any, moved: tuple[str, Any]
) -> None:
    made = world.now()
    values = {
        crm.words["deal_name"]: "Direct deal",
        crm.words["stage"]: crm.words["qualified"],
        crm.words["close_date"]: crm.words["day"].format("2027-02-01"),
    }
    crm.create(crm.words["opportunity"], values)
    world.wait(86400)
    world.settle("crm")
    (direct,) = (
        key for key, one in world.all_ours("opportunity").items() if one["name"] == "Direct deal"
    )
    assert world.ours("opportunity", direct)["created_at"] is None
    with world.session("crm") as session:
        backfill(session)
    created = parse_moment(str(world.ours("opportunity", direct)["created_at"]))
    assert abs(created - made) < timedelta(minutes=1)


def test_a_second_backfill_keeps_what_is_there(world: Any, moved: tuple[str, Any]) -> None:
    with world.session("crm") as session:
        backfill(session)
        told = backfill(session)
    assert (told.new, told.same, told.gone) == (0, 2, 0)


def test_what_the_triggers_saw_stays(world: Any, crm: Any, moved: tuple[str, Any]) -> None:
    deal, _ = moved
    world.edit("opportunity", deal, {"stage": "launched"})
    with world.database.begin() as connection:
        # Triggers have the database's own clock, the CRM that of this world.
        connection.execute(opportunity_past.update().values(until_at=world.now()))
        seen = list(past_states(connection, [deal]))
    world.settle("crm")
    with world.session("crm") as session:
        backfill(session)
    with world.database.read() as connection:
        states = list(past_states(connection, [deal]))
    assert [one for one in states if one.source is None] == seen
    assert [one.stage for one in states] == ["qualified", "qualified", "committed"]


def test_a_mapping_without_deals_is_told(world: Any, crm: Any) -> None:
    with world.session("crm") as session:
        session.streams.pop("opportunity")
        with pytest.raises(ConfigurationError, match="maps no opportunities"):
            backfill(session)
