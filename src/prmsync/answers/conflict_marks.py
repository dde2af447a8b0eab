"""Flag, kind and reason of the worst live conflict, on every record that takes part in one.

A registration's own opportunity carries the registration's mark: the people who work the deal
have to see it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.domain.conflict import Conflict, ConflictStatus, Severity
from prmsync.domain.customer import UNMARKED, ConflictMark
from prmsync.store import tables

_SEVERITY = {severity: rank for rank, severity in enumerate(Severity)}
_Ranked = tuple[tuple[int, str, int, int], ConflictMark]


def save_marks(connection: sa.Connection) -> int:
    """Bring the marks of all records in line with the live conflicts; how many records changed."""
    live = list(
        rows.conflicts(
            connection, tables.channel_conflict.c.status != ConflictStatus.RESOLVED.value
        )
    )
    registrations, opportunities = wanted_marks(live)
    own = sa.select(tables.registration.c.id, tables.registration.c.opportunity).where(
        tables.registration.c.opportunity.is_not(None)
    )
    for row in connection.execute(own):
        if row.id in registrations:
            _put(opportunities, row.opportunity, registrations[row.id])
    changed = _save(connection, tables.registration, registrations)
    return changed + _save(connection, tables.opportunity, opportunities)


def wanted_marks(live: list[Conflict]) -> tuple[dict[str, _Ranked], dict[str, _Ranked]]:
    """The worst mark of each registration and each opportunity that a live conflict names."""
    registrations: dict[str, _Ranked] = {}
    opportunities: dict[str, _Ranked] = {}
    for conflict in live:
        rank = (_SEVERITY[conflict.severity], conflict.kind.value, -conflict.score, conflict.id)
        kind = conflict.kind.value
        _put(
            registrations, conflict.registration, (rank, ConflictMark(True, kind, conflict.reason))
        )
        other = (rank, ConflictMark(True, kind, _other_reason(conflict)))
        if conflict.other_registration is not None:
            _put(registrations, conflict.other_registration, other)
        if conflict.opportunity is not None:
            _put(opportunities, conflict.opportunity, other)
    return registrations, opportunities


def _put(marks: dict[str, _Ranked], record: str, mark: _Ranked) -> None:
    if record not in marks or mark[0] < marks[record][0]:
        marks[record] = mark


def _other_reason(conflict: Conflict) -> str:
    stored: dict[str, Any] = json.loads(conflict.evidence)
    return str(stored.get("other_reason") or conflict.reason)


def _save(connection: sa.Connection, table: sa.Table, wanted: Mapping[str, _Ranked]) -> int:
    c = table.c
    present = {
        row.id: ConflictMark(row.conflict, row.conflict_kind, row.conflict_reason)
        for row in connection.execute(
            sa.select(c.id, c.conflict, c.conflict_kind, c.conflict_reason).where(
                c.conflict | c.conflict_kind.is_not(None) | c.conflict_reason.is_not(None)
            )
        )
    }
    cleared = {record: UNMARKED for record in present if record not in wanted}
    changes = cleared | {
        record: mark for record, (_, mark) in wanted.items() if present.get(record) != mark
    }
    if changes:
        connection.execute(
            table.update().where(c.id == sa.bindparam("record")).values(_PARAMETERS),
            [_parameters(record, mark) for record, mark in changes.items()],
        )
    return len(changes)


_PARAMETERS: dict[str, sa.BindParameter[Any]] = {
    name: sa.bindparam(f"new_{name}") for name in ("conflict", "conflict_kind", "conflict_reason")
}


def _parameters(record: str, mark: ConflictMark) -> dict[str, Any]:
    return {
        "record": record,
        "new_conflict": mark.flag,
        "new_conflict_kind": mark.kind,
        "new_conflict_reason": mark.reason,
    }
