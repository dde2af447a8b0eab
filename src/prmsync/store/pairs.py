"""Both ids and the state of links, without their values: what a comparison needs of most."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from prmsync.store.bulk import among, raw
from prmsync.store.link_statements import HERE_BY_ID, unindexed
from prmsync.store.links import LinkState, chunks
from prmsync.store.prepared import given
from prmsync.store.tables import link as table


class Pair(NamedTuple):
    """One link without its values."""

    id: int
    prm_id: str | None
    crm_id: str | None
    state: str
    prm_gone: int
    crm_gone: int


_COLUMNS = (
    table.c.id,
    table.c.prm_id,
    table.c.crm_id,
    table.c.state,
    table.c.prm_gone,
    table.c.crm_gone,
)
LIVE_PAGE = (
    sa.select(*raw(_COLUMNS))
    .where(
        HERE_BY_ID,
        table.c.id > given("after"),
        table.c.id <= given("to"),
        table.c.state == LinkState.LIVE,
        unindexed(table.c.crm_id) != "",
        table.c.crm_gone == 0,
    )
    .order_by(table.c.id)
    .limit(given("limit", sa.Integer))
)

_NEXT = (
    sa.select(table.c.crm_id)
    .where(
        table.c.stream_id == given("stream"), table.c.crm_id > given("after"), table.c.crm_gone == 0
    )
    .order_by(table.c.crm_id)
    .limit(given("limit", sa.Integer))
)


def by_crm_ids(
    connection: sa.Connection, stream_id: int, crm_ids: Collection[str]
) -> dict[str, Pair]:
    """CRM id → the link that it belongs to."""
    found: dict[str, Pair] = {}
    for part in chunks(sorted(crm_ids)):
        statement = sa.select(*raw(_COLUMNS)).where(
            table.c.stream_id == stream_id, among(connection, table.c.crm_id, part)
        )
        found.update((row[2], Pair._make(row)) for row in connection.execute(statement).all())
    return found


def ids_after(connection: sa.Connection, stream_id: int, after: int, limit: int) -> list[int]:
    """The next ids of a stream's links behind `after`."""
    statement = (
        sa.select(table.c.id)
        .where(table.c.stream_id == stream_id, table.c.id > after)
        .order_by(table.c.id)
        .limit(limit)
    )
    return [row[0] for row in connection.execute(statement).all()]


def by_ids(connection: sa.Connection, ids: Collection[int]) -> list[Pair]:
    """These links, in id order."""
    if not ids:
        return []
    chosen = sa.select(*raw(_COLUMNS)).where(among(connection, table.c.id, ids))
    rows = connection.execute(chosen.order_by(table.c.id)).all()
    return [Pair._make(row) for row in rows]


def live_page(
    connection: sa.Connection, stream_id: int, after: int, to: int, limit: int
) -> list[Pair]:
    """Linked records of a stream with ids behind `after` up to `to`, deleted ones left out."""
    named = {"stream": stream_id, "after": after, "to": to, "limit": limit}
    return [Pair._make(row) for row in connection.execute(LIVE_PAGE, named).all()]


def crm_ids_after(connection: sa.Connection, stream_id: int, after: str, limit: int) -> list[str]:
    """CRM ids of a stream behind `after`, in the database's own order; deleted ones left out."""
    named = {"stream": stream_id, "after": after, "limit": limit}
    return [row[0] for row in connection.execute(_NEXT, named).all()]


def highest(connection: sa.Connection) -> int:
    """The highest link id of all streams; 0 without links."""
    return int(connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0)
