"""Leads that were converted: a refusal to change one names the record that goes on in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prmsync.connector.protocol import WriteResult
from prmsync.errors import ConnectorError
from prmsync_salesforce import soql
from prmsync_salesforce.client import Client

CODE = "CANNOT_UPDATE_CONVERTED_LEAD"
_HEIRS = {"ConvertedOpportunityId": "Opportunity", "ConvertedAccountId": "Account"}
"""What a lead becomes, the likeliest to be looked for first; an opportunity may be left out."""
_AT_ONCE = 200


def name_heirs(client: Client, ids: Sequence[str], results: Sequence[WriteResult]) -> None:
    """Adds to such refusals among the results of these records where people find what the lead
    became. A refusal that cannot be explained stays as it is."""
    refused = {
        one: result.error
        for one, result in zip(ids, results, strict=True)
        if result.error is not None and result.error.code == CODE
    }
    asked = list(refused)
    for at in range(0, len(asked), _AT_ONCE):
        for lead, heir in _heirs(client, asked[at : at + _AT_ONCE]).items():
            refused[lead].hint = f"{refused[lead].hint} It went on as {heir}."


def _heirs(client: Client, ids: Sequence[str]) -> Mapping[str, str]:
    query = soql.select(("Id", *_HEIRS), "Lead", soql.one_of("Id", ids))
    try:
        rows = [row for answer in client.query("guard", query) for row in answer.rows]
    except ConnectorError:
        return {}
    by_id = {str(row["Id"])[:15]: _named(client, row) for row in rows}
    return {one: heir for one in ids if (heir := by_id.get(one[:15]))}


def _named(client: Client, row: Mapping[str, Any]) -> str:
    for field, name in _HEIRS.items():
        if row.get(field):
            address = client.record_url(name, str(row[field]))
            return f"{name} {row[field]} ({address})"
    return ""
