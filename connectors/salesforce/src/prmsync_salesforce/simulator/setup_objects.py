"""The objects in which an org keeps its own set-up: permissions, flows, rules, definitions.

Where Salesforce names another object by an id of its own (`EntityDefinitionId`, …) the simulator
has the object's API name, as Salesforce does for standard objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prmsync_salesforce.simulator.fields import audit_fields, flag, lookup, text
from prmsync_salesforce.simulator.schema import FieldDefinition as Field
from prmsync_salesforce.simulator.schema import ObjectDefinition

_CLOSED: dict[str, Any] = {"createable": False, "updateable": False, "deletable": False}
_LINKED: dict[str, Any] = {"updateable": False}


def _object(
    name: str, label: str, prefix: str, fields: Sequence[Field], **more: Any
) -> ObjectDefinition:
    return ObjectDefinition(name, label, prefix, [*audit_fields(label), *fields], **more)


def _texts(*names: str) -> list[Field]:
    return [text(name, name) for name in names]


def _flags(*names: str) -> list[Field]:
    return [flag(name, name) for name in names]


def _entity(name: str, relationship: str) -> Field:
    return Field(
        name, name, "string", 255, reference_to=("EntityDefinition",), relationship=relationship
    )


def _permission_sets() -> list[ObjectDefinition]:
    return [
        _object("Profile", "Profile", "00e", _texts("Name", "UserType", "Description"), **_CLOSED),
        _object(
            "PermissionSet",
            "Permission Set",
            "0PS",
            [
                *_texts("Name", "Label", "Description", "NamespacePrefix", "Type"),
                *_flags("IsCustom", "IsOwnedByProfile"),
                lookup("ProfileId", "Profile", "Profile", "Profile"),
            ],
        ),
        _object(
            "PermissionSetAssignment",
            "Permission Set Assignment",
            "0Pa",
            [
                lookup("AssigneeId", "Assignee", "User", "Assignee", nillable=False, **_LINKED),
                lookup(
                    "PermissionSetId",
                    "Permission Set",
                    "PermissionSet",
                    "PermissionSet",
                    nillable=False,
                    cascade=True,
                    **_LINKED,
                ),
                *_flags("IsActive"),
            ],
        ),
    ]


def _permissions() -> list[ObjectDefinition]:
    parent = lookup("ParentId", "Parent", "PermissionSet", "Parent", nillable=False)
    return [
        _object(
            "ObjectPermissions",
            "Object Permissions",
            "110",
            [
                parent,
                text("SobjectType", "SobjectType", nillable=False),
                *_flags(
                    "PermissionsRead",
                    "PermissionsCreate",
                    "PermissionsEdit",
                    "PermissionsDelete",
                    "PermissionsViewAllRecords",
                    "PermissionsModifyAllRecords",
                ),
            ],
        ),
        _object(
            "FieldPermissions",
            "Field Permissions",
            "01k",
            [
                parent,
                text("SobjectType", "SobjectType", nillable=False),
                text("Field", "Field", nillable=False),
                *_flags("PermissionsRead", "PermissionsEdit"),
            ],
        ),
    ]


def _rules() -> list[ObjectDefinition]:
    return [
        _object(
            "FlowDefinitionView",
            "Flow Definition",
            "3dd",
            [
                *_texts("DurableId", "ApiName", "Label", "Description", "ProcessType"),
                *_texts("TriggerType", "RecordTriggerType", "ActiveVersionId", "ManageableState"),
                *_texts("TriggerObjectOrEventLabel", "NamespacePrefix"),
                _entity("TriggerObjectOrEventId", "TriggerObjectOrEvent"),
                *_flags("IsActive", "IsTemplate"),
            ],
            **_CLOSED,
        ),
        _object(
            "DuplicateRule",
            "Duplicate Rule",
            "0Bm",
            [
                *_texts("DeveloperName", "MasterLabel", "SobjectType", "SobjectSubtype"),
                *_texts("Language", "NamespacePrefix"),
                *_flags("IsActive"),
            ],
            **_CLOSED,
        ),
        _object(
            "AssignmentRule",
            "Assignment Rule",
            "01Q",
            [*_texts("Name", "SobjectType"), *_flags("Active")],
            **_CLOSED,
        ),
        _object(
            "ApexTrigger",
            "Apex Trigger",
            "01q",
            [
                *_texts("Name", "TableEnumOrId", "Status", "NamespacePrefix"),
                *_flags("UsageBeforeInsert", "UsageAfterInsert", "UsageBeforeUpdate"),
                *_flags("UsageAfterUpdate", "UsageBeforeDelete", "UsageAfterDelete"),
            ],
            **_CLOSED,
        ),
        _object(
            "ProcessDefinition",
            "Process Definition",
            "04a",
            _texts("Name", "DeveloperName", "Type", "Description", "TableEnumOrId", "State"),
            **_CLOSED,
        ),
        _object(
            "ListView",
            "List View",
            "00B",
            _texts("Name", "DeveloperName", "SobjectType", "NamespacePrefix"),
            **_CLOSED,
        ),
    ]


def _tooling() -> list[ObjectDefinition]:
    closed: dict[str, Any] = {**_CLOSED, "tooling": True}
    named = _texts("DeveloperName", "NamespacePrefix", "FullName")
    return [
        _object(
            "ValidationRule",
            "Validation Rule",
            "03d",
            [
                *_texts("ValidationName", "Description", "ErrorDisplayField", "NamespacePrefix"),
                text("ErrorMessage", "ErrorMessage", 255),
                *_texts("FullName"),
                Field("ErrorConditionFormula", "ErrorConditionFormula", "textarea", 5000),
                _entity("EntityDefinitionId", "EntityDefinition"),
                *_flags("Active"),
            ],
            **closed,
        ),
        _object(
            "WorkflowRule",
            "Workflow Rule",
            "01W",
            _texts("Name", "TableEnumOrId", "NamespacePrefix", "FullName"),
            **closed,
        ),
        _object(
            "Layout",
            "Layout",
            "00h",
            [
                *_texts("Name", "TableEnumOrId", "LayoutType", "NamespacePrefix", "FullName"),
                _entity("EntityDefinitionId", "EntityDefinition"),
            ],
            **closed,
        ),
        _object("CustomTab", "Custom Tab", "01r", [*named, *_texts("Type")], **closed),
        _object(
            "GlobalValueSet", "Global Value Set", "0Nt", [*named, *_texts("MasterLabel")], **closed
        ),
        _object("CustomObject", "Custom Object", "01I", named, **closed),
        _object(
            "CustomField",
            "Custom Field",
            "00N",
            [
                *named,
                *_texts("TableEnumOrId"),
                _entity("EntityDefinitionId", "EntityDefinition"),
            ],
            **closed,
        ),
    ]


def _definitions() -> list[ObjectDefinition]:
    return [
        _object(
            "EntityDefinition",
            "Entity Definition",
            "4ie",
            [
                *_texts("DurableId", "QualifiedApiName", "DeveloperName", "Label", "MasterLabel"),
                *_texts("PluralLabel", "KeyPrefix", "NamespacePrefix"),
                *_flags("IsCustomizable", "IsQueryable", "IsTriggerable", "IsWorkflowEnabled"),
                *_flags("IsCustomSetting", "IsDeprecatedAndHidden", "IsLayoutable"),
            ],
            **_CLOSED,
        ),
        _object(
            "FieldDefinition",
            "Field Definition",
            "4fe",
            [
                *_texts("DurableId", "QualifiedApiName", "DeveloperName", "Label", "MasterLabel"),
                *_texts("DataType", "RelationshipName", "NamespacePrefix", "ExtraTypeInfo"),
                _entity("EntityDefinitionId", "EntityDefinition"),
                Field("Length", "Length", "int", precision=9),
                Field("Precision", "Precision", "int", precision=9),
                Field("Scale", "Scale", "int", precision=9),
                *_flags("IsCalculated", "IsNillable", "IsIndexed", "IsNameField", "IsCompound"),
            ],
            **_CLOSED,
        ),
    ]


def setup_objects() -> list[ObjectDefinition]:
    """All of them."""
    return [*_permission_sets(), *_permissions(), *_rules(), *_tooling(), *_definitions()]
