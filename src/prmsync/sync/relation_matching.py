"""Relations are recognised by what they say: the deal, the partner and the role.

A CRM gives a relation a new id whenever an end is merged or the relation is made anew, and so does
whoever deletes our row and inserts it again; the same words are the same relation. A second CRM
record that says the same is a duplicate: it is left alone, and counts only when the first one goes.
Where we take the first one away, the duplicates go too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa

from prmsync.connector.protocol import RelationReader
from prmsync.domain.values import Scalar, Values
from prmsync.store import links, lost_links, unsettled_links
from prmsync.store import records as prm_records
from prmsync.store.bulk import select_rows
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.store.tables import deal_partner
from prmsync.sync import references
from prmsync.sync.matching import SAME, Candidate, join
from prmsync.sync.session import Session, Stream

WORDS = ("opportunity", "partner", "role")

Words = tuple[Scalar, ...]


def match_relations(session: Session) -> int:
    """Link new CRM relations to ours that say the same; returns how many."""
    return sum(
        _match_stream(session, one) for one in session.active if one.spec.relation is not None
    )


def _match_stream(session: Session, stream: Stream) -> int:
    with session.database.begin() as connection:
        session.fence(connection)
        unsettled = unsettled_links.unsettled(connection, stream.id)
        _revive_duplicates(connection, stream, unsettled)
        said = _take_places(connection, stream, unsettled)
        fresh = [
            one
            for one in links.unlinked(connection, stream.id, crm_side=True, dirty_only=True)
            if one.crm and not one.crm_gone
        ]
        return sum(
            _match_page(connection, session, stream, page, said)
            for page in links.chunks(_without_aliases(connection, session, stream, fresh))
        )


def _without_aliases(
    connection: sa.Connection, session: Session, stream: Stream, fresh: list[Link]
) -> list[Link]:
    """Where relations are no records of their own (HubSpot), one that was read under the id of a
    record which was merged away is the winner's by another name: that one was read too, or is."""
    waiting = [one for one in fresh if references.any_marked(stream, one.crm or {})]
    if not waiting or not isinstance(session.connector, RelationReader):
        return fresh
    aliases: dict[int, Link] = {}
    for field, parent in stream.references.items():
        named = {one.id: references.marked_id((one.crm or {}).get(field)) for one in waiting}
        wanted = {crm_id for crm_id in named.values() if crm_id is not None}
        found = lost_links.survivors(connection, session.streams[parent].id, wanted)
        for one in waiting:
            left = found.get(named[one.id] or "")
            if isinstance(left, Link) and left.crm_id != named[one.id]:
                aliases[one.id] = one
    for one in aliases.values():
        one.crm_gone = True
    _end(connection, list(aliases.values()))
    return [one for one in fresh if one.id not in aliases]


def _revive_duplicates(
    connection: sa.Connection, stream: Stream, unsettled: Sequence[Link]
) -> None:
    """A relation that went may still be said by a duplicate, which then takes its place. One that
    nobody says here any more, and that was not agreed on, is somebody's own word in the CRM."""
    linked = [one for one in unsettled if one.crm_id is not None]
    gone = {_words(one.base) for one in lost_links.gone_in_crm(connection, stream.id)}
    agreed = {
        said for one in linked if not one.crm_gone for said in (_words(one.base), _words(one.crm))
    }
    ends = {words[:2] for words in (*gone, *(_words(one.base) for one in linked))}
    left = _left_over(connection, stream, ends)
    said = _ours(connection, left)
    _revive(
        connection,
        [one for one in left if _words(one.crm) in gone or _words(one.crm) not in {*agreed, *said}],
    )


def unagreed(stream: Stream, found: Sequence[Link], ours: Mapping[str, Values]) -> set[Words]:
    """What these relations say here and the CRM was never told. `ours` are our records by id."""
    if stream.spec.relation is None:
        return set()
    said = {_words(ours.get(str(one.prm_id))) for one in found}
    return said - {_words(one.base) for one in found}


def not_said_any_more(connection: sa.Connection, stream: Stream, words: set[Words]) -> None:
    """A run has changed or deleted the relations here that said this: what counted as a duplicate
    in the CRM is somebody's own word there."""
    left = _left_over(connection, stream, {one[:2] for one in words})
    said = _ours(connection, left)
    _revive(connection, [one for one in left if _words(one.crm) in words - said.keys()])


def delete_duplicates(connection: sa.Connection, stream: Stream, rows: Sequence[Values]) -> None:
    """What these relations said was taken away in the CRM, because we say it no more: the records
    that say it too are to be deleted as if they had been ours."""
    gone = {_words(one) for one in rows}
    left = _left_over(connection, stream, {one[:2] for one in gone})
    found = [one for one in left if _words(one.crm) in gone]
    for one in found:
        one.base, one.prm_gone = one.crm, True
    _revive(connection, found)


