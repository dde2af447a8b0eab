"""`/process/rules` and `/process/approvals`: active workflow rules and approval processes.

They are the set-up records WorkflowRule and ProcessDefinition; whatever is stored there is active.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prmsync_salesforce.simulator.database import Database
from prmsync_salesforce.simulator.failure import no_resource

_KINDS = {"rules": "WorkflowRule", "approvals": "ProcessDefinition"}


def processes(database: Database, segments: Sequence[str]) -> dict[str, Any]:
    """The answer for `process/<kind>` and `process/<kind>/<object>`. Raises NOT_FOUND."""
    kind = segments[1] if len(segments) > 1 else ""
    if kind not in _KINDS or len(segments) > 3:
        raise no_resource()
    wanted = segments[2].lower() if len(segments) == 3 else None
    found: dict[str, list[dict[str, Any]]] = {}
    for row in database.tables[_KINDS[kind]].live():
        on = str(row.get("TableEnumOrId"))
        if (wanted is None or on.lower() == wanted) and row.get("State", "Active") == "Active":
            found.setdefault(on, []).append(_entry(kind, row, on))
    return {kind: found}


def _entry(kind: str, row: dict[str, Any], on: str) -> dict[str, Any]:
    entry = {
        "description": row.get("Description"),
        "id": row["Id"][:15],
        "name": row.get("Name"),
        "object": on,
    }
    if kind == "rules":
        return {"actions": [], **entry, "namespacePrefix": row.get("NamespacePrefix")}
    return {**entry, "sortOrder": 1}
