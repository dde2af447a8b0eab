"""Partners, their types and status, and their dated membership of a program's tiers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from prmsync.domain.values import PrmId


class PartnerType(StrEnum):
    """What a partner does in the channel; a partner may be several."""

    RESELLER = "reseller"
    VAR = "var"
    MSP = "msp"
    SI = "si"
    ISV = "isv"
    DISTRIBUTOR = "distributor"
    REFERRAL = "referral"
    AFFILIATE = "affiliate"


class PartnerStatus(StrEnum):
    """Where a partner stands in the program."""

    PROSPECT = "prospect"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class Tier:
    """A level of the program; a higher rank is a better tier."""

    name: str
    rank: int


@dataclass(frozen=True, slots=True)
class Partner:
    """A company of the channel. `country` is ISO 3166 alpha-2, `partner_manager` an e-mail;
    `distributor` is the partner through which it buys."""

    id: PrmId
    name: str
    domain: str | None = None
    duns: str | None = None
    country: str | None = None
    types: frozenset[PartnerType] = frozenset()
    status: PartnerStatus = PartnerStatus.ACTIVE
    tier: str | None = None
    partner_manager: str | None = None
    created_at: datetime | None = None
    distributor: PrmId | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """The tier of a partner from `valid_from` to `valid_to`, both days included."""

    id: PrmId
    partner: PrmId
    tier: str
    valid_from: date
    valid_to: date | None = None
    reason: str | None = None

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def tier_on(memberships: Iterable[Membership], day: date) -> str | None:
    """The tier that holds on a day; of several, the one that began last."""
    holding = [m for m in memberships if m.holds_on(day)]
    return max(holding, key=lambda m: m.valid_from).tier if holding else None


@dataclass(frozen=True, slots=True)
class TierHistory:
    """Tier of each partner on any day, from its memberships, else its present tier."""

    present: dict[PrmId, str | None] = field(default_factory=dict)
    memberships: dict[PrmId, list[Membership]] = field(default_factory=dict)

    def on(self, partner: PrmId, day: date) -> str | None:
        dated = tier_on(self.memberships.get(partner, ()), day)
        return dated if dated is not None else self.present.get(partner)
