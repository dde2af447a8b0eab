"""Links: the pair of a record on both sides, what both agreed on (base) and what the CRM showed.

`seen` is stored as the difference from base, so a settled link costs one short row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import link_statements as statements
from prmsync.store import resting, tallies
from prmsync.store.bulk import insert_rows, update_rows
from prmsync.store.damage import unreadable
from prmsync.store.prepared import packed
from prmsync.store.tables import link as table
from prmsync.store.tables import stream as streams

_ALL = statements.page(statements.HERE_BY_ID)

CHUNK = 2000
"""Rows per statement with an IN list; both databases allow more."""


class LinkState(StrEnum):
    NEW = "new"
    """Only one side is known; not matched yet."""
    LIVE = "live"
    DORMANT = "dormant"
    """Left the filter; base kept, nothing written."""
    ENDED = "ended"
    """A tombstone: stops matching and creating until someone relinks."""


class Dirty:
    """Values of `link.dirty`."""

    CLEAN = 0
    CHANGED = 1
    WAITS = 2
    """Waits for the link of a record it refers to."""
    REMAPPED = 3
    """Untouched on both sides; the mapping says something else of it."""


KEY = "@key"
"""Extra key in read values: the external key that the CRM record carries."""

UNSTAMPED = "@unstamped"
"""Extra key beside `KEY`: the CRM record came back without the key, which we know from before."""

MERGED = "@merged"
"""Extra key in what a CRM record that is gone last showed: the id of the one it was merged into."""
_MERGED_AWAY = f'"{MERGED}":"'

AGAIN = "@again"
"""Extra key in the tombstone of a CRM record that was made again under another id: our id of it."""

OURS = "~"
"""Prefix of `crm_modified_by` after a write of ours: who had modified the record before it. Some
CRMs leave that name on a record that an integration writes, so alone it proves nothing."""


@dataclass(slots=True)
class Link:
    """One row, unpacked. `crm` is the CRM's last shown values, None if it never showed any."""

    id: int
    stream_id: int
    prm_id: str | None
    crm_id: str | None
    state: str
    base: Values | None
    crm: Values | None
    crm_version: str | None
    crm_modified_by: str | None
    prm_gone: bool
    crm_gone: bool
    dirty: int
    stored_state: str = LinkState.NEW
    """The state that the database has, for the counter of live links."""
    unsaved: bool = False
    """Whether the database does not have it yet; `add` stores it."""

    @property
    def is_linked(self) -> bool:
        """Whether both sides are known and belong together."""
        return None not in (self.prm_id, self.crm_id) and self.state != LinkState.ENDED

    def agree(self, values: Values) -> None:
        """Both sides have these values. A CRM record that is none of ours yet agrees with nothing,
        also where an undo has put something back in it."""
        if self.prm_id is not None:
            self.base = {**(self.base or {}), **values}

    def cut_crm(self) -> None:
        """Forget the CRM record: it is gone by our doing, and another one comes in its place."""
        self.crm_id = self.crm = self.crm_version = self.crm_modified_by = self.base = None
        self.crm_gone, self.state = False, LinkState.NEW


@dataclass(slots=True)
class Observation:
    """One CRM record as it goes into the store: values translated to prm fields."""

    crm_id: str
    version: str
    modified_by: str | None
    values: Values
    deleted: bool = False
    merged_into: str | None = None


def _unpack(row: Any) -> Link:
    try:
        base = orjson.loads(row[5]) if row[5] else None
        seen = orjson.loads(row[6]) if row[6] else None
    except orjson.JSONDecodeError as error:
        raise unreadable("link", row[0]) from error
    crm: Values | None = None
    if row[3] is not None:
        crm = seen if base is None else {**base, **(seen or {})}
    return Link(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        base,
        crm,
        row[7],
        row[8],
        bool(row[9]),
        bool(row[10]),
        row[11],
        row[4],
    )


def dumps(values: Values | None) -> str | None:
    return None if values is None else orjson.dumps(values).decode()


