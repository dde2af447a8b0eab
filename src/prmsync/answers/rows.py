"""Rows of the partner database as the domain's objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa

from prmsync.domain.conflict import Conflict, ConflictKind, ConflictStatus, Resolution, Severity
from prmsync.domain.customer import ConflictMark, Customer, codes
from prmsync.domain.money import Money
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.partner import Membership, Partner, PartnerStatus, PartnerType, TierHistory
from prmsync.domain.registration import Outcome, Registration, ReviewState
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId
from prmsync.errors import InputError, NotFoundError
from prmsync.store import tables

_Word = TypeVar("_Word", bound=StrEnum)


def registrations(
    connection: sa.Connection, *where: sa.ColumnElement[bool]
) -> Iterator[Registration]:
    """Registrations in order of their numbers."""
    table = tables.registration
    query = sa.select(table).where(*where).order_by(table.c.number)
    return map(_registration, connection.execute(query))


def opportunities(
    connection: sa.Connection, *where: sa.ColumnElement[bool]
) -> Iterator[Opportunity]:
    """Opportunities in order of their ids."""
    table = tables.opportunity
    query = sa.select(table).where(*where).order_by(table.c.id)
    return map(_opportunity, connection.execute(query))


def partners(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Iterator[Partner]:
    """Partners in order of their names."""
    table = tables.partner
    query = sa.select(table).where(*where).order_by(table.c.name, table.c.id)
    return map(_partner, connection.execute(query))


def conflicts(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Iterator[Conflict]:
    """Channel conflicts in order of their ids."""
    table = tables.channel_conflict
    query = sa.select(table).where(*where).order_by(table.c.id)
    return map(_conflict, connection.execute(query))


def alone(connection: sa.Connection, work: str) -> None:
    """Let no other process do `work` until this transaction ends.

    SQLite has one writer anyway; PostgreSQL takes an advisory lock.
    """
    if connection.dialect.name == "postgresql":
        lock = sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"prmsync {work}"))
        connection.execute(sa.select(lock))


def registration(connection: sa.Connection, number: str, *, lock: bool = False) -> Registration:
    """By number or id; `lock` keeps others from changing it until the transaction ends.

    Raises NotFoundError.
    """
    c = tables.registration.c
    named = (c.number == number) | (c.id == number)
    if lock:
        connection.execute(sa.select(c.id).where(named).with_for_update())
    found = next(registrations(connection, named), None)
    if found is None:
        raise NotFoundError(f"there is no registration {number}", hint="prmsync registrations list")
    return found


def opportunity(connection: sa.Connection, number: str) -> Opportunity:
    """By id, or by number where it is unique. Raises NotFoundError."""
    c = tables.opportunity.c
    found = list(opportunities(connection, (c.number == number) | (c.id == number)))
    if len(found) != 1:
        raise NotFoundError(
            f"there is no opportunity {number}"
            if not found
            else f"{len(found)} opportunities have the number {number}",
            hint="name it by its id",
        )
    return found[0]


def partner(connection: sa.Connection, name: str) -> Partner:
    """By id or exact name. Raises NotFoundError."""
    c = tables.partner.c
    found = list(partners(connection, (c.id == name) | (c.name == name)))
    if len(found) != 1:
        raise NotFoundError(
            f"there is no partner {name}" if not found else f"{len(found)} partners are {name}",
            hint="prmsync partners list --json shows names and ids",
        )
    return found[0]


def conflict(connection: sa.Connection, ident: int) -> Conflict:
    """Raises NotFoundError."""
    found = next(conflicts(connection, tables.channel_conflict.c.id == ident), None)
    if found is None:
        raise NotFoundError(f"there is no channel conflict {ident}", hint="prmsync conflicts list")
    return found


def tier_history(connection: sa.Connection) -> TierHistory:
    """The tier of every partner on any day."""
    history = TierHistory()
    for row in connection.execute(sa.select(tables.partner.c.id, tables.partner.c.tier)):
        history.present[PrmId(row.id)] = row.tier
    for row in connection.execute(sa.select(tables.membership)):
        member = Membership(**row._mapping)
        history.memberships.setdefault(member.partner, []).append(member)
    return history


def partner_names(connection: sa.Connection) -> dict[str, str]:
    """Partner id → name, of all partners."""
    rows = connection.execute(sa.select(tables.partner.c.id, tables.partner.c.name))
    return {row.id: row.name for row in rows}


def _registration(row: Any) -> Registration:
    where = f"registration {row.number}"
    return Registration(
        id=PrmId(row.id),
        number=row.number,
        partner=PrmId(row.partner),
        distributor=_id(row.distributor),
        opportunity=_id(row.opportunity),
        customer=_customer(row),
        customer_contact=row.customer_contact,
        product_lines=codes(row.product_lines),
        amount=_money(row.amount, row.currency, where),
        expected_close=row.expected_close,
        review_state=_word(ReviewState, row.review_state, where),
        reason=row.reason,
        outcome=_word(Outcome, row.outcome, where) if row.outcome else None,
        submitted_at=row.submitted_at,
        due_at=row.due_at,
        approved_at=row.approved_at,
        protected_until=row.protected_until,
        extensions=row.extensions,
        conflict=ConflictMark(row.conflict, row.conflict_kind, row.conflict_reason),
        margin=_money(row.margin, row.margin_currency, where),
        created_at=row.created_at,
    )


def _opportunity(row: Any) -> Opportunity:
    where = f"opportunity {row.number or row.id}"
    return Opportunity(
        id=PrmId(row.id),
        name=row.name,
        number=row.number,
        partner=_id(row.partner),
        customer=_customer(row),
        product_lines=codes(row.product_lines),
        stage=_word(Stage, row.stage, where),
        amount=_money(row.amount, row.currency, where),
        close_date=row.close_date,
        loss_reason=row.loss_reason,
        owner=row.owner,
        source=row.source,
        registered=row.registered,
        protected_until=row.protected_until,
        conflict=ConflictMark(row.conflict, row.conflict_kind, row.conflict_reason),
        home=row.home,
        last_activity_at=row.last_activity_at,
        created_at=row.created_at,
    )


def _partner(row: Any) -> Partner:
    where = f"partner {row.name}"
    return Partner(
        id=PrmId(row.id),
        name=row.name,
        domain=row.domain,
        duns=row.duns,
        country=row.country,
        types=frozenset(_words(PartnerType, codes(row.types), where)),
        status=_word(PartnerStatus, row.status, where),
        tier=row.tier,
        partner_manager=row.partner_manager,
        created_at=row.created_at,
        distributor=_id(row.distributor),
    )


def _conflict(row: Any) -> Conflict:
    where = f"channel conflict {row.id}"
    return Conflict(
        id=row.id,
        kind=_word(ConflictKind, row.kind, where),
        severity=_word(Severity, row.severity, where),
        status=_word(ConflictStatus, row.status, where),
        registration=PrmId(row.registration),
        other_registration=_id(row.other_registration),
        opportunity=_id(row.opportunity),
        score=row.score,
        reason=row.reason,
        evidence=row.evidence,
        rule_version=row.rule_version,
        opened_at=row.opened_at,
        resolution=_word(Resolution, row.resolution, where) if row.resolution else None,
        resolved_by=row.resolved_by,
        resolved_why=row.resolved_why,
        resolved_at=row.resolved_at,
    )


def _customer(row: Any) -> Customer:
    return Customer(row.customer_name, row.customer_domain, row.customer_duns, row.customer_country)


def _id(value: str | None) -> PrmId | None:
    return None if value is None else PrmId(value)


def _money(amount: Decimal | None, currency: str | None, where: str) -> Money | None:
    if amount is None or currency is None:
        return None
    try:
        return Money(amount, currency)
    except InputError as error:
        raise InputError(f"{where}: {error.message}", hint=error.hint) from error


def _word(words: type[_Word], value: str, where: str) -> _Word:
    try:
        return words(value)
    except ValueError:
        raise InputError(
            f"{where} holds {value!r}, which is no {words.__name__}",
            hint=f"correct it in the partner database to one of: {', '.join(words)}",
        ) from None


def _words(words: type[_Word], values: Iterable[str], where: str) -> Iterator[_Word]:
    return (_word(words, value, where) for value in values)