def _left_over(connection: sa.Connection, stream: Stream, ends: Collection[Words]) -> list[Link]:
    """Duplicates in the CRM between these deals and partners."""
    if not ends:
        return []
    return [
        one for one in lost_links.left_over(connection, stream.id) if _words(one.crm)[:2] in ends
    ]


def _revive(connection: sa.Connection, found: Sequence[Link]) -> None:
    for one in found:
        one.state, one.dirty = LinkState.NEW, Dirty.CHANGED
    links.save(connection, found)


Said = dict[Words, Link]
"""What relations last agreed on → their links."""


def _take_places(connection: sa.Connection, stream: Stream, found: Sequence[Link]) -> Said:
    """Each row of ours belongs to the link that last agreed on what it says, whichever row that
    link had before. Returns the links that move, of relations that the CRM has or had."""
    linked = {_words(one.base or one.crm): one for one in found if one.crm_id is not None}
    if not linked:
        return linked
    owners = {str(one.prm_id): one for one in found}
    rows = prm_records.read(connection, stream.name, list(owners), only=WORDS)
    taken = {
        prm_id: mine
        for prm_id, values in rows.items()
        if (mine := linked.get(_words(values))) is not None and mine is not owners[prm_id]
    }
    if taken:
        _exchange(connection, taken, owners)
    return linked


def _exchange(
    connection: sa.Connection, taken: Mapping[str, Link], owners: Mapping[str, Link]
) -> None:
    """Links get the rows that they take; who loses a row gets one that is left over."""
    losing = {owners[prm_id].id: owners[prm_id] for prm_id in taken}
    for one in taken.values():
        losing.pop(one.id, None)
    left = [(str(one.prm_id), one.prm_gone) for one in taken.values() if one.prm_id not in taken]
    left.sort(key=lambda row: row[1])  # what is gone last: a link that is nowhere needs no row
    moved = [*taken.values(), *losing.values()]
    links.give_up_rows(connection, [one.id for one in moved])
    for prm_id, one in taken.items():
        one.prm_id, one.prm_gone = prm_id, False
    ended = []
    for one, (prm_id, gone) in zip(_linked_first(losing.values()), left, strict=True):
        one.prm_id, one.prm_gone = prm_id, gone
        if gone and one.crm_id is None:
            ended.append(one)
    for one in moved:
        one.dirty = Dirty.CHANGED
    for one in ended:
        one.prm_id, one.prm_gone, one.state = None, False, LinkState.ENDED
    links.save(connection, moved)


def _linked_first(found: Iterable[Link]) -> list[Link]:
    return sorted(found, key=lambda one: one.crm_id is None)


def _match_page(
    connection: sa.Connection, session: Session, stream: Stream, page: Sequence[Link], said: Said
) -> int:
    references.resolve_marked(connection, stream, session.streams, [one.crm or {} for one in page])
    ours = _ours(connection, page)
    known = links.by_prm_ids(connection, stream.id, ours.values())
    pairs: list[Candidate] = []
    moved: list[tuple[Link, Link]] = []
    duplicates: list[Link] = []
    used: set[int] = set()
    for one in page:
        mine = known.get(ours.get(_words(one.crm), "")) or said.get(_words(one.crm))
        if mine is None or (mine.prm_gone and not mine.crm_gone):
            continue
        if mine.id not in used and mine.crm_id is None and mine.state == LinkState.NEW:
            pairs.append(Candidate(stream.name, mine.id, one.id, "what it says", SAME, True))
        elif mine.id not in used and mine.crm_gone:
            moved.append((mine, one))
        else:
            duplicates.append(one)
        used.add(mine.id)
    _end(connection, duplicates)
    _move(connection, moved)
    return join(connection, stream, pairs)[0]


def _ours(connection: sa.Connection, page: Sequence[Link]) -> Mapping[Words, str]:
    """What our relations of these deals say → their ids."""
    columns = [*(deal_partner.c[name] for name in WORDS), deal_partner.c.id]
    deals = {str((one.crm or {}).get(WORDS[0])) for one in page}
    return {
        tuple(row[:-1]): str(row[-1])
        for row in select_rows(connection, columns, deal_partner.c.opportunity, deals)
    }


def _words(values: Values | None) -> Words:
    return tuple((values or {}).get(name) for name in WORDS)


def _end(connection: sa.Connection, duplicates: Sequence[Link]) -> None:
    for one in duplicates:
        one.state, one.dirty = LinkState.ENDED, Dirty.CLEAN
    links.save(connection, duplicates)


def _move(connection: sa.Connection, moved: Sequence[tuple[Link, Link]]) -> None:
    """The link goes on with the record that says the same."""
    links.detach(connection, [one.id for _, one in moved])
    for mine, one in moved:
        mine.crm_id, mine.crm, mine.crm_gone = one.crm_id, one.crm, False
        mine.crm_version, mine.crm_modified_by = one.crm_version, one.crm_modified_by
        mine.state, mine.dirty = LinkState.LIVE, Dirty.CHANGED
    links.save(connection, [mine for mine, _ in moved])
