"""What waits for a person: held fields and refused records, with the records' names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from prmsync.errors import NotFoundError
from prmsync.store import held, links
from prmsync.store.database import Database
from prmsync.store.held import HeldItem, ParkedItem
from prmsync.sync.status import titles


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A held item, and what people call its record."""

    item: HeldItem
    connection: str
    stream: str
    title: str
    crm_id: str | None = None


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A refused write, and what people call its record."""

    item: ParkedItem
    connection: str
    stream: str
    title: str
    crm_id: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of the waiting items: None and "" admit all. `field` is a field or a group; `kind` is
    the beginning of why it waits, `code` of a refusal's code; `side` is where something waits to
    be written, or which side refused."""

    stream: str | None = None
    field: str | None = None
    kind: str | None = None
    side: str | None = None
    code: str | None = None
    record: str | None = None

    def admits_held(self, one: HeldRow) -> bool:
        item = one.item
        return (
            self.stream in (None, one.stream)
            and (self.field is None or self.field in (item.group, *item.fields))
            and item.kind.startswith(self.kind or "")
            and _contains(one.title, self.record)
        )

    def admits_parked(self, one: ParkedRow) -> bool:
        item = one.item
        return (
            self.stream in (None, one.stream)
            and self.side in (None, item.side)
            and (item.code or "").startswith(self.code or "")
            and _contains(one.title, self.record)
        )


def _contains(title: str, part: str | None) -> bool:
    return (part or "").casefold() in title.casefold()


ALL = Filter()


def held_rows(
    database: Database,
    name: str | None = None,
    which: Filter = ALL,
    *,
    chosen: Sequence[int] | None = None,
) -> list[HeldRow]:
    """Open held items, oldest first; with `chosen`, of these numbers only."""
    with database.read() as connection:
        found = held.waiting_items(connection, name)
        if chosen is not None:
            found = [(row, item) for row, item in found if item.id in set(chosen)]
        named = _titles(connection, [(row.stream, item.link_id) for row, item in found])
    rows = [
        HeldRow(item, row.connection, row.stream, named[item.link_id], row.crm_id)
        for row, item in found
    ]
    return [one for one in rows if which.admits_held(one)]


def held_row(database: Database, item_id: int) -> HeldRow:
    """One open item. Raises NotFoundError when it does not wait."""
    for row in held_rows(database, chosen=[item_id]):
        return row
    raise NotFoundError(f"nothing waits as {item_id}", hint="see `prmsync held list`")


def _titles(connection: sa.Connection, wanted: Sequence[tuple[str, int]]) -> dict[int, str]:
    named: dict[int, str] = {}
    for stream in {one for one, _ in wanted}:
        ids = {link_id for one, link_id in wanted if one == stream}
        named.update(titles(connection, stream, list(links.by_ids(connection, ids).values())))
    return named


def parked_rows(
    database: Database, name: str | None = None, which: Filter = ALL
) -> list[ParkedRow]:
    """Refused records, oldest first."""
    with database.read() as connection:
        found = held.parked_items(connection, name)
        named = _titles(connection, [(row.stream, item.link_id) for row, item in found])
    rows = [
        ParkedRow(item, row.connection, row.stream, named[item.link_id], row.crm_id)
        for row, item in found
    ]
    return [one for one in rows if which.admits_parked(one)]


def drop_links(database: Database, link_ids: Sequence[int]) -> int:
    """Take these refusals off the list; they are not tried again until the records' content
    changes. Raises NotFoundError for one not listed."""
    with database.begin() as connection:
        _refused(connection, link_ids, dropped_too=False)
        held.drop_parked(connection, link_ids)
    return len(link_ids)


def _refused(connection: sa.Connection, link_ids: Sequence[int], *, dropped_too: bool) -> None:
    known = held.parked_of(connection, link_ids)
    missing = [
        one for one in link_ids if one not in known or (known[one].dropped and not dropped_too)
    ]
    if missing:
        raise NotFoundError(
            f"not refused: {', '.join(map(str, missing))}", hint="see `prmsync parked list`"
        )


def replay_links(database: Database, link_ids: Sequence[int]) -> int:
    """Forget these refusals, also dropped ones, and mark the records. Raises NotFoundError for
    one not refused."""
    with database.begin() as connection:
        _refused(connection, link_ids, dropped_too=True)
        held.unpark(connection, list(link_ids))
        links.set_dirty(connection, list(link_ids), links.Dirty.CHANGED)
    return len(link_ids)
