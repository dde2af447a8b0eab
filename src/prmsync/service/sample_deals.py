"""Registrations of the sample program, each brought to its state by the moves of the domain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from prmsync.domain.customer import Customer
from prmsync.domain.money import Money
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.registration import (
    Move,
    Outcome,
    Registration,
    RejectReason,
    ReviewEvent,
    ReviewState,
    mark_opportunity,
    move,
)
from prmsync.domain.stage import Stage
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.sample_parties import People, currency_of
from prmsync.service.sample_types import Dice, Row
from prmsync.service.sample_words import LOSS_REASONS

_S = ReviewState
_PER_THOUSAND = {
    _S.DRAFT: 50,
    _S.SUBMITTED: 100,
    _S.UNDER_REVIEW: 85,
    _S.RETURNED: 40,
    _S.REJECTED: 100,
    _S.EXPIRED: 90,
    _S.WITHDRAWN: 35,
    _S.CANCELLED: 20,
    _S.CLOSED: 150,
}
_APPROVED_PATH = (_S.SUBMITTED, _S.UNDER_REVIEW, _S.APPROVED)
_PATHS: dict[ReviewState, tuple[ReviewState, ...]] = {
    _S.DRAFT: (),
    _S.SUBMITTED: (_S.SUBMITTED,),
    _S.UNDER_REVIEW: (_S.SUBMITTED, _S.UNDER_REVIEW),
    _S.RETURNED: (_S.SUBMITTED, _S.UNDER_REVIEW, _S.RETURNED),
    _S.REJECTED: (_S.SUBMITTED, _S.UNDER_REVIEW, _S.REJECTED),
    _S.WITHDRAWN: (_S.SUBMITTED, _S.WITHDRAWN),
    _S.APPROVED: _APPROVED_PATH,
    _S.EXPIRED: (*_APPROVED_PATH, _S.EXPIRED),
    _S.CANCELLED: (*_APPROVED_PATH, _S.CANCELLED),
    _S.CLOSED: (*_APPROVED_PATH, _S.CLOSED),
}
_SUBMITTED_DAYS_AGO: dict[ReviewState, tuple[float, float]] = {
    _S.DRAFT: (0, 20),
    _S.SUBMITTED: (0.1, 2.5),
    _S.UNDER_REVIEW: (0.9, 3),
    _S.RETURNED: (3, 12),
    _S.REJECTED: (10, 300),
    _S.WITHDRAWN: (6, 200),
    _S.APPROVED: (6, 57),
    _S.EXPIRED: (72, 400),
    _S.CANCELLED: (20, 200),
    _S.CLOSED: (20, 330),
}
_DAYS_UNTIL: dict[ReviewState, tuple[float, float]] = {
    _S.SUBMITTED: (0, 0),
    _S.UNDER_REVIEW: (0.2, 0.8),
    _S.APPROVED: (0.3, 1.5),
    _S.RETURNED: (0.3, 1.5),
    _S.REJECTED: (0.3, 1.5),
    _S.WITHDRAWN: (0.5, 4),
    _S.EXPIRED: (62, 65),
    _S.CANCELLED: (3, 16),
    _S.CLOSED: (10, 55),
}
_OPEN_STAGES = (
    Stage.PROSPECT,
    Stage.QUALIFIED,
    Stage.QUALIFIED,
    Stage.TECHNICAL_VALIDATION,
    Stage.BUSINESS_VALIDATION,
    Stage.COMMITTED,
)


@dataclass(slots=True)
class Deal:
    """A registration with its history and, once approved, its opportunity."""

    registration: Registration
    opportunity: Opportunity | None = None
    events: list[ReviewEvent] = field(default_factory=list)
    planted: bool = False
    """Whether it is part of a planted conflict or trap."""


def states(count: int) -> list[ReviewState]:
    """Review states of `count` registrations; what is left of a thousand is approved."""
    made = [s for s, share in _PER_THOUSAND.items() for _ in range(count * share // 1000)]
    return made + [_S.APPROVED] * (count - len(made))


def make_deal(
    dice: Dice, number: str, state: ReviewState, partner: Row, customer: Customer, people: People
) -> Deal:
    """A registration in `state`, with an opportunity if it ever was approved."""
    submitted = dice.ago(*_SUBMITTED_DAYS_AGO[state])
    created = submitted - timedelta(hours=dice.random.randint(1, 40))
    registration = Registration(
        id=dice.new_id(),
        number=number,
        partner=partner["id"],
        customer=customer,
        customer_contact=f"procurement@{customer.domain}" if customer.domain else None,
        product_lines=products(dice),
        amount=amount(dice, currency_of(customer.country)),
        expected_close=created.date() + timedelta(days=dice.random.randint(45, 150)),
        created_at=created,
    )
    deal = Deal(registration)
    at = submitted
    for step in _PATHS[state]:
        least, most = _DAYS_UNTIL[step]
        at = min(at + timedelta(seconds=round(dice.random.uniform(least, most) * 86400)), dice.now)
        _take(dice, deal, step, at, people)
    return deal


def _take(dice: Dice, deal: Deal, to: ReviewState, at: datetime, people: People) -> None:
    if to is ReviewState.APPROVED:
        deal.opportunity = _opportunity(dice, deal.registration, at, people)
    step = Move(
        to=to,
        actor="partner" if to in (_S.SUBMITTED, _S.WITHDRAWN) else people.managers[0],
        at=at,
        reason=_reason(dice, to),
        outcome=_outcome(dice) if to is _S.CLOSED else None,
        opportunity=deal.opportunity.id if deal.opportunity else None,
    )
    deal.registration, event = move(deal.registration, step, REFERENCE_PROGRAM.review)
    deal.events.append(event)
    if deal.opportunity is not None:
        marked = mark_opportunity(deal.registration, deal.opportunity)
        deal.opportunity = _closed(dice, deal.registration, marked, at.date())


def _reason(dice: Dice, to: ReviewState) -> str | None:
    if to is ReviewState.REJECTED:
        return dice.random.choice(list(RejectReason)).value
    return "please name the customer's contact" if to is ReviewState.RETURNED else None


def _outcome(dice: Dice) -> Outcome:
    return Outcome.WON if dice.chance(62) else Outcome.LOST


def _opportunity(dice: Dice, r: Registration, at: datetime, people: People) -> Opportunity:
    return Opportunity(
        id=dice.new_id(),
        name=deal_name(r.customer, r.product_lines),
        number=r.number.replace("DR-", "OP-"),
        customer=r.customer,
        product_lines=r.product_lines,
        stage=dice.random.choice(_OPEN_STAGES),
        amount=r.amount,
        close_date=dice.day(-12, 100),
        owner=dice.random.choice(people.sales),
        source="registration",
        last_activity_at=max(at, dice.ago(0.2, 25)),
        created_at=at,
    )


def _closed(dice: Dice, r: Registration, opportunity: Opportunity, day: date) -> Opportunity:
    if r.outcome is None:
        return opportunity
    won = r.outcome is Outcome.WON
    return replace(
        opportunity,
        stage=Stage.LAUNCHED if won else Stage.CLOSED_LOST,
        close_date=day,
        loss_reason=None if won else dice.random.choice(LOSS_REASONS),
    )


def deal_name(customer: Customer, product_lines: frozenset[str]) -> str:
    """A deal's name: its customer and the first of its product lines."""
    product = min(product_lines).replace("_", " ")
    return f"{customer.name} {product}"


def products(dice: Dice) -> frozenset[str]:
    """One or two product lines, at times with services."""
    lines = [line for line in REFERENCE_PROGRAM.product_lines if line != "services"]
    chosen = dice.random.sample(lines, 2 if dice.chance(25) else 1)
    return frozenset([*chosen, "services"] if dice.chance(12) else chosen)


def amount(dice: Dice, currency: str) -> Money:
    """Most deals are small, a few large: log-normal around 30,000, in steps of fifty."""
    steps = max(20, min(20_000, round(dice.random.lognormvariate(6.4, 0.9))))
    return Money(Decimal(steps * 50).quantize(Decimal("0.01")), currency)
