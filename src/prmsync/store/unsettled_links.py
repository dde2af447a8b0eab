"""Links of our records that move: to be decided, with a write that stands or waits, or held."""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.store import links
from prmsync.store.link_statements import HERE, MARKED, page
from prmsync.store.links import Link, LinkState
from prmsync.store.prepared import given, one_of
from prmsync.store.tables import OPEN_ACTIONS, action, held
from prmsync.store.tables import link as table

_LINKED = page(
    HERE,
    MARKED,
    table.c.prm_id.is_not(None),
    table.c.crm_id.is_not(None),
    table.c.state != LinkState.ENDED,
)
_WRITTEN = sa.select(action.c.link_id).where(action.c.stream_id == given("stream"), OPEN_ACTIONS)
_HELD = (
    sa.select(held.c.link_id)
    .join(table, table.c.id == held.c.link_id)
    .where(one_of(held.c.state, ["open"]), HERE)
)


def unsettled(connection: sa.Connection, stream_id: int) -> list[Link]:
    """Those of a stream with links to be decided; nothing is read where there are none."""
    if not links.marked_streams(connection, [stream_id]):
        return []
    found = {one.id: one for one in _marked(connection, stream_id)}
    fresh = links.unlinked(connection, stream_id, crm_side=False, dirty_only=True)
    found.update((one.id, one) for one in fresh)
    named = {"stream": stream_id}
    waiting = {row[0] for one in (_WRITTEN, _HELD) for row in connection.execute(one, named)}
    for one in links.by_ids(connection, waiting - found.keys()).values():
        if one.prm_id is not None and one.state != LinkState.ENDED:
            found[one.id] = one
    return list(found.values())


def _marked(connection: sa.Connection, stream_id: int) -> list[Link]:
    found: list[Link] = []
    after = 0
    while part := links.fetch(
        connection, _LINKED, stream=stream_id, after=after, limit=links.CHUNK
    ):
        found += part
        after = part[-1].id
    return found
