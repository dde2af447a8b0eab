"""The records an org starts with, and those of `--data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync_salesforce.simulator.access import ADMIN_PROFILE
from prmsync_salesforce.simulator.database import Table
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.fields import CURRENCIES
from prmsync_salesforce.simulator.ids import make_id
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.schema import TEXTUAL
from prmsync_salesforce.simulator.settings import OrgSettings
from prmsync_salesforce.simulator.standard import PARTNER_ROLES, STAGES

ORG_ID = make_id("00D", 1)
INTEGRATION_USER = make_id("005", 1)
CRM_USER = make_id("005", 2)
_SERVICE = "Minimum Access - API Only Integrations"
_STANDARD = "Standard User"
PROFILES = {
    name: make_id("00e", number)
    for number, name in enumerate((ADMIN_PROFILE, _STANDARD, _SERVICE), 1)
}
_PEOPLE = (
    (INTEGRATION_USER, "Integration", "User", "integration", True, _SERVICE),
    (CRM_USER, "Dana", "Admin", "dana.admin", True, ADMIN_PROFILE),
    (make_id("005", 3), "Avery", "Stone", "avery.stone", True, _STANDARD),
    (make_id("005", 4), "Noor", "Haddad", "noor.haddad", True, _STANDARD),
    (make_id("005", 5), "Lee", "Gone", "lee.gone", False, _STANDARD),
)


def seed(org: Org, settings: OrgSettings, lists: Mapping[str, Any] | None = None) -> None:
    """Fills an empty org with its organisation, people, stages, roles and currencies.

    `lists` has the records of a saved org's own stages, roles and currencies by object; they take
    the place of the built-in ones. Raises ValueError for what cannot be taken.
    """
    given = dict(lists or {})
    _load(
        org,
        "Organization",
        {
            "Id": ORG_ID,
            "Name": settings.name,
            "IsSandbox": settings.sandbox,
            "OrganizationType": "Enterprise Edition",
            "InstanceName": "CS1" if settings.sandbox else "SIM1",
            "DefaultLocaleSidKey": "en_US",
            "LanguageLocaleKey": "en_US",
            "TimeZoneSidKey": settings.time_zone,
        },
    )
    for name, profile_id in PROFILES.items():
        _load(org, "Profile", {"Id": profile_id, "Name": name, "UserType": "Standard"})
    _seed_people(org, settings)
    if "OpportunityStage" not in given:
        _seed_stages(org)
    built_in = settings.partner_objects and "PartnerRole" not in given
    for order, role in enumerate(PARTNER_ROLES if built_in else (), 1):
        _load(org, "PartnerRole", {"MasterLabel": role, "ApiName": role, "SortOrder": order})
    if settings.multi_currency and "CurrencyType" not in given:
        _seed_currencies(org, settings)
    load_records(org, {name: rows for name, rows in given.items() if org.database.table(name)})


def _seed_people(org: Org, settings: OrgSettings) -> None:
    codes = {"CurrencyIsoCode": settings.currency, "DefaultCurrencyIsoCode": settings.currency}
    for user_id, first, last, alias, active, profile in _PEOPLE:
        _load(
            org,
            "User",
            {
                "Id": user_id,
                "FirstName": first,
                "LastName": last,
                "Username": f"{alias}@crm.example.com",
                "Email": f"{alias}@example.com",
                "Alias": alias[:8],
                "IsActive": active,
                "UserType": "Standard",
                "ProfileId": PROFILES[profile],
                "TimeZoneSidKey": settings.time_zone,
                "LocaleSidKey": "en_US",
                "LanguageLocaleKey": "en_US",
                **(codes if settings.multi_currency else {}),
            },
        )


def _seed_stages(org: Org) -> None:
    for order, (label, probability, closed, won, category) in enumerate(STAGES, 1):
        _load(
            org,
            "OpportunityStage",
            {
                "MasterLabel": label,
                "ApiName": label,
                "IsActive": True,
                "SortOrder": order,
                "IsClosed": closed,
                "IsWon": won,
                "ForecastCategory": category,
                "ForecastCategoryName": category,
                "DefaultProbability": probability,
            },
        )


def _seed_currencies(org: Org, settings: OrgSettings) -> None:
    for code in dict.fromkeys((settings.currency, *CURRENCIES)):
        _load(
            org,
            "CurrencyType",
            {
                "IsoCode": code,
                "ConversionRate": 1,
                "DecimalPlaces": 0 if code == "JPY" else 2,
                "IsActive": True,
                "IsCorporate": code == settings.currency,
            },
        )


def _load(org: Org, object_name: str, values: Mapping[str, Any]) -> None:
    org.load(_table(org, object_name), values, INTEGRATION_USER)


def _table(org: Org, object_name: str) -> Table:
    table = org.database.table(object_name)
    if table is None:
        raise ValueError(f"this org has no object {object_name}")
    return table


def load_records(org: Org, data: Mapping[str, Any]) -> None:
    """Records by object, as `--data` gives them. An id or external id that exists is replaced.

    Raises ValueError with every record that cannot be taken.
    """
    problems: list[str] = []
    for object_name, records in data.items():
        table = org.database.table(object_name)
        if table is None:
            problems.append(f"unknown object {object_name}")
            continue
        if not isinstance(records, list):
            problems.append(f"{object_name} must be a list of records")
            continue
        for number, record in enumerate(records, 1):
            try:
                _load_one(org, table, record)
            except (ApiError, AttributeError, TypeError) as error:
                problems.append(f"{object_name} record {number}: {error}")
    if problems:
        raise ValueError("; ".join(problems))


def _load_one(org: Org, table: Table, record: Mapping[str, Any]) -> None:
    values = dict(record)
    if "Id" not in values:
        for field in table.definition.indexed:
            value = values.get(field.name)
            found = table.find(field, value) if value is not None else []
            if found and field.type in TEXTUAL:
                values["Id"] = found[0]
                break
    org.load(table, values, CRM_USER)
