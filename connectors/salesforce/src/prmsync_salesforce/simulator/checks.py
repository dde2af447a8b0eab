"""What a whole record must meet: its references, and the values that nobody else may have."""

from __future__ import annotations

from prmsync_salesforce.simulator.database import Database, Row, Table
from prmsync_salesforce.simulator.failure import bad_data
from prmsync_salesforce.simulator.schema import ObjectDefinition


def check_references(
    database: Database, definition: ObjectDefinition, cleaned: Row, old: Row | None
) -> None:
    """Raises ApiError for a changed reference to nothing, or to an inactive owner."""
    for field in definition.references:
        target = cleaned.get(field.name)
        if target is None or (old is not None and old.get(field.name) == target):
            continue
        table = database.table_of(target)
        if table is None or table.definition.name not in field.reference_to:
            raise bad_data(
                "FIELD_INTEGRITY_EXCEPTION",
                f"{field.label}: id value of incorrect type: {target}",
                field.name,
            )
        parent = table.rows.get(target)
        if parent is None or parent["IsDeleted"]:
            raise bad_data("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if field.name == "OwnerId" and parent.get("IsActive") is False:
            raise bad_data(
                "INACTIVE_OWNER_OR_USER",
                "operation performed with inactive user ["
                + target
                + "] as owner of "
                + definition.label.lower(),
                "OwnerId",
            )


def check_unique(table: Table, row: Row, cleaned: Row) -> None:
    """Raises DUPLICATE_VALUE."""
    for field in table.definition.indexed:
        value = cleaned.get(field.name)
        if not field.unique or value is None:
            continue
        others = [found for found in table.find(field, value) if found != row["Id"]]
        if others:
            raise bad_data(
                "DUPLICATE_VALUE",
                f"duplicate value found: {field.name} duplicates value on record with id: "
                f"{others[0][:15]}",
            )
