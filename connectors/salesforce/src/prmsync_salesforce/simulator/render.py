"""Rows as a query shows them: with parents nested, and children as answers of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prmsync_salesforce.simulator.database import Row, Table
from prmsync_salesforce.simulator.evaluate import Getter, Scope
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.polymorphic import shown_by_type
from prmsync_salesforce.simulator.schema import FieldDefinition
from prmsync_salesforce.simulator.soql import pointed
from prmsync_salesforce.simulator.soql_tree import Name, Shown, Subselect, Typeof

Renderer = Callable[[Row], dict[str, Any]]
Children = Callable[[Scope, Subselect], "tuple[str, Getter]"]
"""A subselect of SELECT → the key it has in the answer, and what it shows of a row."""


def renderer(scope: Scope, selected: Sequence[Shown], version: str, children: Children) -> Renderer:
    """A function from row to its part of the answer."""
    own: list[str] = []
    nested: dict[str, Getter] = {}
    parents: dict[str, list[tuple[FieldDefinition, Name]]] = {}
    slots: list[str] = []
    for item in selected:
        if not isinstance(item, Name):
            key, shown = (
                shown_by_type(
                    scope, item, lambda one, names: renderer(one, names, version, children)
                )
                if isinstance(item, Typeof)
                else children(scope, item)
            )
            nested[key] = shown
            slots.append(key)
            continue
        path, field = scope.resolve(item)
        if not path:
            own.append(field.name)
            slots.append(field.name)
            if item.label:
                nested[field.name] = scope.getter(item)[0]
            continue
        relationship = str(path[0].relationship)
        if relationship not in parents:
            slots.append(relationship)
        rest = ".".join([str(step.relationship) for step in path[1:]] + [field.name])
        parents.setdefault(relationship, []).append((path[0], Name(rest, item.at, item.label)))
    object_name = scope.definition.name
    url = f"/services/data/{version}/sobjects/{object_name}/"
    for relationship, items in parents.items():
        nested[relationship] = _parent_renderer(scope, items, version, children)
    return _nested(object_name, url, slots, nested) if nested else _flat(object_name, url, own)


def _nested(object_name: str, url: str, slots: list[str], nested: dict[str, Getter]) -> Renderer:
    def render(row: Row) -> dict[str, Any]:
        answer: dict[str, Any] = {"attributes": {"type": object_name, "url": url + row["Id"]}}
        for key in slots:
            inner = nested.get(key)
            answer[key] = row.get(key) if inner is None else inner(row)
        return answer

    return render


def _flat(object_name: str, url: str, names: list[str]) -> Renderer:
    def render(row: Row) -> dict[str, Any]:
        get = row.get
        answer: dict[str, Any] = {"attributes": {"type": object_name, "url": url + row["Id"]}}
        for name in names:
            answer[name] = get(name)
        return answer

    return render


def _parent_renderer(
    scope: Scope, items: list[tuple[FieldDefinition, Name]], version: str, children: Children
) -> Getter:
    reference = items[0][0]
    database = scope.database
    table = database.target(reference)
    definition = scope.view(table) if table is not None else None
    if definition is None:
        return lambda _row: None
    inner = Scope(scope.text, definition, database, scope.now, scope.view)
    render = renderer(inner, [name for _, name in items], version, children)

    def parent(row: Row) -> Any:
        target = row.get(reference.name)
        found = database.row(target) if target else None
        return render(found) if found is not None else None

    return parent


def child_relationship(scope: Scope, name: Name) -> tuple[Table, FieldDefinition]:
    """The table and its reference field behind a relationship seen from the parent.
    Raises INVALID_TYPE."""
    for table in scope.database.tables.values():
        for field in table.definition.references:
            if (
                field.children is not None
                and field.children.lower() == name.text.lower()
                and scope.definition.name in field.reference_to
                and scope.view(table) is not None
            ):
                return table, field
    message = (
        f"Didn't understand relationship '{name.text}' in FROM part of query call. If you are "
        "attempting to use a custom relationship, be sure to append the '__r' after the custom "
        "relationship name. Please reference your WSDL or the describe call for the appropriate "
        "names."
    )
    raise ApiError(400, "INVALID_TYPE", pointed(scope.text, name.at, message))
