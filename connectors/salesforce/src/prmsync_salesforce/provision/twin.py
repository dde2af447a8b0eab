"""An org's definitions as its simulator takes them (`--schema`): a twin to rehearse on.

Only definitions: no record of business, no person, no text that somebody typed into a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prmsync.connector.schema import Account
from prmsync.errors import SchemaError
from prmsync_salesforce import soql
from prmsync_salesforce.client import Client, query_path
from prmsync_salesforce.provision.live import Reader

_LISTS = {
    "CurrencyType": ("IsoCode", "ConversionRate", "DecimalPlaces", "IsActive", "IsCorporate"),
    "OpportunityStage": (
        "MasterLabel",
        "ApiName",
        "IsActive",
        "SortOrder",
        "IsClosed",
        "IsWon",
        "ForecastCategory",
        "ForecastCategoryName",
        "DefaultProbability",
    ),
    "PartnerRole": ("MasterLabel", "ApiName", "SortOrder", "ReverseRole"),
    "RecordType": ("Id", "Name", "DeveloperName", "SobjectType", "IsActive"),
}
"""Objects whose records are part of the definitions, and what is kept of them."""


def saved_schema(client: Client, account: Account, objects: Sequence[str]) -> Mapping[str, object]:
    """Describe answers of these objects and the org's settings. Raises SchemaError for an object
    that the org does not show."""
    reader = Reader(client, [])
    described = reader.described(list(dict.fromkeys(objects)))
    missing = [name for name in objects if name.lower() not in described]
    if missing:
        raise SchemaError(
            f"Salesforce does not show {', '.join(missing)}",
            hint="prmsync provision plan names what the org lacks or hides.",
        )
    lists = _lists(client)
    return {
        "settings": {
            "name": f"Twin of {account.name}",
            "sandbox": account.environment == "sandbox",
            "currency": account.currency,
            "time_zone": account.time_zone,
            "prepared": False,
            "partner_objects": "PartnerRole" in lists,
            "multi_currency": any(
                field["name"] == "CurrencyIsoCode"
                for answer in described.values()
                for field in answer["fields"]
            ),
        },
        "objects": list(described.values()),
        "lists": lists,
    }


def _lists(client: Client) -> dict[str, list[dict[str, object]]]:
    """Stages, roles, record types and currencies; none of what the org does not have."""
    paths = {name: query_path(soql.select(fields, name)) for name, fields in _LISTS.items()}
    answers = client.composite("metadata", paths)
    return {
        name: [
            {key: value for key, value in row.items() if key != "attributes"} for row in answer.rows
        ]
        for name, answer in answers.items()
        if answer.status == 200
    }
