"""References between records, swapped from one side's ids to the other's through links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import links, lost_links
from prmsync.store.links import Link, LinkState
from prmsync.sync.session import UNRESOLVED, Stream


def to_prm(
    connection: sa.Connection, stream: Stream, streams: Mapping[str, Stream], rows: list[Values]
) -> None:
    """Replace CRM ids in freshly read rows by ids of our side; what has no link yet is marked."""
    for field, parent in stream.references.items():
        wanted = {str(row[field]) for row in rows if row.get(field)}
        if not wanted:
            continue
        known = _known(connection, stream, streams[parent].id, wanted)
        for row in rows:
            value = row.get(field)
            if value:
                row[field] = known.get(str(value), f"{UNRESOLVED}{value}")


def resolve_marked(
    connection: sa.Connection, stream: Stream, streams: Mapping[str, Stream], rows: list[Values]
) -> bool:
    """Try again for references that had no link when they were read; whether some have none yet."""
    left = False
    for field, parent in stream.references.items():
        if not _is_marked_in(rows, field):
            continue
        marked = [row for row in rows if is_marked(row.get(field))]
        wanted = {str(row[field])[len(UNRESOLVED) :] for row in marked}
        known = _known(connection, stream, streams[parent].id, wanted)
        for row in marked:
            found = known.get(str(row[field])[len(UNRESOLVED) :])
            if found is not None:
                row[field] = found
            else:
                left = True
    return left


def marked_in(stream: Stream, rows: Sequence[Values]) -> bool:
    """Whether some reference of any of these records has no link yet."""
    return any(_is_marked_in(rows, field) for field in stream.references)


def _is_marked_in(rows: Sequence[Values], field: str) -> bool:
    return any(map(is_marked, {row.get(field) for row in rows}))


def _known(
    connection: sa.Connection, stream: Stream, parent_id: int, wanted: set[str]
) -> dict[str, str]:
    """CRM id → our id; the id of a record that was merged away means the one that is left."""
    known = links.crm_to_prm(connection, parent_id, wanted)
    missing = wanted - known.keys()
    if missing:
        for crm_id, row in lost_links.survivors(connection, parent_id, missing).items():
            if not isinstance(row, Link):
                continue
            merged = row.crm_id != crm_id and row.is_linked
            if merged or (stream.spec.relation is None and _let_go(row)):
                known[crm_id] = str(row.prm_id)
    return known


def _let_go(link: Link) -> bool:
    """Whether a record was deleted in the CRM and stays here by itself. A record that names it
    there still means ours; a relation with it is gone, whatever the CRM still shows of it."""
    ended = link.state == LinkState.ENDED and link.prm_id is not None
    return ended and link.crm_gone and not link.prm_gone


def named_anew(
    connection: sa.Connection,
    stream: Stream,
    streams: Mapping[str, Stream],
    before: Values,
    now: Values,
) -> bool:
    """Whether two readings of a CRM record differ in nothing but by which name of ours we know what
    it refers to: a link has come, or has ended, between them."""
    names = {one for one in before.keys() | now.keys() if before.get(one) != now.get(one)}
    return names <= stream.references.keys() and all(
        _meant(connection, streams[stream.references[one]].id, before.get(one))
        == _meant(connection, streams[stream.references[one]].id, now.get(one))
        for one in names
    )


def _meant(connection: sa.Connection, parent_id: int, value: object) -> str | None:
    """The CRM's id of what a reference names, whatever became of the link."""
    if value is None or is_marked(value):
        return marked_id(value)
    link = links.by_prm_ids(connection, parent_id, [str(value)]).get(str(value))
    return None if link is None else link.crm_id


def name_what_is_gone(
    connection: sa.Connection, stream: Stream, streams: Mapping[str, Stream], rows: Sequence[Values]
) -> list[bool]:
    """Whether each row names a record that the CRM no longer has, by our ids. Where it was merged
    away, the CRM would take its id for the other record."""
    found = [False] * len(rows)
    for field, parent in stream.references.items():
        wanted = {str(row[field]) for row in rows if row.get(field)}
        gone = lost_links.gone_among(connection, streams[parent].id, wanted) if wanted else set()
        for index, row in enumerate(rows):
            found[index] = found[index] or row.get(field) in gone
    return found


def is_marked(value: object) -> bool:
    return isinstance(value, str) and value.startswith(UNRESOLVED)


def marked_id(value: object) -> str | None:
    """The CRM's id in a reference that has no link yet; None in every other one."""
    return str(value)[len(UNRESOLVED) :] if is_marked(value) else None


def any_marked(stream: Stream, values: Values) -> bool:
    """Whether some reference of a record has no link yet."""
    for name in stream.references:
        value = values.get(name)
        if value is not None and is_marked(value):
            return True
    return False


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
