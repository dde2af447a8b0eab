"""Reading both sides. What a read shows is stored before its cursor moves."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from typing import Protocol

import sqlalchemy as sa

from prmsync.connector.columns import RecordColumns, cells
from prmsync.connector.protocol import BAD_CURSOR, EarlyReader, Page, Record
from prmsync.domain.merge import OnDelete
from prmsync.domain.values import Values
from prmsync.errors import ConnectorError, QuotaError, SchemaError
from prmsync.mapping.status import REASON, STATUS_KEYS
from prmsync.mapping.translated import Rows
from prmsync.store import (
    change_log,
    erasures,
    links,
    observations,
    relation_links,
    remapped,
    streams,
    told,
)
from prmsync.store import records as prm_records
from prmsync.store.erasing import BLANK
from prmsync.store.links import Observation
from prmsync.sync import references
from prmsync.sync.describing import doubt_people
from prmsync.sync.mapping_change import NOTHING
from prmsync.sync.refused_here import try_again
from prmsync.sync.session import KEY, STOOD_IN, UNREADABLE, Session, Stream
from prmsync.sync.taken_off import note_taken_off

LOG_PAGE = 5000
ENOUGH = 2000
"""Records of one transaction; a CRM's own pages may be smaller."""


class Fresh(Protocol):
    """Who takes pages of a first load over in the transaction that stores them
    (`prmsync.sync.fresh`). It may move the stream's place in the change log, which is stored with
    the page."""

    def admits(self, stream: Stream) -> bool: ...

    def begin(self, stream: Stream) -> bool: ...

    def took(self, stream: Stream) -> bool: ...

    def take(
        self, connection: sa.Connection, stream: Stream, seen: Sequence[Observation]
    ) -> Sequence[Observation]: ...


def observe(
    session: Session,
    *,
    full: bool = False,
    later: bool = False,
    tentative: bool = False,
    fresh: Fresh | None = None,
) -> None:
    """Read what changed on both sides of every stream; `full` reads everything there is.

    With `later`, reading everything for a new field is left to `backfill`. With `tentative`
    (`prmsync plan`) what a removed field had agreed on is not forgotten yet. `fresh` takes over
    what it can of a first load.
    """
    for name in [one.name for one in session.active]:
        try:
            _observe_named(session, name, fresh, full=full, later=later, tentative=tentative)
        except SchemaError:
            if not session.look_again():
                raise
            _observe_named(session, name, fresh, full=full, later=later, tentative=tentative)
    for stream in session.active:
        if fresh is None or not fresh.took(stream):  # else our own writes would be observed now
            observe_prm(session, stream)


def begin_reading(session: Session) -> None:
    """Let the connector ask for the first page of every stream while something else is done."""
    if isinstance(session.connector, EarlyReader):
        session.connector.expect([(one.spec, one.state.crm_cursor) for one in session.active])


def _observe_named(
    session: Session, name: str, fresh: Fresh | None, *, full: bool, later: bool, tentative: bool
) -> None:
    """Nothing where the stream has been paused meanwhile."""
    stream = session.streams.get(name)
    if stream is not None:
        taking = None
        if fresh is not None and fresh.admits(stream):
            observe_prm(session, stream)
            taking = fresh if fresh.begin(stream) else None
        observe_crm(session, stream, full=full, later=later, tentative=tentative, fresh=taking)


def settle_rules(session: Session) -> None:
    """Streams of which a part was paused while a run was at work: what waits is decided anew."""
    for stream in session.active:
        change = stream.change
        if stream.state.mapping_hash not in (None, stream.mark) and not (
            change.reads or change.backfills or change.removed
        ):
            _under_new_mapping(session, stream)


def observe_crm(
    session: Session,
    stream: Stream,
    *,
    full: bool = False,
    later: bool = False,
    tentative: bool = False,
    fresh: Fresh | None = None,
) -> None:
    """Store every page of CRM changes; the cursor moves with the last one."""
    known, change = stream.state.crm_cursor, stream.change
    if stream.state.mapping_hash is None:
        _remember(session, stream)  # before the first page: a later edit finds what was read how
    moved = tuple(name for name in change.removed if name in change.added)
    lost = moved if tentative else change.removed
    if lost:
        _forget(session, stream, lost)
    everything = full or known is None or change.reads
    if known is not None:
        # Also before everything is read: what was deleted since is shown to who has a cursor.
        _read_changes(session, stream, known, replaced=everything or change.backfills)
    if everything or (change.backfills and not later):
        _read_since(session, stream, None, fresh)
    elif change.backfills:
        return
    if stream.state.mapping_hash != stream.mark:
        _under_new_mapping(session, stream, settled=lost == change.removed)


