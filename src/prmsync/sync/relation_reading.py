"""Relations that have no changes of their own, read again in turn.

Where an edit of a relation touches no record (HubSpot's associations), what changed since the last
run does not show it. So each run reads the relations of the next thousand deals anew, and begins
again when it has come to the end; a relation that is not there any more is gone, with evidence.
"""

from __future__ import annotations

from prmsync.connector.protocol import Page, RelationReader
from prmsync.store import pairs, streams
from prmsync.sync.observe import missing_relations, store_records
from prmsync.sync.session import Session, Stream

SLICE = 1000
"""Deals whose relations one run reads again: one call, and one more for each that has hundreds."""


def read_relations(session: Session) -> None:
    """The next slice of each stream whose connector has to be asked; a restart goes on behind the
    last slice that was stored."""
    if not isinstance(session.connector, RelationReader):
        return
    for stream in session.active:
        if stream.spec.relation is not None and stream.state.crm_cursor is not None:
            deals = session.streams.get(stream.references["opportunity"])
            if deals is not None:
                _read_slice(session, session.connector, stream, deals)


def _read_slice(session: Session, connector: RelationReader, stream: Stream, deals: Stream) -> None:
    ids = _next(session, stream, deals)
    after = ids[-1] if len(ids) == SLICE else ""
    if not ids and after == stream.state.relations_after:
        return
    page = connector.relations_of(stream.spec, ids) if ids else Page([])
    with session.database.begin() as connection:
        session.fence(connection)
        store_records(connection, session, stream, page.records)
        missing_relations(connection, stream, page)
        stream.state.relations_after = after
        streams.save_stream(connection, stream.state)
    session.progress(f"reading {stream.name} from {session.connector_title}", len(ids))


def _next(session: Session, stream: Stream, deals: Stream) -> list[str]:
    """CRM ids of the deals whose turn it is; none in the run that reads everything first."""
    after = stream.state.relations_after
    if after is None:
        return []
    with session.database.read() as connection:
        return pairs.crm_ids_after(connection, deals.id, after, SLICE)
