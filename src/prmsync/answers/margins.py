"""Margins of registrations: computed from the program, kept in an append-only ledger.

A registration earns from its approval on: an expected margin while approved, the final one once
won. One that is lost, expired or cancelled earns nothing. The first result is entered as `margin`;
a later one that differs as an `adjustment` of the difference. Entries are never changed.

List price is the amount of the linked opportunity, which the CRM owns, else of the registration.
It has no lines of its own, so with product lines of several categories it is shared evenly.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.domain.money import Money, split, total
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.partner import TierHistory
from prmsync.domain.program import Program
from prmsync.domain.registration import Outcome, Registration, ReviewState
from prmsync.errors import Finding, PrmsyncError
from prmsync.program.margins import Deal, DealLine, Margin, margin_of
from prmsync.store import tables
from prmsync.store.database import Database

SHARED_EVENLY = "the amount is shared evenly over the product lines"
_LEDGER = tables.margin_entry
_TABLE = tables.registration


@dataclass(frozen=True, slots=True)
class MarginBasis:
    """What a registration's margin is computed from; `deal` None when nothing is earned, and
    `why_nothing` says why."""

    registration: Registration
    currency: str
    order_date: date
    deal: Deal | None
    why_nothing: str = ""


@dataclass(frozen=True, slots=True)
class RecomputeReport:
    """What a recomputation entered. `findings` are registrations that could not be computed."""

    entered: int
    adjusted: int
    unchanged: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of a registration's margin ledger, as it was entered; `amount` may be negative."""

    id: int
    kind: str
    amount: Money
    derivation: dict[str, Any]
    program_version: str
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """A margin as it computes today, beside what the ledger holds."""

    basis: MarginBasis
    partner: str
    margin: Margin | None
    entries: tuple[LedgerEntry, ...]


def recompute_margins(database: Database, program: Program, now: datetime) -> RecomputeReport:
    """Compute every registration that ever was approved; enter what is new or differs."""
    counts: Counter[str] = Counter()
    findings: list[Finding] = []
    changes = _Changes([], [])
    with database.begin() as connection:
        rows.alone(connection, "margins")
        present = _ledger_sums(connection)
        for basis in list(_bases(connection, program, now)):
            number = basis.registration.number
            try:
                margin = margin_of(basis.deal, program) if basis.deal else None
            except PrmsyncError as error:
                findings.append(Finding(number, error.message, error.hint))
                continue
            held = present.get(basis.registration.id, {})
            counts[_enter(changes, basis, margin, held, program, now)] += 1
        changes.save(connection)
    return RecomputeReport(
        counts["margin"], counts["adjustment"], counts["unchanged"], tuple(findings)
    )


def explain_margin(database: Database, number: str, program: Program, now: datetime) -> Explanation:
    """The derivation of one registration's margin. Raises NotFoundError, and InputError or
    ConfigurationError when the program cannot compute it."""
    with database.read() as connection:
        registration = rows.registration(connection, number)
        bases = _bases(connection, program, now, _TABLE.c.id == registration.id)
        basis = next(bases, None) or _nothing(registration, now, "it was never approved")
        margin = margin_of(basis.deal, program) if basis.deal else None
        partner = rows.partner(connection, registration.partner).name
        entries = tuple(_entries(connection, registration.id))
        return Explanation(basis, partner, margin, entries)


def list_margins(database: Database) -> list[tuple[Registration, str]]:
    """Registrations with a margin, and the name of their partner."""
    with database.read() as connection:
        names = rows.partner_names(connection)
        found = rows.registrations(connection, _TABLE.c.margin.is_not(None))
        return [(r, names.get(r.partner, r.partner)) for r in found]


def _bases(
    connection: sa.Connection, program: Program, now: datetime, *where: sa.ColumnElement[bool]
) -> Iterator[MarginBasis]:
    tiers = rows.tier_history(connection)
    linked = tables.opportunity.c.id.in_(
        sa.select(_TABLE.c.opportunity).where(_TABLE.c.opportunity.is_not(None), *where)
    )
    deals = {o.id: o for o in rows.opportunities(connection, linked)}
    for registration in rows.registrations(connection, _TABLE.c.approved_at.is_not(None), *where):
        deal = deals.get(registration.opportunity) if registration.opportunity else None
        yield _basis(registration, deal, tiers, program, now)


def _basis(
    r: Registration, o: Opportunity | None, tiers: TierHistory, program: Program, now: datetime
) -> MarginBasis:
    amount = (o.amount if o else None) or r.amount
    won = r.review_state is ReviewState.CLOSED and r.outcome is Outcome.WON
    if amount is None:
        return _nothing(r, now, "it has no amount, or an amount without a currency")
    if r.review_state is not ReviewState.APPROVED and not won:
        state = f"closed, {r.outcome}" if r.outcome else r.review_state.replace("_", " ")
        return _nothing(r, now, f"it is {state}", amount.currency)
    ordered = o.close_date if won and o and o.close_date else now.date()
    deal = Deal(
        tier=tiers.on(r.partner, ordered),
        registered=_registered_on(r, ordered),
        lines=tuple(shared_lines(r.product_lines, amount, program)),
        through_distributor=r.distributor is not None,
    )
    return MarginBasis(r, amount.currency, ordered, deal)


def _nothing(r: Registration, now: datetime, why: str, currency: str | None = None) -> MarginBasis:
    known = currency or (r.margin or r.amount or Money.zero("USD")).currency
    return MarginBasis(r, known, now.date(), None, why)


