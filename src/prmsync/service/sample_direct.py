"""Direct opportunities of the sample program: deals that live in the CRMs alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from prmsync.domain.customer import Customer
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.stage import Stage
from prmsync.service.sample_deals import amount, deal_name, products
from prmsync.service.sample_parties import People, currency_of
from prmsync.service.sample_types import Dice
from prmsync.service.sample_words import LOSS_REASONS

_STAGES = (
    (Stage.PROSPECT, 14),
    (Stage.QUALIFIED, 14),
    (Stage.TECHNICAL_VALIDATION, 10),
    (Stage.BUSINESS_VALIDATION, 8),
    (Stage.COMMITTED, 6),
    (Stage.LAUNCHED, 27),
    (Stage.CLOSED_LOST, 21),
)


def make_direct(
    dice: Dice, customers: Sequence[Customer], people: People, count: int
) -> list[Opportunity]:
    """Deals of the given customers, several for some of them."""
    return [_direct(dice, dice.random.choice(customers), people) for _ in range(count)]


def _direct(dice: Dice, customer: Customer, people: People) -> Opportunity:
    stages, weights = zip(*_STAGES, strict=True)
    stage: Stage = dice.random.choices(stages, weights)[0]
    lines = products(dice)
    created = dice.ago(8, 420)
    lasted = timedelta(days=dice.random.randint(5, 110))
    closed = min(created + lasted, dice.now)
    return Opportunity(
        id=dice.new_id(),
        name=deal_name(customer, lines),
        customer=customer,
        product_lines=lines,
        stage=stage,
        amount=amount(dice, currency_of(customer.country)),
        close_date=closed.date() if stage.is_closed else dice.day(-30, 140),
        loss_reason=dice.random.choice(LOSS_REASONS) if stage.is_lost else None,
        owner=dice.random.choice(people.sales),
        source="direct",
        last_activity_at=closed if stage.is_closed else dice.ago(0.2, 80),
        created_at=created,
    )
