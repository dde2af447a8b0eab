"""Where relations are no records of their own (HubSpot), a relation's id begins with its deal's.

When the deal goes on under another id, its relations are found under that one only. Were they left
under the old id, the same relation would be read once more and be taken for a duplicate, and nobody
would ever see that the old one is gone.
"""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.connector.protocol import RelationReader
from prmsync.store import held, links, relation_links
from prmsync.store.held import HeldState
from prmsync.store.links import Dirty, Link
from prmsync.sync.session import Session, Stream


def rename_relations(
    connection: sa.Connection, session: Session, deals: Stream, lost: str, into: str
) -> None:
    """The relations of the deal that had the CRM id `lost` go on under `into`. What was read there
    already becomes one with them. Those that are known to be gone keep the id that they had."""
    if not isinstance(session.connector, RelationReader):
        return
    for stream in session.streams.values():
        if stream.spec.relation is not None and stream.references.get("opportunity") == deals.name:
            left = relation_links.relations_of(connection, stream.id, [lost])
            _rename(connection, stream, [one for one in left if not one.crm_gone], into)


def _rename(connection: sa.Connection, stream: Stream, found: list[Link], into: str) -> None:
    wanted = {one.id: _under(into, str(one.crm_id)) for one in found}
    there = links.by_crm_ids(connection, stream.id, wanted.values())
    taken = links.give_up(connection, list(there.values()))
    free = [one.id for crm_id, one in there.items() if crm_id not in taken]
    items = [item.id for waiting in held.of_links(connection, free).values() for item in waiting]
    held.close_items(connection, items, HeldState.MOVED)
    renamed = [one for one in found if wanted[one.id] not in taken]
    for one in renamed:
        one.crm_id = wanted[one.id]
        shown = there.get(wanted[one.id])
        if shown is not None and shown.crm_gone:
            one.crm_gone, one.dirty = True, Dirty.CHANGED
    links.save(connection, renamed)


def _under(deal: str, relation: str) -> str:
    return f"{deal}:{relation.partition(':')[2]}"