def backfill(session: Session) -> bool:
    """Read everything for fields that are new in a mapping, once people's edits are written;
    whether there was anything to read."""
    waiting = [one for one in session.active if one.change.backfills]
    for stream in waiting:
        _read_since(session, stream, None)
        _under_new_mapping(session, stream)
    return bool(waiting)


def _read_changes(session: Session, stream: Stream, cursor: str, *, replaced: bool) -> None:
    """With `replaced` everything is read next, and a cursor that cannot be used does no harm."""
    try:
        _read_since(session, stream, cursor)
    except ConnectorError as error:
        if not replaced or error.code != BAD_CURSOR:
            raise


def _read_since(
    session: Session, stream: Stream, cursor: str | None, fresh: Fresh | None = None
) -> None:
    with closing(gathered(session.connector.changes(stream.spec, cursor))) as pages:
        for page in pages:
            _take_page(session, stream, page, fresh)
            session.progress(
                f"reading {stream.name} from {session.connector_title}", len(page.records)
            )


def _take_page(session: Session, stream: Stream, page: Page, fresh: Fresh | None) -> None:
    with session.database.begin() as connection:
        session.fence(connection)
        seen = _observations(connection, session, stream, page.records)
        left = seen if fresh is None else fresh.take(connection, stream, seen)
        if left:
            note_taken_off(connection, session, stream, left)
            _store(connection, stream, left, lagging=page.lagging)
        missing_relations(connection, stream, page)
        if page.cursor is not None:
            stream.state.crm_cursor = page.cursor
            stream.state.read_at = session.now()
        if page.cursor is not None or fresh is not None:
            streams.save_stream(connection, stream.state)


def _remember(session: Session, stream: Stream) -> None:
    with session.database.begin() as connection:
        session.fence(connection)
        stream.state.mapping_hash = stream.mark
        streams.save_stream(connection, stream.state)


def _forget(session: Session, stream: Stream, names: Sequence[str]) -> None:
    """What was agreed on about fields that are no longer the same; a crash begins anew."""
    after: int | None = 0
    while after is not None:
        with session.database.begin() as connection:
            session.fence(connection)
            after = remapped.forget_fields(connection, stream.id, names, after, LOG_PAGE)


def _under_new_mapping(session: Session, stream: Stream, *, settled: bool = True) -> None:
    """What had to be read is read; what the mapping may decide otherwise now is decided anew.
    Unless `settled`, the next run has to go on with it."""
    change = stream.change
    with session.database.begin() as connection:
        session.fence(connection)
        if change.decides or change.added:
            remapped.set_all_dirty(connection, stream.id)
        else:
            remapped.set_unsettled_dirty(
                connection,
                stream.id,
                change.members,
                unlinked=change.matches,
                gone=change.deletes,
            )
        if settled:
            stream.state.mapping_hash = stream.mark
            streams.save_stream(connection, stream.state)
    stream.change = NOTHING


def gathered(pages: Iterable[Page]) -> Generator[Page, None, None]:
    """Small pages joined until a transaction is worth while. Where the calls run out, what was
    read until then comes first: it has cost calls. Closed early it ends the reading: nothing is
    on its way any more when the session's connections are closed."""
    records: Sequence[Record] = ()
    complete: list[str] = []
    last: str | None = None
    lagging = False
    try:
        for page in pages:
            lagging = lagging or page.lagging
            records = [*records, *page.records] if records else page.records
            complete.extend(page.complete_for)
            last = page.cursor or last
            if len(records) >= ENOUGH:
                joined = Page(records, last, tuple(complete), lagging)
                records, complete, last = (), [], None
                yield joined
    except QuotaError:
        yield Page(records, last, tuple(complete), lagging)
        raise
    finally:
        if isinstance(pages, Generator):
            pages.close()
    yield Page(records, last, tuple(complete), lagging)


def store_records(
    connection: sa.Connection, session: Session, stream: Stream, records: Sequence[Record]
) -> list[str]:
    """Translate and store CRM records; returns the CRM ids that are new or changed."""
    return _store(connection, stream, _observations(connection, session, stream, records))


def _observations(
    connection: sa.Connection, session: Session, stream: Stream, records: Sequence[Record]
) -> list[Observation]:
    rows = translated(stream, records)
    if stream.erased and stream.translator.status is not None:
        _mask_sentences(connection, stream, records, rows)
    if any(UNREADABLE in row or STOOD_IN in row for row in rows):
        doubt_people(connection, session.name)
    references.to_prm(connection, stream, session.streams, rows)
    if isinstance(records, RecordColumns):
        stamps, people = records.versions, records.modified_by
        ends = records.deleted, records.merged_into
        return list(map(Observation, records.ids, stamps, people, rows, *ends))
    return [
        Observation(
            record.id,
            record.version,
            record.modified_by,
            row,
            record.deleted,
            record.merged_into,
        )
        for record, row in zip(records, rows, strict=True)
    ]


