"""Connections that a person has paused: no run starts on them until they are resumed; and single
streams, which runs leave alone."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from prmsync.store.prepared import given
from prmsync.store.streams import ensure_connection, ensure_streams
from prmsync.store.tables import connection as connections
from prmsync.store.tables import stream as streams

_PAUSED_STREAMS = (
    sa.select(streams.c.name, streams.c.paused_why)
    .where(streams.c.connection == given("of"), streams.c.paused)
    .order_by(streams.c.id)
)
BY_HAND = "by hand"
"""What is shown where nobody said why."""


def pause(connection: sa.Connection, name: str, connector: str, why: str) -> None:
    """Pause a connection, also one that has never run; a second pause changes the reason."""
    ensure_connection(connection, name, connector)
    connection.execute(
        connections.update().where(connections.c.name == name).values(paused=True, paused_why=why)
    )


def resume(connection: sa.Connection, name: str) -> bool:
    """Let runs start again; whether the connection was paused."""
    result = connection.execute(
        connections.update()
        .where(connections.c.name == name, connections.c.paused)
        .values(paused=False, paused_why=None)
    )
    return result.rowcount == 1


def paused(connection: sa.Connection) -> dict[str, str]:
    """The paused connections, each with its reason."""
    rows = connection.execute(
        sa.select(connections.c.name, connections.c.paused_why).where(connections.c.paused)
    )
    return {row.name: row.paused_why or BY_HAND for row in rows}


def pause_stream(
    connection: sa.Connection, name: str, connector: str, known: Sequence[str], one: str, why: str
) -> None:
    """Pause one stream of a connection, also of one that has never run; `known` are all its
    streams, parents first."""
    ensure_connection(connection, name, connector)
    ensure_streams(connection, name, known)
    connection.execute(
        streams.update()
        .where(streams.c.connection == name, streams.c.name == one)
        .values(paused=True, paused_why=why)
    )


def resume_stream(connection: sa.Connection, name: str, one: str) -> bool:
    """Let runs work on a stream again; whether it was paused."""
    result = connection.execute(
        streams.update()
        .where(streams.c.connection == name, streams.c.name == one, streams.c.paused)
        .values(paused=False, paused_why=None)
    )
    return result.rowcount == 1


def paused_streams(connection: sa.Connection, name: str) -> dict[str, str]:
    """The paused streams of a connection, each with its reason."""
    rows = connection.execute(_PAUSED_STREAMS, {"of": name}).all()
    return {row.name: row.paused_why or BY_HAND for row in rows}