def difference(base: Values | None, values: Values | None) -> str | None:
    """What `values` says beyond base; None when it says nothing more."""
    if values is None:
        return None
    if base is None:
        return orjson.dumps(values).decode()
    rest = {key: value for key, value in values.items() if key not in base or base[key] != value}
    return orjson.dumps(rest).decode() if rest else None


def _beyond(base: Values | None, values: Values | None) -> str | None:
    """`difference` where both say the same in every field of base."""
    if base is None or values is None:
        return difference(base, values)
    return dumps({key: value for key, value in values.items() if key not in base} or None)


_SAVED = (
    "prm_id",
    "crm_id",
    "state",
    "base",
    "seen",
    "crm_version",
    "crm_modified_by",
    "prm_gone",
    "crm_gone",
    "dirty",
)


def _pack(link: Link) -> tuple[Any, ...]:
    return (
        link.prm_id,
        link.crm_id,
        str(link.state),
        dumps(link.base),
        difference(link.base, link.crm),
        link.crm_version,
        link.crm_modified_by,
        int(link.prm_gone),
        int(link.crm_gone),
        link.dirty,
        link.id,
    )


def save(connection: sa.Connection, links: Sequence[Link]) -> None:
    """Write all columns of these links. Where one comes back to life, what rests with its record
    is marked."""
    update_rows(connection, table, _SAVED, [_pack(link) for link in links])
    _wake_beside(connection, links)
    tallies.links_saved(connection, links)


def _wake_beside(connection: sa.Connection, saved: Sequence[Link]) -> None:
    back: dict[int, list[str]] = {}
    for one in saved:
        if one.stored_state == LinkState.ENDED != one.state and one.prm_id is not None:
            back.setdefault(one.stream_id, []).append(one.prm_id)
    for stream_id, prm_ids in back.items():
        resting.wake(connection, stream_id, prm_ids)


_ADDED = (
    "id",
    "stream_id",
    "prm_id",
    "crm_id",
    "state",
    "base",
    "seen",
    "crm_version",
    "crm_modified_by",
    "dirty",
)


def add(connection: sa.Connection, links: Sequence[Link], *, alike: bool = False) -> None:
    """Store links that are not in the database yet. `alike`: it was seen of each of them that the
    CRM shows what its base says, field by field, so that none is compared once more."""
    seen = _beyond if alike else difference
    rows = [
        (
            link.id,
            link.stream_id,
            link.prm_id,
            link.crm_id,
            str(link.state),
            dumps(link.base),
            seen(link.base, link.crm),
            link.crm_version,
            link.crm_modified_by,
            link.dirty,
        )
        for link in links
    ]
    insert_rows(connection, table, _ADDED, rows)
    tallies.links_saved(connection, links)
    for link in links:
        link.unsaved = False


def next_ids(connection: sa.Connection, count: int) -> Sequence[int]:
    """Ids for so many new links; only in a write transaction, of which SQLite has one at a time."""
    if connection.dialect.name == "sqlite":
        last = connection.execute(statements.HIGHEST_ID).scalar() or 0
        return range(last + 1, last + 1 + count)
    drawn = sa.text(
        "SELECT nextval(pg_get_serial_sequence('link', 'id')) FROM generate_series(1, :count)"
    )
    return list(connection.execute(drawn, {"count": count}).scalars())


_OURS_SAVED = ("prm_id", "state", "base", "seen", "prm_gone", "dirty")


def save_ours(connection: sa.Connection, links: Sequence[Link], *, alike: bool = False) -> None:
    """Write what changes with a write to our side. The CRM's id stays as it is stored: naming it
    in the statement would have the database write its index anew for every link. Links that are
    not stored yet are added, `alike` or not (`add`)."""
    unsaved = [link for link in links if link.unsaved]
    if unsaved:
        links = [link for link in links if not link.unsaved]
        add(connection, unsaved, alike=alike)
    rows = [
        (
            link.prm_id,
            str(link.state),
            dumps(link.base),
            difference(link.base, link.crm),
            int(link.prm_gone),
            link.dirty,
            link.id,
        )
        for link in links
    ]
    update_rows(connection, table, _OURS_SAVED, rows)
    tallies.links_saved(connection, links)


