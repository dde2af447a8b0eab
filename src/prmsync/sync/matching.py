"""Linking what already exists on both sides: by external key, then by match keys in order.

One candidate: linked. Several: nobody is linked, they are listed for an admin. None: created
later, if the mapping allows it. Nothing here writes to either side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from rapidfuzz import fuzz

from prmsync.domain.values import Scalar, Values
from prmsync.program.names import company_key, country_key, duns_key, registrable_domain
from prmsync.store import held, links
from prmsync.store import records as prm_records
from prmsync.store.held import HeldItem, HeldState
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.sync.session import KEY, Session, Stream

MATCH = "@match"
"""Stands for the link itself where a held item is about which records belong together."""
LIKELY = 85
"""Name similarity (rapidfuzz WRatio, 0–100) from which a pair is shown to an admin."""
SAME = 100

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible pair. `by` names the match key or "name"; `score` is 0–100; `unique` says that
    neither side has another candidate at the same key."""

    stream: str
    prm_link: int
    crm_link: int
    by: str
    score: int
    unique: bool


def match_streams(session: Session) -> int:
    """Link every unambiguous pair of all streams; returns how many."""
    return sum(_match_stream(session, stream) for stream in session.marked())


def _match_stream(session: Session, stream: Stream) -> int:
    joined, again = 0, True
    with session.database.begin() as connection:
        session.fence(connection)
        while again:  # what waited beside a pair that was found now may be sure without it
            count, again = _match_once(connection, session, stream)
            joined += count
    return joined


def _match_once(connection: sa.Connection, session: Session, stream: Stream) -> tuple[int, bool]:
    doubtful = _reconsidered(connection, stream)
    joined, beside = _by_external_key(connection, stream)
    unclear: dict[int, list[Candidate]] = {}
    for names in stream.mapping.match:
        pairs = _by_key(connection, stream, names, everything=False)
        count, more = join(connection, stream, [one for one in pairs if one.unique])
        joined, beside = joined + count, beside or more
        for pair in pairs:
            if not pair.unique:
                unclear.setdefault(pair.prm_link, []).append(pair)
                unclear.setdefault(pair.crm_link, []).append(pair)
    _hold_unclear(connection, session, unclear)
    _let_go(connection, sorted(doubtful - unclear.keys()))
    return joined, beside


def _reconsidered(connection: sa.Connection, stream: Stream) -> set[int]:
    """Links that wait for a person beside one that has moved, itself included. All of them are
    marked: a candidate that was deleted or renamed is none any more, for nobody."""
    items = held.open_of_marked(connection, stream.id, MATCH)
    again: set[int] = set()
    while items:
        beside = {item.link_id for item in items} | _named(connection, stream, items)
        fresh = sorted(beside - again)
        again |= beside
        items = _told(held.of_links(connection, fresh).values())
    links.set_dirty(connection, sorted(again), Dirty.CHANGED)
    return again


def _named(connection: sa.Connection, stream: Stream, items: Sequence[HeldItem]) -> set[int]:
    """The links of all candidates that these items list."""
    ours = {str(one) for item in items for one in item.prm or ()}
    theirs = {str(one) for item in items for one in item.crm or ()}
    found = (
        *links.by_prm_ids(connection, stream.id, ours).values(),
        *links.by_crm_ids(connection, stream.id, theirs).values(),
    )
    return {one.id for one in found}


def _told(found: Iterable[Sequence[HeldItem]]) -> list[HeldItem]:
    return [item for items in found for item in items if item.group == MATCH]


def _let_go(connection: sa.Connection, link_ids: Sequence[int]) -> None:
    """Close what waited because of candidates that are none any more."""
    told = _told(held.of_links(connection, link_ids).values())
    held.close_items(connection, [item.id for item in told], HeldState.MOVED)


def _hold_unclear(
    connection: sa.Connection, session: Session, unclear: Mapping[int, Sequence[Candidate]]
) -> None:
    """Records with several candidates wait for a person: creating one more would be a guess."""
    known = held.of_links(connection, list(unclear))
    overtaken = []
    ids = {one for pairs in unclear.values() for p in pairs for one in (p.prm_link, p.crm_link)}
    found = links.by_ids(connection, ids)
    items = []
    for link_id, pairs in unclear.items():
        if found[link_id].state != LinkState.NEW:
            continue
        ours = tuple(sorted({str(found[pair.prm_link].prm_id) for pair in pairs}))
        theirs = tuple(sorted({str(found[pair.crm_link].crm_id) for pair in pairs}))
        told = _told([known.get(link_id, ())])
        if any(_lists(item, ours, theirs) for item in told):
            continue
        overtaken += [item.id for item in told]
        kind = f"several candidates by {pairs[0].by}"
        items.append(held.new_item(link_id, MATCH, ("candidates",), kind, ours, theirs))
    held.close_items(connection, overtaken, HeldState.MOVED)
    held.open_items(connection, items, None, session.now())


def _lists(item: HeldItem, ours: held.GroupValue, theirs: held.GroupValue) -> bool:
    return (set(item.prm or ()), set(item.crm or ())) == (set(ours), set(theirs))


