"""What is gone in the CRM and was made again, as a person decided, has a new id there.

Records that refer to it still show the old id. After a merge the CRM takes that for the record that
is left of it; else it names nobody any more. So the next decision about them sees that, and not
only when somebody happens to edit them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.domain.values import Values
from prmsync.store import links, lost_links
from prmsync.store.bulk import select_rows
from prmsync.store.journal import Action
from prmsync.store.links import AGAIN, Dirty, Link
from prmsync.store.lost_links import Gone
from prmsync.store.tables import PRM_TABLES
from prmsync.sync import references
from prmsync.sync.bookkeeping import join
from prmsync.sync.session import UNRESOLVED, Session, Stream

NEW_ID = "what it names was made again under another id"


def leave_behind(
    connection: sa.Connection, session: Session, stream: Stream, gone: Mapping[str, Gone]
) -> None:
    """Keep tombstones of CRM records in whose place others have come, and look again at what
    refers to them. `gone` is by the id of our record."""
    lost_links.remember_gone(connection, stream.id, list(gone.values()))
    old = {prm_id: one[0] for prm_id, one in gone.items()}
    for child in session.active if old else ():
        for field, parent in child.references.items():
            if parent == stream.name and child.spec.relation is None:
                _look_again(connection, child, field, old)


def _look_again(
    connection: sa.Connection, child: Stream, field: str, gone: Mapping[str, str]
) -> None:
    table = PRM_TABLES[child.name]
    rows = select_rows(connection, [table.c.id], table.c[field], list(gone))
    referring = links.by_prm_ids(connection, child.id, [str(row[0]) for row in rows])
    found = []
    for one in referring.values():
        shown = str((one.crm or {}).get(field))
        old = f"{UNRESOLVED}{gone[shown]}" if shown in gone else shown
        if references.is_marked(old) and not one.crm_gone:
            one.crm = {**(one.crm or {}), field: old}  # or one that it had still before
            one.dirty = Dirty.CHANGED
            found.append(one)
    links.save(connection, found)


def named_by_old_ids(
    connection: sa.Connection,
    stream: Stream,
    streams: Mapping[str, Stream],
    found: Sequence[Link],
) -> dict[int, list[str]]:
    """Read such references of these links as what they mean here; returns, by link, those that can
    be written anew, because their record is there under its new id."""
    outdated: dict[int, list[str]] = {}
    rows = [one.crm for one in found if one.crm is not None]
    if stream.spec.relation is not None or not references.marked_in(stream, rows):
        return outdated
    for field, parent in stream.references.items():
        old = {one.id: references.marked_id((one.crm or {}).get(field)) for one in found}
        meant = _meant(connection, streams[parent].id, (one for one in old.values() if one))
        for one in found if meant else ():
            link = meant.get(old[one.id] or "")
            if link is None or one.crm is None:
                continue
            one.crm[field] = link.prm_id
            if link.is_linked and not link.crm_gone and field in stream.rule.taken_by[Side.CRM]:
                outdated.setdefault(one.id, []).append(field)
    return outdated


def _meant(connection: sa.Connection, parent_id: int, crm_ids: Iterable[str]) -> dict[str, Link]:
    """Old CRM id → the link of the record that was made again; without those deleted here since."""
    wanted = set(crm_ids)
    rows = links.by_crm_ids(connection, parent_id, wanted) if wanted else {}
    again = {
        crm_id: str(one.crm[AGAIN])
        for crm_id, one in rows.items()
        if one.prm_id is None and one.crm_gone and one.crm and one.crm.get(AGAIN)
    }
    known = links.by_prm_ids(connection, parent_id, again.values()) if again else {}
    return {
        crm_id: known[prm_id]
        for crm_id, prm_id in again.items()
        if prm_id in known and not known[prm_id].prm_gone
    }


def name_anew(link: Link, prm: Values | None, fields: Collection[str], made: list[Action]) -> None:
    """Give the CRM the new ids of what a record refers to. It is told as the filling of a blank:
    the old id names nobody there, and no value of anybody is replaced."""
    goes = prm is None or any(one.op in ("create", "delete") for one in made)
    for name in fields if not goes else ():
        ours = (prm or {}).get(name)
        written = any(one.side == Side.CRM and name in one.fields for one in made)
        if not written and ours == (link.crm or {}).get(name):
            join(made, link, Side.CRM, name, (None, ours), NEW_ID)