def set_dirty(connection: sa.Connection, ids: Sequence[int], dirty: int) -> None:
    statement = statements.mark(connection.dialect.name)
    for part in chunks(ids):
        connection.execute(statement, {"ids": packed(connection, part), "mark": dirty})


def save_versions(connection: sa.Connection, links: Sequence[Link]) -> None:
    """Write the version of the CRM record and nothing else of these links."""
    statement = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("link"))
        .values(crm_version=sa.bindparam("version"))
    )
    connection.execute(statement, [{"link": one.id, "version": one.crm_version} for one in links])


def lock_dirty(connection: sa.Connection, ids: Sequence[int]) -> dict[int, int]:
    """Link id → dirty as it is now; on PostgreSQL the rows stay so until the transaction ends."""
    found: dict[int, int] = {}
    statement = statements.marks(connection.dialect.name)
    for part in chunks(ids):
        rows = connection.execute(statement, {"ids": packed(connection, part)})
        found.update((row[0], row[1]) for row in rows.all())
    return found


def chunks(items: Sequence[Any], size: int = CHUNK) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def fetch(connection: sa.Connection, statement: sa.Select[Any], **named: Any) -> list[Link]:
    """The links that a statement over `link_statements.COLUMNS` finds."""
    return [_unpack(row) for row in connection.execute(statement, named).all()]


def dirty_page(
    connection: sa.Connection, stream_id: int, after: int, limit: int, *, lock: bool = False
) -> list[Link]:
    """The next links that need a decision, by id; with `lock` nobody else marks them meanwhile."""
    statement = statements.dirty_page(lock=lock)
    return fetch(connection, statement, stream=stream_id, after=after, limit=limit)


def any_dirty(connection: sa.Connection, stream_id: int, values: Sequence[int]) -> bool:
    """Whether some link of a stream is marked with one of these values of `Dirty`."""
    statement = statements.any_dirty(tuple(values))
    return bool(connection.execute(statement, {"stream": stream_id}).scalar_one())


def marked_streams(connection: sa.Connection, stream_ids: Sequence[int]) -> set[int]:
    """Those of the streams that have links to be decided."""
    statement = statements.marked_streams(connection.dialect.name)
    return set(connection.execute(statement, {"ids": packed(connection, stream_ids)}).scalars())


