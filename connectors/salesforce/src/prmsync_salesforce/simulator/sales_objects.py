"""Leads, contacts and the products of deals."""

from __future__ import annotations

from typing import Any

from prmsync_salesforce.simulator.field_history import field_history_object
from prmsync_salesforce.simulator.fields import (
    audit_fields,
    currency_code,
    day,
    flag,
    lookup,
    money,
    of_opportunity,
    owner,
    pick,
    read_only,
    text,
)
from prmsync_salesforce.simulator.opportunity_history import history_object
from prmsync_salesforce.simulator.schema import FieldDefinition as Field
from prmsync_salesforce.simulator.schema import ObjectDefinition


def _person(label: str) -> list[Field]:
    return [
        *audit_fields(label),
        text("FirstName", "First Name", 40),
        text("LastName", "Last Name", 80, nillable=False),
        read_only("string", "Name", "Full Name", 121, name_field=True),
        Field("Email", "Email", "email", 80),
        Field("Phone", "Phone", "phone", 40),
        text("Title", "Title", 128),
        Field("Description", "Description", "textarea", 32000),
        owner(queues=label == "Lead"),
        currency_code(),
    ]


def _merged_into(target: str) -> Field:
    return read_only(
        "reference",
        "MasterRecordId",
        "Master Record ID",
        18,
        reference_to=(target,),
        relationship="MasterRecord",
    )


def _lead() -> ObjectDefinition:
    converted = [
        read_only(
            "reference",
            f"Converted{target}Id",
            f"Converted {target} ID",
            18,
            reference_to=(target,),
            relationship=f"Converted{target}",
        )
        for target in ("Account", "Contact", "Opportunity")
    ]
    statuses = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted")
    return ObjectDefinition(
        "Lead",
        "Lead",
        "00Q",
        [
            *_person("Lead"),
            text("Company", "Company", 255, nillable=False),
            Field("Website", "Website", "url", 255),
            pick("Status", "Status", statuses, nillable=False, defaulted_on_create=True),
            pick("LeadSource", "Lead Source", ("Web", "Partner Referral", "Other")),
            lookup("RecordTypeId", "Record Type ID", "RecordType", "RecordType"),
            _merged_into("Lead"),
            read_only("boolean", "IsConverted", "Converted", nillable=False, default=False),
            read_only("date", "ConvertedDate", "Converted Date"),
            *converted,
        ],
    )


def _contact() -> ObjectDefinition:
    return ObjectDefinition(
        "Contact",
        "Contact",
        "003",
        [
            *_person("Contact"),
            lookup(
                "AccountId", "Account ID", "Account", "Account", cascade=True, children="Contacts"
            ),
            _merged_into("Contact"),
        ],
    )


def _product() -> ObjectDefinition:
    return ObjectDefinition(
        "Product2",
        "Product",
        "01t",
        [
            *audit_fields("Product"),
            text("Name", "Product Name", 255, nillable=False, name_field=True),
            text("ProductCode", "Product Code"),
            text("Family", "Product Family"),
            flag("IsActive", "Active"),
        ],
    )


def _line() -> ObjectDefinition:
    fixed: dict[str, Any] = {"updateable": False}
    return ObjectDefinition(
        "OpportunityLineItem",
        "Opportunity Product",
        "00k",
        [
            *audit_fields("Opportunity Product"),
            of_opportunity("OpportunityLineItems"),
            lookup("Product2Id", "Product ID", "Product2", "Product2", **fixed),
            Field("Quantity", "Quantity", "double", precision=12, scale=2, nillable=False),
            money("UnitPrice", "Sales Price"),
            read_only("currency", "TotalPrice", "Total Price", precision=18, scale=2),
            day("ServiceDate", "Date"),
            text("Description", "Line Description"),
        ],
    )


def sales_objects() -> list[ObjectDefinition]:
    """All of them."""
    return [_lead(), _contact(), _product(), _line(), history_object(), field_history_object()]
