"""Registrations with the names of their parties and their history, for showing."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.domain.partner import Membership, Partner
from prmsync.domain.registration import Registration, ReviewEvent, ReviewState
from prmsync.domain.values import PrmId
from prmsync.store import tables
from prmsync.store.database import Database


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """A registration; `partner` and `distributor` are names."""

    registration: Registration
    partner: str
    distributor: str | None


@dataclass(frozen=True, slots=True)
class PartnerView:
    """A partner with its memberships and how many registrations it has in each state."""

    partner: Partner
    memberships: tuple[Membership, ...]
    registrations: dict[str, int]


def list_views(
    database: Database,
    *,
    state: ReviewState | None = None,
    partner: str | None = None,
    conflict: bool = False,
) -> list[RegistrationView]:
    """Registrations that meet all conditions, in order of number. Raises NotFoundError for an
    unknown partner."""
    c = tables.registration.c
    where: list[sa.ColumnElement[bool]] = []
    if state is not None:
        where.append(c.review_state == state.value)
    if conflict:
        where.append(c.conflict)
    with database.read() as connection:
        if partner is not None:
            where.append(c.partner == rows.partner(connection, partner).id)
        names = rows.partner_names(connection)
        return [_view(r, names) for r in rows.registrations(connection, *where)]


def one_view(database: Database, number: str) -> tuple[RegistrationView, list[ReviewEvent]]:
    """One registration and its events, oldest first. Raises NotFoundError."""
    table = tables.registration_event
    with database.read() as connection:
        view = _view(rows.registration(connection, number), rows.partner_names(connection))
        query = sa.select(table).where(table.c.registration == view.registration.id)
        events = [
            ReviewEvent(
                PrmId(row.registration),
                ReviewState(row.from_state) if row.from_state else None,
                ReviewState(row.to_state),
                row.reason,
                row.actor,
                row.at,
            )
            for row in connection.execute(query.order_by(table.c.id))
        ]
    return view, events


def _view(r: Registration, names: dict[str, str]) -> RegistrationView:
    distributor = names.get(r.distributor) if r.distributor else None
    return RegistrationView(r, names.get(r.partner, r.partner), distributor)


def partner_views(database: Database, name: str | None = None) -> list[PartnerView]:
    """All partners by name, or the one with this name or id. Raises NotFoundError."""
    with database.read() as connection:
        found = (
            list(rows.partners(connection)) if name is None else [rows.partner(connection, name)]
        )
        history = rows.tier_history(connection)
        counts = _counts(connection)
    return [
        PartnerView(p, tuple(history.memberships.get(p.id, ())), counts.get(p.id, {}))
        for p in found
    ]


def _counts(connection: sa.Connection) -> dict[str, dict[str, int]]:
    c = tables.registration.c
    query = sa.select(c.partner, c.review_state, sa.func.count()).group_by(
        c.partner, c.review_state
    )
    counts: dict[str, dict[str, int]] = {}
    for partner, state, count in connection.execute(query):
        counts.setdefault(partner, {})[state] = count
    return counts
