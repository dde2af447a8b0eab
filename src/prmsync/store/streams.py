"""Connections and their streams: cursors, pins, caches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from prmsync.store.prepared import given
from prmsync.store.tables import connection as connections
from prmsync.store.tables import stream as streams

_CONNECTION = sa.select(connections).where(connections.c.name == given("of"))
_STREAMS = sa.select(streams).where(streams.c.connection == given("of")).order_by(streams.c.id)
_SAVE = (
    streams.update()
    .where(streams.c.id == given("stream"))
    .values(
        crm_cursor=given("at"),
        prm_xid=given("xid"),
        prm_cursor=given("seq"),
        mapping_hash=given("mapping"),
        read_at=given("read"),
        relations_after=given("relations"),
    )
)


@dataclass(slots=True)
class StreamState:
    """`crm_cursor` is the connector's own text; the prm cursor is a place in the change log."""

    id: int
    name: str
    crm_cursor: str | None
    prm_cursor: tuple[int, int]
    mapping_hash: str | None
    read_at: datetime | None
    relations_after: str | None = None
    """The CRM id behind which relations are read again next; None before the first turn."""


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """What is remembered of a connection between runs."""

    name: str
    connector: str
    org_id: str | None
    environment: str | None
    paused: bool
    paused_why: str | None
    schema_cache: str | None
    schema_cached_at: datetime | None
    quota: str | None
    """What the CRM last said of its call limit, as JSON; see `prmsync.store.quota`."""


def ensure_connection(connection: sa.Connection, name: str, connector: str) -> ConnectionState:
    """The connection's row, made on first use."""
    row = connection.execute(_CONNECTION, {"of": name}).first()
    if row is None:
        connection.execute(connections.insert().values(name=name, connector=connector))
        return ConnectionState(name, connector, None, None, False, None, None, None, None)
    return ConnectionState(**row._mapping)


def pin_connection(connection: sa.Connection, name: str, org_id: str, environment: str) -> None:
    """Remember which account this connection is bound to."""
    connection.execute(
        connections.update()
        .where(connections.c.name == name)
        .values(org_id=org_id, environment=environment)
    )


def save_schema(connection: sa.Connection, name: str, text: str | None, at: datetime) -> None:
    """Remember the CRM's schema; None forgets it."""
    connection.execute(
        connections.update()
        .where(connections.c.name == name)
        .values(schema_cache=text, schema_cached_at=at)
    )


def change_schema(connection: sa.Connection, name: str, text: str) -> None:
    """Remember something else of the CRM's schema, which is as old as it was."""
    changed = connections.update().where(connections.c.name == name).values(schema_cache=text)
    connection.execute(changed)


def schema_of(connection: sa.Connection, name: str) -> str | None:
    """What is remembered of the CRM's schema."""
    found = sa.select(connections.c.schema_cache).where(connections.c.name == name)
    text: str | None = connection.execute(found).scalar_one_or_none()
    return text


def all_connections(connection: sa.Connection) -> list[ConnectionState]:
    """Every connection that was ever synced or paused, by name."""
    rows = connection.execute(sa.select(connections).order_by(connections.c.name))
    return [ConnectionState(**row._mapping) for row in rows]


def ensure_streams(
    connection: sa.Connection, name: str, wanted: Iterable[str]
) -> dict[str, StreamState]:
    """The streams of a connection by name, made on first use."""
    known = streams_of(connection, name)
    missing = [{"connection": name, "name": one} for one in wanted if one not in known]
    if missing:
        connection.execute(streams.insert(), missing)
        known = streams_of(connection, name)
    return known


def streams_of(connection: sa.Connection, name: str) -> dict[str, StreamState]:
    """Stream name → its state, in the order in which they were made."""
    rows = connection.execute(_STREAMS, {"of": name}).all()
    return {
        row.name: StreamState(
            row.id,
            row.name,
            row.crm_cursor,
            (row.prm_xid, row.prm_cursor),
            row.mapping_hash,
            row.read_at,
            row.relations_after,
        )
        for row in rows
    }


def save_stream(connection: sa.Connection, state: StreamState) -> None:
    """Move cursors; only in the transaction that stored what they passed."""
    values = {
        "stream": state.id,
        "at": state.crm_cursor,
        "xid": state.prm_cursor[0],
        "seq": state.prm_cursor[1],
        "mapping": state.mapping_hash,
        "read": state.read_at,
        "relations": state.relations_after,
    }
    connection.execute(_SAVE, values)
