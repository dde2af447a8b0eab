"""Held groups (a person decides) and parked records (the other side refused)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.domain.values import Scalar
from prmsync.errors import NotFoundError, StateError
from prmsync.store.bulk import any_between
from prmsync.store.link_statements import whose
from prmsync.store.links import chunks
from prmsync.store.prepared import given, listed, one_of, over, packed
from prmsync.store.tables import held as table
from prmsync.store.tables import link as links
from prmsync.store.tables import parked as parked_table
from prmsync.store.tables import stream as streams

GroupValue = tuple[Scalar, ...]


class HeldState(StrEnum):
    """What became of a field that needs a decision."""

    OPEN = "open"
    DECIDED = "decided"
    """A person decided; the next run does it, if the values they saw still stand."""
    DONE = "done"
    MOVED = "moved"
    """The values moved before anybody decided, or agree again."""


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One group of one record that waits, with the three values a person sees."""

    id: int
    link_id: int
    group: str
    fields: tuple[str, ...]
    """The group's members, in the order of the values."""
    kind: str
    base: GroupValue | None
    prm: GroupValue | None
    crm: GroupValue | None
    state: str
    take: str | None
    decided_by: str | None
    since: datetime
    run_id: int | None


@dataclass(frozen=True, slots=True)
class ParkedItem:
    """A write that the other side refused; it waits until its content or the rule changes.
    `dropped`: a person knows of it and it is no longer listed. `again_at`: the same write is
    tried again by itself then; None: it waits for a change."""

    link_id: int
    fingerprint: str
    side: str
    code: str | None
    message: str
    hint: str | None
    since: datetime
    dropped: bool = False
    again_at: datetime | None = None


def _group(text: str | None) -> GroupValue | None:
    return None if text is None else tuple(orjson.loads(text))


