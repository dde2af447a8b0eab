"""What a comparison tells of linked records that are gone in the CRM: deleted, or merged."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from prmsync.store import links, lost_links
from prmsync.store.links import MERGED, Link
from prmsync.sync.comparing import SHOWN, Merged, StreamReport
from prmsync.sync.session import Stream
from prmsync.sync.status import titles

DELETED = "deleted in the CRM"
MERGED_AWAY = "merged into another record in the CRM"


def explain_gone(
    connection: sa.Connection, stream: Stream, link_ids: Sequence[int], report: StreamReport
) -> None:
    """Count these records by how they went, and name into what the first ones were merged."""
    if not link_ids:
        return
    found = links.by_ids(connection, link_ids).values()
    merged = [one for one in found if MERGED in (one.crm or {})]
    if len(link_ids) > len(merged):
        report.explain(DELETED, len(link_ids) - len(merged))
    if merged:
        report.explain(MERGED_AWAY, len(merged))
        first = merged[: max(0, SHOWN - len(report.merged))]
        report.merged.extend(_named(connection, stream, first))


def _named(connection: sa.Connection, stream: Stream, merged: Sequence[Link]) -> list[Merged]:
    """The records that are left, merge after merge, with their names here where they have one."""
    left = lost_links.survivors(connection, stream.id, [str(one.crm_id) for one in merged])
    linked = [one for one in left.values() if isinstance(one, Link) and one.is_linked]
    names = titles(connection, stream.name, linked)
    rows = []
    for one in merged:
        into = left.get(str(one.crm_id))
        if isinstance(into, Link):
            rows.append(Merged(one.prm_id, str(one.crm_id), into.crm_id, names.get(into.id)))
        else:
            rows.append(Merged(one.prm_id, str(one.crm_id), into, None))
    return rows
