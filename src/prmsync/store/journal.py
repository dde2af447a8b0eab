"""The journal: every write and base move as a row, from intent to outcome.

A row is a plan row (`planned`, `waiting`), then an intent (`sent`, durable before the write
leaves), then an outcome; done rows are the history of a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.domain.values import Scalar
from prmsync.mapping.status import STATUS_KEYS
from prmsync.reconcile.causes import BACKFILL
from prmsync.store.bulk import among, any_between, insert_rows
from prmsync.store.damage import unreadable
from prmsync.store.links import CHUNK, chunks
from prmsync.store.tables import OPEN_ACTIONS
from prmsync.store.tables import action as table
from prmsync.store.tables import link as links
from prmsync.store.tables import run as runs


class ActionState(StrEnum):
    PLANNED = "planned"
    WAITING = "waiting"
    """Held by a brake until a person answers."""
    RELEASED = "released"
    """A person let it go: it is written by this run, or by the next one that can."""
    SENT = "sent"
    """The write left, or is about to; its outcome is not known yet."""
    UNKNOWN = "unknown"
    """Sent without an answer: the record is read again before anything else."""
    DONE = "done"
    PARKED = "parked"
    """Refused by the other side."""
    RETRY = "retry"
    """Failed for now; decided again next time."""
    SUPERSEDED = "superseded"
    """Its inputs moved before it was written."""
    DROPPED = "dropped"
    KEPT = "kept"
    """Not undone, and why: a row of an undo that writes nothing."""


OPEN = (
    ActionState.PLANNED,
    ActionState.WAITING,
    ActionState.RELEASED,
    ActionState.SENT,
    ActionState.UNKNOWN,
    ActionState.RETRY,
)

FieldChange = tuple[Scalar, Scalar]
"""(the value that is replaced, the value that is written)"""


@dataclass(slots=True)
class Action:
    """One write to one side (`prm`, `crm`) or one move of the base (`base`).

    `op` is create, update, delete, base or end; `reason` says why, field group by field group;
    `cause` who or what led to it (`prmsync.reconcile.causes`), `error` what refused it;
    `brake_id` is the brake that holds it, or held it.
    """

    link_id: int
    stream_id: int
    side: str
    op: str
    fields: dict[str, FieldChange] = field(default_factory=dict)
    reason: str = ""
    cause: str | None = None
    id: int = 0
    run_id: int = 0
    state: str = ActionState.PLANNED
    error: str | None = None
    done_at: str | None = None
    brake_id: int | None = None

    @property
    def new_values(self) -> dict[str, Scalar]:
        return {name: change[1] for name, change in self.fields.items()}

    @property
    def old_values(self) -> dict[str, Scalar]:
        return {name: change[0] for name, change in self.fields.items()}

    @property
    def fingerprint(self) -> str:
        """What would be written, to recognise a write that was refused before."""
        return orjson.dumps(
            [self.side, self.op, self.new_values], option=orjson.OPT_SORT_KEYS
        ).decode()

    def same_as(self, other: Action) -> bool:
        """Whether both do the same for the same inputs; what a record is told does not count."""
        mine = (self.link_id, self.side, self.op)
        if mine != (other.link_id, other.side, other.op):
            return False
        return self.fields == other.fields or _untold(self.fields) == _untold(other.fields)


def _untold(fields: Mapping[str, FieldChange]) -> dict[str, FieldChange]:
    return {name: change for name, change in fields.items() if name not in STATUS_KEYS}


COLUMNS = (
    table.c.link_id,
    table.c.stream_id,
    table.c.side,
    table.c.op,
    table.c.fields,
    table.c.reason,
    table.c.cause,
    table.c.id,
    table.c.run_id,
    table.c.state,
    table.c.error,
    table.c.done_at,
    table.c.brake_id,
)


def from_row(row: Any) -> Action:
    """A row of `COLUMNS`."""
    try:
        fields = {name: tuple(change) for name, change in orjson.loads(row[4]).items()}
    except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
        raise unreadable("action", row[7]) from error
    return Action(
        row[0],
        row[1],
        row[2],
        row[3],
        fields,
        row[5] or "",
        row[6],
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
        row[12],
    )


_ADDED = (
    "run_id",
    "link_id",
    "stream_id",
    "side",
    "op",
    "state",
    "fields",
    "reason",
    "cause",
    "error",
    "done_at",
    "brake_id",
)


def add(connection: sa.Connection, run_id: int, actions: Sequence[Action]) -> None:
    """Store rows of a run; a row that names another run belongs to that one."""
    rows = [
        (
            one.run_id or run_id,
            one.link_id,
            one.stream_id,
            str(one.side),
            str(one.op),
            str(one.state),
            orjson.dumps(one.fields).decode(),
            one.reason,
            one.cause,
            one.error,
            one.done_at,
            one.brake_id,
        )
        for one in actions
    ]
    insert_rows(connection, table, _ADDED, rows)


def page(
    connection: sa.Connection,
    run_id: int,
    states: Iterable[ActionState],
    *,
    stream_id: int | None = None,
    sides: Sequence[str] = (),
    ops: Sequence[str] = (),
    backfill: bool | None = None,
    after: int = 0,
    limit: int = CHUNK,
) -> list[Action]:
    """Rows of a run in id order; with `backfill` only what is that, or only what is not."""
    where = [table.c.run_id == run_id, table.c.state.in_(tuple(states)), table.c.id > after]
    if stream_id is not None:
        where.append(table.c.stream_id == stream_id)
    if sides:
        where.append(table.c.side.in_(sides))
    if ops:
        where.append(table.c.op.in_(ops))
    if backfill is not None:
        where.append(is_backfill() if backfill else sa.not_(is_backfill()))
    statement = sa.select(*COLUMNS).where(*where).order_by(table.c.id).limit(limit)
    return [from_row(row) for row in connection.execute(statement).all()]


def is_backfill() -> sa.ColumnElement[bool]:
    """Whether a row was caused by no person's edit."""
    return sa.func.coalesce(table.c.cause, "").in_(BACKFILL)