def _text(value: GroupValue | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _item(row: Any) -> HeldItem:
    return HeldItem(
        row.id,
        row.link_id,
        row.group_name,
        tuple(orjson.loads(row.members)),
        row.kind,
        _group(row.base),
        _group(row.prm),
        _group(row.crm),
        row.state,
        row.take,
        row.decided_by,
        row.since,
        row.run_id,
    )


def of_links(connection: sa.Connection, link_ids: Sequence[int]) -> dict[int, list[HeldItem]]:
    """Open and decided items by link."""
    found: dict[int, list[HeldItem]] = {}
    if not any_between(connection, table.c.link_id, link_ids):
        return found
    statement = _of_links(connection.dialect.name)
    for part in chunks(link_ids):
        for row in connection.execute(statement, {"ids": packed(connection, part)}).all():
            found.setdefault(row.link_id, []).append(_item(row))
    return found


@lru_cache(maxsize=4)
def _of_links(dialect: str) -> sa.Select[Any]:
    return sa.select(table).where(
        listed(dialect, table.c.link_id), one_of(table.c.state, ("open", "decided"))
    )


_OPEN_OF_MARKED = (
    sa.select(table)
    .join(links, links.c.id == table.c.link_id)
    .where(
        links.c.stream_id == given("stream"),
        over(links.c.dirty, 0),
        table.c.group_name == given("group"),
        one_of(table.c.state, ["open"]),
    )
)


def open_of_marked(connection: sa.Connection, stream_id: int, group: str) -> list[HeldItem]:
    """Open items of one group whose link is marked to be decided again."""
    rows = connection.execute(_OPEN_OF_MARKED, {"stream": stream_id, "group": group})
    return [_item(row) for row in rows.all()]


def decided_at_rest(connection: sa.Connection, stream_id: int) -> list[tuple[HeldItem, datetime]]:
    """Decided items of a stream, and when they were, whose link is not to be decided again."""
    rows = connection.execute(_DECIDED_AT_REST, {"stream": stream_id}).all()
    return [(_item(row), row.decided_at) for row in rows]


_DECIDED_AT_REST = (
    sa.select(table)
    .join(links, links.c.id == table.c.link_id)
    .where(
        links.c.stream_id == given("stream"),
        links.c.dirty == sa.literal_column("0"),
        one_of(table.c.state, ["decided"]),
    )
)


def last_asked(
    connection: sa.Connection, link_ids: Sequence[int]
) -> dict[int, dict[str, datetime]]:
    """Link id → group → when what a person decided last about it had come up."""
    found: dict[int, dict[str, datetime]] = {}
    statement = _decisions(connection.dialect.name)
    for part in chunks(link_ids):
        for row in connection.execute(statement, {"ids": packed(connection, part)}).all():
            found.setdefault(row.link_id, {})[row.group_name] = row.since
    return found


@lru_cache(maxsize=4)
def _decisions(dialect: str) -> sa.Select[Any]:
    return (
        sa.select(table.c.link_id, table.c.group_name, table.c.since)
        .where(
            listed(dialect, table.c.link_id),
            one_of(table.c.state, ("decided", "done")),
            table.c.take.is_not(None),
        )
        .order_by(table.c.id)
    )


def new_item(
    link_id: int,
    group: str,
    fields: tuple[str, ...],
    kind: str,
    prm: GroupValue | None,
    crm: GroupValue | None,
    base: GroupValue | None = None,
) -> HeldItem:
    """An item to open; what only the database knows is filled in by `open_items`."""
    since = datetime.min.replace(tzinfo=UTC)
    return HeldItem(
        0, link_id, group, fields, kind, base, prm, crm, HeldState.OPEN, None, None, since, None
    )


def open_items(
    connection: sa.Connection, items: Sequence[HeldItem], run_id: int | None, now: datetime
) -> None:
    """Store new held items; their `id`, `state` and `since` are set here."""
    if items:
        connection.execute(
            table.insert(),
            [{**_stored(one, run_id, now), "state": HeldState.OPEN} for one in items],
        )


def taken(item: HeldItem, side: str) -> HeldItem:
    """The item as a person decides it who takes this side's value."""
    return replace(item, take=str(side))


def decided_items(
    connection: sa.Connection, items: Sequence[HeldItem], run_id: int, by: str, now: datetime
) -> None:
    """Store items that were decided as they came up, in place of what waited on these groups."""
    groups = {(one.link_id, one.group) for one in items}
    known = of_links(connection, sorted({one.link_id for one in items}))
    overtaken = [
        one.id for some in known.values() for one in some if (one.link_id, one.group) in groups
    ]
    close_items(connection, overtaken, HeldState.MOVED)
    if items:
        connection.execute(
            table.insert(),
            [
                {
                    **_stored(one, run_id, now),
                    "state": HeldState.DECIDED,
                    "take": one.take,
                    "decided_by": by,
                    "decided_at": now,
                }
                for one in items
            ],
        )


def _stored(one: HeldItem, run_id: int | None, now: datetime) -> dict[str, Any]:
    return {
        "link_id": one.link_id,
        "group_name": one.group,
        "members": orjson.dumps(one.fields).decode(),
        "kind": one.kind,
        "base": _text(one.base),
        "prm": _text(one.prm),
        "crm": _text(one.crm),
        "since": now,
        "run_id": run_id,
    }


def close_items(connection: sa.Connection, ids: Sequence[int], state: HeldState) -> None:
    """Held items that no longer wait, and why."""
    close = _close(connection.dialect.name)
    for part in chunks(ids):
        connection.execute(close, {"ids": packed(connection, part), "closed_as": state})


@lru_cache(maxsize=4)
def _close(dialect: str) -> sa.Update:
    return table.update().where(listed(dialect, table.c.id)).values(state=given("closed_as"))


def open_of_run(connection: sa.Connection, run_id: int) -> list[HeldItem]:
    """What waits for a person because of one run."""
    statement = sa.select(table).where(table.c.run_id == run_id, table.c.state == HeldState.OPEN)
    return [_item(row) for row in connection.execute(statement)]


def get(connection: sa.Connection, item_id: int) -> HeldItem:
    """One held item, in any state. Raises NotFoundError."""
    row = connection.execute(sa.select(table).where(table.c.id == item_id)).first()
    if row is None:
        raise NotFoundError(f"nothing is held as {item_id}", hint="see `prmsync held list`")
    return _item(row)


def waiting_items(connection: sa.Connection, name: str | None = None) -> list[tuple[Any, HeldItem]]:
    """Open items of a connection (or all), each with its link's (connection, stream, ids)."""
    statement = (
        sa.select(
            table,
            links.c.prm_id,
            links.c.crm_id,
            streams.c.connection,
            streams.c.name.label("stream"),
        )
        .join(links, links.c.id == table.c.link_id)
        .join(streams, streams.c.id == links.c.stream_id)
        .where(table.c.state == HeldState.OPEN)
        .order_by(table.c.id)
    )
    if name is not None:
        statement = statement.where(streams.c.connection == name)
    return [(row, _item(row)) for row in connection.execute(statement)]


def decide(connection: sa.Connection, item_id: int, take: str, by: str, now: datetime) -> HeldItem:
    """Note a person's decision and mark the link for the next run. Raises StateError when the
    item no longer waits."""
    link_id = get(connection, item_id).link_id
    # First the link, as a run does: so that neither ever waits for the other with half of it.
    connection.execute(links.update().where(links.c.id == link_id).values(dirty=1))
    item = get(connection, item_id)
    if item.state != HeldState.OPEN:
        raise StateError(
            f"held item {item_id} is {item.state}, it no longer waits",
            hint="see `prmsync held list` for what waits now",
        )
    connection.execute(
        table.update()
        .where(table.c.id == item_id)
        .values(state=HeldState.DECIDED, take=take, decided_by=by, decided_at=now)
    )
    return item


def counts(connection: sa.Connection, stream_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Stream id → (held groups, parked records)."""
    found = dict.fromkeys(stream_ids, (0, 0))
    for index, (rows, state) in enumerate(((table, True), (parked_table, False))):
        statement = (
            sa.select(links.c.stream_id, sa.func.count())
            .select_from(rows.join(links, links.c.id == rows.c.link_id))
            .where(links.c.stream_id.in_(stream_ids))
            .group_by(links.c.stream_id)
        )
        listed = table.c.state == HeldState.OPEN if state else ~parked_table.c.dropped
        statement = statement.where(listed)
        for stream_id, count in connection.execute(statement):
            held, parked = found[stream_id]
            found[stream_id] = (count, parked) if index == 0 else (held, count)
    return found


def parked_of(connection: sa.Connection, link_ids: Sequence[int]) -> dict[int, ParkedItem]:
    """Link id → its refusal, of those links that have one."""
    found: dict[int, ParkedItem] = {}
    if not any_between(connection, parked_table.c.link_id, link_ids):
        return found
    statement = _parked_of(connection.dialect.name)
    for part in chunks(link_ids):
        for row in connection.execute(statement, {"ids": packed(connection, part)}).all():
            found[row.link_id] = ParkedItem(**row._mapping)
    return found


@lru_cache(maxsize=4)
def _parked_of(dialect: str) -> sa.Select[Any]:
    return sa.select(parked_table).where(listed(dialect, parked_table.c.link_id))


def park(connection: sa.Connection, items: Sequence[ParkedItem]) -> None:
    """Remember refusals, one a link; a newer one replaces the older."""
    unpark(connection, [one.link_id for one in items])
    if items:
        connection.execute(
            parked_table.insert(),
            [
                {
                    "link_id": one.link_id,
                    "fingerprint": one.fingerprint,
                    "side": one.side,
                    "code": one.code,
                    "message": one.message,
                    "hint": one.hint,
                    "since": one.since,
                    "dropped": one.dropped,
                    "again_at": one.again_at,
                }
                for one in items
            ],
        )


def drop_parked(connection: sa.Connection, link_ids: Sequence[int]) -> None:
    """A person knows of these refusals: they stay as they are, off the list, until the record's
    content or the rule changes."""
    for part in chunks(link_ids):
        connection.execute(
            parked_table.update().where(parked_table.c.link_id.in_(part)).values(dropped=True)
        )


def due_again(connection: sa.Connection, stream_ids: Sequence[int], now: datetime) -> list[int]:
    """Links of these streams whose refused write is to be tried again by now."""
    named = {"ids": packed(connection, stream_ids), "by_now": now}
    return list(connection.execute(_due_again(connection.dialect.name), named).scalars())


@lru_cache(maxsize=4)
def _due_again(dialect: str) -> sa.Select[Any]:
    return sa.select(parked_table.c.link_id).where(
        parked_table.c.again_at <= given("by_now"),
        ~parked_table.c.dropped,
        whose(parked_table.c.link_id, listed(dialect, links.c.stream_id)),
    )


def listed_refusals(connection: sa.Connection, stream_ids: Sequence[int]) -> int:
    """How many refused records of these streams `prmsync parked list` shows."""
    statement = _listed_refusals(connection.dialect.name)
    return int(connection.execute(statement, {"ids": packed(connection, stream_ids)}).scalar_one())


@lru_cache(maxsize=4)
def _listed_refusals(dialect: str) -> sa.Select[Any]:
    return sa.select(sa.func.count(parked_table.c.link_id)).where(
        ~parked_table.c.dropped, whose(parked_table.c.link_id, listed(dialect, links.c.stream_id))
    )


def refused_as(connection: sa.Connection, stream_ids: Sequence[int], code: str) -> list[int]:
    """Links of these streams with a refusal of this code."""
    named = {"ids": packed(connection, stream_ids), "code": code}
    return list(connection.execute(_refused_as(connection.dialect.name), named).scalars())


@lru_cache(maxsize=4)
def _refused_as(dialect: str) -> sa.Select[Any]:
    return sa.select(parked_table.c.link_id).where(
        parked_table.c.code == given("code"),
        whose(parked_table.c.link_id, listed(dialect, links.c.stream_id)),
    )


def unpark(connection: sa.Connection, link_ids: Sequence[int]) -> None:
    """Forget the refusals of these links."""
    forget = _unpark(connection.dialect.name)
    for part in chunks(link_ids):
        connection.execute(forget, {"ids": packed(connection, part)})


@lru_cache(maxsize=4)
def _unpark(dialect: str) -> sa.Delete:
    return parked_table.delete().where(listed(dialect, parked_table.c.link_id))


def parked_items(
    connection: sa.Connection, name: str | None = None
) -> list[tuple[Any, ParkedItem]]:
    """Refused records of a connection (or all) that nobody dropped, each with its link's ids and
    stream."""
    statement = (
        sa.select(
            parked_table,
            links.c.prm_id,
            links.c.crm_id,
            streams.c.connection,
            streams.c.name.label("stream"),
        )
        .join(links, links.c.id == parked_table.c.link_id)
        .join(streams, streams.c.id == links.c.stream_id)
        .where(~parked_table.c.dropped)
        .order_by(parked_table.c.since)
    )
    if name is not None:
        statement = statement.where(streams.c.connection == name)
    keys = tuple(ParkedItem.__dataclass_fields__)
    return [
        (row, ParkedItem(**{key: row._mapping[key] for key in keys}))
        for row in connection.execute(statement)
    ]
