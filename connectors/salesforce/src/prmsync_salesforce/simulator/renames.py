"""An admin renames a picklist value: records follow, and only their SystemModstamp moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prmsync_salesforce.simulator.database import Table
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.values import stamp

_NAMES = ("object", "field", "value", "to")


def rename_choice(org: Org, raw: Mapping[str, Any]) -> int:
    """Rename as `{"object", "field", "value", "to"}` says; how many records followed.

    Raises ValueError.
    """
    if not all(isinstance(raw.get(name), str) for name in _NAMES):
        raise ValueError(f"a rename needs the texts {', '.join(_NAMES)}")
    object_name, field_name, value, to = (str(raw[name]) for name in _NAMES)
    table = org.database.table(object_name)
    field = table.definition.field(field_name) if table is not None else None
    if table is None or field is None:
        raise ValueError(f"there is no field {object_name}.{field_name}")
    if value not in {choice.value for choice in field.choices}:
        raise ValueError(f"{object_name}.{field_name} has no value {value}")
    choices = tuple(
        replace(choice, value=to, label=to) if choice.value == value else choice
        for choice in field.choices
    )
    renamed = replace(field, choices=choices)
    fields = [renamed if one is field else one for one in table.definition.fields.values()]
    org.database.define(table.definition.copied(fields))
    if (table.definition.name, field.name) == ("Opportunity", "StageName"):
        _rename_stage(org, value, to)
    return _follow(org, table, field.name, value, to)


def _follow(org: Org, table: Table, name: str, value: str, to: str) -> int:
    moment = stamp(org.now())
    found = [row for row in table.rows.values() if row.get(name) == value]
    for row in found:
        org.database.put(table, {**row, name: to, "SystemModstamp": moment})
    return len(found)


def _rename_stage(org: Org, value: str, to: str) -> None:
    table = org.database.tables["OpportunityStage"]
    for row in [row for row in table.live() if row.get("ApiName") == value]:
        org.database.put(table, {**row, "MasterLabel": to, "ApiName": to})
