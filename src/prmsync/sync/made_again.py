"""What was merged away in the CRM and made again, as a person decided, has a new id there.

Records that refer to it still show the old id, which the CRM takes for the record that is left of
the merge. So the next decision about them sees that they name another record, and not only when
somebody happens to edit them.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from prmsync.store import links, lost_links
from prmsync.store.bulk import select_rows
from prmsync.store.links import MERGED, Dirty
from prmsync.store.lost_links import Gone
from prmsync.store.tables import PRM_TABLES
from prmsync.sync.session import UNRESOLVED, Session, Stream


def leave_behind(
    connection: sa.Connection, session: Session, stream: Stream, gone: Mapping[str, Gone]
) -> None:
    """Keep tombstones of CRM records in whose place others have come, and look again at what
    refers to those that were merged away. `gone` is by the id of our record."""
    lost_links.remember_gone(connection, stream.id, list(gone.values()))
    merged = {
        prm_id: crm_id
        for prm_id, (crm_id, _, known) in gone.items()
        if known is not None and MERGED in known
    }
    for child in session.active if merged else ():
        for field, parent in child.references.items():
            if parent == stream.name and child.spec.relation is None:
                _look_again(connection, child, field, merged)


def _look_again(
    connection: sa.Connection, child: Stream, field: str, merged: Mapping[str, str]
) -> None:
    table = PRM_TABLES[child.name]
    rows = select_rows(connection, [table.c.id], table.c[field], list(merged))
    referring = links.by_prm_ids(connection, child.id, [str(row[0]) for row in rows])
    found = []
    for one in referring.values():
        old = merged.get(str((one.crm or {}).get(field)))
        if old is not None and not one.crm_gone:
            one.crm = {**(one.crm or {}), field: f"{UNRESOLVED}{old}"}
            one.dirty = Dirty.CHANGED
            found.append(one)
    links.save(connection, found)
