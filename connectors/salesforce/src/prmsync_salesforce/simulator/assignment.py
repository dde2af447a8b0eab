"""Assignment rules: an active one decides the owner of accounts, cases and leads that are written,
unless the caller says otherwise (`Sforce-Auto-Assign: FALSE`)."""

from __future__ import annotations

from prmsync_salesforce.simulator.database import Database, Row

_OBJECTS = ("Account", "Case", "Lead")


def assign(database: Database, object_name: str, row: Row) -> None:
    """Gives the record to whoever made the object's active rule, where there is one."""
    if object_name not in _OBJECTS:
        return
    for rule in database.tables["AssignmentRule"].live():
        if rule.get("Active") and rule.get("SobjectType") == object_name:
            row["OwnerId"] = rule["CreatedById"]
