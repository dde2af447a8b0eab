"""The partner database's fields as a mapping sees them: kind, codes, and what they refer to.

The same columns as the tables of the partner database; a test proves it. Bookkeeping columns
that no CRM may own (`id`, `home`) are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from prmsync.domain.conflict import ConflictKind
from prmsync.domain.opportunity import Attribution, Role
from prmsync.domain.partner import PartnerStatus, PartnerType
from prmsync.domain.registration import Outcome, ReviewState


class Kind(StrEnum):
    """What a field holds; each kind has a default transform."""

    TEXT = "text"
    CODE = "code"
    DOMAIN = "domain"
    NUMBER = "number"
    MONEY = "money"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    PICKLIST = "picklist"
    MULTI_PICKLIST = "multi_picklist"
    STAGE = "stage"
    OWNER = "owner"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class PrmField:
    """`codes` are the only values of a picklist; empty means the company's own.

    `to` is the stream a reference points to; `currency` the field with a money's currency;
    `required` marks what a new record cannot be without.
    """

    kind: Kind
    codes: tuple[str, ...] = ()
    to: str | None = None
    currency: str | None = None
    required: bool = False


_TEXT = PrmField(Kind.TEXT)
_CODE = PrmField(Kind.CODE)
_FLAG = PrmField(Kind.BOOLEAN)
_TIME = PrmField(Kind.DATETIME)
_DAY = PrmField(Kind.DATE)
_OWNER = PrmField(Kind.OWNER)
_WORD = PrmField(Kind.PICKLIST)
_WORDS = PrmField(Kind.MULTI_PICKLIST)
_AMOUNT = PrmField(Kind.MONEY, currency="currency")


def _codes(words: type[StrEnum], *, several: bool = False, required: bool = False) -> PrmField:
    kind = Kind.MULTI_PICKLIST if several else Kind.PICKLIST
    return PrmField(kind, tuple(word.value for word in words), required=required)


def _reference(to: str, *, required: bool = False) -> PrmField:
    return PrmField(Kind.REFERENCE, to=to, required=required)


_CUSTOMER = {
    "customer_name": _TEXT,
    "customer_domain": PrmField(Kind.DOMAIN),
    "customer_duns": _TEXT,
    "customer_country": _CODE,
}
_CONFLICT = {"conflict": _FLAG, "conflict_kind": _codes(ConflictKind), "conflict_reason": _TEXT}

CATALOGUE: Mapping[str, Mapping[str, PrmField]] = {
    "partner": {
        "name": PrmField(Kind.TEXT, required=True),
        "domain": PrmField(Kind.DOMAIN),
        "duns": _TEXT,
        "country": _CODE,
        "types": _codes(PartnerType, several=True),
        "status": _codes(PartnerStatus),
        "tier": _WORD,
        "partner_manager": _OWNER,
        "created_at": _TIME,
        "distributor": _reference("partner"),
        "forecast_amount": PrmField(Kind.MONEY, currency="forecast_currency"),
        "forecast_currency": _CODE,
        "forecast_period": _TEXT,
    },
    "opportunity": {
        "number": _TEXT,
        "name": PrmField(Kind.TEXT, required=True),
        "partner": _reference("partner"),
        **_CUSTOMER,
        "product_lines": _WORDS,
        "stage": PrmField(Kind.STAGE),
        "amount": _AMOUNT,
        "currency": _CODE,
        "close_date": _DAY,
        "loss_reason": _TEXT,
        "owner": _OWNER,
        "source": _WORD,
        "registered": _FLAG,
        "protected_until": _TIME,
        **_CONFLICT,
        "last_activity_at": _TIME,
        "created_at": _TIME,
        "forecast_chance": PrmField(Kind.NUMBER),
        "forecast_amount": _AMOUNT,
        "forecast_period": _TEXT,
    },
    "registration": {
        "number": PrmField(Kind.TEXT, required=True),
        "partner": _reference("partner", required=True),
        "distributor": _reference("partner"),
        "opportunity": _reference("opportunity"),
        **_CUSTOMER,
        "customer_contact": _TEXT,
        "product_lines": _WORDS,
        "amount": _AMOUNT,
        "currency": _CODE,
        "expected_close": _DAY,
        "review_state": _codes(ReviewState),
        "reason": _TEXT,
        "outcome": _codes(Outcome),
        "submitted_at": _TIME,
        "due_at": _TIME,
        "approved_at": _TIME,
        "protected_until": _TIME,
        "extensions": PrmField(Kind.NUMBER),
        **_CONFLICT,
        "margin": PrmField(Kind.MONEY, currency="margin_currency"),
        "margin_currency": _CODE,
        "created_at": _TIME,
    },
    "relation": {
        "opportunity": _reference("opportunity", required=True),
        "partner": _reference("partner", required=True),
        "role": _codes(Role, required=True),
        "attribution": _codes(Attribution),
        "split": PrmField(Kind.NUMBER),
    },
}
"""Stream → field → what it holds."""

FORECAST = frozenset({"forecast_chance", "forecast_amount", "forecast_currency", "forecast_period"})
"""Fields of opportunities and partners that the forecast fills, and nobody else."""

PERSONAL: Mapping[str, tuple[str, ...]] = {
    "partner": ("partner_manager",),
    "opportunity": ("owner",),
    "registration": ("customer_contact",),
    "relation": (),
}
"""Stream → fields that name a person: contacts, owners. Companies, their domains and numbers are
no personal data, unless the company is one person: then their fields are named one by one."""
