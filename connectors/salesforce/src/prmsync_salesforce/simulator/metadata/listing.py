"""What metadata an org has: the components of each kind, as `listMetadata` names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prmsync_salesforce.simulator.database import Row, Table
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.metadata.package import CHILDREN, FOLDERS
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.seed import CRM_USER

SUFFIXES = {
    "applications": "app",
    "globalValueSets": "globalValueSet",
    "layouts": "layout",
    "objects": "object",
    "permissionsets": "permissionset",
    "tabs": "tab",
}
"""How the files of each folder of a package end."""
_FOLDER_OF = {kind: folder for folder, kind in FOLDERS.items()}
_OF_SETUP = frozenset(
    {"FieldPermissions", "ObjectPermissions", "PermissionSet", "PermissionSetAssignment"}
)
Named = Iterator[tuple[str, Row | None]]
"""Full names, and the set-up record of each where there is one."""


def listed(org: Org, kind: str) -> list[dict[str, Any]]:
    """The components of a kind. Raises INVALID_TYPE."""
    if kind not in _FOLDER_OF and kind not in CHILDREN.values():
        raise ApiError(500, "INVALID_TYPE", f"Unknown type name '{kind}' specified in listMetadata")
    if kind not in _NAMED:
        return []
    named = sorted(_NAMED[kind](org), key=lambda one: one[0])
    return [_component(org, kind, name, row or {}) for name, row in named]


def _component(org: Org, kind: str, name: str, row: Row) -> dict[str, Any]:
    folder = _FOLDER_OF.get(kind, "objects")
    file = name.partition(".")[0] if kind not in _FOLDER_OF else name
    people = org.database.tables["User"].rows
    (first,) = org.database.tables["Organization"].live()
    told: dict[str, Any] = {}
    for word, at, by in (
        ("created", "CreatedDate", "CreatedById"),
        ("lastModified", "LastModifiedDate", "LastModifiedById"),
    ):
        who = str(row.get(by) or CRM_USER)
        told[f"{word}ById"] = who
        told[f"{word}ByName"] = people.get(who, {}).get("Name")
        told[f"{word}Date"] = str(row.get(at) or first[at]).replace("+0000", "Z")
    return {
        **told,
        "fileName": f"{folder}/{file}.{SUFFIXES[folder]}",
        "fullName": name,
        "id": row.get("Id"),
        "manageableState": "unmanaged",
        "type": kind,
    }


def _objects(org: Org) -> Named:
    for table in _tables(org):
        yield table.definition.name, None


def _fields(org: Org) -> Named:
    known = {row["FullName"]: row for row in org.database.tables["CustomField"].live()}
    for table in _tables(org):
        for field in table.definition.fields.values():
            if field.custom:
                name = f"{table.definition.name}.{field.name}"
                yield name, known.get(name)


def _tables(org: Org) -> Iterator[Table]:
    """Objects that people work with, not those that hold the org's own set-up."""
    for table in org.database.tables.values():
        definition = table.definition
        if definition.createable and not definition.tooling and definition.name not in _OF_SETUP:
            yield table


def _rows(table: str, *names: str, joined: str = ".", ending: str = "") -> Callable[[Org], Named]:
    def named(org: Org) -> Named:
        for row in org.database.tables[table].live():
            if all(row.get(name) for name in names):
                yield joined.join(str(row[name]) for name in names) + ending, row

    return named


def _permission_sets(org: Org) -> Named:
    for row in org.database.tables["PermissionSet"].live():
        if row.get("IsCustom"):
            yield str(row["Name"]), row


def _tabs(org: Org) -> Named:
    for row in org.database.tables["CustomTab"].live():
        custom = "__c" if row.get("Type") == "customObject" else ""
        yield f"{row['DeveloperName']}{custom}", row


_NAMED: dict[str, Callable[[Org], Named]] = {
    "CustomField": _fields,
    "CustomObject": _objects,
    "CustomTab": _tabs,
    "GlobalValueSet": _rows("GlobalValueSet", "DeveloperName"),
    "Layout": _rows("Layout", "TableEnumOrId", "Name", joined="-"),
    "ListView": _rows("ListView", "SobjectType", "DeveloperName"),
    "PermissionSet": _permission_sets,
    "RecordType": _rows("RecordType", "SobjectType", "DeveloperName"),
    "ValidationRule": _rows("ValidationRule", "FullName"),
}
