"""What is made, in the words that people read in HubSpot: labels, descriptions, options, views."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from prmsync.domain.stage import Stage


class Words(NamedTuple):
    """A property's label, and the description that its tooltip shows."""

    label: str
    description: str


GROUP = "prmsync"
GROUP_LABEL = "Partner program (prmsync)"

_KEY = "The record's key in the partner database. Do not edit."
_PROPERTIES: Mapping[str, Words] = {
    "external key": Words("Partner database key", _KEY),
    "sync state": Words(
        "Partner sync state",
        "How this record stands with the partner database. Only prmsync writes it.",
    ),
    "sync reason": Words("Partner sync reason", "Why, in a sentence. Only prmsync writes it."),
    "sync decision": Words(
        "Partner sync decision",
        "Your answer where the state is Needs decision. It becomes blank again once it is carried "
        "out.",
    ),
    "name": Words("Name", "The name, as both sides agree on it."),
    "duns": Words("D-U-N-S number", "The company's D-U-N-S number."),
    "types": Words("Partner types", "What kinds of partner the company is."),
    "status": Words("Partner status", "Where the partnership stands."),
    "tier": Words("Partner tier", "The partner's level in the program."),
    "partner_manager": Words("Partner manager", "E-mail of who looks after the partner."),
    "distributor": Words("Distributor", "Record id of the distributor's company."),
    "number": Words("Partner program number", "The number in the partner database."),
    "partner": Words("Partner", "Record id of the partner's company."),
    "opportunity": Words("Deal", "Record id of the deal that it belongs to."),
    "customer_name": Words("Customer name", "The end customer, as the partner named it."),
    "customer_domain": Words("Customer domain", "The end customer's web domain."),
    "customer_duns": Words("Customer D-U-N-S number", "The end customer's D-U-N-S number."),
    "customer_country": Words("Customer country", "The end customer's country, in two letters."),
    "customer_contact": Words("Customer contact", "Who the partner talks to at the customer."),
    "product_lines": Words("Product lines", "What it is about, by product line."),
    "source": Words("Deal source", "Where the deal comes from, as the partner program sees it."),
    "stage": Words("Stage", "Where the deal stands."),
    "amount": Words("Amount", "The deal's worth as the partner expects it."),
    "currency": Words("Currency", "ISO code of the amount's currency."),
    "close_date": Words("Close date", "When the order is expected."),
    "expected_close": Words("Expected close", "When the partner expects the order."),
    "loss_reason": Words("Loss reason", "Why the deal was lost."),
    "owner": Words("Owner", "Who owns the record."),
    "registered": Words("Registered by a partner", "A partner's registration was approved."),
    "protected_until": Words("Protected until", "Until when the deal is protected."),
    "conflict": Words("Channel conflict", "Another party is after the same customer."),
    "conflict_kind": Words("Conflict kind", "Which rule of the partner program names it."),
    "conflict_reason": Words("Conflict reason", "The evidence, in words."),
    "review_state": Words("Review state", "Whether the registration was accepted."),
    "reason": Words("Review reason", "The reason given with the last review."),
    "outcome": Words("Outcome", "How the deal ended."),
    "submitted_at": Words("Submitted", "When the partner submitted it."),
    "due_at": Words("Decision due", "Until when the partner is promised an answer."),
    "approved_at": Words("Approved", "When it was approved."),
    "extensions": Words("Extensions", "How often the protection was extended."),
    "margin": Words("Partner margin", "The partner's margin by the rules of the program."),
    "margin_currency": Words("Margin currency", "ISO code of the margin's currency."),
    "created_at": Words("Registered on", "When it was made in the partner database."),
    "last_activity_at": Words("Last partner activity", "When the partner last did something."),
    "forecast_chance": Words(
        "Forecast chance (%)",
        "Chance that the deal is won within the forecast period, as past deals of the partner "
        "program say. Only prmsync writes it.",
    ),
    "forecast_amount": Words(
        "Forecast amount",
        "What is expected within the forecast period. Only prmsync writes it.",
    ),
    "forecast_currency": Words("Forecast currency", "ISO code of the forecast amount's currency."),
    "forecast_period": Words(
        "Forecast period",
        "The fiscal quarter that the forecast is about, such as 2026Q4. Only prmsync writes it.",
    ),
    "home": Words("Home CRM", "The CRM in which the deal was made."),
}
"""What a mapping uses a property for → its words."""

SENTENCES = frozenset({"sync reason", "conflict_reason", "reason"})
"""Texts that need several lines."""

_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "types": {"var": "VAR", "msp": "MSP", "si": "System integrator", "isv": "ISV"},
    "conflict_kind": {
        "C1": "Partner against partner",
        "C2": "Partner against direct",
        "C3": "Named account",
        "C4": "Incumbent partner on a renewal",
        "C5": "Direct after protection",
        "C6": "Weak match",
        "C7": "Reseller and distributor",
        "C8": "Drift",
    },
}
"""Labels of options that are not just their code written out."""

PROBABILITY: Mapping[Stage, str] = {
    Stage.PROSPECT: "0.1",
    Stage.QUALIFIED: "0.2",
    Stage.TECHNICAL_VALIDATION: "0.4",
    Stage.BUSINESS_VALIDATION: "0.6",
    Stage.COMMITTED: "0.8",
    Stage.LAUNCHED: "1.0",
    Stage.CLOSED_LOST: "0.0",
}
"""Chance that HubSpot's own forecast gives a stage; 1 means won, 0 lost. An admin may change it."""

OBJECTS: Mapping[str, tuple[str, str]] = {
    "registration": ("Deal registration", "Deal registrations"),
    "partner": ("Partner", "Partners"),
    "opportunity": ("Partner opportunity", "Partner opportunities"),
    "relation": ("Deal partner", "Deal partners"),
}
"""Stream → what its object is called: one, several."""


def whose(name: str) -> str:
    """What tells a registration's property from one of its deal's own of the same use, on which it
    may stand: put after labels."""
    return " (registration)" if name.startswith("prm_registration_") else ""


def property_words(name: str, use: str) -> Words:
    """A property's label and description, whatever the mapping calls it."""
    known = _PROPERTIES.get(use)
    if known is not None:
        return Words(known.label + whose(name), known.description)
    label = name.replace("_", " ").strip().capitalize()
    return Words(label, f"Kept by prmsync: {use}.")


def option(use: str, wanted: str) -> tuple[str, str]:
    """Internal name and label of an option, for the code or label that a mapping names."""
    known = _OPTIONS.get(use, {}).get(wanted)
    if known is not None:
        return wanted, known
    if wanted.islower() and wanted.replace("_", "").isalnum():
        return wanted, wanted.replace("_", " ").capitalize()
    return re.sub(r"\W+", "_", wanted.lower()).strip("_") or wanted, wanted
