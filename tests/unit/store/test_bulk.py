"""Many rows in one call: each arrives once, in its own columns, however many there are."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from prmsync.store.bulk import insert_rows
from prmsync.store.database import Database
from prmsync.store.tables import tier


@pytest.mark.parametrize("count", [0, 1, 498, 499, 500, 1203])
def test_every_row_arrives_in_its_own_columns(database: Database, count: int) -> None:
    rows = [(number, f"tier {number}") for number in range(count)]
    with database.begin() as connection:
        insert_rows(connection, tier, ["rank", "name"], rows)
        found = connection.execute(sa.select(tier.c.rank, tier.c.name).order_by(tier.c.rank)).all()
    assert [tuple(row) for row in found] == rows
