"""Storing what a read showed. A cursor moves in the same transaction as its observations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import links, lost_links
from prmsync.store.bulk import insert_rows, select_rows
from prmsync.store.links import KEY, MERGED, OURS, UNSTAMPED, Dirty, Link, LinkState, Observation
from prmsync.store.tables import PRM_TABLES
from prmsync.store.tables import link as table
from prmsync.store.tables import stream as streams
from prmsync.store.written import deleted_last


def observe_crm(
    connection: sa.Connection,
    stream_id: int,
    seen: Sequence[Observation],
    *,
    anew: bool = False,
    asks: bool = False,
    kept: Sequence[str] = (),
    returned: Sequence[str] = (),
    lagging: bool = False,
) -> list[str]:
    """Store one page of CRM records; returns the CRM ids whose state is new or has changed.

    What is known of the fields `kept`, which cannot be read just now, stays. The fields `returned`
    were gone for a while: where they are blank now, both sides agree on nothing. With `anew`
    (deletions are propagated) a record that comes back after both sides had deleted it is a new
    one: somebody wants it again; but with `asks`, where no run carried the deletion over, it is for
    a person to say whose word counts. `lagging`: a search index shows them, perhaps as they were.
    """
    known = links.by_crm_ids(connection, stream_id, (one.crm_id for one in seen))
    fresh: dict[str, Observation] = {}
    changed: list[Link] = []
    if kept:
        _keep(known, seen, kept)
    if returned:
        _disagree(known, seen, returned)
    if asks:
        _note_gone_here(connection, stream_id, known, seen)
    alone = _deleted_alone(connection, known.values()) if asks else ()
    for one in seen:
        link = known.get(one.crm_id)
        if link is None:
            if one.deleted:  # it may have been listed before it was deleted, in the same read
                fresh.pop(one.crm_id, None)
            else:
                fresh[one.crm_id] = one
            continue
        if link.prm_id is None and link.crm and UNSTAMPED in link.crm:
            _keep_key(link.crm, one)
        if _moved(link, one, lagging=lagging):
            _take(link, one, anew=anew, keyed=asks, alone=link.id in alone)
            changed.append(link)
    links.save(connection, changed)
    if fresh:
        insert_rows(connection, table, _NEW, [_new(stream_id, one) for one in fresh.values()])
    return [*fresh, *(str(link.crm_id) for link in changed)]


def _note_gone_here(
    connection: sa.Connection,
    stream_id: int,
    known: Mapping[str, Link],
    seen: Sequence[Observation],
) -> None:
    """Records that come back in the CRM after a run had ended their links: whether ours has been
    deleted since, which the change log tells only later. It was gone on both sides then."""
    back = {
        link.prm_id: link
        for one in seen
        if (link := known.get(one.crm_id)) is not None and _returns(link, one)
    }
    if not back:
        return
    name = connection.execute(sa.select(streams.c.name).where(streams.c.id == stream_id)).scalar()
    ours = PRM_TABLES[str(name)].c.id
    there = {row[0] for row in select_rows(connection, [ours], ours, [str(one) for one in back])}
    for prm_id, link in back.items():
        link.prm_gone = prm_id not in there


def _returns(link: Link, one: Observation) -> bool:
    ended = link.state == LinkState.ENDED and link.crm_gone and not one.deleted
    return ended and link.prm_id is not None and not link.prm_gone


def new_links(
    connection: sa.Connection, stream_id: int, seen: Sequence[Observation]
) -> tuple[list[Link], list[Observation]]:
    """Links for the CRM records that are new, each once, with their ids but not stored yet, and
    the observations of the others. The caller stores all the links (`links.add`)."""
    shown = {one.crm_id: one for one in seen}
    known = links.by_crm_ids(connection, stream_id, shown)
    others = [shown.pop(one) for one in known]
    new, ids = LinkState.NEW.value, links.next_ids(connection, len(shown))
    made = [
        Link(
            new_id,
            stream_id,
            None,
            one.crm_id,
            new,
            None,
            one.values,
            one.version,
            one.modified_by,
            False,
            False,
            Dirty.CHANGED,
            new,
            True,
        )
        for new_id, one in zip(ids, shown.values(), strict=True)
    ]
    return made, others


def _keep(known: Mapping[str, Link], seen: Sequence[Observation], names: Sequence[str]) -> None:
    for one in seen:
        link = known.get(one.crm_id)
        for name in names if link is not None and not one.deleted else ():
            if link is not None and link.crm and name in link.crm:
                one.values.setdefault(name, link.crm[name])


def _disagree(known: Mapping[str, Link], seen: Sequence[Observation], names: Sequence[str]) -> None:
    """A field that was deleted and made again is blank by nobody's edit: its first rule decides."""
    for one in seen:
        link = known.get(one.crm_id)
        if link is None or link.base is None or one.deleted:
            continue
        if any(one.values.get(name) is None and link.base.get(name) is not None for name in names):
            for name in names:
                link.base.pop(name, None)


