"""What `columns=true` answers: the selected fields and their types instead of records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prmsync_salesforce.simulator.evaluate import Scope
from prmsync_salesforce.simulator.schema import NUMERIC, TEXTUAL, FieldDefinition
from prmsync_salesforce.simulator.soql_tree import Aggregate, Shown, Subselect, Typeof

Columns = list[dict[str, Any]]
ChildColumns = Callable[[Scope, Subselect], tuple[str, Columns]]


def column_metadata(
    scope: Scope, selected: Sequence[Shown | Aggregate], child_columns: ChildColumns
) -> Columns:
    """A column for each selected item; fields of a parent are inside the parent's column, and
    those of children (`child_columns` gives their name and columns) inside the children's."""
    columns: Columns = []
    joins: dict[str, dict[str, Any]] = {}
    unnamed = 0
    for item in selected:
        if isinstance(item, Subselect):
            name, inner = child_columns(scope, item)
            columns.append({**_plain(name, name), "aggregate": True, "joinColumns": inner})
            continue
        if isinstance(item, Typeof):
            columns.append(_plain(item.relation.text, item.relation.text))
            continue
        if isinstance(item, Aggregate):
            columns.append(_aggregate(item, unnamed))
            unnamed += item.alias is None
            continue
        path, field = scope.resolve(item)
        here = columns
        names: list[str] = []
        for step in path:
            names.append(str(step.relationship))
            key = ".".join(names).lower()
            if key not in joins:
                joins[key] = _plain(names[-1], ".".join(names))
                here.append(joins[key])
            here = joins[key]["joinColumns"]
        here.append(_column(field, item.text))
    return columns


def _plain(name: str, shown: str) -> dict[str, Any]:
    return {
        "aggregate": False,
        "apexType": None,
        "booleanType": False,
        "columnName": name,
        "custom": False,
        "displayName": shown,
        "foreignKeyName": None,
        "insertable": False,
        "joinColumns": [],
        "numberType": False,
        "textType": False,
        "updatable": False,
    }


def _column(field: FieldDefinition, shown: str) -> dict[str, Any]:
    return {
        **_plain(field.name, shown),
        "apexType": field.type,
        "booleanType": field.type == "boolean",
        "custom": field.custom,
        "insertable": field.createable,
        "numberType": field.type in NUMERIC,
        "textType": field.type in TEXTUAL,
        "updatable": field.updateable,
    }


def _aggregate(item: Aggregate, unnamed: int) -> dict[str, Any]:
    of = item.of.text if item.of is not None else ""
    name = item.alias or f"expr{unnamed}"
    column = _plain(name, f"{item.function.lower()}({of})")
    return {**column, "aggregate": True, "numberType": True}
