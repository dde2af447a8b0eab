"""Moves of registrations through their review, each in one transaction with what follows from it.

A move writes the registration, its event and, where its state says so, the opportunity. Nothing
here talks to a CRM: the next sync carries what was written.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.domain.customer import joined
from prmsync.domain.opportunity import Attribution, Opportunity, Role
from prmsync.domain.partner import PartnerType
from prmsync.domain.program import ReviewSettings
from prmsync.domain.registration import (
    Move,
    Registration,
    ReviewEvent,
    ReviewState,
    extend,
    mark_opportunity,
    move,
)
from prmsync.domain.values import PrmId
from prmsync.errors import StateError
from prmsync.store import tables
from prmsync.store.database import Database

NewId = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Moved:
    """A registration after a move, its opportunity if it has one, and whether that is new."""

    registration: Registration
    opportunity: Opportunity | None
    created: bool = False


def take_step(
    database: Database,
    number: str,
    step: Move,
    settings: ReviewSettings,
    new_id: NewId = lambda: str(uuid.uuid4()),
) -> Moved:
    """Move one registration. Approval links the opportunity that `step` names (by id or number),
    else the one that is linked already, else creates one.

    Raises NotFoundError, or StateError when the state does not allow the move.
    """
    with database.begin() as connection:
        before = rows.registration(connection, number, lock=True)
        return _step(connection, before, step, settings, new_id)


def extend_protection(
    database: Database, number: str, actor: str, at: datetime, settings: ReviewSettings
) -> Moved:
    """An approved extension: of a running protection from its end, of an expired one from now.

    Raises NotFoundError or StateError.
    """
    with database.begin() as connection:
        before = rows.registration(connection, number, lock=True)
        if before.review_state is ReviewState.EXPIRED:
            step = Move(ReviewState.APPROVED, actor, at, extension=True)
            return _step(connection, before, step, settings, lambda: str(uuid.uuid4()))
        after = extend(before, at, settings)
        state = after.review_state
        event = ReviewEvent(before.id, state, state, "extension approved", actor, at)
        return _save(connection, after, event, created=None)


def overdue(database: Database, at: datetime) -> list[Registration]:
    """Approved registrations whose protection is over, and returned ones past their deadline."""
    with database.read() as connection:
        return _overdue(connection, at)


def expire_overdue(
    database: Database, actor: str, at: datetime, settings: ReviewSettings
) -> list[Registration]:
    """Expire what `overdue` names, all in one transaction; `at` may lie in the past."""
    step = Move(ReviewState.EXPIRED, actor, at)
    with database.begin() as connection:
        rows.alone(connection, "expiry")
        return [
            _step(connection, before, step, settings, lambda: str(uuid.uuid4())).registration
            for before in _overdue(connection, at)
        ]


def _overdue(connection: sa.Connection, at: datetime) -> list[Registration]:
    c = tables.registration.c
    approved = (c.review_state == ReviewState.APPROVED.value) & (c.protected_until < at)
    returned = (c.review_state == ReviewState.RETURNED.value) & (c.due_at < at)
    return list(rows.registrations(connection, approved | returned))


def _step(
    connection: sa.Connection,
    before: Registration,
    step: Move,
    settings: ReviewSettings,
    new_id: NewId,
) -> Moved:
    created = None
    if step.to is ReviewState.APPROVED and not step.extension:
        found, created = _deal_for(connection, before, step, new_id)
        step = replace(step, opportunity=found)
    after, event = move(before, step, settings)
    return _save(connection, after, event, created)


def _deal_for(
    connection: sa.Connection, before: Registration, step: Move, new_id: NewId
) -> tuple[PrmId, Opportunity | None]:
    """Id of the deal to link, and the deal itself where it has to be created."""
    named = step.opportunity or before.opportunity
    if named is None:
        made = _new_opportunity(before, step.at, PrmId(new_id()))
        return made.id, made
    linked = rows.opportunity(connection, named)
    rows.alone(connection, f"protection of {linked.id}")
    c = tables.registration.c
    others = rows.registrations(
        connection,
        c.opportunity == linked.id,
        c.review_state == ReviewState.APPROVED.value,
        c.id != before.id,
    )
    other = next((o for o in others if o.partner != before.partner), None)
    if other is not None:
        raise StateError(
            f"opportunity {linked.number or linked.id} is protected for another partner by "
            f"{other.number}",
            hint="decide between the two first: prmsync conflicts list",
        )
    return linked.id, None


def _new_opportunity(r: Registration, at: datetime, ident: PrmId) -> Opportunity:
    products = ", ".join(sorted(r.product_lines)).replace("_", " ")
    name = " ".join(part for part in (r.customer.name, products) if part)
    return Opportunity(
        id=ident,
        name=name or r.number,
        customer=r.customer,
        product_lines=r.product_lines,
        amount=r.amount,
        close_date=r.expected_close,
        source="registration",
        created_at=at,
    )


def _save(
    connection: sa.Connection,
    after: Registration,
    event: ReviewEvent,
    created: Opportunity | None,
) -> Moved:
    opportunity = created
    if created is None and after.opportunity is not None:
        opportunity = rows.opportunity(connection, after.opportunity)
    if opportunity is not None:
        marked = _marked(connection, after, opportunity)
        _save_opportunity(connection, opportunity, marked, is_new=created is not None)
        opportunity = marked
        if after.review_state is ReviewState.APPROVED:
            _save_deal_partners(connection, after, opportunity)
    _save_registration(connection, after)
    connection.execute(tables.registration_event.insert(), _event_row(event))
    return Moved(after, opportunity, created is not None)


def _marked(
    connection: sa.Connection, after: Registration, opportunity: Opportunity
) -> Opportunity:
    """A second approved registration of the same partner keeps the opportunity's marks."""
    marked = mark_opportunity(after, opportunity)
    if marked.registered or not opportunity.registered:
        return marked
    c = tables.registration.c
    still = next(
        rows.registrations(
            connection,
            c.opportunity == opportunity.id,
            c.review_state == ReviewState.APPROVED.value,
            c.id != after.id,
        ),
        None,
    )
    return marked if still is None else mark_opportunity(still, opportunity)


