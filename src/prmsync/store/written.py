"""What runs wrote, looked up by run and by record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.store.bulk import among
from prmsync.store.journal import TOLD, Action, ActionState, FieldChange, from_row
from prmsync.store.journal_statements import COLUMNS
from prmsync.store.links import chunks
from prmsync.store.prepared import given, listed, one_of, packed
from prmsync.store.tables import action as table
from prmsync.store.tables import link as links
from prmsync.store.tables import run as runs
from prmsync.store.tables import stream as streams

SIDES = ("prm", "crm")


def links_of_run(
    connection: sa.Connection, run_id: int, stream_id: int, after: int, limit: int
) -> list[int]:
    """The next links that a run wrote, found written, or ended, by id."""
    statement = (
        sa.select(table.c.link_id)
        .distinct()
        .where(
            table.c.run_id == run_id,
            table.c.stream_id == stream_id,
            table.c.state.in_(TOLD),
            _writes_or_ends(),
            table.c.link_id > after,
        )
        .order_by(table.c.link_id)
        .limit(limit)
    )
    return [row[0] for row in connection.execute(statement)]


def deleted_once(connection: sa.Connection, link_ids: Sequence[int]) -> set[int]:
    """Those of the links of which a run deleted the record on one side."""
    statement = _deleted_once(connection.dialect.name)
    found: set[int] = set()
    for part in chunks(link_ids):
        found.update(connection.execute(statement, {"ids": packed(connection, part)}).scalars())
    return found


def taken_away_since(
    connection: sa.Connection, run_id: int, side: str, link_ids: Sequence[int]
) -> set[int]:
    """Those of the links whose record on one side is gone since, as later runs have seen or done
    it, and which none of them made again there."""
    gone = table.c.op.in_(("delete", "end"))  # on the other side: because it was gone on this one
    made = sa.and_(table.c.op == "create", table.c.side == side)
    last = _last_of(connection, link_ids, table.c.run_id > run_id, sa.or_(gone, made))
    return {link_id for link_id, (op, _) in last.items() if op != "create"}


def made_again_since(
    connection: sa.Connection, run_id: int, side: str, link_ids: Sequence[int]
) -> set[int]:
    """Those of the links whose record a later run has made again on one side, and none has taken
    away there after that."""
    there = sa.and_(table.c.side == side, table.c.op.in_(("create", "delete")))
    last = _last_of(connection, link_ids, table.c.run_id > run_id, there)
    return {link_id for link_id, (op, _) in last.items() if op == "create"}


def deleted_last(connection: sa.Connection, link_ids: Sequence[int]) -> set[int]:
    """Those of the links whose last end came by a deletion that a run carried over: not of both
    sides' own, and not by an undo, whose deletion is nobody's word about the other side."""
    last = _last_of(connection, link_ids, table.c.op.in_(("delete", "end")))
    return {link_id for link_id, (op, undoes) in last.items() if op == "delete" and undoes is None}


def rested_last(connection: sa.Connection, link_ids: Sequence[int]) -> set[int]:
    """Those of the links that a run has laid to rest, and of which none has made a record since."""
    last = _last_of(connection, link_ids, table.c.op.in_(("create", "end", "rest")))
    return {link_id for link_id, (op, _) in last.items() if op != "create"}


def _last_of(
    connection: sa.Connection, link_ids: Sequence[int], *which: sa.ColumnElement[bool]
) -> dict[int, tuple[str, int | None]]:
    """Link id → the last operation of this kind that was done of it, and the run that it undid."""
    last: dict[int, tuple[str, int | None]] = {}
    for part in chunks(link_ids):
        statement = (
            sa.select(table.c.link_id, table.c.op, runs.c.undoes)
            .join(runs, runs.c.id == table.c.run_id)
            .where(
                among(connection, table.c.link_id, part),
                table.c.state == ActionState.DONE,
                *which,
            )
            .order_by(table.c.id)
        )
        last.update((row[0], (row[1], row[2])) for row in connection.execute(statement))
    return last


@lru_cache(maxsize=4)
def _deleted_once(dialect: str) -> sa.Select[Any]:
    return sa.select(table.c.link_id).where(
        listed(dialect, table.c.link_id),
        one_of(table.c.op, ["delete"]),
        one_of(table.c.state, [ActionState.DONE]),
    )


Done = tuple[str, frozenset[str], str]
"""Operation, fields, and when it was done, as text."""


def done_of(connection: sa.Connection, link_ids: Sequence[int]) -> dict[int, list[Done]]:
    """Link id → what was ever done of it, or found done, oldest first."""
    found: dict[int, list[Done]] = {}
    for part in chunks(link_ids):
        statement = (
            sa.select(table.c.link_id, table.c.op, table.c.fields, table.c.done_at)
            .where(
                among(connection, table.c.link_id, part),
                table.c.state.in_(TOLD),
                table.c.done_at.is_not(None),
            )
            .order_by(table.c.id)
        )
        for link_id, op, fields, at in connection.execute(statement):
            found.setdefault(link_id, []).append((op, frozenset(orjson.loads(fields)), at))
    return found


def of_run(
    connection: sa.Connection,
    run_id: int,
    link_ids: Sequence[int],
    state: ActionState = ActionState.DONE,
) -> dict[int, list[Action]]:
    """Link id → what a run wrote of it, or found written, oldest first."""
    found: dict[int, list[Action]] = {}
    for part in chunks(link_ids):
        statement = (
            sa.select(*COLUMNS)
            .where(
                table.c.run_id == run_id,
                table.c.state == state,
                _writes_or_ends(),
                among(connection, table.c.link_id, part),
            )
            .order_by(table.c.id)
        )
        for row in connection.execute(statement).all():
            action = from_row(row)
            found.setdefault(action.link_id, []).append(action)
    return found


def _writes_or_ends() -> sa.ColumnElement[bool]:
    return sa.or_(table.c.side.in_(SIDES), table.c.op == "end")


def last_writers(
    connection: sa.Connection, link_ids: Sequence[int], after_run: int
) -> dict[int, dict[tuple[str, str], int]]:
    """Link id → (side, field) → the last run after `after_run` that wrote it."""
    found: dict[int, dict[tuple[str, str], int]] = {}
    for part in chunks(link_ids):
        statement = (
            sa.select(*COLUMNS)
            .where(
                among(connection, table.c.link_id, part),
                table.c.run_id > after_run,
                table.c.state == ActionState.DONE,
                table.c.side.in_(SIDES),
            )
            .order_by(table.c.id)
        )
        for row in connection.execute(statement).all():
            action = from_row(row)
            writers = found.setdefault(action.link_id, {})
            for name in action.fields:
                writers[action.side, name] = action.run_id
    return found


def unwritten_fields(
    connection: sa.Connection, run_id: int, link_ids: Sequence[int]
) -> dict[int, set[str]]:
    """Link id → fields that a run was to write and did not; what is on its way is left out."""
    found: dict[int, set[str]] = {}
    for part in chunks(link_ids):
        statement = sa.select(*COLUMNS).where(
            table.c.run_id == run_id,
            table.c.side.in_(SIDES),
            table.c.state.in_(_UNWRITTEN),
            among(connection, table.c.link_id, part),
        )
        for row in connection.execute(statement).all():
            action = from_row(row)
            found.setdefault(action.link_id, set()).update(action.fields)
    return found


_UNWRITTEN = (
    ActionState.PLANNED,
    ActionState.WAITING,
    ActionState.SUPERSEDED,
    ActionState.PARKED,
    ActionState.RETRY,
)


def planned_deletions(
    connection: sa.Connection, run_id: int, side: str, link_ids: Sequence[int]
) -> set[int]:
    """Which of these links' records a run is to delete on one side, or has deleted."""
    found: set[int] = set()
    for part in chunks(link_ids):
        statement = sa.select(table.c.link_id).where(
            table.c.run_id == run_id,
            table.c.side == side,
            table.c.op == "delete",
            table.c.state.in_((ActionState.PLANNED, ActionState.WAITING, ActionState.DONE)),
            among(connection, table.c.link_id, part),
        )
        found.update(row[0] for row in connection.execute(statement))
    return found


