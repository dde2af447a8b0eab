"""Links whose CRM record is gone or became another one, and the tombstones that remain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import links
from prmsync.store.link_statements import HERE, MARKED, page
from prmsync.store.links import AGAIN, MERGED, Link, LinkState, chunks
from prmsync.store.prepared import listed, packed
from prmsync.store.tables import link as table

_LONGEST_CHAIN = 20
"""Merges of a merged record that are followed: a CRM that names a circle is not followed at all."""


_LOST = (HERE, MARKED, table.c.crm_gone == 1)
_MERGED_AWAY = page(*_LOST, table.c.seen.contains(f'"{MERGED}":"', autoescape=True))
_GONE = page(*_LOST, table.c.prm_id.is_not(None))
_LEFT_IN_CRM = page(
    HERE,
    table.c.state == LinkState.DORMANT,
    table.c.prm_gone == 1,
    table.c.crm_gone == 0,
)
_LEFT_OVER = page(
    HERE,
    table.c.state == LinkState.ENDED,
    table.c.prm_id.is_(None),
    table.c.crm_id.is_not(None),
    table.c.crm_gone == 0,
)


def _page(
    connection: sa.Connection, statement: sa.Select[Any], stream_id: int, after: int = 0
) -> list[Link]:
    return links.fetch(connection, statement, stream=stream_id, after=after, limit=links.CHUNK)


def _all(connection: sa.Connection, statement: sa.Select[Any], stream_id: int) -> Iterator[Link]:
    after = 0
    while found := _page(connection, statement, stream_id, after):
        yield from found
        after = found[-1].id


def merged_away(connection: sa.Connection, stream_id: int) -> list[Link]:
    """Links to be decided whose CRM record was merged into another one."""
    return _page(connection, _MERGED_AWAY, stream_id)


def survivors(
    connection: sa.Connection, stream_id: int, crm_ids: Iterable[str]
) -> dict[str, Link | str]:
    """Where CRM records are now, merge after merge: id → the row of the record that is left, or
    its id where no row is known yet."""
    found: dict[str, Link | str] = {}
    asked = {one: one for one in crm_ids}
    for _ in range(_LONGEST_CHAIN):
        rows = links.by_crm_ids(connection, stream_id, set(asked.values()))
        further = {}
        for first, crm_id in asked.items():
            row = rows.get(crm_id)
            into = row.crm.get(MERGED) if row is not None and row.crm_gone and row.crm else None
            if into is None:
                found[first] = crm_id if row is None else row
            else:
                further[first] = str(into)
        if not further:
            break
        asked = further
    return found


def left_in_crm(connection: sa.Connection, stream_id: int) -> Iterator[Link]:
    """What rests in the CRM while ours is gone."""
    return _all(connection, _LEFT_IN_CRM, stream_id)


def left_over(connection: sa.Connection, stream_id: int) -> Iterator[Link]:
    """Tombstones of CRM records that are still there and were never linked."""
    return _all(connection, _LEFT_OVER, stream_id)


def gone_among(connection: sa.Connection, stream_id: int, prm_ids: Iterable[str]) -> set[str]:
    """Those of our records that the CRM had and has no more."""
    found: set[str] = set()
    statement = _gone_among(connection.dialect.name)
    for part in chunks(sorted(prm_ids)):
        named = {"stream": stream_id, "ids": packed(connection, part)}
        found.update(connection.execute(statement, named).scalars())
    return found


@lru_cache(maxsize=4)
def _gone_among(dialect: str) -> sa.Select[Any]:
    return sa.select(table.c.prm_id).where(
        HERE, listed(dialect, table.c.prm_id), table.c.crm_gone == 1
    )


def gone_in_crm(connection: sa.Connection, stream_id: int, after: int = 0) -> list[Link]:
    """Links to be decided, by id, whose CRM record is gone and whose own is known."""
    return _page(connection, _GONE, stream_id, after)


def any_gone(connection: sa.Connection, stream_ids: Sequence[int]) -> bool:
    """Whether the CRM record of some link to be decided is gone; only marked links are looked
    at."""
    statement = _any_gone(connection.dialect.name)
    return bool(connection.execute(statement, {"ids": packed(connection, stream_ids)}).scalar_one())


@lru_cache(maxsize=4)
def _any_gone(dialect: str) -> sa.Select[Any]:
    here = listed(dialect, table.c.stream_id)
    return sa.select(sa.exists().where(here, MARKED, table.c.crm_gone == 1))


def remember_merge(
    connection: sa.Connection, stream_id: int, crm_id: str, version: str | None, into: str
) -> None:
    """Keep a tombstone of a CRM record that was merged away: references still name its id, and a
    search index that lags still shows it, in no later `version`."""
    connection.execute(
        table.insert().values(
            stream_id=stream_id,
            crm_id=crm_id,
            state=LinkState.ENDED,
            seen=links.dumps({MERGED: into}),
            crm_version=version,
            crm_gone=1,
        )
    )


Gone = tuple[str, str | None, Values | None, str | None]
"""CRM id, version and last known values of a record that is gone, and our id of it."""


def replaced(link: Link, crm_id: str | None) -> Gone | None:
    """The record that a link had in the CRM before another one comes in its place."""
    if link.crm_id is None or link.crm_id == crm_id or not link.crm_gone:
        return None
    return link.crm_id, link.crm_version, link.crm, link.prm_id


def remember_gone(connection: sa.Connection, stream_id: int, gone: Sequence[Gone]) -> None:
    """Keep tombstones of CRM records that were made again under other ids: a search index that
    lags would show them as new ones. No link names these ids any more."""
    for crm_id, version, values, prm_id in gone:
        merged = values is not None and MERGED in values
        kept: Values = {MERGED: values[MERGED]} if values and merged else {AGAIN: prm_id}
        connection.execute(
            table.insert().values(
                stream_id=stream_id,
                crm_id=crm_id,
                state=LinkState.ENDED,
                seen=links.dumps(kept),
                crm_version=version,
                crm_gone=1,
            )
        )
