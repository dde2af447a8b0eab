"""The whole comparison of both sides, ids and values; writes to neither.

What differs is explained: held, refused, waiting for a brake, changed since the last run, or a
mismatch that nothing explains (`--repair` marks those for a normal, braked run).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from prmsync.connector.protocol import Record
from prmsync.domain.merge import Direction
from prmsync.domain.values import Values
from prmsync.errors import StateError
from prmsync.reconcile.rules import GroupRule
from prmsync.store import held as held_store
from prmsync.store import journal, links, verification
from prmsync.store import records as prm_records
from prmsync.store.journal import ActionState
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.store.verification import Verification
from prmsync.sync import references
from prmsync.sync.observe import observe_prm, store_records, translated
from prmsync.sync.running import holding
from prmsync.sync.session import Session, Stream

SHOWN = 20
"""Mismatches listed by name; all are counted."""


@dataclass(slots=True)
class Difference:
    """One group of one record that differs and is not explained."""

    prm_id: str | None
    crm_id: str
    group: str
    prm: tuple[object, ...]
    crm: tuple[object, ...]


@dataclass(slots=True)
class StreamReport:
    """Counts of one stream. `fields_equal` counts compared field values."""

    stream: str
    prm_records: int = 0
    crm_records: int = 0
    linked: int = 0
    equal: int = 0
    fields_equal: int = 0
    explained: dict[str, int] = field(default_factory=dict)
    """Why records differ: "needs decision", "refused", "changed since the last run"."""
    mismatched: int = 0
    missing_in_crm: int = 0
    only_in_crm: int = 0
    only_in_prm: int = 0
    shown: list[Difference] = field(default_factory=list)

    def explain(self, why: str) -> None:
        """Count a record that differs for a known reason."""
        self.explained[why] = self.explained.get(why, 0) + 1

    @property
    def is_clean(self) -> bool:
        return not (self.mismatched or self.missing_in_crm)


@dataclass(frozen=True, slots=True)
class _Causes:
    """What is known of one record: held groups, whether a write of it was refused, and the state
    of fields whose last write was set aside."""

    held: set[str]
    refused: bool
    aside: Mapping[str, str]


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
    seen: set[int] = set()
    for page in session.connector.changes(stream.spec, None):
        present = [record for record in page.records if not record.deleted]
        report.crm_records += len(present)
        with session.database.begin() as connection:
            session.fence(connection)
            _compare_page(connection, session, stream, present, report, seen, repair=repair)
        session.progress(f"verifying {stream.name}", len(present))
    with session.database.begin() as connection:
        session.fence(connection)
        report.prm_records = prm_records.count(connection, stream.name)
        _unseen(connection, stream, report, seen, repair=repair)
        now = session.now()
        verification.save(
            connection, Verification(stream.id, verified_at=now, found=counted(report))
        )
    return report


def counted(report: StreamReport) -> dict[str, object]:
    """The report's counts, to be kept."""
    found = asdict(report)
    del found["shown"], found["stream"]
    return found


def _compare_page(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    present: Sequence[Record],
    report: StreamReport,
    seen: set[int],
    *,
    repair: bool,
) -> None:
    rows = [translated(stream, record) for record in present]
    references.to_prm(connection, stream, session.streams, rows)
    known = links.by_crm_ids(connection, stream.id, (record.id for record in present))
    linked = [one for one in known.values() if one.prm_id and one.state == LinkState.LIVE]
    ours = prm_records.read(connection, stream.name, [str(one.prm_id) for one in linked])
    ids = [one.id for one in linked]
    waiting = held_store.of_links(connection, ids)
    parked = held_store.parked_of(connection, ids)
    aside = journal.set_aside(connection, ids)
    differing: list[Record] = []
    for record, crm in zip(present, rows, strict=True):
        link = known.get(record.id)
        if link is None or link.prm_id is None or link.state != LinkState.LIVE:
            report.only_in_crm += 1
            continue
        seen.add(link.id)
        report.linked += 1
        held_groups = {item.group for item in waiting.get(link.id, ())}
        causes = _Causes(held_groups, link.id in parked, aside.get(link.id, {}))
        if not _compare(session, stream, link, ours.get(link.prm_id), crm, report, causes):
            differing.append(record)
    if repair and differing:
        store_records(connection, session, stream, differing)
        ids = [known[record.id].id for record in differing]
        links.set_dirty(connection, ids, Dirty.CHANGED)


def _compare(
    session: Session,
    stream: Stream,
    link: Link,
    prm: Values | None,
    crm: Values,
    report: StreamReport,
    causes: _Causes,
) -> bool:
    """Whether the record is equal or its differences are explained."""
    if prm is None:
        report.explain("deleted in the partner database")
        return True
    mapped = {name: prm.get(name) for name in stream.members}
    ours = stream.translator.project(mapped, _pipeline(crm)).values
    rule = stream.rule_for(prm, session.name)
    unequal = []
    never_blank = stream.translator.resolved.never_blank
    for group in rule.groups:
        p, c = _pair(group, ours, crm)
        if p == c or any(ours.get(name) is None for name in group.members if name in never_blank):
            report.fields_equal += len(group.members)
        else:
            unequal.append((group, p, c))
    reasons = {_why(group, link, causes) for group, _, _ in unequal}
    if not unequal:
        report.equal += 1
    elif "" in reasons:
        report.mismatched += 1
        for group, p, c in unequal:
            if len(report.shown) < SHOWN and not _why(group, link, causes):
                report.shown.append(Difference(link.prm_id, str(link.crm_id), group.name, p, c))
        return False
    else:
        report.explain(min(reasons))
    return True


def _pipeline(crm: Values) -> str | None:
    found = crm.get("@pipeline")
    return str(found) if found else None


def _pair(
    group: GroupRule, ours: Values, theirs: Values
) -> tuple[tuple[object, ...], tuple[object, ...]]:
    return (
        tuple(ours.get(name) for name in group.members),
        tuple(theirs.get(name) for name in group.members),
    )


_ASIDE = {
    ActionState.WAITING.value: "held by a brake",
    ActionState.DROPPED.value: "left by a person until it moves",
}


def _why(group: GroupRule, link: Link, causes: _Causes) -> str:
    if group.name in causes.held:
        return "needs decision"
    if causes.refused:
        return "refused by the CRM"
    for name in group.members:
        if name in causes.aside:
            return _ASIDE[causes.aside[name]]
    if link.dirty:
        return "changed since the last run"
    if group.direction is Direction.TO_PRM and link.base is None:
        return "not read yet"
    return ""


def _unseen(
    connection: sa.Connection, stream: Stream, report: StreamReport, seen: set[int], *, repair: bool
) -> None:
    """Linked records that the CRM did not show: absence is reported, it is never a delete."""
    after = 0
    missing: list[int] = []
    while page := links.page(connection, stream.id, after, links.CHUNK):
        after = page[-1].id
        for link in page:
            if link.state == LinkState.LIVE and link.crm_id and link.id not in seen:
                if link.crm_gone:
                    report.explain("deleted in the CRM")
                else:
                    missing.append(link.id)
            elif link.state == LinkState.NEW and link.crm_id is None and not link.prm_gone:
                report.only_in_prm += 1
    report.missing_in_crm = len(missing)
    if repair:
        links.set_dirty(connection, missing, Dirty.CHANGED)