def count_waiting(connection: sa.Connection, stream_ids: Collection[int]) -> dict[int, int]:
    """Stream id → how many of its links wait for a record that they refer to; only links that are
    marked are looked at."""
    marked = sa.and_(table.c.stream_id.in_(stream_ids), table.c.dirty > 0)
    statement = (
        sa.select(table.c.stream_id, sa.func.count())
        .where(marked, table.c.dirty == Dirty.WAITS)
        .group_by(table.c.stream_id)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def page(connection: sa.Connection, stream_id: int, after: int, limit: int) -> list[Link]:
    """All links of a stream in id order, for verify."""
    return fetch(connection, _ALL, stream=stream_id, after=after, limit=limit)


def unlinked(
    connection: sa.Connection,
    stream_id: int,
    *,
    crm_side: bool,
    dirty_only: bool,
    showing: str | None = None,
) -> Iterator[Link]:
    """Links with one side only, CRM or ours, streamed in id order; with `showing`, those whose
    CRM values have text under that key."""
    named: dict[str, Any] = {"stream": stream_id, "after": 0, "limit": CHUNK}
    if showing is not None:
        named["text"] = re.sub("([/%_])", r"/\1", f'"{showing}":"')
    statement = statements.unlinked(
        crm_side=crm_side, dirty_only=dirty_only, showing=showing is not None
    )
    while True:
        rows = fetch(connection, statement, **named)
        yield from rows
        if len(rows) < CHUNK:
            return
        named["after"] = rows[-1].id


def by_ids(connection: sa.Connection, ids: Iterable[int], *, lock: bool = False) -> dict[int, Link]:
    """With `lock` nobody else marks them until the transaction ends."""
    found: dict[int, Link] = {}
    statement = statements.by_key(connection.dialect.name, "id", lock=lock)
    for part in chunks(sorted(ids)):
        for one in fetch(connection, statement, ids=packed(connection, part)):
            found[one.id] = one
    return found


def by_crm_ids(
    connection: sa.Connection, stream_id: int, crm_ids: Iterable[str]
) -> dict[str, Link]:
    return {str(one.crm_id): one for one in _by_key(connection, stream_id, "crm_id", crm_ids)}


def by_prm_ids(
    connection: sa.Connection, stream_id: int, prm_ids: Iterable[str]
) -> dict[str, Link]:
    return {str(one.prm_id): one for one in _by_key(connection, stream_id, "prm_id", prm_ids)}


def _by_key(
    connection: sa.Connection, stream_id: int, key: str, values: Iterable[str]
) -> Iterator[Link]:
    statement = statements.by_key(connection.dialect.name, key)
    for part in chunks(sorted(values)):
        yield from fetch(connection, statement, stream=stream_id, ids=packed(connection, part))


def crm_to_prm(connection: sa.Connection, stream_id: int, crm_ids: Iterable[str]) -> dict[str, str]:
    """CRM id → prm id of linked records. Of one that was merged away, deleted here and has come
    back, the id goes on naming the record that is left, until somebody has said what it shall be.
    """
    return _pairs(connection, stream_id, "crm_id", "prm_id", crm_ids)


def prm_to_crm(connection: sa.Connection, stream_id: int, prm_ids: Iterable[str]) -> dict[str, str]:
    """prm id → CRM id of linked records that the CRM still has: the id of one that was merged away
    would name the other record there."""
    return _pairs(connection, stream_id, "prm_id", "crm_id", prm_ids)


def _pairs(
    connection: sa.Connection, stream_id: int, known: str, wanted: str, ids: Iterable[str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    statement = statements.pairs(connection.dialect.name, known, wanted)
    for part in chunks(sorted(ids)):
        named = {"stream": stream_id, "ids": packed(connection, part), "text": _MERGED_AWAY}
        found.update((row[0], row[1]) for row in connection.execute(statement, named).all())
    return found


def any_of_connection(connection: sa.Connection, name: str) -> bool:
    """Whether a record of this connection has ever been linked."""
    return bool(connection.execute(statements.ANY_OF_CONNECTION, {"of": name}).scalar_one())


def ids_of_record(connection: sa.Connection, stream: str, prm_id: str) -> list[int]:
    """The links of one of our records over all connections."""
    statement = (
        sa.select(table.c.id)
        .join(streams, streams.c.id == table.c.stream_id)
        .where(streams.c.name == stream, table.c.prm_id == prm_id)
    )
    return [row[0] for row in connection.execute(statement)]


def give_up(connection: sa.Connection, others: Sequence[Link]) -> set[str]:
    """Let these links give their CRM ids up for the link that has proved to own them. Returns the
    ids that are not free: they are linked to another record of ours."""
    detach(connection, [one.id for one in others if one.prm_id is None])
    ended = [one.id for one in others if one.prm_id is not None and one.state == LinkState.ENDED]
    for part in chunks(ended):
        # The tombstone of our record stays.
        statement = table.update().where(table.c.id.in_(part))
        connection.execute(statement.values(crm_id=None, seen=None))
    return {
        str(one.crm_id) for one in others if one.prm_id is not None and one.state != LinkState.ENDED
    }


def give_up_rows(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Free the rows of ours that these links belong to, before each gets another one."""
    for part in chunks(ids):
        connection.execute(table.update().where(table.c.id.in_(part)).values(prm_id=None))


def detach(connection: sa.Connection, ids: Sequence[int]) -> None:
    """End one-sided rows whose record was joined into another link; they give its id up. They are
    never live: that takes both sides."""
    for part in chunks(ids):
        connection.execute(
            table.update()
            .where(table.c.id.in_(part))
            .values(crm_id=None, prm_id=None, seen=None, state=LinkState.ENDED, dirty=0)
        )
