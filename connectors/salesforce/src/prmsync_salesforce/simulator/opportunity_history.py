"""How opportunities stood before: a row for each change of stage, amount, probability or close
date, which nobody writes by hand. Source: Salesforce's object reference, OpportunityHistory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync_salesforce.simulator.database import Database, Row
from prmsync_salesforce.simulator.fields import audit_fields, currency_code, read_only
from prmsync_salesforce.simulator.schema import ObjectDefinition

HISTORY = "OpportunityHistory"
_KEPT = ("StageName", "Amount", "CloseDate", "Probability", "ForecastCategory", "CurrencyIsoCode")
_TELLS = ("StageName", "Amount", "CloseDate", "Probability")


def history_object() -> ObjectDefinition:
    """The object as describe shows it."""
    money: dict[str, Any] = {"precision": 18, "scale": 2}
    of = read_only(
        "reference",
        "OpportunityId",
        "Opportunity ID",
        18,
        reference_to=("Opportunity",),
        relationship="Opportunity",
        nillable=False,
    )
    return ObjectDefinition(
        HISTORY,
        "Opportunity: Stage Change",
        "008",
        [
            *audit_fields("Opportunity History"),
            of,
            read_only("picklist", "StageName", "Stage Name", 255),
            read_only("currency", "Amount", "Amount", **money),
            read_only("date", "CloseDate", "Close Date"),
            read_only("percent", "Probability", "Probability", precision=3, scale=0),
            read_only("picklist", "ForecastCategory", "To ForecastCategory", 40),
            currency_code(),
        ],
        createable=False,
        updateable=False,
        deletable=False,
    )


def note(database: Database, old: Mapping[str, Any], row: Row) -> None:
    """Keep how an opportunity stands after a write that changed what history tells."""
    table = database.table(HISTORY)
    if table is None or all(old.get(name) == row.get(name) for name in _TELLS):
        return
    moment, user = row["LastModifiedDate"], row["LastModifiedById"]
    entry: Row = {name: row[name] for name in _KEPT if row.get(name) is not None}
    entry |= {"Id": database.new_id(table), "OpportunityId": row["Id"], "IsDeleted": False}
    entry |= dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), moment)
    entry |= dict.fromkeys(("CreatedById", "LastModifiedById"), user)
    database.put(table, entry)
