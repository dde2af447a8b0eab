"""TYPEOF: of a reference that may lead to several objects, the fields of the one it leads to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prmsync_salesforce.simulator.database import Row, Table
from prmsync_salesforce.simulator.evaluate import Getter, Scope
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.schema import FieldDefinition
from prmsync_salesforce.simulator.soql import pointed
from prmsync_salesforce.simulator.soql_tree import Name, Typeof

Render = Callable[[Scope, Sequence[Name]], Callable[[Row], dict[str, Any]]]


def shown_by_type(scope: Scope, item: Typeof, render: Render) -> tuple[str, Getter]:
    """The key it has in the answer, and what it shows of a row: null where no case is of the
    record's object. Raises INVALID_FIELD, INVALID_TYPE, MALFORMED_QUERY."""
    reference = _reference(scope, item)
    wanted = _wanted(scope, item, reference)
    shown = {}
    for name in reference.reference_to:
        table = scope.database.table(name)
        names = wanted.get(name.lower(), item.otherwise)
        if table is not None and names:
            shown[table.definition.name] = render(_inner(scope, table, item), names)
    database = scope.database

    def get(row: Row) -> Any:
        target = row.get(reference.name)
        table = database.table_of(target) if target else None
        one = shown.get(table.definition.name) if table is not None else None
        found = database.row(target) if one is not None and target else None
        return one(found) if one is not None and found is not None else None

    return str(reference.relationship), get


def _reference(scope: Scope, item: Typeof) -> FieldDefinition:
    reference = scope.definition.relation(item.relation.text)
    if reference is None:
        scope.resolve(Name(f"{item.relation.text}.Id", item.relation.at))
    if reference is None or len(reference.reference_to) < 2:
        message = f"TYPEOF: the relationship {item.relation.text} leads to one object only"
        raise ApiError(400, "MALFORMED_QUERY", pointed(scope.text, item.relation.at, message))
    return reference


def _wanted(scope: Scope, item: Typeof, reference: FieldDefinition) -> dict[str, tuple[Name, ...]]:
    known = {name.lower() for name in reference.reference_to}
    for kind, _ in item.cases:
        if kind.text.lower() not in known:
            message = f"TYPEOF: {item.relation.text} does not lead to {kind.text}"
            raise ApiError(400, "INVALID_TYPE", pointed(scope.text, kind.at, message))
    return {kind.text.lower(): names for kind, names in item.cases}


def _inner(scope: Scope, table: Table, item: Typeof) -> Scope:
    definition = scope.view(table)
    if definition is None:
        message = f"sObject type '{table.definition.name}' is not supported."
        raise ApiError(400, "INVALID_TYPE", pointed(scope.text, item.relation.at, message))
    return Scope(scope.text, definition, scope.database, scope.now, scope.view)
