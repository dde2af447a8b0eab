"""The journal: every write and base move as a row, from intent to outcome.

A row is a plan row (`planned`, `waiting`), then an intent (`sent`, durable before the write
leaves), then an outcome; done rows are the history of a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.domain.values import Scalar
from prmsync.mapping.status import STATUS_KEYS
from prmsync.reconcile.causes import Lane
from prmsync.store import journal_statements as statements
from prmsync.store.bulk import among, any_between, insert_rows
from prmsync.store.damage import unreadable
from prmsync.store.journal_statements import COLUMNS
from prmsync.store.links import CHUNK, chunks
from prmsync.store.prepared import packed
from prmsync.store.tables import OPEN_ACTIONS
from prmsync.store.tables import action as table
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
    FOUND = "found"
    """A creation that found its record there already: it is linked, and not made by the run."""
    PARKED = "parked"
    """Refused by the other side."""
    RETRY = "retry"
    """Failed for now; decided again next time."""
    SUPERSEDED = "superseded"
    """Its inputs moved before it was written."""
    DROPPED = "dropped"
    KEPT = "kept"
    """Not undone, and why: a row of an undo that writes nothing."""


TOLD = (ActionState.DONE, ActionState.FOUND)
"""States of rows that stand in a record's history."""
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
    def field_values(self) -> dict[str, Scalar]:
        """The new values of the record's fields, without keys of ours beside them."""
        return {name: one for name, one in self.new_values.items() if not name.startswith("@")}

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
    lane: Lane | None = None,
    once: bool = False,
    after: int = 0,
    limit: int = CHUNK,
) -> list[Action]:
    """Rows of a run in id order; with `lane` only those of that lane, with `once` without those
    that the run decided anew itself, as `counts` counts them."""
    of_stream = stream_id is not None
    statement = statements.page(
        tuple(states), tuple(sides), tuple(ops), lane, of_stream=of_stream, once=once
    )
    named: dict[str, object] = {"run": run_id, "after": after, "limit": limit}
    if stream_id is not None:
        named["stream"] = stream_id
    return [from_row(row) for row in connection.execute(statement, named).all()]


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
    values: dict[str, object] = {"new_state": state}
    if error is not None:
        values["new_error"] = error
    if done_at is not None:
        values["new_done_at"] = done_at
    names = (name.removeprefix("new_") for name in values if name != "new_state")
    statement = statements.mark(connection.dialect.name, *names)
    for part in chunks(ids):
        connection.execute(statement, {"ids": packed(connection, part), **values})


def set_fields(connection: sa.Connection, action: Action) -> None:
    """Store that a row says less than it did; what it lost stands in a row of its own."""
    fields = orjson.dumps(action.fields).decode()
    connection.execute(table.update().where(table.c.id == action.id).values(fields=fields))


def found(connection: sa.Connection, action: Action, at: str, unsure: str | None) -> None:
    """Note that what a row was to make was there already; `unsure` says why that is not certain. Of
    a relation whose old role went before, that deletion is the row, and this is one of its own."""
    row = replace(action, state=ActionState.FOUND, error=unsure, done_at=at)
    if action.op != "update":
        settle(connection, [row])
        return
    gone: dict[str, FieldChange] = {name: (old, None) for name, old in action.old_values.items()}
    made: dict[str, FieldChange] = {name: (None, new) for name, new in action.new_values.items()}
    set_fields(connection, replace(action, fields=gone))
    connection.execute(table.update().where(table.c.id == action.id).values(op="delete"))
    mark(connection, [action.id], ActionState.DONE, done_at=at)
    add(connection, action.run_id, [replace(row, op="create", fields=made)])


def open_intents(connection: sa.Connection, stream_id: int) -> list[Action]:
    """Writes whose outcome is not known: left by a crash, or answered by silence."""
    found = connection.execute(statements.OPEN_INTENTS, {"stream": stream_id})
    return [from_row(row) for row in found.all()]


SIDES = ("prm", "crm", "base")


def supersede_planned(
    connection: sa.Connection, stream_id: int, sides: Sequence[str] = SIDES
) -> None:
    """Forget plans for these sides that were never applied; their links are decided again."""
    there, mark_links, end = statements.supersede(tuple(sides))
    here = {"stream": stream_id}
    if connection.execute(there, here).scalar_one():
        connection.execute(mark_links, here)
        connection.execute(end, {**here, "new_state": ActionState.SUPERSEDED})


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
    statement = statements.last_of_fields(connection.dialect.name, tuple(states))
    for part in chunks(link_ids):
        rows = connection.execute(statement, {"ids": packed(connection, part)}).all()
        for link_id, state, side, fields in rows:
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
    statement = statements.open_kinds(tuple(states))
    rows = connection.execute(statement, {"run": run_id}).all()
    return {(row[0], row[1], row[2]) for row in rows}


def last_id(connection: sa.Connection) -> int:
    """The newest row's id."""
    return int(connection.execute(statements.LAST_ID).scalar() or 0)


def counts(connection: sa.Connection, run_id: int) -> dict[tuple[int, str, str, str], int]:
    """(stream id, side, op, state) → rows of a run; what it decided anew itself counts once."""
    rows = connection.execute(statements.COUNTS, {"run": run_id}).all()
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}


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
    """What was done of these links, and found done already, oldest first, each with its run's actor
    and connection."""
    statement = (
        sa.select(*COLUMNS, runs.c.actor, runs.c.connection)
        .join(runs, runs.c.id == table.c.run_id)
        .where(table.c.link_id.in_(link_ids), table.c.state.in_(TOLD))
        .order_by(table.c.id)
    )
    return [(from_row(row), row[13], row[14]) for row in connection.execute(statement)]


def last_crm_updates(
    connection: sa.Connection, link_ids: Sequence[int]
) -> dict[int, dict[str, FieldChange]]:
    """Link id → field → its last acknowledged change in the CRM."""
    found: dict[int, dict[str, FieldChange]] = {}
    statement = statements.crm_updates(connection.dialect.name)
    for part in chunks(link_ids):
        for link_id, fields in connection.execute(statement, {"ids": packed(connection, part)}):
            changes = {name: tuple(change) for name, change in orjson.loads(fields).items()}
            found.setdefault(link_id, {}).update(changes)
    return found
