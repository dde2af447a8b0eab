"""References between records, swapped from one side's ids to the other's through links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import links
from prmsync.sync.session import UNRESOLVED, Stream


def to_prm(
    connection: sa.Connection, stream: Stream, streams: Mapping[str, Stream], rows: list[Values]
) -> None:
    """Replace CRM ids in freshly read rows by ids of our side; what has no link yet is marked."""
    for field, parent in stream.references.items():
        wanted = {str(row[field]) for row in rows if row.get(field)}
        if not wanted:
            continue
        known = links.crm_to_prm(connection, streams[parent].id, wanted)
        for row in rows:
            value = row.get(field)
            if value:
                row[field] = known.get(str(value), f"{UNRESOLVED}{value}")


def resolve_marked(
    connection: sa.Connection, stream: Stream, streams: Mapping[str, Stream], rows: list[Values]
) -> None:
    """Try again for references that had no link when they were read."""
    for field, parent in stream.references.items():
        marked = [row for row in rows if is_marked(row.get(field))]
        if not marked:
            continue
        wanted = {str(row[field])[len(UNRESOLVED) :] for row in marked}
        known = links.crm_to_prm(connection, streams[parent].id, wanted)
        for row in marked:
            found = known.get(str(row[field])[len(UNRESOLVED) :])
            if found is not None:
                row[field] = found


def is_marked(value: object) -> bool:
    return isinstance(value, str) and value.startswith(UNRESOLVED)


def to_crm(
    connection: sa.Connection,
    stream: Stream,
    streams: Mapping[str, Stream],
    rows: Iterable[Values],
) -> list[tuple[Values, set[str]]]:
    """Copies of rows with CRM ids in their references, and the fields that have none yet."""
    copies: list[tuple[Values, set[str]]] = [(dict(row), set()) for row in rows]
    for field, parent in stream.references.items():
        wanted = {str(row[field]) for row, _ in copies if row.get(field)}
        if not wanted:
            continue
        known = links.prm_to_crm(connection, streams[parent].id, wanted)
        for row, missing in copies:
            value = row.get(field)
            if value:
                crm_id = known.get(str(value))
                if crm_id is None:
                    missing.add(field)
                    del row[field]
                else:
                    row[field] = crm_id
    return copies
