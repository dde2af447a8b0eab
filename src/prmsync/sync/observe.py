"""Reading both sides. What a read shows is stored before its cursor moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from prmsync.connector.protocol import BAD_CURSOR, Page, Record
from prmsync.domain.merge import OnDelete
from prmsync.domain.values import Values
from prmsync.errors import ConnectorError
from prmsync.store import change_log, links, observations, streams
from prmsync.store import records as prm_records
from prmsync.store.links import Observation
from prmsync.sync import references
from prmsync.sync.session import KEY, UNREADABLE, Session, Stream

LOG_PAGE = 5000
ENOUGH = 1000
"""Records of one transaction; a CRM's own pages may be smaller."""


def observe(session: Session, *, full: bool = False) -> None:
    """Read what changed on both sides of every stream; `full` reads everything there is."""
    for stream in session.streams.values():
        observe_crm(session, stream, full=full)
    for stream in session.streams.values():
        observe_prm(session, stream)


def observe_crm(session: Session, stream: Stream, *, full: bool = False) -> None:
    """Store every page of CRM changes; the cursor moves with the last one."""
    before = stream.state.mapping_hash
    changed = before is not None and before != stream.mark
    known = stream.state.crm_cursor
    if known is not None:
        # Also before everything is read: what was deleted since is shown to who has a cursor.
        _read_changes(session, stream, known, replaced=full or changed)
    if known is None or full or changed:
        _read_since(session, stream, None)
    if before != stream.mark:
        _under_new_mapping(session, stream, decide_all=changed)


def _read_changes(session: Session, stream: Stream, cursor: str, *, replaced: bool) -> None:
    """With `replaced` everything is read next, and a cursor that cannot be used does no harm."""
    try:
        _read_since(session, stream, cursor)
    except ConnectorError as error:
        if not replaced or error.code != BAD_CURSOR:
            raise


def _read_since(session: Session, stream: Stream, cursor: str | None) -> None:
    for page in gathered(session.connector.changes(stream.spec, cursor)):
        with session.database.begin() as connection:
            session.fence(connection)
            store_records(connection, session, stream, page.records)
            _missing_relations(connection, stream, page)
            if page.cursor is not None:
                stream.state.crm_cursor = page.cursor
                stream.state.read_at = session.now()
                streams.save_stream(connection, stream.state)
        session.progress(f"reading {stream.name} from {session.connector_title}", len(page.records))


def _under_new_mapping(session: Session, stream: Stream, *, decide_all: bool) -> None:
    """Everything was read under this mapping; what it says of old records is decided anew."""
    with session.database.begin() as connection:
        session.fence(connection)
        if decide_all:
            links.set_all_dirty(connection, stream.id)
        stream.state.mapping_hash = stream.mark
        streams.save_stream(connection, stream.state)


def gathered(pages: Iterable[Page]) -> Iterator[Page]:
    """Small pages joined until a transaction is worth while."""
    records: list[Record] = []
    complete: list[str] = []
    last: str | None = None
    for page in pages:
        records.extend(page.records)
        complete.extend(page.complete_for)
        last = page.cursor or last
        if len(records) >= ENOUGH:
            yield Page(records, last, tuple(complete))
            records, complete, last = [], [], None
    yield Page(records, last, tuple(complete))


def store_records(
    connection: sa.Connection, session: Session, stream: Stream, records: Sequence[Record]
) -> list[str]:
    """Translate and store CRM records; returns the CRM ids that are new or changed."""
    rows = [translated(stream, record) for record in records]
    references.to_prm(connection, stream, session.streams, rows)
    seen = [
        Observation(record.id, record.version, record.modified_by, row, record.deleted)
        for record, row in zip(records, rows, strict=True)
    ]
    return observations.observe_crm(connection, stream.id, seen, anew=_propagates(stream))


def _propagates(stream: Stream) -> bool:
    return stream.mapping.on_delete is OnDelete.PROPAGATE


def translated(stream: Stream, record: Record) -> Values:
    """A CRM record as prm values, with what could not be read marked instead of guessed."""
    if record.deleted:
        return {}
    result = stream.translator.read(record.values)
    values = result.values
    if result.problems:
        values[UNREADABLE] = ",".join(sorted(problem.field for problem in result.problems))
    if stream.spec.key is not None:
        key = record.values.get(stream.spec.key)
        if key:
            values[KEY] = key
    return values


def _missing_relations(connection: sa.Connection, stream: Stream, page: Page) -> None:
    """A deal that was read whole shows which of its relations are gone: that is evidence."""
    present = {record.id for record in page.records}
    gone = [
        Observation(str(link.crm_id), link.crm_version or "", None, {}, deleted=True)
        for link in links.relations_of(connection, stream.id, page.complete_for)
        if link.crm_id not in present and not link.crm_gone
    ]
    if gone:
        observations.observe_crm(connection, stream.id, gone)


def observe_prm(session: Session, stream: Stream) -> None:
    """Mark what changed in the partner database; the first time, everything in it."""
    with session.database.begin() as connection:
        session.fence(connection)
        if stream.state.prm_cursor == change_log.START:
            _all_of_prm(connection, stream)
            return
    while True:
        with session.database.begin() as connection:
            session.fence(connection)
            changes, cursor = change_log.changes_after(
                connection, stream.state.prm_cursor, stream.name, LOG_PAGE
            )
            gone = {one: op == "delete" for one, op in changes.items()}
            observations.observe_prm(connection, stream.id, gone, anew=_propagates(stream))
            moved = cursor != stream.state.prm_cursor
            stream.state.prm_cursor = cursor
            if moved:
                streams.save_stream(connection, stream.state)
        if not changes:
            return


def _all_of_prm(connection: sa.Connection, stream: Stream) -> None:
    stream.state.prm_cursor = change_log.head(connection)
    after = ""
    while ids := prm_records.ids(connection, stream.name, after, LOG_PAGE):
        observations.observe_prm(connection, stream.id, dict.fromkeys(ids, False))
        after = ids[-1]
    streams.save_stream(connection, stream.state)
