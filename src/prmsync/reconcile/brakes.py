"""Brakes: what a plan may not do without a person. Pure counting, decided before any write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from prmsync.domain.merge import Side


@dataclass(frozen=True, slots=True)
class Limits:
    """`absolute` and `percent` must both be passed for field writes; `percent` is of the stream's
    linked records. `creates` and `deletes` are counts per run."""

    absolute: int = 50
    percent: int = 20
    creates: int = 50
    deletes: int = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """What is counted: one kind of write on one side of one stream. `field` only for updates."""

    stream: str
    side: Side
    op: str
    field: str = ""

    def __str__(self) -> str:
        what = f"`{self.field}`" if self.op == "update" else f"{self.op}s"
        where = "the CRM" if self.side is Side.CRM else "the partner database"
        return f"{self.stream}: {what} in {where}"


@dataclass(frozen=True, slots=True)
class Trip:
    """A brake that holds: how many writes, of how many linked records, and which limit."""

    cell: Cell
    count: int
    total: int
    why: str


def tripped(
    counts: Mapping[Cell, int] | Counter[Cell],
    linked: Mapping[str, int],
    created_before: frozenset[tuple[str, Side]],
    limits: Mapping[str, Limits],
) -> dict[Cell, Trip]:
    """The cells whose writes must wait.

    `linked` is the number of linked records by stream, `created_before` the (stream, side) pairs
    in which some record was created by an earlier, released run: first creations always wait.
    """
    trips = {}
    for cell, count in counts.items():
        total = linked.get(cell.stream, 0)
        why = _why(cell, count, total, created_before, limits.get(cell.stream, Limits()))
        if why:
            trips[cell] = Trip(cell, count, total, why)
    return trips


def _why(
    cell: Cell,
    count: int,
    total: int,
    created_before: frozenset[tuple[str, Side]],
    limits: Limits,
) -> str:
    if cell.op == "create":
        if (cell.stream, cell.side) not in created_before:
            return "first creations wait for a person"
        return f"its limit is {limits.creates} a run" if count > limits.creates else ""
    if cell.op == "delete":
        return f"its limit is {limits.deletes} a run" if count > limits.deletes else ""
    if count > limits.absolute and count * 100 > limits.percent * max(total, 1):
        return f"its limit is {limits.percent} %"
    return ""
