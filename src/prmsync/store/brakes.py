"""What brakes hold, and why: one row for each kind of write and cause, with how many wait.

`count` is kept in the transaction that lets rows wait or ends their waiting. A row without `why`
tripped nothing itself: its writes wait because they go together with others that did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from prmsync.reconcile.brakes import Cell, Trip, cells
from prmsync.store.journal import Action, ActionState, waiting
from prmsync.store.prepared import given
from prmsync.store.tables import brake as table
from prmsync.store.tables import run as runs

_KEY = (table.c.stream_id, table.c.side, table.c.op, table.c.field, table.c.cause)


_NOTHING_WAITS = (
    table.update()
    .where(
        table.c.stream_id == given("stream"),
        table.c.count > 0,
        table.c.run_id.not_in(sa.select(runs.c.id).where(runs.c.undoes.is_not(None))),
    )
    .values(count=0)
)


@dataclass(frozen=True, slots=True)
class Brake:
    """One kind of write of one cause that waits; `count` of them still do."""

    id: int
    run_id: int
    stream_id: int
    side: str
    op: str
    field: str
    cause: str
    count: int
    total: int | None
    why: str | None
    since: datetime

    def cell(self, stream: str) -> Cell:
        return Cell(stream, self.side, self.op, self.field, self.cause)


def _brake(row: Any) -> Brake:
    return Brake(**row._mapping)


def cells_of(stream: str, action: Action) -> Iterable[Cell]:
    """What brakes count of one row of the journal."""
    return cells(stream, action.side, action.op, action.cause or "", action.fields)


def of_run(connection: sa.Connection, run_id: int) -> list[Brake]:
    """What still waits under a run, what tripped first."""
    rows = connection.execute(
        sa.select(table).where(table.c.run_id == run_id, table.c.count > 0).order_by(table.c.id)
    )
    return sorted(map(_brake, rows), key=lambda one: one.why is None)


def waiting_cells(connection: sa.Connection, streams: Mapping[int, str]) -> Counter[Cell]:
    """How many writes wait by what they are; `streams` are names by id."""
    rows = connection.execute(
        sa.select(*_KEY, table.c.count).where(table.c.stream_id.in_(streams), table.c.count > 0)
    )
    counts: Counter[Cell] = Counter()
    for stream_id, side, op, field, cause, count in rows:
        counts[Cell(streams[stream_id], side, op, field, cause)] += count
    return counts


def hold(
    connection: sa.Connection,
    run_id: int,
    stream: tuple[int, str],
    page: Sequence[Action],
    trips: Mapping[Cell, Trip],
    now: datetime,
) -> Counter[Cell]:
    """Count these rows as waiting under `run_id`; sets their `brake_id` to the first brake that
    holds them. `stream` is id and name. Returns what was counted."""
    stream_id, name = stream
    of_rows = [(one, list(cells_of(name, one))) for one in page]
    counts: Counter[Cell] = Counter()
    for _, some in of_rows:
        counts.update(some)
    known = {one.cell(name): one for one in _known(connection, run_id, stream_id)}
    fresh = [cell for cell in counts if cell not in known]
    if fresh:
        connection.execute(
            table.insert(), [_fresh(run_id, stream_id, cell, trips, now) for cell in fresh]
        )
        known = {one.cell(name): one for one in _known(connection, run_id, stream_id)}
    for cell, count in counts.items():
        trip = trips.get(cell)
        values: dict[str, Any] = {"count": table.c.count + count}
        if trip is not None:
            values |= {"total": trip.total, "why": trip.why}
        connection.execute(table.update().where(table.c.id == known[cell].id).values(values))
    for one, some in of_rows:
        one.brake_id = next((known[cell].id for cell in some if cell in trips), None)
    return counts


def _known(connection: sa.Connection, run_id: int, stream_id: int) -> list[Brake]:
    where = (table.c.run_id == run_id, table.c.stream_id == stream_id)
    return [_brake(row) for row in connection.execute(sa.select(table).where(*where))]


def _fresh(
    run_id: int, stream_id: int, cell: Cell, trips: Mapping[Cell, Trip], now: datetime
) -> dict[str, Any]:
    trip = trips.get(cell)
    return {
        "run_id": run_id,
        "stream_id": stream_id,
        "side": cell.side,
        "op": cell.op,
        "field": cell.field,
        "cause": cell.cause,
        "count": 0,
        "total": None if trip is None else trip.total,
        "why": None if trip is None else trip.why,
        "since": now,
    }


def no_longer_wait(connection: sa.Connection, rows: Iterable[Action]) -> None:
    """These rows leave their brakes in this transaction; rows that do not wait are passed over."""
    counts: Counter[tuple[int, int, Cell]] = Counter()
    for one in rows:
        if one.state == ActionState.WAITING:
            counts.update((one.run_id, one.stream_id, cell) for cell in cells_of("", one))
    for (run_id, stream_id, cell), count in counts.items():
        key = (stream_id, cell.side, cell.op, cell.field, cell.cause)
        connection.execute(
            table.update()
            .where(table.c.run_id == run_id, *(a == b for a, b in zip(_KEY, key, strict=True)))
            .values(count=table.c.count - count)
        )


def nothing_waits(connection: sa.Connection, stream_id: int) -> None:
    """All rows of a stream leave their brakes, but those of an undo."""
    connection.execute(_NOTHING_WAITS, {"stream": stream_id})


def recount(connection: sa.Connection, streams: Mapping[int, str]) -> Counter[Cell]:
    """What `waiting_cells` should say, from the rows themselves."""
    counts: Counter[Cell] = Counter()
    for stream_id, name in streams.items():
        for one in waiting(connection, stream_id):
            counts.update(cells_of(name, one))
    return counts


def mend(connection: sa.Connection, stream_id: int) -> None:
    """Count what waits of a stream anew, each row under its run."""
    connection.execute(table.update().where(table.c.stream_id == stream_id).values(count=0))
    now: Counter[tuple[int, Cell]] = Counter()
    for one in waiting(connection, stream_id):
        now.update((one.run_id, cell) for cell in cells_of("", one))
    for (run_id, cell), count in now.items():
        key = (stream_id, cell.side, cell.op, cell.field, cell.cause)
        connection.execute(
            table.update()
            .where(table.c.run_id == run_id, *(a == b for a, b in zip(_KEY, key, strict=True)))
            .values(count=count)
        )