def _by_external_key(connection: sa.Connection, stream: Stream) -> tuple[int, bool]:
    """CRM records that carry the key of one of our records, linked or not. Where a record of ours
    is new, those too that did not move: one may wait for a person, or have been refused here."""
    shown = links.unlinked(
        connection,
        stream.id,
        crm_side=True,
        dirty_only=not _has_fresh(connection, stream, crm_side=False),
        showing=KEY,
    )
    waiting = [one for one in shown if not one.crm_gone]
    ours = links.by_prm_ids(
        connection, stream.id, {str(one.crm[KEY]) for one in waiting if one.crm}
    )
    pairs = []
    for one in waiting:
        mine = ours.get(str((one.crm or {})[KEY]))
        if mine is not None and mine.crm_id is None and mine.state == LinkState.NEW:
            pairs.append(Candidate(stream.name, mine.id, one.id, "external key", SAME, True))
    return join(connection, stream, pairs)


def _by_key(
    connection: sa.Connection, stream: Stream, names: Sequence[str], *, everything: bool
) -> list[Candidate]:
    """Pairs with equal values of one match key; without `everything` at least one of them is
    new or changed, and it is cheap when nothing is."""
    fresh = everything or _has_fresh(connection, stream, crm_side=False)
    if not fresh and not _has_fresh(connection, stream, crm_side=True):
        return []
    ours: dict[Key, list[int]] = {}
    for link, values in _unlinked_prm(connection, stream):
        key = match_key(names, values)
        if key is not None:
            ours.setdefault(key, []).append(link.id)
    if not ours:
        return []
    theirs = _theirs(connection, stream, names, ours.keys(), dirty_only=not fresh)
    if theirs and not fresh:  # of these keys there may be other candidates that did not move
        theirs = _theirs(connection, stream, names, theirs.keys(), dirty_only=False)
    by = " + ".join(names)
    return [
        Candidate(stream.name, mine, other, by, SAME, len(ours[key]) == len(others) == 1)
        for key, others in theirs.items()
        for mine in ours[key]
        for other in others
    ]


def _theirs(
    connection: sa.Connection,
    stream: Stream,
    names: Sequence[str],
    wanted: Collection[Key],
    *,
    dirty_only: bool,
) -> dict[Key, list[int]]:
    """Links of unlinked CRM records by match key, of the wanted keys."""
    found: dict[Key, list[int]] = {}
    for link in links.unlinked(connection, stream.id, crm_side=True, dirty_only=dirty_only):
        key = None if link.crm_gone else match_key(names, link.crm or {})
        if key is not None and key in wanted:
            found.setdefault(key, []).append(link.id)
    return found


def _has_fresh(connection: sa.Connection, stream: Stream, *, crm_side: bool) -> bool:
    """Whether a record of one side alone is new or changed."""
    rows = links.unlinked(connection, stream.id, crm_side=crm_side, dirty_only=True)
    return next(iter(rows), None) is not None


def _unlinked_prm(connection: sa.Connection, stream: Stream) -> Iterator[tuple[Link, Values]]:
    page: list[Link] = []
    for link in links.unlinked(connection, stream.id, crm_side=False, dirty_only=False):
        page.append(link)
        if len(page) == links.CHUNK:
            yield from _with_values(connection, stream, page)
            page = []
    yield from _with_values(connection, stream, page)


def _with_values(
    connection: sa.Connection, stream: Stream, page: Sequence[Link]
) -> Iterator[tuple[Link, Values]]:
    values = prm_records.read(connection, stream.name, [str(one.prm_id) for one in page])
    for link in page:
        found = values.get(str(link.prm_id))
        if found is not None:
            yield link, found


def match_key(names: Sequence[str], values: Values) -> Key | None:
    """The normalised values of a match key; None when a part is blank or proves nothing."""
    parts = []
    for name in names:
        part = _normal(name, values.get(name))
        if not part:
            return None
        parts.append(part)
    return tuple(parts)


def _normal(name: str, value: Scalar) -> str | None:
    if not isinstance(value, str):
        return None
    if name.endswith("domain"):
        return registrable_domain(value)
    if name.endswith("duns"):
        return duns_key(value)
    if name.endswith("country"):
        return country_key(value)
    if name.endswith("name"):
        return company_key(value)
    return value.strip().casefold() or None


def join(connection: sa.Connection, stream: Stream, pairs: Sequence[Candidate]) -> tuple[int, bool]:
    """Make one link of two one-sided rows; a row joins only once. Returns how many were joined,
    and whether others waited for a person beside them."""
    used: set[int] = set()
    joined = []
    for pair in pairs:
        if pair.prm_link in used or pair.crm_link in used:
            continue
        used.update((pair.prm_link, pair.crm_link))
        joined.append(pair)
    beside = False
    for part in links.chunks(joined):
        beside |= _join_part(connection, stream, part)
    return len(joined), beside


