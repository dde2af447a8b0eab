"""Standard fields that follow from others of the record: names, stages, prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync_salesforce.simulator.database import Database, Row
from prmsync_salesforce.simulator.rollups import PRODUCTS
from prmsync_salesforce.simulator.schema import ObjectDefinition


class Derived:
    """Sets such fields before a record is stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fill(self, definition: ObjectDefinition, row: Row, written: Mapping[str, Any]) -> None:
        """Set what follows from the record; `written` are the fields of this write."""
        if definition.name in ("User", "Lead", "Contact"):
            parts = (row.get("FirstName"), row.get("LastName"))
            row["Name"] = " ".join(part for part in parts if part)
        if definition.name == "Opportunity" and ("StageName" in written or "IsWon" not in row):
            stage = self._stage(row.get("StageName"))
            row["IsClosed"] = bool(stage.get("IsClosed"))
            row["IsWon"] = bool(stage.get("IsWon"))
            row["ForecastCategory"] = stage.get("ForecastCategory")
            if "Probability" not in written:
                row["Probability"] = stage.get("DefaultProbability")
        if definition.name == PRODUCTS:
            row["TotalPrice"] = (row.get("Quantity") or 0) * (row.get("UnitPrice") or 0)
        if definition.name == "Lead":
            row.setdefault("Status", "Open - Not Contacted")
        if definition.name.endswith("__c") and row.get("Name") is None:
            row["Name"] = row.get("Id", "")[:15]

    def _stage(self, label: str | None) -> Row:
        table = self._database.table("OpportunityStage")
        rows = table.rows.values() if table else ()
        return next((row for row in rows if row.get("ApiName") == label), {})