def settle(connection: sa.Connection, actions: Sequence[Action]) -> None:
    """Store what became of these rows, as they say themselves."""
    outcomes: dict[tuple[str, str | None, str | None], list[int]] = {}
    for one in actions:
        outcomes.setdefault((one.state, one.error, one.done_at), []).append(one.id)
    for (state, error, done_at), ids in outcomes.items():
        mark(connection, ids, ActionState(state), error=error, done_at=done_at)


def mark(
    connection: sa.Connection,
    ids: Sequence[int],
    state: ActionState,
    *,
    error: str | None = None,
    done_at: str | None = None,
) -> None:
    values: dict[str, object] = {"state": state}
    if error is not None:
        values["error"] = error
    if done_at is not None:
        values["done_at"] = done_at
    for part in chunks(ids):
        connection.execute(
            table.update().where(among(connection, table.c.id, part)).values(**values)
        )


def set_fields(connection: sa.Connection, action: Action) -> None:
    """Store that a row says less than it did; what it lost stands in a row of its own."""
    fields = orjson.dumps(action.fields).decode()
    connection.execute(table.update().where(table.c.id == action.id).values(fields=fields))


def open_intents(connection: sa.Connection, stream_id: int) -> list[Action]:
    """Writes whose outcome is not known: left by a crash, or answered by silence."""
    statement = (
        sa.select(*COLUMNS)
        .where(
            table.c.stream_id == stream_id,
            table.c.state.in_((ActionState.SENT, ActionState.UNKNOWN)),
            OPEN_ACTIONS,
        )
        .order_by(table.c.id)
    )
    return [from_row(row) for row in connection.execute(statement)]


SIDES = ("prm", "crm", "base")


def supersede_planned(
    connection: sa.Connection, stream_id: int, sides: Sequence[str] = SIDES
) -> None:
    """Forget plans for these sides that were never applied; their links are decided again."""
    stale = sa.and_(
        table.c.state.in_((ActionState.PLANNED, ActionState.RETRY)),
        OPEN_ACTIONS,
        table.c.side.in_(sides),
    )
    ids = sa.select(table.c.link_id).where(table.c.stream_id == stream_id, stale)
    connection.execute(
        links.update().where(links.c.id.in_(ids), links.c.dirty == 0).values(dirty=1)
    )
    connection.execute(
        table.update()
        .where(table.c.stream_id == stream_id, stale)
        .values(state=ActionState.SUPERSEDED)
    )


def of_a_sync() -> sa.ColumnElement[bool]:
    """Rows of an undo are not decided again by a sync: they wait for their own run's answer."""
    return table.c.run_id.not_in(sa.select(runs.c.id).where(runs.c.undoes.is_not(None)))


def waiting(connection: sa.Connection, stream_id: int) -> Iterator[Action]:
    """All writes of a stream that a brake holds, streamed in id order."""
    after = 0
    while True:
        statement = (
            sa.select(*COLUMNS)
            .where(
                table.c.stream_id == stream_id,
                table.c.state == ActionState.WAITING,
                OPEN_ACTIONS,
                table.c.id > after,
            )
            .order_by(table.c.id)
            .limit(CHUNK)
        )
        rows = [from_row(row) for row in connection.execute(statement)]
        yield from rows
        if len(rows) < CHUNK:
            return
        after = rows[-1].id