def _registered_on(r: Registration, day: date) -> bool:
    """Approved on or before the day, and protected on it."""
    if r.approved_at is None or r.approved_at.astimezone(UTC).date() > day:
        return False
    start = datetime.combine(day, time(), UTC)
    return r.protected_until is None or r.protected_until >= start


def shared_lines(
    product_lines: Iterable[str], amount: Money, program: Program
) -> Iterator[DealLine]:
    """A deal's amount by category, shared evenly over its product lines."""
    rules = program.margins
    shares = Counter(rules.category_of(line) for line in sorted(product_lines))
    shares = shares or Counter([rules.default_category])
    parts = split(amount, [Decimal(count) for count in shares.values()])
    for category, part in zip(shares, parts, strict=True):
        yield DealLine(category, part)


def _ledger_sums(connection: sa.Connection) -> dict[str, dict[str, Money]]:
    """Registration → currency → sum of its entries."""
    sums: dict[str, dict[str, Money]] = {}
    c = _LEDGER.c
    for row in connection.execute(sa.select(c.registration, c.amount, c.currency)):
        held = sums.setdefault(row.registration, {})
        entry = Money(row.amount, row.currency)
        held[row.currency] = held[row.currency] + entry if row.currency in held else entry
    return sums


@dataclass(frozen=True, slots=True)
class _Changes:
    """Rows to write at the end of a recomputation, in two statements however many they are."""

    entries: list[dict[str, Any]]
    margins: list[dict[str, Any]]

    def save(self, connection: sa.Connection) -> None:
        if self.entries:
            connection.execute(_LEDGER.insert(), self.entries)
        if self.margins:
            update = _TABLE.update().where(_TABLE.c.id == sa.bindparam("record"))
            new: dict[str, sa.BindParameter[Any]] = {
                "margin": sa.bindparam("new_margin"),
                "margin_currency": sa.bindparam("new_currency"),
            }
            connection.execute(update.values(new), self.margins)


def _enter(
    changes: _Changes,
    basis: MarginBasis,
    margin: Margin | None,
    held: Mapping[str, Money],
    program: Program,
    now: datetime,
) -> str:
    """Enter what differs; returns `margin`, `adjustment` or `unchanged`."""
    wanted = margin.reseller if margin else Money.zero(basis.currency)
    if not held and margin is None:
        return "unchanged"
    # A deal whose currency changed is taken back in the old one and entered in the new one.
    differences = [-amount for currency, amount in held.items() if currency != wanted.currency]
    differences.append(wanted - held.get(wanted.currency, Money.zero(wanted.currency)))
    entries = [d for d in differences if d.amount or not held]
    kind = "adjustment" if held else "margin"
    changes.entries.extend(_entry_row(basis, margin, e, kind, program, now) for e in entries)
    if entries or basis.registration.margin != wanted:
        changes.margins.append(
            {
                "record": basis.registration.id,
                "new_margin": wanted.amount,
                "new_currency": wanted.currency,
            }
        )
    return kind if entries else "unchanged"


def _entry_row(
    basis: MarginBasis,
    margin: Margin | None,
    entry: Money,
    kind: str,
    program: Program,
    now: datetime,
) -> dict[str, Any]:
    return {
        "registration": basis.registration.id,
        "kind": kind,
        "amount": entry.amount,
        "currency": entry.currency,
        "derivation": json.dumps(derivation(basis, margin), ensure_ascii=False),
        "program_version": program.version,
        "entered_at": now,
    }


def derivation(basis: MarginBasis, margin: Margin | None) -> dict[str, Any]:
    """Which rule, base, rate, trim and amount; decimals as text, so that JSON keeps them."""
    if margin is None or basis.deal is None:
        return {"order_date": basis.order_date.isoformat(), "nothing": basis.why_nothing}
    return {
        "order_date": basis.order_date.isoformat(),
        "tier": basis.deal.tier,
        "registered": basis.deal.registered,
        "currency": basis.currency,
        "list": _text(margin.listed),
        "components": [
            {
                "line": c.line,
                "category": c.category,
                "rule": c.rule.value,
                "detail": c.detail,
                "base": _text(c.base),
                "base_name": c.base_name,
                "rate": f"{c.rate:f}" if c.rate is not None else None,
                "amount": _text(c.amount),
                "trim": _text(c.trim),
            }
            for c in margin.components
        ],
        "assumption": SHARED_EVENLY if len(basis.deal.lines) > 1 else None,
        "cap": f"{margin.cap:f}",
        "reseller": _text(margin.reseller),
        "distributor": _text(margin.distributor),
        "vendor_net": _text(margin.vendor_net),
        "rounding": "half up to the minor unit, per line and component",
    }


def _text(money: Money) -> str:
    return f"{money.amount:f}"


def _entries(connection: sa.Connection, registration: str) -> Iterator[LedgerEntry]:
    query = sa.select(_LEDGER).where(_LEDGER.c.registration == registration).order_by(_LEDGER.c.id)
    for row in connection.execute(query):
        yield LedgerEntry(
            row.id,
            row.kind,
            Money(row.amount, row.currency),
            json.loads(row.derivation),
            row.program_version,
            row.entered_at,
        )


def margin_totals(listed: list[tuple[Registration, str]]) -> list[Money]:
    """The sum of margins of each currency, in order of the codes."""
    margins = [r.margin for r, _ in listed if r.margin is not None]
    return [
        total((m for m in margins if m.currency == code), code)
        for code in sorted({m.currency for m in margins})
    ]
