"""What an opportunity looked like before stays, whoever changes it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from prmsync.store import opportunity_past
from prmsync.store.capture import missing_triggers, reinstall
from prmsync.store.database import Database
from prmsync.store.opportunity_past import PastState, past_states
from prmsync.store.tables import opportunity

CREATED = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def deal(database: Database) -> Database:
    with database.begin() as connection:
        connection.execute(
            opportunity.insert().values(
                id="d1",
                name="Fabrikam",
                stage="qualified",
                amount=Decimal("1200.50"),
                currency="EUR",
                close_date=date(2026, 6, 30),
                created_at=CREATED,
            )
        )
    return database


def change(database: Database, **values: object) -> None:
    with database.begin() as connection:
        connection.execute(opportunity.update().values(**values))


def kept(database: Database) -> list[PastState]:
    with database.read() as connection:
        return list(past_states(connection))


def test_a_new_opportunity_has_no_past(deal: Database) -> None:
    assert kept(deal) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("stage", "committed"),
        ("amount", Decimal(1)),
        ("currency", None),
        ("close_date", date(2026, 9, 30)),
        ("product_lines", "backup"),
    ],
)
def test_a_change_keeps_the_state_that_ended(deal: Database, column: str, value: object) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    change(deal, **{column: value})
    (state,) = kept(deal)
    assert before <= state.until_at <= datetime.now(UTC) + timedelta(milliseconds=1)
    assert state == PastState(
        "d1",
        state.until_at,
        "qualified",
        Decimal("1200.50"),
        "EUR",
        date(2026, 6, 30),
        None,
        None,
        CREATED,
        False,
    )


def test_a_change_of_anything_else_keeps_nothing(deal: Database) -> None:
    change(deal, name="Fabrikam Inc", owner="ana@example.com")
    change(deal, stage="qualified")
    assert kept(deal) == []


def test_a_deleted_opportunity_leaves_its_last_state(deal: Database) -> None:
    change(deal, stage="committed")
    with deal.begin() as connection:
        connection.execute(opportunity.delete())
    assert [(s.stage, s.gone) for s in kept(deal)] == [("qualified", False), ("committed", True)]


def test_what_a_rolled_back_writer_did_leaves_nothing(deal: Database) -> None:
    with pytest.raises(ZeroDivisionError), deal.begin() as connection:
        connection.execute(opportunity.update().values(stage="launched"))
        raise ZeroDivisionError
    assert kept(deal) == []


def test_states_from_before_stand_in_the_order_they_ended(deal: Database) -> None:
    change(deal, stage="committed")
    now = kept(deal)[0]
    older = PastState("d1", CREATED + timedelta(days=3), "prospect", *[None] * 6, gone=False)
    with deal.begin() as connection:
        assert opportunity_past.add(connection, [older]) == 1
        assert opportunity_past.add(connection, []) == 0
    assert kept(deal) == [older, now]


def test_the_keeping_triggers_are_missed_when_they_are_gone(deal: Database) -> None:
    name = opportunity_past.trigger_names(deal.dialect)[0]
    on = " ON opportunity" if deal.dialect == "postgresql" else ""
    with deal.begin() as connection:
        connection.execute(sa.text(f"DROP TRIGGER {name}{on}"))
        assert missing_triggers(connection) == [f"{name} on opportunity"]
        reinstall(connection)
        assert missing_triggers(connection) == []
