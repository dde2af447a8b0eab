"""Write the sample program into an empty partner database."""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.errors import StateError
from prmsync.service.sample_types import SampleProgram
from prmsync.store import tables
from prmsync.store.database import Database


def store_sample(database: Database, sample: SampleProgram) -> None:
    """All rows in one transaction. Raises StateError if the database holds partners already."""
    with database.begin() as connection:
        if connection.execute(sa.select(tables.partner.c.id).limit(1)).first() is not None:
            raise StateError(
                f"the database {database.name} holds partners already",
                hint="the sample program goes into an empty database: prmsync init DIR",
            )
        tiers = set(connection.scalars(sa.select(tables.tier.c.name)))
        for name, made in sample.rows.items():
            # `prmsync init` has stored the program's tiers already.
            rows = [row for row in made if name != "tier" or row["name"] not in tiers]
            if rows:
                connection.execute(tables.metadata.tables[name].insert(), rows)
