"""One page of both sides compared, value by value; what differs is explained or named.

Equal records are the common case and cost one look-up and one comparison; all that is known of a
record is only read for those that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from prmsync.connector.protocol import Record
from prmsync.domain.merge import Direction, Side
from prmsync.domain.values import Values
from prmsync.mapping.translate import PIPELINE
from prmsync.reconcile.rules import GroupRule
from prmsync.store import held as held_store
from prmsync.store import journal, links, pairs
from prmsync.store import records as prm_records
from prmsync.store.held import ParkedItem
from prmsync.store.journal import ActionState
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.store.pairs import Pair
from prmsync.sync import references
from prmsync.sync.observe import translated
from prmsync.sync.session import KEY, Session, Stream

SHOWN = 20
"""Mismatches, and merged records, listed by name; all are counted."""


@dataclass(slots=True)
class Difference:
    """One group of one record that differs and is not explained."""

    prm_id: str | None
    crm_id: str
    group: str
    prm: tuple[object, ...]
    crm: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """One record that was merged in the CRM: into which one there, and its name here, where these
    are known."""

    prm_id: str | None
    crm_id: str
    into: str | None
    name: str | None


@dataclass(slots=True)
class StreamReport:
    """Counts of one stream. `fields_equal` and `fields_held` count field values, `explained`
    records by the reason why they differ; `strangers` are records with a key of ours that this
    database does not know."""

    stream: str
    prm_records: int = 0
    crm_records: int = 0
    linked: int = 0
    equal: int = 0
    fields_equal: int = 0
    fields_held: int = 0
    explained: dict[str, int] = field(default_factory=dict)
    mismatched: int = 0
    missing_in_crm: int = 0
    only_in_crm: int = 0
    only_in_prm: int = 0
    strangers: int = 0
    shown: list[Difference] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)
    """The first of those that were merged into another record in the CRM."""
    counters: list[str] = field(default_factory=list)
    """Counters of ours that were wrong, and were put right."""

    def explain(self, why: str, count: int = 1) -> None:
        """Count records that differ for a known reason."""
        self.explained[why] = self.explained.get(why, 0) + count

    def add(self, part: StreamReport) -> None:
        """Take a part's numbers in."""
        for name, value in part.counts.items():
            if name != "explained":
                setattr(self, name, getattr(self, name) + value)
        for why, count in part.explained.items():
            self.explain(why, count)

    @property
    def is_clean(self) -> bool:
        return not (self.mismatched or self.missing_in_crm)

    @property
    def counts(self) -> dict[str, Any]:
        """All numbers, to be kept; no values of records."""
        found = asdict(self)
        del found["shown"], found["merged"], found["stream"], found["counters"]
        return found


@dataclass(frozen=True, slots=True)
class _Causes:
    """What is known of one record: held groups, by whom a write of it was refused, fields whose
    last write was set aside, and writes that are on their way."""

    held: set[str]
    refused: str
    aside: Mapping[str, str]
    under_way: str | None


_LEFT = "left the filter"
_NOT_LIVE = {
    LinkState.DORMANT: _LEFT,
    LinkState.ENDED: "no longer linked",
}
_APART = "its deal or partner is not on both sides"
_ASIDE = {
    ActionState.WAITING.value: "held by a brake",
    ActionState.DROPPED.value: "left by a person until it moves",
}
_UNDER_WAY = {
    ActionState.SENT.value: "sent, without an answer yet",
    ActionState.UNKNOWN.value: "sent, without an answer yet",
    ActionState.RETRY.value: "put off by the CRM, tried again by the next run",
    ActionState.PLANNED.value: "planned, not sent yet",
    ActionState.RELEASED.value: "let go, not sent yet",
}


def compare_page(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    present: Sequence[Record],
    report: StreamReport,
) -> tuple[list[int], dict[int, Record]]:
    """Compare CRM records with ours. Returns the ids of the links that they belong to, and link
    id → record of those that differ without a reason."""
    rows = translated(stream, present)
    references.to_prm(connection, stream, session.streams, rows)
    known = pairs.by_crm_ids(connection, stream.id, [record.id for record in present])
    wanted = [one.prm_id for one in known.values() if one.prm_id and one.state == LinkState.LIVE]
    ours = prm_records.read(connection, stream.name, wanted, only=stream.members)
    equal = _equal(stream)
    seen: list[int] = []
    differing: dict[int, tuple[Record, Values]] = {}
    single: list[Values] = []
    same = 0
    for record, crm in zip(present, rows, strict=True):
        pair = known.get(record.id)
        if pair is None or pair.prm_id is None or pair.state != LinkState.LIVE:
            _one_sided(stream, pair, crm, report, single)
            continue
        seen.append(pair.id)
        if equal(ours.get(pair.prm_id), crm):
            same += 1
        else:
            differing[pair.id] = (record, crm)
    report.linked += len(seen)
    report.equal += same
    report.fields_equal += same * len(stream.members)
    report.strangers += _strangers(connection, stream, single)
    left = _explain(connection, session, stream, differing, ours, report) if differing else {}
    return seen, left


