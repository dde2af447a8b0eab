"""What the simulated people talk about: streams, groups of fields, and each system's words for
them. Written apart from the connectors and the mapping, so that a wrong translation is seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Value = tuple[Any, ...]
"""A group's values in the partner database's own form; a group is typed and merged as one."""

RELATION = "relation"
RECORDS = ("partner", "opportunity", "registration")
"""Streams whose records are edited field by field; parents first."""

GROUPS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "partner": {
        "name": ("name",),
        "domain": ("domain",),
        "manager": ("partner_manager",),
        "status": ("status",),
    },
    "opportunity": {
        "name": ("name",),
        "source": ("source",),
        "customer": ("customer_name", "customer_domain", "customer_country"),
        "value": ("amount", "currency"),
        "progress": ("stage", "close_date", "loss_reason"),
    },
    "registration": {
        "customer": ("customer_name", "customer_domain", "customer_country"),
        "expected_close": ("expected_close",),
        "contact": ("customer_contact",),
        "review": ("review_state", "reason", "outcome"),
    },
}
POLICY: Mapping[str, str] = {"manager": "prm", "status": "prm", "review": "prm"}
"""Who owns a group, as the shipped mappings say; all others are "hold" but these two."""
POLICIES = {**POLICY, "value": "proposal", "progress": "stage"}
FIRST = {"name": "crm"}
"""Whose value stands when two records are linked for the first time; else it is held."""
NAMED = {"manager": "partner_manager", "contact": "customer_contact"}
"""Groups of one field are named after it; these are named shorter here."""

RETYPED: Mapping[str, Mapping[str, str]] = {
    "name": {"name": "Name {}"},
    "manager": {"partner_manager": "Manager {}"},
    "source": {"source": "Source {}"},
    "customer": {"customer_name": "Customer name {}"},
    "value": {"amount": "{}.00"},
    "progress": {"close_date": ""},
    "expected_close": {"expected_close": ""},
    "contact": {"customer_contact": "c{}@filed.example"},
}
"""What somebody types into a group who is after nothing but that group; days are `day`."""


def day(number: int) -> str:
    """A day of its own for each number."""
    return (date(2027, 3, 1) + timedelta(days=number)).isoformat()


STAGES = (
    "prospect",
    "qualified",
    "technical_validation",
    "business_validation",
    "committed",
    "launched",
    "closed_lost",
)
RANK = {name: rank for rank, name in enumerate(STAGES)}
ROLES = ("reseller", "distributor", "si", "msp")


@dataclass(frozen=True, slots=True)
class Word:
    """One field's name in a CRM, and its values there and back."""

    crm: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _text(value: Any) -> Any:
    return value or None


def _blank(value: Any) -> Any:
    return "" if value is None else value


def _plain(name: str) -> Word:
    return Word(name, _same, _same)


def _spelt(name: str) -> Word:
    return Word(name, _blank, _text)


def money(value: Any) -> str | None:
    """An amount as the partner database shows it."""
    return None if value in (None, "") else f"{Decimal(str(value)):.2f}"


def _coded(name: str, codes: Mapping[str, str]) -> Word:
    back = {crm: code for code, crm in codes.items()}
    return Word(name, lambda code: codes.get(code, code), lambda crm: back.get(crm, crm))


_ZONE = ZoneInfo("US/Eastern")


def _day_of(text: str | None) -> str | None:
    if not text:
        return None
    moment = (
        datetime.fromtimestamp(int(text) / 1000, UTC)
        if text.isdigit()
        else datetime.fromisoformat(text)
    )
    return moment.astimezone(_ZONE).date().isoformat()


def _noon_of(day: str | None) -> str:
    return "" if day is None else f"{day}T17:00:00Z"


_SF_STAGES = dict(
    zip(
        STAGES,
        (
            "Prospecting",
            "Qualification",
            "Needs Analysis",
            "Proposal/Price Quote",
            "Negotiation/Review",
            "Closed Won",
            "Closed Lost",
        ),
        strict=True,
    )
)
_HS_STAGES = dict(
    zip(
        STAGES,
        (
            "appointmentscheduled",
            "qualifiedtobuy",
            "presentationscheduled",
            "decisionmakerboughtin",
            "contractsent",
            "closedwon",
            "closedlost",
        ),
        strict=True,
    )
)

