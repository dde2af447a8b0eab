"""A merge in HubSpot may leave a record with a third id: neither of the two that were merged.

It is the one that the person kept, under another id, so what is known of that one holds for it too:
also that its record of ours was deleted and is not made again. A duplicate that took a record of
ours in before anybody read it cannot be told from that, and is treated alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import lost_links
from prmsync.store.links import KEY, Link, LinkState
from prmsync.sync.session import Stream


def kept_records(connection: sa.Connection, stream: Stream, lost: Sequence[Link]) -> set[int]:
    """Ids of the links whose record was kept, and is found under a third id that belongs to nobody
    yet. `lost` are links whose CRM record was merged away."""
    left = lost_links.survivors(connection, stream.id, [str(one.crm_id) for one in lost])
    merged: dict[str, tuple[Link, list[Link]]] = {}
    for one in lost:
        row = left.get(str(one.crm_id))
        if isinstance(row, Link) and is_free(row):
            merged.setdefault(str(row.crm_id), (row, []))[1].append(one)
    names = [KEY, *stream.fields]
    kept = (_kept(row.crm or {}, those, names) for row, those in merged.values())
    return {one.id for one in kept if one is not None}


def is_free(row: Link) -> bool:
    """Whether a CRM record that is there belongs to none of ours."""
    return not row.crm_gone and row.prm_id is None and row.state == LinkState.NEW


def _kept(shown: Values, lost: Iterable[Link], names: Sequence[str]) -> Link | None:
    """A merge leaves the values of the record that is kept and fills its blanks from the other: of
    the kept one least is missing."""
    known = [one for one in lost if any((one.crm or {}).get(name) is not None for name in names)]
    return min(known, key=lambda one: (_missing(shown, one.crm or {}, names), one.id), default=None)


def _missing(shown: Values, had: Values, names: Sequence[str]) -> int:
    return sum(had.get(name) not in (None, shown.get(name)) for name in names)
