"""What an edit of a mapping does to links: some are decided again, removed fields are forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from prmsync.store import link_statements, links
from prmsync.store.links import Dirty, LinkState
from prmsync.store.tables import action as actions
from prmsync.store.tables import held as helds
from prmsync.store.tables import link as table
from prmsync.store.tables import parked


def set_all_dirty(connection: sa.Connection, stream_id: int) -> None:
    """Have every link of a stream decided again because the mapping changed, those that ended
    excepted."""
    connection.execute(
        table.update()
        .where(
            table.c.stream_id == stream_id,
            table.c.state != LinkState.ENDED,
            table.c.dirty == Dirty.CLEAN,
        )
        .values(dirty=Dirty.REMAPPED)
    )


def set_unsettled_dirty(
    connection: sa.Connection,
    stream_id: int,
    members: Sequence[str],
    *,
    unlinked: bool = False,
    gone: bool = False,
) -> None:
    """Have those links decided again on which a rule may decide otherwise than before.

    That is where something waits, was refused or left; where the CRM shows other values of these
    members than both sides agreed on; with `unlinked` what has no partner yet, with `gone` what
    is deleted on one side.
    """
    open_rows = sa.select(actions.c.link_id).where(
        actions.c.stream_id == stream_id, actions.c.state.in_(("waiting", "released", "dropped"))
    )
    held = sa.select(helds.c.link_id).where(helds.c.state.in_(("open", "decided")))
    which = [
        table.c.id.in_(open_rows),
        table.c.id.in_(held),
        table.c.id.in_(sa.select(parked.c.link_id)),
        *(table.c.seen.contains(f'"{name}":', autoescape=True) for name in members),
    ]
    if unlinked:
        which.append(table.c.state == LinkState.NEW)
    if gone:
        which += [table.c.prm_gone != 0, table.c.crm_gone != 0]
    connection.execute(
        table.update()
        .where(
            table.c.stream_id == stream_id,
            table.c.state != LinkState.ENDED,
            table.c.dirty == Dirty.CLEAN,
            sa.or_(*which),
        )
        .values(dirty=Dirty.REMAPPED)
    )


def forget_fields(
    connection: sa.Connection, stream_id: int, names: Sequence[str], after: int, limit: int
) -> int | None:
    """Take fields out of what was agreed on and seen, on the next links by id; returns the last
    id that was looked at, None at the end."""
    named = [
        column.contains(f'"{name}":', autoescape=True)
        for name in names
        for column in (table.c.base, table.c.seen)
    ]
    statement = link_statements.page(link_statements.HERE, sa.or_(*named))
    found = links.fetch(connection, statement, stream=stream_id, after=after, limit=limit)
    for link in found:
        for values in (link.base, link.crm):
            for name in names:
                if values is not None:
                    values.pop(name, None)
    links.save(connection, found)
    return found[-1].id if len(found) == limit else None