def _store(
    connection: sa.Connection,
    stream: Stream,
    seen: Sequence[Observation],
    *,
    lagging: bool = False,
) -> list[str]:
    changed = observations.observe_crm(
        connection,
        stream.id,
        seen,
        anew=_propagates(stream),
        asks=_propagates(stream) and stream.spec.relation is None,
        kept=stream.kept,
        returned=stream.change.returned,
        lagging=lagging,
    )
    if changed and stream.translator.status is not None:
        showing = [one.crm_id for one in seen if not one.values.keys().isdisjoint(STATUS_KEYS)]
        told.look_again(connection, stream.id, changed, showing)
    return changed


def _mask_sentences(
    connection: sa.Connection, stream: Stream, records: Sequence[Record], rows: Sequence[Values]
) -> None:
    """An older sentence in the CRM may quote what was erased: not stored, it is told anew."""
    shown = [
        (record.id, row)
        for record, row in zip(records, rows, strict=True)
        if row.get(REASON) and (record.id in stream.erased or row.get(KEY) in stream.erased)
    ]
    known = links.by_crm_ids(connection, stream.id, [one for one, _ in shown]) if shown else {}
    for crm_id, row in shown:
        link = known.get(crm_id)
        if link is None or (link.crm or {}).get(REASON) != row[REASON]:
            row[REASON] = BLANK


def _propagates(stream: Stream) -> bool:
    return stream.mapping.on_delete is OnDelete.PROPAGATE


def translated(stream: Stream, records: Sequence[Record]) -> list[Values]:
    """CRM records as prm values, with what could not be read marked instead of guessed; nothing
    for deleted ones."""
    shown = _not_deleted(records)
    rows, problems, notes = _read(stream, shown)
    for place, found in problems.items():
        rows[place][UNREADABLE] = ",".join(sorted(one.field for one in found))
    for place, found in notes.items():
        rows[place][STOOD_IN] = "; ".join(map(str, found))
    if stream.spec.key is not None:
        for row, key in zip(rows, cells(shown, stream.spec.key), strict=True):
            if key:
                row[KEY] = key
    if stream.erased:
        for record, row in zip(shown, rows, strict=True):
            for known in (record.id, str(row.get(KEY))):
                erasures.strip(row, stream.erased.get(known, {}))
    _read_status(stream, shown, rows)
    if len(rows) == len(records):
        return rows
    there = iter(rows)
    return [{} if one.deleted else next(there) for one in records]


def _not_deleted(records: Sequence[Record]) -> Sequence[Record]:
    if isinstance(records, RecordColumns) and not any(records.deleted):
        return records
    return [one for one in records if not one.deleted]


def _read(stream: Stream, records: Sequence[Record]) -> Rows:
    if isinstance(records, RecordColumns):
        return stream.translator.read_columns(records.values, len(records))
    return stream.translator.read_page([one.values for one in records])


def _read_status(stream: Stream, records: Sequence[Record], rows: Sequence[Values]) -> None:
    status = stream.translator.status
    if status is None:
        return
    told_in = [one.name for one in status.fields.values()]
    if not any(any(cells(records, name)) for name in told_in):
        return
    for record, row in zip(records, rows, strict=True):
        if any(map(record.values.get, told_in)):
            status.read(record.values, row)


def missing_relations(connection: sa.Connection, stream: Stream, page: Page) -> None:
    """A deal that was read whole shows which of its relations are gone: that is evidence."""
    if not page.complete_for:
        return
    present = {record.id for record in page.records}
    gone = [
        Observation(str(link.crm_id), link.crm_version or "", None, {}, deleted=True)
        for link in relation_links.relations_of(connection, stream.id, page.complete_for)
        if link.crm_id not in present and not link.crm_gone
    ]
    if gone:
        observations.observe_crm(connection, stream.id, gone)


def observe_prm(session: Session, stream: Stream) -> None:
    """Mark what changed in the partner database; the first time, everything in it."""
    if stream.state.prm_cursor == change_log.START:
        with session.database.begin() as connection:
            session.fence(connection)
            _all_of_prm(connection, stream)
        return
    while True:
        with session.database.begin() as connection:
            session.fence(connection)
            changes, cursor = change_log.changes_after(
                connection, stream.state.prm_cursor, stream.name, LOG_PAGE
            )
            gone = {one: op == "delete" for one, op in changes.items()}
            came = observations.observe_prm(
                connection,
                stream.id,
                gone,
                anew=_propagates(stream),
                asks=_propagates(stream) and stream.spec.relation is None,
            )
            if came:
                try_again(connection, session)
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
    # After a restore everything is read anew, and what was deleted before it was read is no more.
    gone = dict.fromkeys(observations.absent_here(connection, stream.id, stream.name), True)
    observations.observe_prm(connection, stream.id, gone)
    streams.save_stream(connection, stream.state)
