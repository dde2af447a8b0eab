"""Rows on their way: held back by a brake, let go by a person, counted before they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from prmsync.reconcile.causes import Lane
from prmsync.store import journal_statements as statements
from prmsync.store.bulk import among, any_between
from prmsync.store.journal import Action, ActionState, from_row
from prmsync.store.links import chunks
from prmsync.store.prepared import packed
from prmsync.store.tables import action as table

LET_GO = 0
"""`brake_id` of rows that a person let go before any brake held them."""


STANDING = (ActionState.WAITING, ActionState.RELEASED, ActionState.PLANNED)
"""States of rows that stand until they are decided otherwise."""


class ToSend(NamedTuple):
    """One kind of rows of a run that wait to be sent."""

    stream_id: int
    side: str
    op: str
    lane: Lane


def to_send(
    connection: sa.Connection, run_id: int, states: Iterable[ActionState]
) -> dict[ToSend, int]:
    """How many rows of a run wait to be sent, by what they are."""
    statement = statements.to_send(tuple(states))
    return {
        ToSend(row[0], row[1], row[2], Lane(row[3])): row[4]
        for row in connection.execute(statement, {"run": run_id}).all()
    }


def standing_of(connection: sa.Connection, link_ids: Sequence[int]) -> dict[int, list[Action]]:
    """Writes of these links that stand: held by a brake, let go by a person, or planned where
    nothing may be written; but those of an undo."""
    found: dict[int, list[Action]] = {}
    if not any_between(connection, table.c.link_id, link_ids):
        return found
    statement = statements.standing(connection.dialect.name, STANDING)
    for part in chunks(link_ids):
        for row in connection.execute(statement, {"ids": packed(connection, part)}).all():
            found.setdefault(row[0], []).append(from_row(row))
    return found


def reopen_waiting(connection: sa.Connection, stream_id: int) -> None:
    """A person lets a brake go: the links of waiting writes are decided again and written. What
    brakes count is the caller's part."""
    here = {"stream": stream_id}
    if connection.execute(statements.ANY_TO_REOPEN, here).scalar_one():
        connection.execute(statements.MARK_REOPENED, here)
        ended = {**here, "new_state": ActionState.SUPERSEDED}
        connection.execute(statements.END_REOPENED, ended)


def release(connection: sa.Connection, rows: Sequence[Action]) -> None:
    """Note that a person let these rows go."""
    for part in chunks([one.id for one in rows]):
        connection.execute(
            table.update()
            .where(among(connection, table.c.id, part))
            .values(
                state=ActionState.RELEASED,
                brake_id=sa.func.coalesce(table.c.brake_id, LET_GO),
            )
        )


def unhold(connection: sa.Connection, rows: Sequence[Action]) -> None:
    """Plan these rows as if no brake had held them."""
    for part in chunks([one.id for one in rows]):
        connection.execute(
            table.update()
            .where(among(connection, table.c.id, part))
            .values(state=ActionState.PLANNED, brake_id=None)
        )


def runs_with(
    connection: sa.Connection, stream_ids: Sequence[int], state: ActionState
) -> list[int]:
    """Runs that have rows in this open state, oldest first."""
    statement = statements.runs_with(connection.dialect.name, state)
    rows = connection.execute(statement, {"ids": packed(connection, list(stream_ids))})
    return [row[0] for row in rows.all()]


def hold(connection: sa.Connection, rows: Sequence[Action], run_id: int) -> None:
    """Let these rows wait under `run_id`, each for the brake that it names."""
    by_brake: dict[int | None, list[int]] = {}
    for one in rows:
        by_brake.setdefault(one.brake_id, []).append(one.id)
    for brake_id, ids in by_brake.items():
        for part in chunks(ids):
            connection.execute(
                table.update()
                .where(among(connection, table.c.id, part))
                .values(state=ActionState.WAITING, run_id=run_id, brake_id=brake_id)
            )
