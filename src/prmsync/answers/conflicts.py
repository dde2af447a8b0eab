"""The channel conflict check: load, find, save; and the decisions of people about conflicts.

Saving is idempotent: a conflict is one row per pair and kind. What people resolved is never
touched again; a conflict whose evidence has gone is closed with the reason. Flag, kind and reason
of registrations and opportunities follow in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.answers.conflict_marks import save_marks
from prmsync.domain.conflict import Conflict, ConflictFound, ConflictStatus, Resolution
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.program import Program
from prmsync.domain.registration import Registration
from prmsync.errors import StateError
from prmsync.program.conflicts import find_conflicts
from prmsync.program.lapsed import why_lapsed
from prmsync.store import tables
from prmsync.store.database import Database

CHECK = "prmsync conflicts check"
"""Who closes a conflict whose evidence has gone."""
_TABLE = tables.channel_conflict
_LIVE = (ConflictStatus.OPEN.value, ConflictStatus.ACKNOWLEDGED.value)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check did. `settled` are conflicts found again that people have resolved."""

    opened: int
    kept: int
    lapsed: int
    settled: int
    marked: int
    """Records whose conflict flag, kind or reason changed."""


def check_conflicts(database: Database, program: Program, now: datetime) -> CheckReport:
    """Find C1 and C2 over the whole partner database and save what changed."""
    with database.begin() as connection:
        rows.alone(connection, "conflict check")
        registrations = list(rows.registrations(connection))
        found = find_conflicts(
            registrations,
            rows.opportunities(connection),
            now,
            program.version,
            program.conflicts,
        )
        stored = list(rows.conflicts(connection))
        return _save(connection, found, stored, {r.id: r for r in registrations}, now, program)


def _save(
    connection: sa.Connection,
    found: list[ConflictFound],
    stored: list[Conflict],
    registrations: dict[Any, Registration],
    now: datetime,
    program: Program,
) -> CheckReport:
    live = {c.key: c for c in stored if c.status.value in _LIVE}
    settled = {c.key for c in stored if c.resolution not in (None, Resolution.LAPSED)}
    opened = [f for f in found if f.key not in live and f.key not in settled]
    kept = [f for f in found if f.key in live]
    still = {f.key for f in kept}
    gone = [c for key, c in live.items() if key not in still]
    if opened:
        connection.execute(_TABLE.insert(), [_row(f, program) | _opening(f) for f in opened])
    for finding in kept:
        _refresh(connection, live[finding.key], finding, program)
    for conflict in gone:
        _lapse(connection, conflict, registrations, now, program)
    return CheckReport(
        opened=len(opened),
        kept=len(kept),
        lapsed=len(gone),
        settled=sum(f.key in settled and f.key not in live for f in found),
        marked=save_marks(connection),
    )


def _row(finding: ConflictFound, program: Program) -> dict[str, Any]:
    evidence = {
        "evidence": [[e.kind, e.value, e.score] for e in finding.evidence],
        "products": finding.products,
        "other_reason": finding.other_reason,
        "direct_activity_days": program.conflicts.direct_activity_days,
    }
    return {
        "registration": finding.registration,
        "other_registration": finding.other_registration,
        "opportunity": finding.opportunity,
        "score": finding.score,
        "reason": finding.reason,
        "evidence": json.dumps(evidence, ensure_ascii=False, sort_keys=True),
        "rule_version": finding.rule_version,
    }


def _opening(finding: ConflictFound) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "severity": finding.kind.severity.value,
        "status": ConflictStatus.OPEN.value,
        "opened_at": finding.at,
    }


def _refresh(
    connection: sa.Connection, stored: Conflict, finding: ConflictFound, program: Program
) -> None:
    wanted = _row(finding, program)
    if any(getattr(stored, name) != value for name, value in wanted.items()):
        connection.execute(_TABLE.update().where(_TABLE.c.id == stored.id).values(wanted))


def _lapse(
    connection: sa.Connection,
    conflict: Conflict,
    registrations: dict[Any, Registration],
    now: datetime,
    program: Program,
) -> None:
    why = f"evidence has gone: {_why_gone(connection, conflict, registrations, now, program)}"
    if conflict.status is ConflictStatus.ACKNOWLEDGED:
        why += " (somebody had taken it into work)"
    _resolve(connection, conflict, Resolution.LAPSED, CHECK, why, now)


