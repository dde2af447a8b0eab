"""Records that come back out of a CRM's recycle bin after they were deleted here too.

They are new to their link, but not to the other connections: those know them under the id that
the CRM's key still names. Under another id the same record would be created there once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

from prmsync.store import links, written
from prmsync.store import records as prm_records
from prmsync.store.links import Link, LinkState
from prmsync.sync.session import KEY, Stream


@dataclass(frozen=True, slots=True)
class Keyed:
    """Links, about to get a record of ours, whose CRM record carries our key."""

    free: dict[int, str] = field(default_factory=dict)
    """Link id → the id that its record had here; nothing has it now."""
    there: set[int] = field(default_factory=set)
    """Links whose record another connection has brought back already: the next run links them."""


def keyed(connection: sa.Connection, stream: Stream, created: Sequence[Link]) -> Keyed:
    """What the keys of these links' CRM records name. A key that is none of ours, or that names a
    record linked to another one of the same CRM, counts for nothing."""
    named: dict[str, int] = {}
    for link in created:
        key = link.crm.get(KEY) if link.crm and link.prm_id is None else None
        if key is not None and _is_id(str(key)):
            named.setdefault(str(key), link.id)
    found = Keyed()
    if not named:
        return found
    taken = links.by_prm_ids(connection, stream.id, named)
    present = prm_records.read(connection, stream.name, list(named), only=())
    for key, link_id in named.items():
        if key in taken:
            continue
        if key in present:
            found.there.add(link_id)
        else:
            found.free[link_id] = key
    return found


def come_back(connection: sa.Connection, stream: Stream, page: Sequence[Link]) -> set[int]:
    """The ids of links whose record one side deleted, a run then on the other side, and which
    somebody restored since: they are no newcomers, whatever the mapping says of those."""
    if stream.rule.create_crm and stream.rule.create_prm:
        return set()
    alone = [
        one.id
        for one in page
        if one.state == LinkState.NEW and (one.prm_id is None or one.crm_id is None)
    ]
    return written.deleted_once(connection, alone) if alone else set()


def _is_id(key: str) -> bool:
    try:
        return str(UUID(key)) == key
    except ValueError:
        return False
