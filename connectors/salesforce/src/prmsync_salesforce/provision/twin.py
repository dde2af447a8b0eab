"""An org's definitions as its simulator takes them (`--schema`): a twin to rehearse on.

Only definitions: no record, no person, no text that somebody typed into a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prmsync.connector.schema import Account
from prmsync.errors import SchemaError
from prmsync_salesforce.client import Client
from prmsync_salesforce.provision.live import Reader


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
    return {
        "settings": {
            "name": f"Twin of {account.name}",
            "sandbox": account.environment == "sandbox",
            "currency": account.currency,
            "time_zone": account.time_zone,
            "multi_currency": any(
                field["name"] == "CurrencyIsoCode"
                for answer in described.values()
                for field in answer["fields"]
            ),
        },
        "objects": list(described.values()),
    }
