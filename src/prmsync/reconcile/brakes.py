"""Brakes: what a plan may not do without a person. Pure counting, decided before any write.

Writes are counted by stream, side, what is done, field and cause; each cause has the limit for
itself, so that one integration gone wrong waits and everybody else's work goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from prmsync.domain.merge import Side
from prmsync.domain.stage import Stage
from prmsync.domain.values import Scalar
from prmsync.reconcile.causes import Cause

FEWEST = 5
"""So many records at least have to go before a side counts as emptied."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each cause. `absolute` and `percent` must both be passed for writes of one field;
    `percent` is of the stream's linked records. `creates`, `deletes`, `ends` (links that
    end, and records that leave the filter, each by themselves),
    `blanks` (values of a field that are cleared) and `regressions` (stages that go back) are
    counts per run; `empty` is the per cent of linked records that may go from one side."""

    absolute: int = 50
    percent: int = 20
    creates: int = 50
    deletes: int = 10
    ends: int = 20
    blanks: int = 20
    regressions: int = 10
    empty: int = 50


class Cell(NamedTuple):
    """What is counted: one kind of write on one side of one stream, by one cause. `field` only
    where a field is counted.

    `op` is create, update, delete, end, rest (a record leaves the filter), or what a brake sees in
    these beside: `blank` and `back` in updates, `empty` in deletes and ends; its side is the one
    that is emptied.
    """

    stream: str
    side: str
    op: str
    field: str = ""
    cause: str = ""

    def __str__(self) -> str:
        return f"{self.stream}: {_what(self)}"


def _what(cell: Cell) -> str:
    where = "the CRM" if cell.side == Side.CRM else "the partner database"
    if cell.op in _OF_FIELD:
        return f"`{cell.field}` {_OF_FIELD[cell.op]}in {where}".replace("  ", " ")
    if cell.op in _OF_LINK:
        return _OF_LINK[cell.op]
    if cell.op == "empty":
        return f"records gone from {where}"
    return f"{cell.op}s in {where}"


_OF_LINK = {"end": "links that end", "rest": "records that leave the mapping's filter"}
_OF_FIELD = {"update": "", "blank": "cleared ", "back": "moved back "}


@dataclass(frozen=True, slots=True)
class Trip:
    """A brake that holds: how many writes, of how many linked records, and which limit."""

    cell: Cell
    count: int
    total: int
    why: str


Changes = Mapping[str, tuple[Scalar, Scalar]]


def cells(stream: str, side: str, op: str, cause: str, changes: Changes) -> Iterator[Cell]:
    """What one write counts as. `changes` are (replaced, written) by field.

    Our own key, the record's home and the filling of a blank replace nothing and are not
    counted. A link ends for what brakes see only where a record of a pair is gone.
    """
    if op == "update":
        for name, (old, new) in changes.items():
            if old is None or old == new or name.startswith("@"):
                continue
            yield Cell(stream, side, op, name, cause)
            if new is None:
                yield Cell(stream, side, "blank", name, cause)
            elif name == "stage" and is_back(old, new):
                yield Cell(stream, side, "back", name, cause)
    elif op in ("delete", "end"):
        if op == "delete" or cause:
            yield Cell(stream, side, op, "", cause)
        if cause in _EMPTIED:
            yield Cell(stream, _EMPTIED[cause], "empty", "", cause)
    elif op in ("create", "rest"):
        yield Cell(stream, side, op, "", cause)


_EMPTIED: Mapping[str, str] = {
    Cause.GONE_PRM.value: Side.PRM.value,
    Cause.GONE_CRM.value: Side.CRM.value,
}
_CODES = frozenset(stage.value for stage in Stage)


def is_back(old: Scalar, new: Scalar) -> bool:
    """Whether a stage goes back: to an earlier one, or out of a deal that is won or lost."""
    if old not in _CODES or new not in _CODES:
        return False
    before, after = Stage(str(old)), Stage(str(new))
    if before.is_closed:
        return not after.is_closed
    return not after.is_lost and after.rank < before.rank


def tripped(
    counts: Mapping[Cell, int],
    linked: Mapping[str, int],
    created_before: frozenset[tuple[str, str]],
    limits: Mapping[str, Limits],
) -> dict[Cell, Trip]:
    """The cells whose writes must wait.

    `linked` is the number of linked records by stream, `created_before` the (stream, side) pairs
    in which some record was created by an earlier, released run: first creations always wait.
    """
    trips = {}
    for cell, count in counts.items():
        if count <= 0:
            continue
        total = linked.get(cell.stream, 0)
        why = _why(cell, count, total, created_before, limits.get(cell.stream, Limits()))
        if why:
            trips[cell] = Trip(cell, count, total, why)
    return trips


def _why(
    cell: Cell,
    count: int,
    total: int,
    created_before: frozenset[tuple[str, str]],
    limits: Limits,
) -> str:
    if cell.op == "create" and (cell.stream, cell.side) not in created_before:
        return "first creations wait for a person"
    if cell.op == "empty":
        emptied = count >= FEWEST and count * 100 >= limits.empty * total
        return f"a side that loses {limits.empty} % of its records waits" if emptied else ""
    if cell.op == "update":
        much = count > limits.absolute and count * 100 > limits.percent * max(total, 1)
        return f"its limit is {limits.percent} %" if much else ""
    limit = int(getattr(limits, _LIMITS[cell.op]))
    return f"its limit is {limit} a run" if count > limit else ""


_LIMITS = {
    "create": "creates",
    "delete": "deletes",
    "end": "ends",
    "rest": "ends",
    "blank": "blanks",
    "back": "regressions",
}

RELIED_ON = {
    "stage": "sales and the forecast see the old stage until someone answers",
    "review_state": "partners see the old review state until someone answers",
    "conflict": "sales does not see which deals are in conflict until someone answers",
    "protected_until": "a deal may look free that is protected, or the other way round",
    "registered": "a deal may look free that is protected, or the other way round",
}
"""Fields that people act on by the hour, and what an old value of them leads to."""


class Waiting(NamedTuple):
    """Whether what a brake holds can wait until morning, and why."""

    can: bool
    why: str


def can_wait(cell: Cell) -> Waiting:
    """Nothing is ever lost while it waits; some fields mislead people meanwhile."""
    if cell.op in ("update", "blank", "back") and cell.field in RELIED_ON:
        return Waiting(False, RELIED_ON[cell.field])
    if cell.op == "create":
        return Waiting(True, "nothing is lost; the records are missing on one side meanwhile")
    if cell.op in ("delete", "end", "empty"):
        return Waiting(True, "nothing is lost; both sides keep what they have meanwhile")
    if cell.op == "rest":
        return Waiting(True, "nothing is lost; their edits wait on both sides meanwhile")
    return Waiting(True, "nothing is lost; the old values stand meanwhile")
