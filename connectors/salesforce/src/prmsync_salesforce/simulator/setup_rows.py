"""EntityDefinition and FieldDefinition: the schema, as records that can be queried."""

from __future__ import annotations

from typing import Any

from prmsync_salesforce.simulator.database import Database, Row
from prmsync_salesforce.simulator.schema import FieldDefinition, ObjectDefinition

_DATA_TYPES = {
    "boolean": "Checkbox",
    "date": "Date",
    "datetime": "Date/Time",
    "email": "Email",
    "id": "Lookup()",
    "multipicklist": "Picklist (Multi-Select)",
    "phone": "Phone",
    "picklist": "Picklist",
    "url": "URL",
}


class SchemaRows:
    """Keeps the records in step with the schema; cheap when nothing changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._revision = -1

    def refresh(self) -> None:
        """Make the records anew if the schema has changed."""
        if self._revision == self._database.revision:
            return
        self._revision = self._database.revision
        entities = self._database.tables["EntityDefinition"]
        fields = self._database.tables["FieldDefinition"]
        entities.rows.clear()
        fields.rows.clear()
        for table in list(self._database.tables.values()):
            definition = table.definition
            if definition.tooling:
                continue
            entities.put(_entity(definition))
            for field in definition.fields.values():
                fields.put(_field(definition, field))


def _entity(definition: ObjectDefinition) -> Row:
    return {
        "Id": definition.name,
        "IsDeleted": False,
        "DurableId": definition.name,
        "QualifiedApiName": definition.name,
        "DeveloperName": _developer_name(definition.name),
        "Label": definition.label,
        "MasterLabel": definition.label,
        "PluralLabel": definition.plural,
        "KeyPrefix": definition.prefix,
        "IsCustomizable": definition.createable,
        "IsQueryable": True,
        "IsTriggerable": definition.createable,
        "IsWorkflowEnabled": definition.createable,
        "IsCustomSetting": False,
        "IsDeprecatedAndHidden": False,
        "IsLayoutable": definition.createable,
    }


def _field(definition: ObjectDefinition, field: FieldDefinition) -> Row:
    durable = f"{definition.name}.{field.name}"
    row: dict[str, Any] = {
        "Id": durable,
        "IsDeleted": False,
        "DurableId": durable,
        "QualifiedApiName": field.name,
        "DeveloperName": _developer_name(field.name),
        "Label": field.label,
        "MasterLabel": field.label,
        "DataType": data_type(field),
        "RelationshipName": field.relationship,
        "EntityDefinitionId": definition.name,
        "Length": field.length,
        "Precision": field.precision,
        "Scale": field.scale,
        "IsCalculated": field.calculated,
        "IsNillable": field.nillable,
        "IsIndexed": field.indexed or field.type == "id",
        "IsNameField": field.name_field,
        "IsCompound": False,
    }
    return {name: value for name, value in row.items() if value is not None}


def data_type(field: FieldDefinition) -> str:
    """The field's type as Setup words it, such as `Text(36) (External ID)`."""
    if field.type == "reference":
        return f"Lookup({', '.join(field.reference_to)})"
    if field.type in ("currency", "double", "percent", "int"):
        name = {"currency": "Currency", "percent": "Percent"}.get(field.type, "Number")
        return f"{name}({field.precision - field.scale}, {field.scale})"
    if field.type == "textarea":
        return f"Long Text Area({field.length})"
    worded = _DATA_TYPES.get(field.type, f"Text({field.length})")
    if field.external_id:
        worded += " (External ID)"
    if field.unique:
        worded += (
            " (Unique Case Sensitive)" if field.case_sensitive else " (Unique Case Insensitive)"
        )
    return worded


def _developer_name(name: str) -> str:
    return name.removesuffix("__c")