def _equal(stream: Stream) -> Callable[[Values | None, Values], bool]:
    """Whether both sides hold the same: what reads back the same needs no projection. A blank of
    ours in a field that the CRM never leaves blank asks for nothing."""
    never_blank = stream.translator.resolved.never_blank
    groups = [group.members for group in stream.rule.groups]
    alone = [name for group in groups if len(group) == 1 for name in group if name in never_blank]
    rest = [name for group in groups for name in group if name not in alone]
    together = itemgetter(*rest) if rest else lambda _: None
    one_by_one = [(group, [one for one in group if one in never_blank]) for group in groups]

    def equal(prm: Values | None, crm: Values) -> bool:
        if prm is None:
            return False
        try:
            for name in alone:
                if prm[name] != crm[name] and prm[name] is not None:
                    return False
            return together(prm) == together(crm) or all(
                all(prm[name] == crm[name] for name in group)
                or any(prm[name] is None for name in filled)
                for group, filled in one_by_one
            )
        except KeyError:  # a value without counterpart is missing
            return False

    return equal


def _one_sided(
    stream: Stream, pair: Pair | None, crm: Values, report: StreamReport, single: list[Values]
) -> None:
    why = _NOT_LIVE.get(LinkState(pair.state)) if pair is not None else None
    if why is not None:
        report.explain(_APART if why == _LEFT and stream.spec.relation is not None else why)
        return
    report.only_in_crm += 1
    if crm.get(KEY):
        single.append(crm)


def _strangers(connection: sa.Connection, stream: Stream, rows: Sequence[Values]) -> int:
    keys = {str(row[KEY]) for row in rows}
    return len(keys - links.by_prm_ids(connection, stream.id, keys).keys()) if keys else 0


def _explain(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    differing: Mapping[int, tuple[Record, Values]],
    ours: Mapping[str, Values],
    report: StreamReport,
) -> dict[int, Record]:
    ids = sorted(differing)
    found = links.by_ids(connection, ids)
    causes = _causes(connection, ids)
    left = {}
    for link_id, (record, crm) in differing.items():
        link = found[link_id]
        prm = ours.get(str(link.prm_id))
        if prm is None:
            report.explain("deleted in the partner database")
        elif not _compare(session, stream, link, prm, crm, report, causes[link_id]):
            left[link_id] = record
    return left


def _causes(connection: sa.Connection, ids: Sequence[int]) -> dict[int, _Causes]:
    waiting = held_store.of_links(connection, ids)
    parked = held_store.parked_of(connection, ids)
    aside = journal.set_aside(connection, ids)
    under_way = journal.under_way(connection, ids)
    return {
        one: _Causes(
            {item.group for item in waiting.get(one, ())},
            refused(parked.get(one)),
            aside.get(one, {}),
            under_way.get(one),
        )
        for one in ids
    }


def refused(item: ParkedItem | None) -> str:
    """By whom a write of the record was refused; blank where none was."""
    if item is None:
        return ""
    by = "the CRM" if item.side == Side.CRM else "the partner database"
    return f"refused by {by}" + (", dropped by a person until its content changes" * item.dropped)


def _compare(
    session: Session,
    stream: Stream,
    link: Link,
    prm: Values,
    crm: Values,
    report: StreamReport,
    causes: _Causes,
) -> bool:
    """Whether the record is equal by what a write would leave, or its differences are explained."""
    mapped = {name: prm.get(name) for name in stream.members}
    ours = stream.translator.project(mapped, _pipeline(crm)).values
    unequal = []
    never_blank = stream.translator.resolved.never_blank
    for group in stream.rule_for(prm, session.name).groups:
        p, c = _pair(group, ours, crm)
        if p == c or any(ours.get(name) is None for name in group.members if name in never_blank):
            report.fields_equal += len(group.members)
        else:
            unequal.append((group, p, c))
    rest = "its stream is paused" if session.aside.get(stream.name) else ""
    reasons = {_why(group, link, causes) or rest for group, _, _ in unequal}
    report.fields_held += sum(
        len(group.members) for group, _, _ in unequal if group.name in causes.held
    )
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
    found = crm.get(PIPELINE)
    return str(found) if found else None


def _pair(
    group: GroupRule, ours: Values, theirs: Values
) -> tuple[tuple[object, ...], tuple[object, ...]]:
    return (
        tuple(ours.get(name) for name in group.members),
        tuple(theirs.get(name) for name in group.members),
    )


def _why(group: GroupRule, link: Link, causes: _Causes) -> str:
    if group.name in causes.held:
        return "needs decision"
    if causes.refused:
        return causes.refused
    for name in group.members:
        if name in causes.aside:
            return _ASIDE[causes.aside[name]]
    if causes.under_way is not None:
        return _UNDER_WAY[causes.under_way]
    if link.dirty == Dirty.WAITS:
        return "waits for the record it refers to"
    if link.dirty:
        return "changed since the last run"
    if group.direction is Direction.TO_PRM and link.base is None:
        return "not read yet"
    return ""
