"""The objects of people, stages, roles, record types and currencies."""

from __future__ import annotations

from typing import Any

from prmsync_salesforce.simulator.fields import audit_fields, flag, lookup, read_only, text
from prmsync_salesforce.simulator.schema import FieldDefinition as Field
from prmsync_salesforce.simulator.schema import ObjectDefinition

_CLOSED: dict[str, Any] = {"createable": False, "updateable": False, "deletable": False}


def list_objects() -> list[ObjectDefinition]:
    """What an admin lists in Setup; nobody writes it as data."""
    return [_stage(), _partner_role(), _record_type(), _currency_type()]


def _stage() -> ObjectDefinition:
    return ObjectDefinition(
        "OpportunityStage",
        "Opportunity Stage",
        "01J",
        [
            *audit_fields("Opportunity Stage"),
            text("MasterLabel", "Master Label"),
            text("ApiName", "API Name"),
            flag("IsActive", "Is Active"),
            Field("SortOrder", "Sort Order", "int", precision=9),
            flag("IsClosed", "Closed"),
            flag("IsWon", "Won"),
            text("ForecastCategory", "Forecast Category", 40),
            text("ForecastCategoryName", "Forecast Category Name", 40),
            Field("DefaultProbability", "Default Probability (%)", "percent", precision=3),
            text("Description", "Description"),
        ],
        **_CLOSED,
    )


def _partner_role() -> ObjectDefinition:
    return ObjectDefinition(
        "PartnerRole",
        "Partner Role",
        "01M",
        [
            *audit_fields("Partner Role"),
            text("MasterLabel", "Master Label"),
            text("ApiName", "API Name"),
            Field("SortOrder", "Sort Order", "int", precision=9),
            text("ReverseRole", "Reverse Role"),
        ],
        **_CLOSED,
    )


def _record_type() -> ObjectDefinition:
    return ObjectDefinition(
        "RecordType",
        "Record Type",
        "012",
        [
            *audit_fields("Record Type"),
            text("Name", "Name", 80, name_field=True),
            text("DeveloperName", "Record Type Name", 80),
            text("SobjectType", "SObject Type Name", 40),
            flag("IsActive", "Active"),
            text("Description", "Description"),
        ],
        **_CLOSED,
    )


def _currency_type() -> ObjectDefinition:
    return ObjectDefinition(
        "CurrencyType",
        "Currency Type",
        "01L",
        [
            *audit_fields("Currency Type"),
            text("IsoCode", "Currency ISO Code", 3),
            Field("ConversionRate", "Conversion Rate", "double", precision=18, scale=6),
            Field("DecimalPlaces", "Decimal Places", "int", precision=1),
            flag("IsActive", "Active"),
            flag("IsCorporate", "Corporate Currency"),
        ],
        **_CLOSED,
    )


def people_objects() -> list[ObjectDefinition]:
    zone = text("TimeZoneSidKey", "Time Zone", 40)
    return [
        ObjectDefinition(
            "Organization",
            "Organization",
            "00D",
            [
                *audit_fields("Organization"),
                text("Name", "Name", 80, name_field=True),
                flag("IsSandbox", "Is Sandbox"),
                text("OrganizationType", "Edition", 40),
                text("InstanceName", "Instance Name", 5),
                text("NamespacePrefix", "Namespace Prefix", 15),
                Field("TrialExpirationDate", "Trial Expiration Date", "datetime"),
                text("DefaultLocaleSidKey", "Locale", 40),
                text("LanguageLocaleKey", "Language", 40),
                zone,
            ],
            createable=False,
            deletable=False,
        ),
        ObjectDefinition(
            "User",
            "User",
            "005",
            [
                *audit_fields("User"),
                text("Username", "Username", 80, nillable=False, unique=True),
                text("FirstName", "First Name", 40),
                text("LastName", "Last Name", 80, nillable=False),
                read_only("string", "Name", "Full Name", 121, name_field=True),
                Field("Email", "Email", "email", 128, nillable=False),
                text("Alias", "Alias", 8),
                flag("IsActive", "Active"),
                text("UserType", "User Type", 40),
                lookup("ProfileId", "Profile ID", "Profile", "Profile"),
                zone,
                text("LocaleSidKey", "Locale", 40),
                text("LanguageLocaleKey", "Language", 40),
                text("CurrencyIsoCode", "User Currency", 3),
                text("DefaultCurrencyIsoCode", "Default Currency ISO Code", 3),
            ],
            deletable=False,
        ),
    ]
