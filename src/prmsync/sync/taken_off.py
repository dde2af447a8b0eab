"""Relations that somebody takes off in a CRM while ours are gone with their deal or partner.

They rest there, as both of their ends still stand; so it is not with an end that they go. Where
the end is wanted here again and brings its relation along, the two words stand against each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from prmsync.store import links
from prmsync.store.links import LinkState, Observation
from prmsync.sync.session import Session, Stream


def note_taken_off(
    connection: sa.Connection, session: Session, stream: Stream, seen: Sequence[Observation]
) -> None:
    """Called before these records are stored, and after the ends were read: nothing counts as
    agreed on any more of a relation that was taken off so."""
    if stream.spec.relation is None:
        return
    gone = [one.crm_id for one in seen if one.deleted]
    found = links.by_crm_ids(connection, stream.id, gone).values() if gone else ()
    off = [one for one in found if _rests_there(one)]
    for field, parent in stream.references.items() if off else ():
        named = {one.id: str((one.base or {}).get(field)) for one in off}
        ends = links.by_prm_ids(connection, session.streams[parent].id, set(named.values()))
        off = [one for one in off if named[one.id] in ends and not ends[named[one.id]].crm_gone]
    for one in off:
        one.base = {}
    links.save(connection, off)


def _rests_there(link: links.Link) -> bool:
    return link.state == LinkState.DORMANT and link.prm_gone and not link.crm_gone
