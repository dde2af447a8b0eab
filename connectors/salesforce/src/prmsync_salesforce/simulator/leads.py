"""A lead becomes an account, a contact and, where whoever converts it wants one, an opportunity."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from prmsync_salesforce.simulator.org import Org, Writer
from prmsync_salesforce.simulator.values import stamp


def convert_lead(
    org: Org, record_id: str, writer: Writer, *, opportunity: bool = True
) -> dict[str, str]:
    """An account, a contact and an opportunity, if wanted, from a lead; their ids. Raises
    ApiError."""
    table = org.database.tables["Lead"]
    lead = org.existing(table, record_id)
    org.check_lock(lead, writer)
    account = _make(org, "Account", {"Name": lead["Company"]}, writer)
    person = {"LastName": lead["LastName"], "FirstName": lead.get("FirstName")}
    contact = _make(org, "Contact", {**person, "AccountId": account}, writer)
    made = {"ConvertedAccountId": account, "ConvertedContactId": contact}
    if opportunity:
        closes = (org.now() + timedelta(days=90)).date().isoformat()
        deal = {"Name": lead["Company"], "AccountId": account, "CloseDate": closes}
        deal["StageName"] = "Prospecting"
        made["ConvertedOpportunityId"] = _make(org, "Opportunity", deal, writer)
    moment = stamp(org.now())
    org.database.put(
        table,
        {
            **lead,
            **made,
            "IsConverted": True,
            "ConvertedDate": moment[:10],
            "LastModifiedById": writer.user_id,
            "LastModifiedDate": moment,
            "SystemModstamp": moment,
        },
    )
    return made


def _make(org: Org, object_name: str, values: Mapping[str, Any], writer: Writer) -> str:
    return org.create(org.database.tables[object_name], values, writer)
