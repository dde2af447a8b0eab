"""Taking values out of everything that is stored of a record: rows, base, what the CRM showed,
journal, held and refused items, and texts that quote them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.domain.values import PrmId, Values
from prmsync.mapping.status import STATUS_KEYS
from prmsync.store import brakes, links, records
from prmsync.store import tables as t
from prmsync.store.held import HeldState
from prmsync.store.journal import OPEN, ActionState, from_row
from prmsync.store.journal_statements import COLUMNS
from prmsync.store.links import Dirty

BLANK = "[erased]"
"""Stands in a text in place of a value that it quoted."""
SHORTEST = 4
"""Characters of a value that is looked for in texts; shorter ones would hit innocent words."""
OVERALL = (t.run, t.misfit, t.brake, t.channel_conflict, t.registration_event, t.margin_entry)
"""Tables whose texts may quote any record."""


@dataclass(frozen=True, slots=True)
class Target:
    """One record, its links on all connections, and the fields to erase."""

    stream: str
    record: str | None
    link_ids: tuple[int, ...]
    fields: tuple[str, ...]


def values_of(connection: sa.Connection, target: Target) -> dict[str, set[str]]:
    """Field → every value of it that is stored of this record, now and in its history."""
    found: dict[str, set[str]] = {name: set() for name in target.fields}

    def take(values: Values | None) -> None:
        for name in target.fields:
            value = (values or {}).get(name)
            if isinstance(value, str):
                found[name].add(value)

    if target.record is not None:
        take(records.read(connection, target.stream, [target.record]).get(target.record))
    for link in links.by_ids(connection, target.link_ids).values():
        take(link.base)
        take(link.crm)
    for _, fields in _actions(connection, target):
        for at in (0, 1):
            take({name: change[at] for name, change in fields.items()})
    for row in _held(connection, target):
        members = orjson.loads(row.members)
        for side in (row.base, row.prm, row.crm):
            if side is not None:
                take(dict(zip(members, orjson.loads(side), strict=False)))
    return found


def unanswered(connection: sa.Connection, target: Target) -> bool:
    """Whether a write of this record left and its outcome is not known."""
    statement = sa.select(
        sa.exists().where(
            t.action.c.link_id.in_(target.link_ids),
            t.action.c.state.in_((ActionState.SENT, ActionState.UNKNOWN)),
        )
    )
    return bool(connection.execute(statement).scalar_one())


def erase(connection: sa.Connection, target: Target) -> Counter[str]:
    """Blank the target's fields wherever they are kept by name; counts rows by place."""
    done: Counter[str] = Counter()
    if target.record is not None:
        blank: Values = dict.fromkeys(target.fields)
        now = records.read(connection, target.stream, [target.record]).get(target.record, {})
        if any(now.get(name) is not None for name in target.fields):
            records.update(connection, target.stream, [(PrmId(target.record), blank)])
            done["partner database"] += 1
    done["link"] += _erase_links(connection, target)
    done["history"] += _erase_actions(connection, target)
    done["needs decision"] += _erase_held(connection, target)
    done["refused"] += connection.execute(
        t.parked.delete().where(t.parked.c.link_id.in_(target.link_ids))
    ).rowcount
    connection.execute(t.told.delete().where(t.told.c.link_id.in_(target.link_ids)))
    links.set_dirty(connection, target.link_ids, Dirty.CHANGED)
    return +done


def _erase_links(connection: sa.Connection, target: Target) -> int:
    """The sentence that the CRM shows of a record may quote a value: it is told anew."""
    gone = (*target.fields, *STATUS_KEYS)
    changed = []
    for link in links.by_ids(connection, target.link_ids, lock=True).values():
        sides = [side for side in (link.base, link.crm) if side is not None]
        if any(side.get(name) is not None for side in sides for name in gone):
            changed.append(link)
        for side in sides:
            for name in gone:
                side.pop(name, None)
    links.save(connection, changed)
    return len(changed)


