"""The sample program in a database, and a small program of three records for single rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.service.sample import SampleProgram, sample_program
from prmsync.service.sample_store import store_sample
from prmsync.store import tables
from prmsync.store.database import Database

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)

Fetch = Callable[..., list[Any]]
Add = Callable[..., str]


@pytest.fixture(scope="session")
def sample() -> SampleProgram:
    return sample_program(7, TODAY)


@pytest.fixture
def sampled(database: Database, sample: SampleProgram) -> Database:
    """The sample program with the direct opportunities as a first sync would bring them."""
    store_sample(database, sample)
    direct = [r for r in sample.salesforce + sample.hubspot if r.values.get("source") == "direct"]
    with database.begin() as connection:
        connection.execute(tables.opportunity.insert(), [_row(r.ref, r.values) for r in direct])
    return database


def _row(ident: str, values: Values) -> dict[str, Any]:
    row: dict[str, Any] = dict(values)
    for name in ("last_activity_at", "created_at"):
        row[name] = datetime.fromisoformat(row[name])
    row["close_date"] = date.fromisoformat(row["close_date"])
    return row | {"id": ident, "amount": Decimal(row["amount"]), "protected_until": None}


@pytest.fixture
def fetch(database: Database) -> Fetch:
    """Rows of a table that meet the conditions."""

    def rows(table: sa.Table, *where: sa.ColumnElement[bool]) -> list[Any]:
        with database.read() as connection:
            return list(connection.execute(sa.select(table).where(*where).order_by(table.c.id)))

    return rows


@pytest.fixture
def add(database: Database) -> Add:
    """Put a partner, registration or opportunity into the database; returns its id."""
    defaults: dict[str, dict[str, Any]] = {
        "tier": {"rank": 1},
        "partner": {"name": "Globex", "types": "reseller"},
        "registration": {
            "customer_name": "Northwind GmbH",
            "customer_domain": "northwind.example",
            "customer_country": "DE",
            "product_lines": "firewall",
            "amount": Decimal("48000.00"),
            "currency": "EUR",
            "expected_close": date(2026, 12, 15),
            "created_at": NOW,
        },
        "opportunity": {
            "name": "Northwind firewall",
            "customer_domain": "www.northwind.example",
            "product_lines": "firewall",
            "amount": Decimal("1000.00"),
            "currency": "EUR",
            "close_date": date(2026, 12, 15),
            "created_at": datetime(2026, 10, 2, tzinfo=UTC),
        },
    }

    def insert(table: str, ident: str, **values: Any) -> str:
        key = "name" if table == "tier" else "id"
        row = defaults.get(table, {}) | {key: ident} | values
        if table == "registration":
            row.setdefault("number", ident)
        with database.begin() as connection:
            connection.execute(tables.metadata.tables[table].insert(), row)
        return ident

    return insert
