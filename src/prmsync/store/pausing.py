"""Connections that a person has paused: no run starts on them until they are resumed."""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.store.streams import ensure_connection
from prmsync.store.tables import connection as connections

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
