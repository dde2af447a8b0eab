"""What brakes hold under a run, with the names that the CRM's users have for people."""

from __future__ import annotations

import orjson
import sqlalchemy as sa

from prmsync.reconcile.brakes import Trip
from prmsync.store import brakes, runs, streams
from prmsync.store.database import Database


def held_brakes(database: Database, run_id: int) -> tuple[list[Trip], dict[str, str]]:
    """What tripped and still waits, and CRM user id → name. Raises NotFoundError."""
    with database.read() as connection:
        name = runs.get(connection, run_id).connection
        known = {one.id: one.name for one in streams.streams_of(connection, name).values()}
        trips = [
            Trip(one.cell(known[one.stream_id]), one.count, one.total or 0, one.why)
            for one in brakes.of_run(connection, run_id)
            if one.why is not None
        ]
        return trips, _people(connection, name)


def _people(connection: sa.Connection, name: str) -> dict[str, str]:
    """Names as the account's description told them last."""
    for one in streams.all_connections(connection):
        if one.name == name and one.schema_cache is not None:
            people = orjson.loads(one.schema_cache).get("people", [])
            return {
                str(person.get("user_id") or person["id"]): person["name"]
                for person in people
                if person.get("name")
            }
    return {}
