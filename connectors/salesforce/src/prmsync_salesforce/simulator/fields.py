"""Fields in few words: text, money, days, picklists, lookups and what every record has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from prmsync_salesforce.simulator.schema import Choice
from prmsync_salesforce.simulator.schema import FieldDefinition as Field

CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "INR")


def choices(values: Iterable[str], *, title: bool = False) -> tuple[Choice, ...]:
    return tuple(
        Choice(value, value.replace("_", " ").title() if title else value) for value in values
    )


def text(name: str, label: str, length: int = 255, **more: Any) -> Field:
    return Field(name, label, "string", length, **more)


def flag(name: str, label: str, **more: Any) -> Field:
    return Field(
        name, label, "boolean", nillable=False, defaulted_on_create=True, default=False, **more
    )


def money(name: str, label: str, **more: Any) -> Field:
    return Field(name, label, "currency", precision=18, scale=2, **more)


def day(name: str, label: str, **more: Any) -> Field:
    return Field(name, label, "date", **more)


def moment(name: str, label: str, **more: Any) -> Field:
    return Field(name, label, "datetime", **more)


def pick(name: str, label: str, values: Iterable[str], **more: Any) -> Field:
    title = bool(more.pop("title", False))
    return Field(name, label, "picklist", 255, choices=choices(values, title=title), **more)


def multi(name: str, label: str, values: Iterable[str], **more: Any) -> Field:
    found = choices(values, title=True)
    return Field(name, label, "multipicklist", 4099, choices=found, **more)


def lookup(name: str, label: str, target: str, relationship: str, **more: Any) -> Field:
    return Field(
        name, label, "reference", 18, reference_to=(target,), relationship=relationship, **more
    )


def read_only(field_type: str, name: str, label: str, length: int = 0, **more: Any) -> Field:
    return Field(name, label, field_type, length, createable=False, updateable=False, **more)


def audit_fields(label: str) -> list[Field]:
    fixed: dict[str, Any] = {"nillable": False, "defaulted_on_create": True}
    user: dict[str, Any] = {"reference_to": ("User",), **fixed}
    return [
        read_only("id", "Id", f"{label} ID", 18, **fixed),
        read_only("boolean", "IsDeleted", "Deleted", default=False, **fixed),
        read_only("datetime", "CreatedDate", "Created Date", **fixed),
        read_only(
            "reference", "CreatedById", "Created By ID", 18, relationship="CreatedBy", **user
        ),
        read_only("datetime", "LastModifiedDate", "Last Modified Date", **fixed),
        read_only(
            "reference",
            "LastModifiedById",
            "Last Modified By ID",
            18,
            relationship="LastModifiedBy",
            **user,
        ),
        read_only("datetime", "SystemModstamp", "System Modstamp", **fixed),
    ]


def owner(*, queues: bool = False) -> Field:
    """With `queues` it may be a queue too, as of leads and custom objects."""
    field = lookup("OwnerId", "Owner ID", "User", "Owner", nillable=False, defaulted_on_create=True)
    return replace(field, reference_to=("Group", "User")) if queues else field


def currency_code() -> Field:
    return pick(
        "CurrencyIsoCode",
        "Currency ISO Code",
        CURRENCIES,
        restricted=True,
        defaulted_on_create=True,
    )


def of_opportunity(children: str) -> Field:
    """The opportunity that a record belongs to and goes with; `children` are such records of it."""
    return lookup(
        "OpportunityId",
        "Opportunity ID",
        "Opportunity",
        "Opportunity",
        children=children,
        nillable=False,
        cascade=True,
        updateable=False,
    )
