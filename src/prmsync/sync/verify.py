"""The comparison of both sides, ids and values; writes to neither.

At once (`prmsync verify`), or in rolling slices on a schedule: a slice asks the CRM for the next
linked records and compares them, so that all are covered within a few days at a known cost. What
differs is explained (`prmsync.sync.comparing`); what nothing explains is stored as it was read and
marked for a normal, braked run, on the schedule and with `--repair`. Beside a slice some of the
CRM's records are listed, to meet those that no read ever showed (`prmsync.sync.unseen`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta

import sqlalchemy as sa

from prmsync.connector.protocol import Page, Record
from prmsync.errors import StateError
from prmsync.store import held as held_store
from prmsync.store import links, pairs, verification
from prmsync.store import records as prm_records
from prmsync.store.links import Dirty, LinkState
from prmsync.store.pairs import Pair
from prmsync.store.verification import Verification
from prmsync.sync import unseen as listing
from prmsync.sync.comparing import Difference, StreamReport, compare_page, refused
from prmsync.sync.counters import counted_anew
from prmsync.sync.gone_there import explain_gone
from prmsync.sync.observe import gathered, missing_relations, observe_prm, store_records
from prmsync.sync.running import holding
from prmsync.sync.session import Session, Stream

__all__ = ["Difference", "StreamReport", "verify", "verify_slice"]

IDS = 20_000
"""Ids of links that are read at a time."""
SLICE = 500
"""Links that are worth a slice of their own."""
CALLS = 40
"""Calls that one slice may cost, over all streams."""


def verify(session: Session, *, repair: bool = False) -> list[StreamReport]:
    """Read every record of every stream from the CRM and compare it with ours.

    Raises StateError for `repair` on a connection that is in doubt.
    """
    if repair and session.doubted:
        raise StateError(
            f"{session.name} is in doubt: nothing of it is repaired",
            hint=f"prmsync verify {session.name} shows both sides; then prmsync resume "
            f"{session.name}",
        )
    with holding(session):
        return [_verify_stream(session, one, repair=repair) for one in session.streams.values()]


def _verify_stream(session: Session, stream: Stream, *, repair: bool) -> StreamReport:
    report = StreamReport(stream.name)
    if not session.doubted:  # a copy's place in the log may be another server's
        observe_prm(session, stream)
    began = session.now()
    seen = bytearray()
    with closing(gathered(session.connector.changes(stream.spec, None))) as pages:
        for page in pages:
            present = [record for record in page.records if not record.deleted]
            report.crm_records += len(present)
            with session.database.begin() as connection:
                session.fence(connection)
                met, differing = compare_page(connection, session, stream, present, report)
                if repair:
                    _mark(connection, session, stream, page, differing)
            _tick(seen, met)
            session.progress(f"verifying {stream.name}", len(present))
    with session.database.begin() as connection:
        session.fence(connection)
        report.prm_records = prm_records.count(connection, stream.name)
        _unseen(connection, stream, report, seen, repair=repair)
        report.counters = counted_anew(connection, stream)
        verification.save(
            connection, Verification(stream.id, 0, began, {}, session.now(), report.counts)
        )
    return report


def _mark(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    page: Page,
    differing: Mapping[int, Record],
) -> None:
    """What differs is decided by the next run. Relations come and go without a trace where they
    have no changes of their own: all of them are stored, and those that went."""
    whole = page.records if page.complete_for else list(differing.values())
    if whole:
        store_records(connection, session, stream, whole)
    links.set_dirty(connection, list(differing), Dirty.CHANGED)
    missing_relations(connection, stream, page)


def _tick(seen: bytearray, link_ids: list[int]) -> None:
    """A byte for each link: as many bytes as the highest id."""
    highest = max(link_ids, default=0)
    if highest >= len(seen):
        seen.extend(bytes(highest + 1 - len(seen)))
    for one in link_ids:
        seen[one] = 1


def _unseen(
    connection: sa.Connection,
    stream: Stream,
    report: StreamReport,
    seen: bytearray,
    *,
    repair: bool,
) -> None:
    """Linked records that the CRM did not show: absence is reported, it is never a delete."""
    for unseen in _not_ticked(connection, stream, seen):
        gone: list[int] = []
        missing: list[int] = []
        single: list[int] = []
        for link in pairs.by_ids(connection, unseen):
            if link.state == LinkState.LIVE and link.crm_id:
                (gone if link.crm_gone else missing).append(link.id)
            elif link.state == LinkState.NEW and link.crm_id is None and not link.prm_gone:
                single.append(link.id)
            elif link.state == LinkState.ENDED and link.crm_gone and _ours_is_left(link):
                report.explain("no longer in the CRM, not made there again")
        report.missing_in_crm += len(missing)
        explain_gone(connection, stream, gone, report)
        _only_ours(connection, single, report)
        if repair:
            links.set_dirty(connection, missing, Dirty.CHANGED)


def _only_ours(connection: sa.Connection, link_ids: Sequence[int], report: StreamReport) -> None:
    """Records that wait to be created, or whose creation was refused."""
    parked = held_store.parked_of(connection, link_ids)
    for item in parked.values():
        report.explain(refused(item))
    report.only_in_prm += len(link_ids) - len(parked)


def _ours_is_left(link: Pair) -> bool:
    """Not so of the tombstone of a record that was made again: another link has ours by now."""
    return link.prm_id is not None and not link.prm_gone


def _not_ticked(
    connection: sa.Connection, stream: Stream, seen: bytearray
) -> Iterator[Sequence[int]]:
    """Ids of links that are not ticked. Of the others, which are nearly all, only the id is
    read."""
    after = 0
    while ids := pairs.ids_after(connection, stream.id, after, IDS):
        after = ids[-1]
        unseen = [one for one in ids if one >= len(seen) or not seen[one]]
        yield from links.chunks(unseen)


def verify_slice(session: Session, period: timedelta, *, calls: int = CALLS) -> list[StreamReport]:
    """Compare the linked records that are due for all to be covered within `period`.

    Nothing is done before a slice is worth its calls, and never more than `calls`; what is due
    then comes with the next slice. Returns a report of each stream that was compared.
    """
    reports = []
    with session.database.read() as connection:
        top = pairs.highest(connection)
        known = verification.of_streams(connection, [one.id for one in session.streams.values()])
    due = {
        name: (known[stream.id], _due(known[stream.id], top, session, period))
        for name, stream in session.streams.items()
    }
    if all(to is None for _, to in due.values()):
        return []
    with holding(session):
        left, pages = calls * session.connector.batch_size, listing.PAGES
        for name, (state, to) in due.items():
            if to is None or left <= 0:
                continue
            if state.began_at is None:
                _begin(session, state)
                continue
            report = StreamReport(name)
            stream = session.streams[name]
            compared = _slice(session, stream, state, to, left, report)
            left -= compared
            if not session.doubted:
                pages -= listing.list_on(session, stream, state, compared, pages, report)
            _close(session, state, top, period)
            reports.append(report)
    return reports


def _due(state: Verification, top: int, session: Session, period: timedelta) -> int | None:
    """The link id up to which the round should have come by now; None while that is no slice."""
    if top == 0:
        return None
    if state.began_at is None:
        return 0  # the first round begins now
    passed = (session.now() - state.began_at) / period
    to = top if passed >= 1 else int(top * passed)
    whole = to >= top > state.place or passed >= 1
    return to if whole or to - state.place >= SLICE else None


def _slice(
    session: Session,
    stream: Stream,
    state: Verification,
    to: int,
    limit: int,
    report: StreamReport,
) -> int:
    """Compare links up to `to`, at most `limit` of them; returns how many."""
    compared = 0
    while state.place < to and compared < limit:
        with session.database.read() as connection:
            size = min(links.CHUNK, limit - compared)
            page = pairs.live_page(connection, stream.id, state.place, to, size)
        state.place = page[-1].id if len(page) == size else to
        compared += len(page)
        _compare_slice(session, stream, state, [(one.id, str(one.crm_id)) for one in page], report)
        session.progress(f"comparing {stream.name}", len(page))
    return compared


def _compare_slice(
    session: Session,
    stream: Stream,
    state: Verification,
    page: list[tuple[int, str]],
    report: StreamReport,
) -> None:
    found = session.connector.fetch(stream.spec, [crm_id for _, crm_id in page]) if page else {}
    part = StreamReport(stream.name)
    present = [one for one in found.values() if not one.deleted]
    with session.database.begin() as connection:
        session.fence(connection)
        _, differing = compare_page(connection, session, stream, present, part)
        gone = {crm_id: one for crm_id, one in found.items() if one.deleted}
        store_records(connection, session, stream, [*differing.values(), *gone.values()])
        links.set_dirty(connection, list(differing), Dirty.CHANGED)
        missing = [link_id for link_id, crm_id in page if crm_id not in found]
        part.missing_in_crm += len(missing)
        explain_gone(connection, stream, [one for one, crm_id in page if crm_id in gone], part)
        links.set_dirty(connection, missing, Dirty.CHANGED)
        total = StreamReport(stream.name, **state.so_far)
        total.add(part)
        state.so_far = total.counts
        report.add(part)
        verification.save(connection, state)


def _begin(session: Session, state: Verification) -> None:
    state.began_at = session.now()
    with session.database.begin() as connection:
        session.fence(connection)
        verification.save(connection, state)


def _close(session: Session, state: Verification, top: int, period: timedelta) -> None:
    """A round that has come to its end is the last whole comparison, and the next one begins."""
    now = session.now()
    if state.began_at is None or state.place < top or now - state.began_at < period:
        return
    state.verified_at, state.found = now, state.so_far
    state.place, state.began_at, state.so_far = 0, now, {}
    with session.database.begin() as connection:
        session.fence(connection)
        verification.save(connection, state)
