"""Rows on their way: held back by a brake, let go by a person, counted before they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from prmsync.store.bulk import among, any_between
from prmsync.store.journal import COLUMNS, Action, ActionState, from_row, is_backfill, of_a_sync
from prmsync.store.links import chunks
from prmsync.store.tables import OPEN_ACTIONS
from prmsync.store.tables import action as table
from prmsync.store.tables import link as links

LET_GO = 0
"""`brake_id` of rows that a person let go before any brake held them."""


STANDING = (ActionState.WAITING, ActionState.RELEASED, ActionState.PLANNED)
"""States of rows that stand until they are decided otherwise."""


class ToSend(NamedTuple):
    """One kind of rows of a run that wait to be sent."""

    stream_id: int
    side: str
    op: str
    backfill: bool


def to_send(
    connection: sa.Connection, run_id: int, states: Iterable[ActionState]
) -> dict[ToSend, int]:
    """How many rows of a run wait to be sent, by what they are."""
    backfill = is_backfill().label("backfill")
    statement = (
        sa.select(table.c.stream_id, table.c.side, table.c.op, backfill, sa.func.count())
        # Beside a plain condition on the run SQLite would go through all rows of the run.
        .where(table.c.run_id + 0 == run_id, table.c.state.in_(tuple(states)), OPEN_ACTIONS)
        .group_by(table.c.stream_id, table.c.side, table.c.op, backfill)
    )
    return {
        ToSend(row[0], row[1], row[2], bool(row[3])): row[4]
        for row in connection.execute(statement)
    }


def standing_of(connection: sa.Connection, link_ids: Sequence[int]) -> dict[int, list[Action]]:
    """Writes of these links that stand: held by a brake, let go by a person, or planned where
    nothing may be written; but those of an undo."""
    found: dict[int, list[Action]] = {}
    if not any_between(connection, table.c.link_id, link_ids):
        return found
    for part in chunks(link_ids):
        statement = sa.select(*COLUMNS).where(
            among(connection, table.c.link_id, part),
            table.c.state.in_(STANDING),
            of_a_sync(),
        )
        for row in connection.execute(statement).all():
            found.setdefault(row[0], []).append(from_row(row))
    return found


def reopen_waiting(connection: sa.Connection, stream_id: int) -> None:
    """A person lets a brake go: the links of waiting writes are decided again and written. What
    brakes count is the caller's part."""
    waits = sa.and_(
        table.c.stream_id == stream_id,
        table.c.state == ActionState.WAITING,
        OPEN_ACTIONS,
        of_a_sync(),
    )
    ids = sa.select(table.c.link_id).where(waits)
    connection.execute(links.update().where(links.c.id.in_(ids)).values(dirty=1))
    connection.execute(table.update().where(waits).values(state=ActionState.SUPERSEDED))


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
    statement = (
        sa.select(table.c.run_id)
        .where(table.c.stream_id.in_(stream_ids), table.c.state == state, OPEN_ACTIONS)
        .distinct()
        .order_by(table.c.run_id)
    )
    return [row[0] for row in connection.execute(statement)]


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