def _why_gone(
    connection: sa.Connection,
    conflict: Conflict,
    registrations: dict[Any, Registration],
    now: datetime,
    program: Program,
) -> str:
    deals = tables.opportunity.c.id == conflict.opportunity
    other = (
        next(iter(rows.opportunities(connection, deals)), None)
        if conflict.opportunity is not None
        else registrations.get(conflict.other_registration)
    )
    claim = registrations.get(conflict.registration)
    why = why_lapsed(claim, other, now, program.conflicts)
    if conflict.rule_version == program.version:
        return why
    return f"{why}; it was found by program {conflict.rule_version}, now {program.version} holds"


def acknowledge(database: Database, ident: int) -> Conflict:
    """Take an open conflict into work. Raises NotFoundError or StateError."""
    with database.begin() as connection:
        conflict = _unresolved(connection, ident)
        status = ConflictStatus.ACKNOWLEDGED.value
        connection.execute(_TABLE.update().where(_TABLE.c.id == conflict.id).values(status=status))
        return rows.conflict(connection, ident)


def resolve(
    database: Database, ident: int, resolution: Resolution, actor: str, why: str, now: datetime
) -> Conflict:
    """A person's decision; flags that no other conflict keeps up are cleared with it.

    Raises NotFoundError, and StateError for a conflict that is resolved, for `lapsed`, which is
    the check's own word, and without a reason.
    """
    if resolution is Resolution.LAPSED or not why.strip():
        raise StateError("a decision needs a resolution of its own, and says why")
    with database.begin() as connection:
        conflict = _unresolved(connection, ident)
        _resolve(connection, conflict, resolution, actor, why, now)
        save_marks(connection)
        return rows.conflict(connection, ident)


def _unresolved(connection: sa.Connection, ident: int) -> Conflict:
    conflict = rows.conflict(connection, ident)
    if conflict.status is ConflictStatus.RESOLVED:
        raise StateError(
            f"conflict {ident} is resolved ({conflict.resolution}) since "
            f"{conflict.resolved_at or datetime.min.replace(tzinfo=UTC):%Y-%m-%d %H:%M} UTC by "
            f"{conflict.resolved_by}",
            hint=f"prmsync conflicts show {ident}",
        )
    return conflict


def _resolve(
    connection: sa.Connection,
    conflict: Conflict,
    resolution: Resolution,
    actor: str,
    why: str,
    now: datetime,
) -> None:
    connection.execute(
        _TABLE.update()
        .where(_TABLE.c.id == conflict.id)
        .values(
            status=ConflictStatus.RESOLVED.value,
            resolution=resolution.value,
            resolved_by=actor,
            resolved_why=why,
            resolved_at=now,
        )
    )


def list_conflicts(database: Database, *, resolved: bool = False) -> list[Conflict]:
    """Open and acknowledged conflicts; with `resolved`, all."""
    where = () if resolved else (_TABLE.c.status.in_(_LIVE),)
    with database.read() as connection:
        return list(rows.conflicts(connection, *where))


@dataclass(frozen=True, slots=True)
class Parties:
    """The records that conflicts name, by id, and the names of all partners."""

    registrations: dict[str, Registration]
    opportunities: dict[str, Opportunity]
    partners: dict[str, str]


def parties_of(database: Database, listed: Iterable[Conflict]) -> Parties:
    """What it takes to show conflicts to people."""
    parties = Parties({}, {}, {})
    found = list(listed)
    ids = {i for c in found for i in (c.registration, c.other_registration) if i}
    deals = {c.opportunity for c in found if c.opportunity}
    with database.read() as connection:
        for some in _batches(ids):
            for r in rows.registrations(connection, tables.registration.c.id.in_(some)):
                parties.registrations[r.id] = r
        for some in _batches(deals):
            for o in rows.opportunities(connection, tables.opportunity.c.id.in_(some)):
                parties.opportunities[o.id] = o
        parties.partners.update(rows.partner_names(connection))
    return parties


def _batches(ids: Iterable[str], size: int = 500) -> Iterable[list[str]]:
    ordered = sorted(ids)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))
