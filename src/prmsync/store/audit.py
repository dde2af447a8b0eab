"""The journal for auditors: every action as rows of one field each, streamed in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.domain.values import Scalar
from prmsync.store import tables as t
from prmsync.store.database import Database
from prmsync.store.links import CHUNK


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which actions: None admits all. `since` counts, `until` does not any more; both are times of
    writing, of a row that was not written the time its run began."""

    connection: str | None = None
    stream: str | None = None
    link_ids: tuple[int, ...] | None = None
    run_id: int | None = None
    fields: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One field of one action. `at` is when it was written, None if it was not; `rule` is why."""

    action: int
    at: str | None
    run: int
    run_kind: str
    run_started: datetime
    by: str
    connection: str
    stream: str
    record: str | None
    crm_record: str | None
    side: str
    op: str
    state: str
    field: str
    old: Scalar
    new: Scalar
    rule: str
    error: str | None


COLUMNS = tuple(AuditRow.__dataclass_fields__)


def rows(database: Database, wanted: Wanted) -> Iterator[AuditRow]:
    """All rows wanted, oldest first, a page at a time; actions without fields have one row."""
    after = 0
    while True:
        with database.read() as connection:
            page = connection.execute(_select(wanted, after)).all()
        for row in page:
            yield from _fields(row, wanted)
        if len(page) < CHUNK:
            return
        after = page[-1].id


def _select(wanted: Wanted, after: int) -> sa.Select[Any]:
    where = [t.action.c.id > after, t.action.c.side != "base"]
    where += _bounds(wanted)
    if wanted.connection is not None:
        where.append(t.run.c.connection == wanted.connection)
    if wanted.stream is not None:
        where.append(t.stream.c.name == wanted.stream)
    if wanted.link_ids is not None:
        where.append(t.action.c.link_id.in_(wanted.link_ids))
    if wanted.run_id is not None:
        where.append(t.action.c.run_id == wanted.run_id)
    return (
        sa.select(
            t.action,
            t.run.c.kind,
            t.run.c.started_at,
            t.run.c.actor,
            t.run.c.connection,
            t.stream.c.name.label("stream"),
            t.link.c.prm_id,
            t.link.c.crm_id,
        )
        .join(t.run, t.run.c.id == t.action.c.run_id)
        .join(t.stream, t.stream.c.id == t.action.c.stream_id)
        .join(t.link, t.link.c.id == t.action.c.link_id)
        .where(*where)
        .order_by(t.action.c.id)
        .limit(CHUNK)
    )


def _bounds(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    """`done_at` is text that sorts as time; a row without it is as old as its run."""
    found: list[sa.ColumnElement[bool]] = []
    for bound, after in ((wanted.since, True), (wanted.until, False)):
        if bound is None:
            continue
        said = bound.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        written, begun = t.action.c.done_at, t.run.c.started_at
        by_time = (written >= said, begun >= bound) if after else (written < said, begun < bound)
        found.append(sa.case((written.is_not(None), by_time[0]), else_=by_time[1]))
    return found


def _fields(row: Any, wanted: Wanted) -> Iterator[AuditRow]:
    fields: Mapping[str, Any] = orjson.loads(row.fields) or {"": (None, None)}
    for name, (old, new) in fields.items():
        if wanted.fields is not None and name not in wanted.fields:
            continue
        if old == new and name and row.op == "update":
            continue
        yield AuditRow(
            row.id,
            row.done_at,
            row.run_id,
            row.kind,
            row.started_at,
            row.actor,
            row.connection,
            row.stream,
            row.prm_id,
            row.crm_id,
            row.side,
            row.op,
            row.state,
            name,
            old,
            new,
            row.reason or "",
            row.error,
        )


def last_modifiers(
    database: Database, link_ids: tuple[int, ...]
) -> list[tuple[str, str, str | None]]:
    """(connection, CRM record, who last modified it as the CRM told, by name where it is known)."""
    statement = (
        sa.select(
            t.stream.c.connection,
            t.link.c.crm_id,
            t.link.c.crm_modified_by,
            t.connection.c.schema_cache,
        )
        .join(t.stream, t.stream.c.id == t.link.c.stream_id)
        .join(t.connection, t.connection.c.name == t.stream.c.connection)
        .where(t.link.c.id.in_(link_ids), t.link.c.crm_id.is_not(None))
    )
    with database.read() as connection:
        found = connection.execute(statement).all()
    return [
        (row.connection, row.crm_id, _name(row.crm_modified_by, row.schema_cache)) for row in found
    ]


def _name(who: str | None, described: str | None) -> str | None:
    """None after a write of ours, and where the CRM names nobody."""
    if not who or who.startswith("~"):
        return None
    people = orjson.loads(described).get("people", []) if described else []
    names = {one.get("user_id") or one["id"]: one["name"] for one in people}
    return names.get(who) or f"its user {who}"
