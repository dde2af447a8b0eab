"""What waits for a person: held fields and refused records, with the records' names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from prmsync.errors import NotFoundError
from prmsync.store import held, links
from prmsync.store.database import Database
from prmsync.store.held import HeldItem, ParkedItem
from prmsync.sync.status import titles


@dataclass(frozen=True, slots=True)
class HeldRow:
    item: HeldItem
    connection: str
    stream: str
    title: str


@dataclass(frozen=True, slots=True)
class ParkedRow:
    item: ParkedItem
    connection: str
    stream: str
    title: str


def held_rows(database: Database, name: str | None = None) -> list[HeldRow]:
    """Open held items, oldest first."""
    with database.read() as connection:
        found = held.waiting_items(connection, name)
        named = _titles(connection, [(row.stream, item.link_id) for row, item in found])
    return [HeldRow(item, row.connection, row.stream, named[item.link_id]) for row, item in found]


def held_row(database: Database, item_id: int) -> HeldRow:
    """One open item. Raises NotFoundError when it does not wait."""
    for row in held_rows(database):
        if row.item.id == item_id:
            return row
    raise NotFoundError(f"nothing waits as {item_id}", hint="see `prmsync held list`")


def _titles(connection: sa.Connection, wanted: Sequence[tuple[str, int]]) -> dict[int, str]:
    named: dict[int, str] = {}
    for stream in {one for one, _ in wanted}:
        ids = {link_id for one, link_id in wanted if one == stream}
        named.update(titles(connection, stream, list(links.by_ids(connection, ids).values())))
    return named


def decide_items(
    database: Database, items: Sequence[int], take: str, by: str, now: datetime
) -> None:
    """Note decisions, all or none. Raises NotFoundError or StateError where one does not wait."""
    with database.begin() as connection:
        for item in items:
            held.decide(connection, item, take, by, now)


def parked_rows(database: Database, name: str | None = None) -> list[ParkedRow]:
    """Refused records, oldest first."""
    with database.read() as connection:
        found = held.parked_items(connection, name)
        named = _titles(connection, [(row.stream, item.link_id) for row, item in found])
    return [ParkedRow(item, row.connection, row.stream, named[item.link_id]) for row, item in found]


def replay_links(database: Database, link_ids: Sequence[int]) -> int:
    """Forget these refusals and mark the records. Raises NotFoundError for one not refused."""
    with database.begin() as connection:
        known = held.parked_of(connection, link_ids)
        missing = [one for one in link_ids if one not in known]
        if missing:
            raise NotFoundError(
                f"not refused: {', '.join(map(str, missing))}", hint="see `prmsync parked list`"
            )
        held.unpark(connection, list(link_ids))
        links.set_dirty(connection, list(link_ids), links.Dirty.CHANGED)
    return len(link_ids)
