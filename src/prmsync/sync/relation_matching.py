"""Relations are recognised by what they say: the deal, the partner and the role.

A CRM gives a relation a new id whenever an end is merged or the relation is made anew, and so does
whoever deletes our row and inserts it again; the same words are the same relation. A second CRM
record that says the same is a duplicate: it is left alone, and counts only when the first one goes.
Where we take the first one away, the duplicates go too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.values import Scalar, Values
from prmsync.store import links, lost_links
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
        _revive_duplicates(connection, stream)
        _take_places(connection, stream)
        fresh = [
            one
            for one in links.unlinked(connection, stream.id, crm_side=True, dirty_only=True)
            if one.crm and not one.crm_gone
        ]
        return sum(_match_page(connection, session, stream, page) for page in links.chunks(fresh))


def _revive_duplicates(connection: sa.Connection, stream: Stream) -> None:
    """A relation that went may still be said by a duplicate, which then takes its place."""
    gone = {_words(one.base) for one in lost_links.gone_in_crm(connection, stream.id)}
    if not gone:
        return
    back = [one for one in lost_links.left_over(connection, stream.id) if _words(one.crm) in gone]
    for one in back:
        one.state, one.dirty = LinkState.NEW, Dirty.CHANGED
    links.save(connection, back)


def delete_duplicates(connection: sa.Connection, stream: Stream, rows: Sequence[Values]) -> None:
    """What these relations said was taken away in the CRM, because we say it no more: the records
    that say it too are to be deleted as if they had been ours."""
    gone = {_words(one) for one in rows}
    found = [one for one in lost_links.left_over(connection, stream.id) if _words(one.crm) in gone]
    for one in found:
        one.base, one.prm_gone = one.crm, True
        one.state, one.dirty = LinkState.NEW, Dirty.CHANGED
    links.save(connection, found)


def _take_places(connection: sa.Connection, stream: Stream) -> None:
    """A row of ours that says what one said that is gone takes its place: nothing has changed."""
    moved = list(lost_links.gone_here(connection, stream.id))
    fresh = links.unlinked(connection, stream.id, crm_side=False, dirty_only=not moved)
    known = {str(one.prm_id): one for one in fresh}
    if not known:
        return
    going = lost_links.going(connection, stream.id)
    gone = {_words(one.base or one.crm): one for one in (*going, *moved)}
    rows = prm_records.read(connection, stream.name, list(known), only=WORDS)
    placed: list[Link] = []
    for prm_id, values in rows.items():
        mine = gone.pop(_words(values), None)
        if mine is not None:
            mine.prm_id, mine.prm_gone, mine.dirty = prm_id, False, Dirty.CHANGED
            placed.append(mine)
    free = [known[str(one.prm_id)].id for one in placed]
    links.detach(connection, free)
    links.set_dirty(connection, free, Dirty.CHANGED)  # what was planned of them is overtaken
    links.save(connection, placed)


def _match_page(
    connection: sa.Connection, session: Session, stream: Stream, page: Sequence[Link]
) -> int:
    references.resolve_marked(connection, stream, session.streams, [one.crm or {} for one in page])
    ours = _ours(connection, page)
    known = links.by_prm_ids(connection, stream.id, ours.values())
    pairs: list[Candidate] = []
    moved: list[tuple[Link, Link]] = []
    duplicates: list[Link] = []
    used: set[int] = set()
    for one in page:
        mine = known.get(ours.get(_words(one.crm), ""))
        if mine is None or mine.prm_gone:
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
