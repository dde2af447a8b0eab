"""A permission set's XML: which objects and fields it opens."""

from __future__ import annotations

from prmsync_salesforce.simulator.metadata.package import Component
from prmsync_salesforce.simulator.metadata.problem import Problem
from prmsync_salesforce.simulator.metadata.setup import find_setup, upsert_setup, write_setup
from prmsync_salesforce.simulator.metadata.xmltree import Node
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.schema import FieldDefinition

RIGHTS = {
    "Read": "allowRead",
    "Create": "allowCreate",
    "Edit": "allowEdit",
    "Delete": "allowDelete",
    "ViewAllRecords": "viewAllRecords",
    "ModifyAllRecords": "modifyAllRecords",
}
_NEEDS = {
    "Create": ("Read",),
    "Edit": ("Read",),
    "Delete": ("Read", "Edit"),
    "ViewAllRecords": ("Read",),
    "ModifyAllRecords": ("Read", "Edit", "Delete", "ViewAllRecords"),
}
_PARENTS = {"Contact": "Account", "Opportunity": "Account"}
"""Standard objects that can be read only by those who read their parent."""


def apply_permission_set(org: Org, item: Component) -> bool:
    """Store the set and what it grants; True when it is new. Raises Problem."""
    node = item.node
    if not node.text("label"):
        raise Problem("Required field is missing: label")
    _check_objects(org, node)
    _check_fields(org, node)
    table = org.database.tables["PermissionSet"]
    old = find_setup(table, {"Name": item.full_name})
    values = {
        "Name": item.full_name,
        "Label": node.text("label"),
        "Description": node.text("description") or None,
        "Type": "Regular",
        "IsCustom": True,
    }
    set_id = write_setup(org, table, old, values)
    for rights in node.all("objectPermissions"):
        granted = {f"Permissions{name}": rights.flag(tag) for name, tag in RIGHTS.items()}
        key = {"ParentId": set_id, "SobjectType": rights.text("object")}
        upsert_setup(org, "ObjectPermissions", key, **granted)
    for rights in node.all("fieldPermissions"):
        name = rights.text("field")
        key = {"ParentId": set_id, "SobjectType": name.partition(".")[0], "Field": name}
        upsert_setup(
            org,
            "FieldPermissions",
            key,
            PermissionsRead=rights.flag("readable"),
            PermissionsEdit=rights.flag("editable"),
        )
    return old is None


def _check_objects(org: Org, node: Node) -> None:
    granted = {
        rights.text("object"): {name for name, tag in RIGHTS.items() if rights.flag(tag)}
        for rights in node.all("objectPermissions")
    }
    for name, rights in granted.items():
        table = org.database.table(name)
        if table is None:
            raise Problem(f"In field: object - no CustomObject named {name} found")
        for right in sorted(rights):
            for needed in _NEEDS.get(right, ()):
                if needed not in rights:
                    raise Problem(_depends(right, name, needed, name))
        parents = [_PARENTS[name]] if name in _PARENTS else []
        parents += [one.reference_to[0] for one in table.definition.references if _detail(one)]
        for parent in parents:
            if "Read" in rights and "Read" not in granted.get(parent, ()):
                raise Problem(_depends("Read", name, "Read", parent))


def _detail(field: FieldDefinition) -> bool:
    return field.custom and field.cascade


def _depends(right: str, name: str, needed: str, other: str) -> str:
    return f"Permission {right} {name} depends on permission(s): {needed} {other}"


def _check_fields(org: Org, node: Node) -> None:
    for rights in node.all("fieldPermissions"):
        name = rights.text("field")
        object_name, _, field_name = name.partition(".")
        table = org.database.table(object_name)
        field = table.definition.field(field_name) if table is not None else None
        if field is None:
            raise Problem(f"In field: field - no CustomField named {name} found")
        if not field.nillable and field.type != "boolean":
            raise Problem(f"You cannot deploy to a required field: {name}")
        if rights.flag("editable") and not rights.flag("readable"):
            raise Problem(f"Field {name} must be readable if it is editable")
        if rights.flag("editable") and field.calculated:
            raise Problem(f"Field {name} is not editable")