def _keep_key(known: Values, one: Observation) -> None:
    """The id that its record had here stays known until it has one again."""
    if not one.deleted and KEY not in one.values:
        one.values[KEY], one.values[UNSTAMPED] = known[KEY], True


def _moved(link: Link, one: Observation, *, lagging: bool) -> bool:
    if one.deleted:
        return not link.crm_gone or _merges(link, one)
    # A search index may still show what was there before a deletion, or before our own write.
    if one.version and link.crm_version:
        if one.version < link.crm_version:
            return False
        if lagging and link.crm_gone and one.version == link.crm_version:
            return False  # else it was restored within what the CRM's clock can tell apart
    return link.crm_gone or link.crm != one.values


def _merges(link: Link, one: Observation) -> bool:
    """Whether a record that is gone is now known to have been merged into another one."""
    return one.merged_into is not None and (link.crm or {}).get(MERGED) != one.merged_into


def _deleted_alone(connection: sa.Connection, known: Iterable[Link]) -> set[int]:
    """The ids of links whose record is gone on both sides and no run has deleted it."""
    ids = [
        one.id for one in known if one.state == LinkState.ENDED and one.prm_gone and one.crm_gone
    ]
    return set(ids).difference(deleted_last(connection, ids)) if ids else set()


def _take(link: Link, one: Observation, *, anew: bool, keyed: bool, alone: bool) -> None:
    if link.state == LinkState.ENDED and link.crm_gone and not one.deleted:
        if alone:
            link.base = None
        elif anew and link.prm_gone:
            if keyed and KEY not in one.values:  # no run has written it there
                one.values[KEY], one.values[UNSTAMPED] = link.prm_id, True
            link.prm_id, link.base, link.prm_gone = None, None, False
        link.state = LinkState.LIVE if link.prm_id else LinkState.NEW
    link.crm_gone = one.deleted
    if not one.deleted:
        link.crm = one.values
    elif one.merged_into is not None:
        link.crm = {**(link.crm or {}), MERGED: one.merged_into}
    if not _nobody_since_us(link, one):
        link.crm_modified_by = one.modified_by
    link.crm_version = one.version
    link.dirty = Dirty.CHANGED


def _nobody_since_us(link: Link, one: Observation) -> bool:
    """Whether the record names nobody new since we wrote it, or stands as our write left it."""
    who = link.crm_modified_by or ""
    if not who.startswith(OURS):
        return False
    untouched = bool(one.version) and one.version == link.crm_version
    return untouched or who == f"{OURS}{one.modified_by or ''}"


_NEW = ("stream_id", "crm_id", "state", "seen", "crm_version", "crm_modified_by", "dirty")


def _new(stream_id: int, one: Observation) -> tuple[object, ...]:
    return (
        stream_id,
        one.crm_id,
        LinkState.NEW.value,
        links.dumps(one.values),
        one.version,
        one.modified_by,
        Dirty.CHANGED,
    )


def observe_prm(
    connection: sa.Connection,
    stream_id: int,
    changes: Mapping[str, bool],
    *,
    anew: bool = False,
    asks: bool = False,
) -> bool:
    """Mark records of the partner database as changed: prm id → whether it is deleted. `anew` and
    `asks` as for `observe_crm`. Returns whether one is there that was not."""
    known = links.by_prm_ids(connection, stream_id, changes)
    alone = _deleted_alone(connection, known.values()) if asks else ()
    fresh = []
    changed = []
    moved = []
    left: list[lost_links.Gone] = []
    came = False
    for prm_id, gone in changes.items():
        link = known.get(prm_id)
        if link is None:
            if not gone:
                fresh.append((stream_id, prm_id, LinkState.NEW.value, Dirty.CHANGED))
            continue
        if link.prm_gone == gone and (gone or link.state != LinkState.ENDED):
            moved.append(link.id)  # all that the link says stands but its mark
            continue
        if link.state == LinkState.ENDED and link.prm_gone and not gone:
            if link.id in alone:
                link.base = None
            elif anew and link.crm_gone:
                before = lost_links.replaced(link, None) if asks else None
                left += () if before is None else (before,)
                link.cut_crm()
            link.state = LinkState.LIVE if link.crm_id else LinkState.NEW
        came = came or (link.prm_gone and not gone)
        link.prm_gone = gone
        link.dirty = Dirty.CHANGED
        changed.append(link)
    links.set_dirty(connection, moved, Dirty.CHANGED)
    links.save(connection, changed)
    lost_links.remember_gone(connection, stream_id, left)
    insert_rows(connection, table, ("stream_id", "prm_id", "state", "dirty"), fresh)
    return came or bool(fresh)


def absent_here(connection: sa.Connection, stream_id: int, stream_name: str) -> list[str]:
    """Ids of our records that links name, that are not there and of which no deletion was noted."""
    ours = PRM_TABLES[stream_name]
    there = sa.exists().where(ours.c.id == table.c.prm_id)
    statement = sa.select(table.c.prm_id).where(
        table.c.stream_id == stream_id, table.c.prm_id.is_not(None), table.c.prm_gone == 0, ~there
    )
    return list(connection.execute(statement).scalars())
