"""A relation that is gone because its deal or its partner is gone was taken away by nobody.

It shares the fate of its end: it goes with an end that goes on both sides, it rests while only one
side keeps an end, and it waits for an end that waits for a person. Where that end is made again or
comes back, so does the relation in the CRM. Here it comes with an end that a person wants again;
where the end was put back here without it, or somebody has taken it off in another CRM meanwhile, a
person is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import links, lost_links, sending
from prmsync.store import records as prm_records
from prmsync.store.bulk import select_rows
from prmsync.store.journal import ActionState
from prmsync.store.links import MERGED, Dirty, Link, LinkState
from prmsync.store.tables import deal_partner
from prmsync.store.written import rested_last
from prmsync.sync.merging import winners_of
from prmsync.sync.observe import store_records
from prmsync.sync.references import is_marked
from prmsync.sync.relation_guard import taken_off_elsewhere
from prmsync.sync.session import UNRESOLVED, Session, Stream

ENDED = "its deal or partner is gone on one side, and stays on the other"
AGAIN = "made again with its deal or partner"
BACK = "deleted in prm with its deal or partner, which is back without it"
BACK_THERE = "deleted in the CRM with its deal or partner, which is back without it"


class Fate(StrEnum):
    """What becomes of a relation that one side has no more."""

    FOLLOWS = "follows"
    """As the mapping says of relations."""
    RESTS = "rests"
    STAYS = "stays"
    """It rests already."""
    WAITS = "waits"
    AGAIN = "again"
    ASKS = "asks"
    """A person has to say: its end is here again, and it is not."""


Going = Callable[[Stream, Sequence[Link]], set[int]]
"""The ids of those links whose record is about to be deleted on the side that still has it."""


def look_at_ends(session: Session) -> None:
    """Before anything is decided of relations that are gone in the CRM: ask whether their ends
    are still there; and what hung on records that are gone is gone with them."""
    relations = [one for one in session.active if one.spec.relation is not None]
    with session.database.read() as connection:
        anything = lost_links.any_gone(connection, [one.id for one in session.streams.values()])
    for stream in relations if anything else ():
        with session.database.read() as connection:
            unsure = _unsure_ends(connection, session, stream)
        for parent, crm_ids in unsure.items():
            _look(session, session.streams[parent], crm_ids)
        _take_along(session, stream)


def _unsure_ends(
    connection: sa.Connection, session: Session, stream: Stream
) -> dict[str, list[str]]:
    """Stream → CRM ids of ends that nobody knows to be gone, of relations that are."""
    found: dict[str, list[str]] = {}
    for page in _pages(connection, stream.id):
        gone = [one for one in page if one.state == LinkState.LIVE and not one.prm_gone]
        for field, parent in stream.references.items():
            if session.aside.get(parent) is not None:
                continue
            named = {str((one.base or {}).get(field)) for one in gone}
            ends = links.by_prm_ids(connection, session.streams[parent].id, named).values()
            wanted = [one.crm_id for one in ends if one.crm_id and not one.crm_gone]
            if wanted:
                found.setdefault(parent, []).extend(wanted)
    return found


def _look(session: Session, parent: Stream, crm_ids: Sequence[str]) -> None:
    found = session.connector.fetch(parent.spec, sorted(set(crm_ids)))
    with session.database.begin() as connection:
        session.fence(connection)
        store_records(connection, session, parent, list(found.values()))


def _take_along(session: Session, stream: Stream) -> None:
    for field, name in stream.references.items():
        parent = session.streams[name]
        with session.database.read() as connection:
            gone = [
                one
                for page in _pages(connection, parent.id)
                for one in _gone_for_good(connection, parent, page)
            ]
        for part in links.chunks(gone):
            with session.database.begin() as connection:
                session.fence(connection)
                _mark_gone(connection, stream, field, part)


def _gone_for_good(
    connection: sa.Connection, parent: Stream, page: Sequence[Link]
) -> Iterator[Link]:
    """Of records that are gone, those whose relations are found nowhere else. What a merge leaves
    is found at the record that is left, unless that one is linked to another record of ours."""
    winners = winners_of(connection, parent, page)
    for end in page:
        merged = MERGED in (end.crm or {})
        taken = end.id in winners and winners[end.id].holder is not None
        if end.state != LinkState.ENDED and (taken or not merged):
            yield end


_STANDING = (LinkState.LIVE, LinkState.DORMANT)


def _mark_gone(connection: sa.Connection, stream: Stream, field: str, ends: Sequence[Link]) -> None:
    columns = [deal_partner.c.id]
    ids = [str(one.prm_id) for one in ends]
    rows = select_rows(connection, columns, deal_partner.c[field], ids)
    found = links.by_prm_ids(connection, stream.id, [row[0] for row in rows]).values()
    names = {name for end in ends for name in (end.prm_id, f"{UNRESOLVED}{end.crm_id}")}
    going = [
        one
        for one in found
        if one.state in _STANDING and not one.crm_gone and (one.crm or {}).get(field) in names
    ]
    for one in going:
        one.crm_gone, one.dirty = True, Dirty.CHANGED
    links.save(connection, going)


def _pages(connection: sa.Connection, stream_id: int) -> Iterator[list[Link]]:
    after = 0
    while page := lost_links.gone_in_crm(connection, stream_id, after):
        yield page
        after = page[-1].id


def fates(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    found: Sequence[Link],
    ours: Mapping[str, Values],
    going: Going,
) -> dict[int, Fate]:
    """Link id → fate, of relations that only one side has."""
    single = [one for one in found if _is_single(one)]
    if not single:
        return {}
    told: dict[int, Fate] = {}
    for field, parent in stream.references.items():
        named = {one.id: str(_words(one, ours).get(field)) for one in single}
        parents = session.streams[parent]
        ends = links.by_prm_ids(connection, parents.id, set(named.values()))
        here = prm_records.read(connection, parent, list(ends))
        lost = {
            one.id: ends[key]
            for one in single
            if (key := named[one.id]) in ends and _goes(one, ends[key], key in here)
        }
        open_ends = {end.id: end for end in lost.values() if end.state != LinkState.ENDED}
        follow = going(parents, list(open_ends.values())) if open_ends else set()
        braked = _braked(connection, follow)
        along = _braked(connection, lost) if braked else set()
        for link_id, end in lost.items():
            fate = _fate(end, follow if link_id in along else follow - braked)
            told[link_id] = min(fate, told.get(link_id, fate), key=_ORDER.index)
    rested = _rested(connection, single)
    for one in single:
        if told.setdefault(one.id, _fate_of_its_own(one, rested)) is Fate.RESTS:
            told[one.id] = Fate.STAYS if one.id in rested else Fate.RESTS
    back = [one for one in single if told[one.id] is Fate.AGAIN and one.prm_gone]
    asks = taken_off_elsewhere(connection, session, stream, back)
    return told | dict.fromkeys(asks, Fate.ASKS)


def _rested(connection: sa.Connection, found: Sequence[Link]) -> set[int]:
    """The ids of those that a run has laid to rest. The others that sleep have only waited."""
    asleep = [one.id for one in found if one.state == LinkState.DORMANT]
    return rested_last(connection, asleep) if asleep else set()


def _fate_of_its_own(link: Link, rested: Collection[int]) -> Fate:
    """What becomes of a relation that one side alone has, while both ends are there. What has only
    waited for its end comes with it, whatever the CRM has changed meanwhile."""
    taken_off = link.crm_gone and link.base == {}  # `prmsync.sync.taken_off`
    if link.state != LinkState.DORMANT or taken_off:
        return Fate.FOLLOWS
    waited = link.id not in rested or link.dirty == Dirty.WAITS
    return Fate.AGAIN if link.crm_gone or waited else Fate.ASKS


_ORDER = (Fate.RESTS, Fate.WAITS, Fate.FOLLOWS)
"""Of two ends that are gone, the one that keeps more counts."""


def _braked(connection: sa.Connection, link_ids: Collection[int]) -> set[int]:
    """Links of which a brake holds a write: a relation goes with its end, or waits with it."""
    standing = sending.standing_of(connection, sorted(link_ids))
    return {
        link_id
        for link_id, rows in standing.items()
        if any(row.state == ActionState.WAITING for row in rows)
    }


def _is_single(link: Link) -> bool:
    both = link.prm_id is not None and link.crm_id is not None
    return both and link.prm_gone != link.crm_gone and link.state != LinkState.ENDED


def _words(link: Link, ours: Mapping[str, Values]) -> Values:
    """What the side that still has a relation says of it; a merge may have moved it there."""
    if link.prm_gone:
        known = {name: one for name, one in (link.crm or {}).items() if not is_marked(one)}
        return {**(link.base or {}), **known}
    return ours.get(link.prm_id or "") or link.base or link.crm or {}


def _goes(link: Link, end: Link, is_here: bool) -> bool:
    """Whether the end is gone where the relation is, or is not synced any more."""
    gone = end.crm_gone if link.crm_gone else not is_here
    return gone or end.state == LinkState.ENDED


def _fate(end: Link, follow: set[int]) -> Fate:
    if end.state == LinkState.ENDED:
        return Fate.RESTS
    return Fate.FOLLOWS if end.id in follow else Fate.WAITS