@dataclass(frozen=True, slots=True)
class DoneWrite:
    """One done row of a record, on whichever connection."""

    link_id: int
    connection: str
    side: str
    op: str
    fields: dict[str, FieldChange]
    done_at: str = ""
    """Text that sorts as time."""


def writes_of_records(
    connection: sa.Connection, link_ids: Sequence[int], *, least: int
) -> dict[int, list[DoneWrite]]:
    """Link id → the done writes and base moves of its record on all connections, oldest first;
    only links with at least `least` done updates of their own."""
    found: dict[int, list[DoneWrite]] = {}
    statement = _often(connection.dialect.name)
    for part in chunks(link_ids):
        named = {"ids": packed(connection, part), "least": least}
        often = list(connection.execute(statement, named).scalars())
        if often:
            found.update(_of_records(connection, often))
    return found


@lru_cache(maxsize=4)
def _often(dialect: str) -> sa.Select[Any]:
    return (
        sa.select(table.c.link_id)
        .where(
            listed(dialect, table.c.link_id),
            table.c.op == "update",
            one_of(table.c.state, ["done"]),
        )
        .group_by(table.c.link_id)
        .having(sa.func.count() >= given("least", sa.Integer))
    )


def _of_records(connection: sa.Connection, link_ids: Sequence[int]) -> dict[int, list[DoneWrite]]:
    found: dict[int, list[DoneWrite]] = {}
    named = {"ids": packed(connection, link_ids)}
    rows = connection.execute(_writes(connection.dialect.name), named).all()
    for mine_id, link_id, name, side, op, fields, done_at in rows:
        changes = {key: (change[0], change[1]) for key, change in orjson.loads(fields).items()}
        write = DoneWrite(link_id, name, side, op, changes, done_at or "")
        found.setdefault(mine_id, []).append(write)
    return found


@lru_cache(maxsize=4)
def _writes(dialect: str) -> sa.Select[Any]:
    mine, theirs = links.alias(), links.alias()
    here, there = streams.alias(), streams.alias()
    return (
        sa.select(mine.c.id, table.c.link_id, there.c.connection, table.c.side, table.c.op)
        .add_columns(table.c.fields, table.c.done_at)
        .select_from(mine)
        .join(here, here.c.id == mine.c.stream_id)
        .join(there, there.c.name == here.c.name)
        .join(
            theirs,
            sa.and_(theirs.c.stream_id == there.c.id, theirs.c.prm_id == mine.c.prm_id),
        )
        .join(table, table.c.link_id == theirs.c.id)
        .where(listed(dialect, mine.c.id), table.c.state == ActionState.DONE)
        .order_by(table.c.id)
    )