def _save_opportunity(
    connection: sa.Connection, before: Opportunity, after: Opportunity, *, is_new: bool
) -> None:
    table = tables.opportunity
    marks = {
        "partner": after.partner,
        "registered": after.registered,
        "protected_until": after.protected_until,
    }
    if is_new:
        connection.execute(table.insert(), _opportunity_row(after) | marks)
    elif after != before:
        connection.execute(table.update().where(table.c.id == after.id).values(marks))


def _opportunity_row(o: Opportunity) -> dict[str, object]:
    return {
        "id": o.id,
        "name": o.name,
        "customer_name": o.customer.name,
        "customer_domain": o.customer.domain,
        "customer_duns": o.customer.duns,
        "customer_country": o.customer.country,
        "product_lines": joined(o.product_lines),
        "stage": o.stage.value,
        "amount": o.amount.amount if o.amount else None,
        "currency": o.amount.currency if o.amount else None,
        "close_date": o.close_date,
        "source": o.source,
        "created_at": o.created_at,
    }


def _save_registration(connection: sa.Connection, after: Registration) -> None:
    table = tables.registration
    connection.execute(
        table.update()
        .where(table.c.id == after.id)
        .values(
            review_state=after.review_state.value,
            reason=after.reason,
            outcome=after.outcome.value if after.outcome else None,
            opportunity=after.opportunity,
            submitted_at=after.submitted_at,
            due_at=after.due_at,
            approved_at=after.approved_at,
            protected_until=after.protected_until,
            extensions=after.extensions,
        )
    )


def _save_deal_partners(
    connection: sa.Connection, after: Registration, opportunity: Opportunity
) -> None:
    """The registering partner has sourced the deal; its distributor takes part in it."""
    _add_deal_partner(connection, opportunity.id, after.partner, Attribution.SOURCED)
    if after.distributor is not None:
        _add_deal_partner(connection, opportunity.id, after.distributor, None)


def _add_deal_partner(
    connection: sa.Connection, opportunity: PrmId, partner: PrmId, attribution: Attribution | None
) -> None:
    table = tables.deal_partner
    known = sa.select(table.c.id).where(
        table.c.opportunity == opportunity, table.c.partner == partner
    )
    if connection.execute(known).first() is not None:
        return
    row = {
        "id": str(uuid.uuid4()),
        "opportunity": opportunity,
        "partner": partner,
        "role": _role(rows.partner(connection, partner).types).value,
        "attribution": attribution.value if attribution else None,
    }
    connection.execute(table.insert(), row)


def _role(types: frozenset[PartnerType]) -> Role:
    """The role that a partner's types suggest; a VAR sells as a reseller."""
    named = {role.value: role for role in Role}
    fitting = sorted(named[t.value] for t in types if t.value in named)
    return fitting[0] if len(types) == 1 and fitting else Role.RESELLER


def _event_row(event: ReviewEvent) -> dict[str, object]:
    return {
        "registration": event.registration,
        "from_state": event.from_state.value if event.from_state else None,
        "to_state": event.to_state.value,
        "reason": event.reason,
        "actor": event.actor,
        "at": event.at,
    }