def _join_part(connection: sa.Connection, stream: Stream, joined: Sequence[Candidate]) -> bool:
    both = [one for pair in joined for one in (pair.prm_link, pair.crm_link)]
    found = links.by_ids(connection, both)
    told = _told(held.of_links(connection, both).values())
    beside = _named(connection, stream, told)
    links.detach(connection, [pair.crm_link for pair in joined])
    held.close_items(connection, [item.id for item in told], HeldState.DONE)
    changed = []
    for pair in joined:
        mine, other = found[pair.prm_link], found[pair.crm_link]
        if mine.state == LinkState.ENDED:  # what was agreed on with another record counts no more
            mine.base, mine.crm_gone = None, False
        mine.crm_id, mine.crm, mine.state = other.crm_id, other.crm, LinkState.LIVE
        mine.crm_version, mine.crm_modified_by = other.crm_version, other.crm_modified_by
        mine.dirty = Dirty.CHANGED
        changed.append(mine)
    links.save(connection, changed)
    left = sorted(beside.difference(both))
    links.set_dirty(connection, left, Dirty.CHANGED)
    return bool(left)


def candidates(session: Session, stream: Stream) -> list[Candidate]:
    """All possible pairs of unlinked records, each once: the certain ones, and those that only
    look alike."""
    found: dict[tuple[int, int], Candidate] = {}
    with session.database.read() as connection:
        for names in stream.mapping.match:
            for one in _by_key(connection, stream, names, everything=True):
                pair = (one.prm_link, one.crm_link)
                if pair not in found or (one.unique and not found[pair].unique):
                    found[pair] = one
        certain = {link for pair, one in found.items() if one.unique for link in pair}
        for one in _by_name(connection, stream, certain):
            found.setdefault((one.prm_link, one.crm_link), one)
    return list(found.values())


def _by_name(connection: sa.Connection, stream: Stream, certain: set[int]) -> Iterator[Candidate]:
    """Names that look alike: shown to a person, never linked by themselves."""
    if "name" not in stream.mapping.fields:
        return
    identities = _identities(stream)
    theirs = [
        (link, company_key(str(link.crm["name"])) or "", _known(identities, link.crm))
        for link in links.unlinked(connection, stream.id, crm_side=True, dirty_only=False)
        if link.crm and link.crm.get("name") and link.id not in certain
    ]
    for link, values in _unlinked_prm(connection, stream):
        name = company_key(str(values.get("name") or ""))
        if link.id in certain or not name:
            continue
        known = _known(identities, values)
        for other, other_name, other_known in theirs:
            score = int(fuzz.WRatio(name, other_name, score_cutoff=LIKELY))
            if score >= LIKELY and not _contradict(known, other_known):
                yield Candidate(stream.name, link.id, other.id, "name", score, False)


def _identities(stream: Stream) -> list[str]:
    """Mapped fields that tell two companies apart however alike their names are."""
    return [name for name in stream.mapping.fields if name.endswith(("domain", "duns"))]


def _known(names: Sequence[str], values: Values) -> list[str | None]:
    """The normalised value of each field; None where it is blank or proves nothing."""
    return [_normal(name, values.get(name)) for name in names]


def _contradict(ours: Sequence[str | None], theirs: Sequence[str | None]) -> bool:
    """Whether some identity is known on both sides and differs while none agrees."""
    known = [(a, b) for a, b in zip(ours, theirs, strict=True) if a and b]
    return bool(known) and all(a != b for a, b in known)


def link_pairs(session: Session, pairs: Sequence[Candidate]) -> int:
    """Link what an admin confirmed; returns how many pairs were still free."""
    with session.database.begin() as connection:
        session.fence(connection)
        found = links.by_ids(
            connection, {one for pair in pairs for one in (pair.prm_link, pair.crm_link)}
        )
        free: dict[str, list[Candidate]] = {}
        revived = [found[one.prm_link] for one in pairs if _may_live_again(found, one)]
        for link in revived:
            link.state, link.dirty = LinkState.LIVE, Dirty.CHANGED
        links.save(connection, revived)
        for pair in pairs:
            if _free_here(found.get(pair.prm_link)) and _free_there(found.get(pair.crm_link)):
                free.setdefault(pair.stream, []).append(pair)
        joined = (join(connection, session.streams[name], some)[0] for name, some in free.items())
        return len(revived) + sum(joined)


def _may_live_again(found: Mapping[int, Link], pair: Candidate) -> bool:
    """Whether both sides of the pair are one link that ended although both records are there."""
    link = found.get(pair.prm_link)
    return (
        link is not None
        and pair.prm_link == pair.crm_link
        and link.state == LinkState.ENDED
        and not link.prm_gone
        and not link.crm_gone
    )


def _free_here(link: Link | None) -> bool:
    """Whether our record may be linked: it never was, or its link ended."""
    if link is None or link.prm_gone:
        return False
    return link.state == LinkState.NEW or (link.state == LinkState.ENDED and link.crm_gone)


def _free_there(link: Link | None) -> bool:
    """The same of a record of the CRM."""
    if link is None or link.crm_gone:
        return False
    return link.state == LinkState.NEW or (
        link.state == LinkState.ENDED and (link.prm_id is None or link.prm_gone)
    )