OBJECTS: Mapping[str, Mapping[str, str]] = {
    "salesforce": {
        "partner": "Account",
        "opportunity": "Opportunity",
        "registration": "PRM_Registration__c",
        "relation": "OpportunityPartner",
    },
    "hubspot": {
        "partner": "companies",
        "opportunity": "deals",
        "registration": "prm_registration",
        "relation": "associations",
    },
}
KEYS: Mapping[str, Mapping[str, str]] = {
    "salesforce": {
        "partner": "PRM_Partner_Id__c",
        "opportunity": "PRM_Opportunity_Id__c",
        "registration": "PRM_Registration_Id__c",
    },
    "hubspot": {
        "partner": "prm_partner_id",
        "opportunity": "prm_opportunity_id",
        "registration": "prm_registration_id",
    },
}
CRM_ROLES: Mapping[str, Mapping[str, str]] = {
    "salesforce": {
        "reseller": "VAR/Reseller",
        "distributor": "Distributor",
        "si": "System Integrator",
        "msp": "Consultant",
    },
    "hubspot": {
        "reseller": "Reseller",
        "distributor": "Distributor",
        "si": "System integrator",
        "msp": "MSP",
    },
}

WORDS: Mapping[str, Mapping[str, Mapping[str, Word]]] = {
    "salesforce": {
        "partner": {
            "name": _plain("Name"),
            "domain": _plain("Website"),
            "partner_manager": _plain("PRM_Partner_Manager__c"),
            "status": _plain("PRM_Status__c"),
        },
        "opportunity": {
            "name": _plain("Name"),
            "source": _plain("PRM_Source__c"),
            "customer_name": _plain("PRM_Customer_Name__c"),
            "customer_domain": _plain("PRM_Customer_Domain__c"),
            "customer_country": _plain("PRM_Customer_Country__c"),
            "amount": Word("Amount", lambda text: None if text is None else float(text), money),
            "currency": _plain("CurrencyIsoCode"),
            "stage": _coded("StageName", _SF_STAGES),
            "close_date": _plain("CloseDate"),
            "loss_reason": _plain("PRM_Loss_Reason__c"),
        },
        "registration": {
            "customer_name": _plain("Customer_Name__c"),
            "customer_domain": _plain("Customer_Domain__c"),
            "customer_country": _plain("Customer_Country__c"),
            "expected_close": _plain("Expected_Close__c"),
            "customer_contact": _plain("Customer_Contact__c"),
            "review_state": _plain("Review_State__c"),
            "reason": _plain("Reason__c"),
            "outcome": _plain("Outcome__c"),
        },
    },
    "hubspot": {
        "partner": {
            "name": _spelt("name"),
            "domain": _spelt("domain"),
            "partner_manager": _spelt("prm_partner_manager"),
            "status": _spelt("prm_status"),
        },
        "opportunity": {
            "name": _spelt("dealname"),
            "source": _spelt("prm_source"),
            "customer_name": _spelt("prm_customer_name"),
            "customer_domain": _spelt("prm_customer_domain"),
            "customer_country": _spelt("prm_customer_country"),
            "amount": Word("amount", _blank, money),
            "currency": _spelt("deal_currency_code"),
            "stage": _coded("dealstage", _HS_STAGES),
            "close_date": Word("closedate", _noon_of, _day_of),
            "loss_reason": _spelt("closed_lost_reason"),
        },
        "registration": {
            "customer_name": _spelt("customer_name"),
            "customer_domain": _spelt("customer_domain"),
            "customer_country": _spelt("customer_country"),
            "expected_close": _spelt("expected_close"),
            "customer_contact": _spelt("customer_contact"),
            "review_state": _spelt("review_state"),
            "reason": _spelt("reason"),
            "outcome": _spelt("outcome"),
        },
    },
}
"""Connector → stream → the partner database's field → the CRM's word for it."""


def to_crm(connector: str, stream: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as a person types them into the CRM."""
    words = WORDS[connector][stream]
    return {words[name].crm: words[name].write(value) for name, value in values.items()}
