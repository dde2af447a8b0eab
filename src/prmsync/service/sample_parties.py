"""The parties of the sample program: people, partners with memberships, end customers."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta

from prmsync.domain.customer import Customer
from prmsync.service.sample_types import Dice, Row
from prmsync.service.sample_words import (
    CUSTOMER_HEADS,
    CUSTOMER_TAILS,
    FIRST_NAMES,
    LAST_NAMES,
    LEGAL_FORMS,
    OTHER_SPELLINGS,
    PARTNERS,
)

PARTNER_MANAGERS = 6
SALES_PEOPLE = 14
_LOWER_TIER = {"Platinum": "Gold", "Gold": "Silver", "Silver": "Registered"}


@dataclass(frozen=True, slots=True)
class People:
    """Person rows, and the e-mails of partner managers and of the vendor's sales people."""

    rows: list[Row]
    managers: list[str]
    sales: list[str]


def make_people(dice: Dice) -> People:
    """Partner managers and sales people, all different."""
    firsts, lasts = FIRST_NAMES.split(), LAST_NAMES.split()
    names = [f"{first} {last}" for first in firsts for last in lasts]
    chosen = dice.random.sample(names, PARTNER_MANAGERS + SALES_PEOPLE)
    rows: list[Row] = [
        {
            "id": dice.new_id(),
            "email": f"{name.lower().replace(' ', '.')}@vendor.example",
            "name": name,
            "active": True,
        }
        for name in chosen
    ]
    emails = [row["email"] for row in rows]
    return People(rows, emails[:PARTNER_MANAGERS], emails[PARTNER_MANAGERS:])


def make_partners(dice: Dice, people: People, count: int) -> tuple[list[Row], list[Row]]:
    """Partner and membership rows; some partners came up from a lower tier during the year."""
    partners: list[Row] = []
    memberships: list[Row] = []
    for name, country, types, tier in PARTNERS[:count]:
        joined = dice.ago(600, 1800)
        partner: Row = {
            "id": dice.new_id(),
            "name": name,
            "domain": f"{slug(name)}.example",
            "duns": duns(dice) if dice.chance(70) else None,
            "country": country,
            "types": ";".join(sorted(types.split(";"))),
            "status": "active",
            "tier": tier,
            "partner_manager": dice.random.choice(people.managers),
            "created_at": joined,
        }
        partners.append(partner)
        memberships += _memberships(dice, partner)
    return partners, memberships


def _memberships(dice: Dice, partner: Row) -> list[Row]:
    start, tier = partner["created_at"].date(), partner["tier"]
    base: Row = {"partner": partner["id"], "valid_to": None}
    if tier not in _LOWER_TIER or not dice.chance(40):
        first = base | {"id": dice.new_id(), "tier": tier, "valid_from": start}
        return [first | {"reason": "joined the program"}]
    raised = dice.day(-300, -60)
    before = base | {"id": dice.new_id(), "tier": _LOWER_TIER[tier], "valid_from": start}
    after = base | {"id": dice.new_id(), "tier": tier, "valid_from": raised}
    return [
        before | {"valid_to": raised - timedelta(days=1), "reason": "joined the program"},
        after | {"reason": "raised at the half-year review"},
    ]


def make_customers(dice: Dice) -> list[Customer]:
    """Every invented customer once, in random order; no two share a domain or a name."""
    heads, tails = CUSTOMER_HEADS.split(), CUSTOMER_TAILS.split()
    names = [f"{head} {tail}" for head in heads for tail in tails]
    dice.random.shuffle(names)
    return [_customer(dice, name) for name in names]


def _customer(dice: Dice, name: str) -> Customer:
    country = dice.random.choice(["DE", "DE", "FR", "NL", "AT", "ES", "IT", "US", "US", "US", "US"])
    return Customer(
        name=f"{name} {dice.random.choice(LEGAL_FORMS[country])}",
        domain=f"{slug(name)}.example",
        duns=duns(dice) if dice.chance(40) else None,
        country=country,
    )


def other_spelling(customer: Customer) -> Customer:
    """The same customer as another person would type it: legal form spelled out, www. domain."""
    domain = f"www.{customer.domain}" if customer.domain else None
    name = respell(customer.name) if customer.name else None
    return replace(customer, name=name, domain=domain, duns=None)


def respell(name: str) -> str:
    """A name that ends in a legal form, with that form spelled the other way."""
    head, _, form = name.rpartition(" ")
    return f"{head} {OTHER_SPELLINGS.get(form, form)}"


def slug(name: str) -> str:
    """ "Atelier Réseau SAS" → "atelier-reseau"; the legal form is left out."""
    words = name.split()
    kept = words[:-1] if words[-1] in OTHER_SPELLINGS else words
    plain = unicodedata.normalize("NFKD", " ".join(kept)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def duns(dice: Dice) -> str:
    """Nine digits, as a DUNS number has."""
    return f"{dice.random.randrange(100_000_000, 999_999_999)}"


def currency_of(country: str | None) -> str:
    """The currency of a customer's deals, by country."""
    return "USD" if country == "US" else "EUR"