def set_aside(connection: sa.Connection, link_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Link id → field → state, of fields whose last write waits for a brake or was left by a
    person. Links without such fields are missing."""
    last = _last_of_fields(connection, link_ids, (ActionState.WAITING, ActionState.DROPPED))
    return {
        link_id: {name: state for (_, name), (state, _) in fields.items()}
        for link_id, fields in last.items()
    }


def under_way(connection: sa.Connection, link_ids: Sequence[int]) -> dict[int, str]:
    """Link id → state of its last write that is on its way, or was put off."""
    found: dict[int, str] = {}
    states = (
        ActionState.PLANNED,
        ActionState.RELEASED,
        ActionState.SENT,
        ActionState.UNKNOWN,
        ActionState.RETRY,
    )
    for part in chunks(link_ids):
        statement = (
            sa.select(table.c.link_id, table.c.state)
            .where(among(connection, table.c.link_id, part), table.c.state.in_(states))
            .order_by(table.c.id)
        )
        found.update((row[0], row[1]) for row in connection.execute(statement))
    return found


def left(
    connection: sa.Connection, link_ids: Sequence[int]
) -> dict[int, dict[tuple[str, str], FieldChange]]:
    """Link id → (side, field) → the change that a person left, where it was the field's last."""
    last = _last_of_fields(connection, link_ids, (ActionState.DROPPED,))
    return {
        link_id: {place: change for place, (_, change) in fields.items()}
        for link_id, fields in last.items()
    }


_Last = dict[tuple[str, str], tuple[str, FieldChange]]


def _last_of_fields(
    connection: sa.Connection, link_ids: Sequence[int], states: Sequence[ActionState]
) -> dict[int, _Last]:
    """Link id → (side, field) → state and change, of fields whose last row is in these states."""
    found: dict[int, _Last] = {}
    if not any_between(connection, table.c.link_id, link_ids):
        return found
    for part in chunks(link_ids):
        among_part = among(connection, table.c.link_id, part)
        some = sa.select(table.c.link_id).where(among_part, table.c.state.in_(states))
        statement = (
            sa.select(table.c.link_id, table.c.state, table.c.side, table.c.fields)
            .where(table.c.link_id.in_(some), table.c.state.in_((*states, ActionState.DONE)))
            .order_by(table.c.id)
        )
        for link_id, state, side, fields in connection.execute(statement):
            last = found.setdefault(link_id, {})
            for name, (old, new) in orjson.loads(fields).items():
                last[side, name] = (state, (old, new))
    chosen = {
        link_id: {place: one for place, one in last.items() if one[0] in states}
        for link_id, last in found.items()
    }
    return {link_id: last for link_id, last in chosen.items() if last}


def open_kinds(
    connection: sa.Connection, run_id: int, states: Sequence[ActionState]
) -> set[tuple[int, str, str]]:
    """(stream id, side, op) of a run's rows in these open states; of done rows, which may be
    very many, none is looked at."""
    statement = (
        sa.select(table.c.stream_id, table.c.side, table.c.op)
        # Beside a plain condition on the run SQLite would go through all rows of the run.
        .where(table.c.run_id + 0 == run_id, table.c.state.in_(states), OPEN_ACTIONS)
        .distinct()
    )
    return {(row[0], row[1], row[2]) for row in connection.execute(statement)}


def last_id(connection: sa.Connection) -> int:
    """The newest row's id."""
    return int(connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0)


def counts(connection: sa.Connection, run_id: int) -> dict[tuple[int, str, str, str], int]:
    """(stream id, side, op, state) → rows of a run."""
    statement = (
        sa.select(table.c.stream_id, table.c.side, table.c.op, table.c.state, sa.func.count())
        .where(table.c.run_id == run_id)
        .group_by(table.c.stream_id, table.c.side, table.c.op, table.c.state)
    )
    return {(row[0], row[1], row[2], row[3]): row[4] for row in connection.execute(statement)}


def created_before(connection: sa.Connection, stream_id: int, side: str) -> bool:
    """Whether some record of this stream was ever created on this side."""
    statement = sa.select(
        sa.exists().where(
            table.c.stream_id == stream_id,
            table.c.side == side,
            table.c.op == "create",
            table.c.state == ActionState.DONE,
        )
    )
    return bool(connection.execute(statement).scalar_one())


def history(connection: sa.Connection, link_ids: Sequence[int]) -> list[tuple[Action, str, Any]]:
    """Done writes of these links, oldest first, each with its run's actor and connection."""
    statement = (
        sa.select(*COLUMNS, runs.c.actor, runs.c.connection)
        .join(runs, runs.c.id == table.c.run_id)
        .where(table.c.link_id.in_(link_ids), table.c.state == ActionState.DONE)
        .order_by(table.c.id)
    )
    return [(from_row(row), row[13], row[14]) for row in connection.execute(statement)]


def last_crm_updates(
    connection: sa.Connection, link_ids: Sequence[int]
) -> dict[int, dict[str, FieldChange]]:
    """Link id → field → its last acknowledged change in the CRM."""
    found: dict[int, dict[str, FieldChange]] = {}
    for part in chunks(link_ids):
        statement = (
            sa.select(table.c.link_id, table.c.fields)
            .where(
                table.c.link_id.in_(part),
                table.c.side == "crm",
                table.c.op == "update",
                table.c.state == ActionState.DONE,
            )
            .order_by(table.c.id)
        )
        for link_id, fields in connection.execute(statement):
            changes = {name: tuple(change) for name, change in orjson.loads(fields).items()}
            found.setdefault(link_id, {}).update(changes)
    return found
