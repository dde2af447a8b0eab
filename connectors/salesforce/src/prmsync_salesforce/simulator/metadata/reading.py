"""Components as `readMetadata` shows them: the reverse of what a deployment takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.metadata.permissions import RIGHTS
from prmsync_salesforce.simulator.metadata.setup import find_setup
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.rollups import SUMMARY
from prmsync_salesforce.simulator.schema import Choice, FieldDefinition, ObjectDefinition

MOST = 10
"""Components of one call."""


def read_component(org: Org, kind: str, name: str) -> Mapping[str, Any] | None:
    """A component's elements, None where the org has none of this name. Raises INVALID_TYPE."""
    reads = _READS.get(kind)
    if reads is None:
        raise ApiError(500, "INVALID_TYPE", f"This type of metadata cannot be read: {kind}")
    return reads(org, name)


def _object(org: Org, name: str) -> Mapping[str, Any] | None:
    table = org.database.table(name)
    if table is None or table.definition.tooling:
        return None
    definition = table.definition
    fields = [_field_elements(one) for one in definition.fields.values() if one.custom]
    found: dict[str, Any] = {"fullName": definition.name}
    if definition.name.endswith("__c"):
        found |= {
            "deploymentStatus": "Deployed",
            "nameField": _name_field(definition),
            "sharingModel": "ReadWrite",
        }
    return {
        **found,
        "fields": fields,
        "label": definition.label,
        "pluralLabel": definition.plural,
    }


def _name_field(definition: ObjectDefinition) -> dict[str, Any]:
    field = next(one for one in definition.fields.values() if one.name_field)
    return {"label": field.label, "type": "Text" if field.createable else "AutoNumber"}


def _field(org: Org, name: str) -> Mapping[str, Any] | None:
    object_name, _, field_name = name.partition(".")
    table = org.database.table(object_name)
    field = table.definition.field(field_name) if table is not None else None
    if table is None or field is None or not field.custom:
        return None
    return {
        **_field_elements(field),
        "fullName": f"{table.definition.name}.{field.name}",
    }


def _field_elements(field: FieldDefinition) -> dict[str, Any]:
    found: dict[str, Any] = {
        "fullName": field.name,
        "label": field.label,
        "required": not field.nillable and field.type != "boolean",
        **_kind(field),
    }
    if field.indexed:
        found |= {
            "caseSensitive": field.case_sensitive,
            "externalId": field.external_id,
            "unique": field.unique,
        }
    if field.calculated:
        found["formula"] = field.raw.get("calculatedFormula")
    return found


def _kind(field: FieldDefinition) -> dict[str, Any]:
    if told := field.raw.get(SUMMARY):
        return _summary(told)
    match field.type:
        case "currency" | "double" | "percent":
            return {
                "type": {"double": "Number"}.get(field.type, field.type.capitalize()),
                "precision": field.precision,
                "scale": field.scale,
            }
        case "textarea" if field.length > 255:
            return {"type": "LongTextArea", "length": field.length, "visibleLines": 3}
        case "string":
            return {"type": "Text", "length": field.length}
        case "picklist" | "multipicklist":
            return _value_set(field)
        case "reference":
            return _lookup(field)
        case "boolean":
            return {"type": "Checkbox", "defaultValue": bool(field.default)}
        case _:
            return {"type": _PLAIN[field.type]}


def _summary(told: Mapping[str, Any]) -> dict[str, Any]:
    value = told.get("value")
    return {
        "type": "Summary",
        "summarizedField": f"{told['of']}.{value}" if value else None,
        "summaryForeignKey": f"{told['of']}.{told['by']}",
        "summaryOperation": told["does"],
    }


def _value_set(field: FieldDefinition) -> dict[str, Any]:
    values = {"sorted": False, "value": _values(field.choices, field.default)}
    told: dict[str, Any] = {
        "valueSet": {"restricted": field.restricted, "valueSetDefinition": values}
    }
    if field.type == "multipicklist":
        return {"type": "MultiselectPicklist", "visibleLines": 4, **told}
    return {"type": "Picklist", **told}


def _values(choices: tuple[Choice, ...], default: object = None) -> list[dict[str, Any]]:
    return [
        {
            "fullName": one.value,
            "default": one.value == default,
            "isActive": one.active,
            "label": one.label,
        }
        for one in choices
    ]


def _lookup(field: FieldDefinition) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "MasterDetail" if field.cascade else "Lookup",
        "referenceTo": field.reference_to[0],
    }
    if field.children is not None:
        found["relationshipName"] = field.children.removesuffix("__r")
    return found


def _value_sets(org: Org, name: str) -> Mapping[str, Any] | None:
    choices = org.value_sets.get(name)
    row = find_setup(org.database.tables["GlobalValueSet"], {"DeveloperName": name})
    if choices is None:
        return None
    label = (row or {}).get("MasterLabel", name)
    return {
        "fullName": name,
        "customValue": _values(choices),
        "masterLabel": label,
        "sorted": False,
    }


def _record_type(org: Org, name: str) -> Mapping[str, Any] | None:
    object_name, _, developer = name.partition(".")
    key = {"SobjectType": object_name, "DeveloperName": developer}
    row = find_setup(org.database.tables["RecordType"], key)
    if row is None:
        return None
    active = bool(row.get("IsActive", True))
    return {"fullName": name, "active": active, "label": row.get("Name")}


def _permission_set(org: Org, name: str) -> Mapping[str, Any] | None:
    row = find_setup(org.database.tables["PermissionSet"], {"Name": name})
    if row is None:
        return None
    tables = org.database.tables
    objects, fields = (
        [one for one in tables[kind].live() if one.get("ParentId") == row["Id"]]
        for kind in ("ObjectPermissions", "FieldPermissions")
    )
    return {
        "fullName": name,
        "description": row.get("Description"),
        "fieldPermissions": [
            {
                "editable": bool(one.get("PermissionsEdit")),
                "field": one["Field"],
                "readable": bool(one.get("PermissionsRead")),
            }
            for one in fields
        ],
        "label": row.get("Label"),
        "objectPermissions": [
            {
                **{tag: bool(one.get(f"Permissions{right}")) for right, tag in RIGHTS.items()},
                "object": one["SobjectType"],
            }
            for one in objects
        ],
    }


_PLAIN = {
    "date": "Date",
    "datetime": "DateTime",
    "email": "Email",
    "int": "Number",
    "phone": "Phone",
    "textarea": "TextArea",
    "url": "Url",
}
_READS: dict[str, Callable[[Org, str], Mapping[str, Any] | None]] = {
    "CustomField": _field,
    "CustomObject": _object,
    "GlobalValueSet": _value_sets,
    "PermissionSet": _permission_set,
    "RecordType": _record_type,
}
