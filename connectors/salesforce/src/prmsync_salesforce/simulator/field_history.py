"""Changes of the fields of opportunities that an org tracks: a row for each, with the value before
and the new one, kept for 24 months. The values have no type of their own, and nothing can be
filtered by them. Source: Salesforce's object reference, OpportunityFieldHistory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from prmsync_salesforce.simulator.database import Database, Row
from prmsync_salesforce.simulator.fields import audit_fields, read_only
from prmsync_salesforce.simulator.schema import ObjectDefinition
from prmsync_salesforce.simulator.values import stamp

FIELD_HISTORY = "OpportunityFieldHistory"
KEPT = timedelta(days=2 * 365)
_AUDIT = ("Id", "IsDeleted", "CreatedDate", "CreatedById")
ANY = "anyType"


def field_history_object() -> ObjectDefinition:
    """The object as describe shows it."""
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
        FIELD_HISTORY,
        "Opportunity Field History",
        "017",
        [
            *(one for one in audit_fields("Opportunity Field History") if one.name in _AUDIT),
            of,
            read_only("picklist", "Field", "Changed Field", 255, nillable=False),
            read_only("picklist", "DataType", "Datatype", 40),
            read_only(ANY, "OldValue", "Old Value"),
            read_only(ANY, "NewValue", "New Value"),
        ],
        createable=False,
        updateable=False,
        deletable=False,
    )


def track(database: Database, tracked: Collection[str], old: Mapping[str, Any], row: Row) -> None:
    """Note what an update of an opportunity changed in the fields that are tracked."""
    table = database.table(FIELD_HISTORY)
    opportunities = database.table("Opportunity")
    if table is None or opportunities is None or not old:
        return
    for name in tracked:
        field = opportunities.definition.field(name)
        if field is None or old.get(field.name) == row.get(field.name):
            continue
        entry: Row = {
            "Id": database.new_id(table),
            "IsDeleted": False,
            "OpportunityId": row["Id"],
            "Field": field.name,
            "DataType": field.type.capitalize(),
            "CreatedDate": row["LastModifiedDate"],
            "CreatedById": row["LastModifiedById"],
        }
        pairs = (("OldValue", old.get(field.name)), ("NewValue", row.get(field.name)))
        database.put(table, entry | {key: value for key, value in pairs if value is not None})


def still_kept(rows: Iterable[Row], now: datetime) -> list[Row]:
    """Those that Salesforce still shows."""
    since = stamp(now - KEPT)
    return [row for row in rows if row["CreatedDate"] >= since]