def _actions(connection: sa.Connection, target: Target) -> Iterator[tuple[int, dict[str, Any]]]:
    statement = sa.select(t.action.c.id, t.action.c.fields).where(
        t.action.c.link_id.in_(target.link_ids)
    )
    for row in connection.execute(statement).all():
        fields = orjson.loads(row.fields)
        if any(name in fields for name in target.fields):
            yield row.id, fields


def _erase_actions(connection: sa.Connection, target: Target) -> int:
    """Counts the rows that had a value. Rows that wait are overtaken: they would write it."""
    count = 0
    for action_id, fields in _actions(connection, target):
        row = connection.execute(sa.select(*COLUMNS).where(t.action.c.id == action_id)).one()
        brakes.no_longer_wait(connection, [from_row(row)])
        named = [name for name in target.fields if name in fields]
        count += any(value is not None for name in named for value in fields[name])
        fields.update(dict.fromkeys(named, (None, None)))
        said = orjson.dumps(fields).decode()
        where = t.action.c.id == action_id
        connection.execute(t.action.update().where(where).values(fields=said))
        connection.execute(
            t.action.update()
            .where(where, t.action.c.state.in_(OPEN))
            .values(state=ActionState.SUPERSEDED)
        )
    return count


def _held(connection: sa.Connection, target: Target) -> list[Any]:
    statement = sa.select(t.held).where(t.held.c.link_id.in_(target.link_ids))
    rows = connection.execute(statement).all()
    return [row for row in rows if not set(orjson.loads(row.members)).isdisjoint(target.fields)]


def _erase_held(connection: sa.Connection, target: Target) -> int:
    rows = _held(connection, target)
    for row in rows:
        members = orjson.loads(row.members)
        blank = {
            side: _without(getattr(row, side), members, target.fields)
            for side in ("base", "prm", "crm")
        }
        state = HeldState.MOVED if row.state in (HeldState.OPEN, HeldState.DECIDED) else row.state
        connection.execute(
            t.held.update().where(t.held.c.id == row.id).values(**blank, state=state)
        )
    return len(rows)


def _without(said: str | None, members: Sequence[str], fields: Collection[str]) -> str | None:
    if said is None:
        return None
    values = [
        None if name in fields else value
        for name, value in zip(members, orjson.loads(said), strict=False)
    ]
    return orjson.dumps(values).decode()


def sweep(connection: sa.Connection, target: Target, values: Collection[str]) -> int:
    """Replace values in texts about this record, and wherever else a text may quote it; counts
    rows."""
    count = 0
    for table in t.metadata.sorted_tables:
        if "link_id" in table.c and table is not t.erasure:
            count += _sweep(connection, table, values, table.c.link_id.in_(target.link_ids))
    return count + sum(_sweep(connection, table, values) for table in OVERALL)


def sweep_all(connection: sa.Connection, values: Collection[str]) -> int:
    """Replace values in every text of the database; counts rows."""
    return sum(_sweep(connection, table, values) for table in t.metadata.sorted_tables)


def _sweep(
    connection: sa.Connection,
    table: sa.Table,
    values: Collection[str],
    *where: sa.ColumnElement[bool],
) -> int:
    count = 0
    for column in table.columns:
        if type(column.type) is not sa.Text or column.primary_key or column.foreign_keys:
            continue
        for value in _spellings(values):
            text = sa.cast(column, sa.Text)
            count += connection.execute(
                table.update()
                .where(text.contains(value, autoescape=True), *where)
                .values({column.name: sa.func.replace(text, value, BLANK)})
            ).rowcount
    return count


def _spellings(values: Collection[str]) -> list[str]:
    """As people write it, and as JSON does; the longest first, so that no part is left over."""
    found = {value for value in values if len(value) >= SHORTEST}
    found |= {orjson.dumps(value).decode()[1:-1] for value in found}
    return sorted(found, key=len, reverse=True)
