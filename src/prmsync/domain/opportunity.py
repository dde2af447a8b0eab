"""Opportunities (the CRM's deals) and the partners on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from prmsync.domain.customer import NO_CUSTOMER, UNMARKED, ConflictMark, Customer
from prmsync.domain.money import Money, split
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId
from prmsync.errors import InputError


class Role(StrEnum):
    """What a partner does on a deal."""

    RESELLER = "reseller"
    DISTRIBUTOR = "distributor"
    SI = "si"
    MSP = "msp"
    ISV = "isv"
    REFERRAL = "referral"
    AFFILIATE = "affiliate"


class Attribution(StrEnum):
    """What a partner did for a deal."""

    SOURCED = "sourced"
    INFLUENCED = "influenced"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A deal. `partner` is the primary partner; None is a direct deal. `owner` is an e-mail."""

    id: PrmId
    name: str
    number: str | None = None
    partner: PrmId | None = None
    customer: Customer = NO_CUSTOMER
    product_lines: frozenset[str] = frozenset()
    stage: Stage = Stage.PROSPECT
    amount: Money | None = None
    close_date: date | None = None
    loss_reason: str | None = None
    owner: str | None = None
    source: str | None = None
    registered: bool = False
    protected_until: datetime | None = None
    conflict: ConflictMark = UNMARKED
    home: str | None = None
    last_activity_at: datetime | None = None
    created_at: datetime | None = None

    @property
    def is_direct(self) -> bool:
        return self.partner is None


@dataclass(frozen=True, slots=True)
class DealPartner:
    """A partner's role on an opportunity; `split` is per cent of the deal."""

    id: PrmId
    opportunity: PrmId
    partner: PrmId
    role: Role
    attribution: Attribution | None = None
    split: Decimal | None = None


def split_deal(amount: Money, partners: list[DealPartner], primary: PrmId) -> dict[PrmId, Money]:
    """A deal's amount by partner; the parts sum to the amount, ties go to the primary partner.

    Raises InputError when the splits named do not sum to 100 per cent.
    """
    named = [p for p in partners if p.split]
    if not named:
        return {primary: amount.rounded()}
    shares = [p.split or Decimal(0) for p in named]
    if sum(shares) != 100:
        raise InputError(
            f"the splits of opportunity {named[0].opportunity} sum to {sum(shares):f} %, not 100 %",
            hint="correct the split of its deal partners",
        )
    first = next((i for i, p in enumerate(named) if p.partner == primary), 0)
    result: dict[PrmId, Money] = {}
    for deal_partner, part in zip(named, split(amount, shares, first), strict=True):
        held = result.get(deal_partner.partner)
        result[deal_partner.partner] = part if held is None else held + part
    return result
