"""Values as they were sent → values as they are stored, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync_salesforce.simulator.database import Database, Row
from prmsync_salesforce.simulator.failure import ApiError, bad_data
from prmsync_salesforce.simulator.schema import FieldDefinition, ObjectDefinition
from prmsync_salesforce.simulator.values import convert


class Cleaner:
    """Reads what was sent for one record. Raises ApiError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cleaned(
        self, definition: ObjectDefinition, values: Mapping[str, Any], *, creating: bool
    ) -> Row:
        """The stored form of the named fields."""
        cleaned: Row = {}
        read_only: list[str] = []
        for name, value in values.items():
            if name == "attributes":
                continue
            field = definition.field(name)
            if field is None:
                field, value = self._by_reference(definition, name, value)
            if not (field.createable if creating else field.updateable):
                read_only.append(field.name)
                continue
            cleaned[field.name] = convert(field, value)
        if read_only:
            raise _read_only(read_only)
        return cleaned

    def _by_reference(
        self, definition: ObjectDefinition, name: str, value: Any
    ) -> tuple[FieldDefinition, Any]:
        """`{"Partner__r": {"PRM_Partner_Id__c": "…"}}` names a parent by its external id."""
        reference = definition.relation(name)
        if reference is None or not (isinstance(value, dict) or value is None):
            return known_field(definition, name), value
        parent = self._database.target(reference)
        keys = {key: text for key, text in (value or {}).items() if key != "attributes"}
        if parent is None or len(keys) != 1:
            raise bad_data("INVALID_FIELD", f"{name} must name one external id", name)
        key, text = next(iter(keys.items()))
        field = known_field(parent.definition, key)
        found = parent.find(field, text) if field.indexed else []
        if len(found) != 1:
            raise bad_data(
                "INVALID_FIELD",
                f"Foreign key external ID: {text} not found for field {field.name} in entity "
                f"{parent.definition.name}",
            )
        return reference, found[0]


def known_field(definition: ObjectDefinition, name: str) -> FieldDefinition:
    """The field of this name. Raises INVALID_FIELD."""
    field = definition.field(name)
    if field is None:
        raise bad_data(
            "INVALID_FIELD", f"No such column '{name}' on sobject of type {definition.name}"
        )
    return field


def _read_only(names: list[str]) -> ApiError:
    return bad_data(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(names)}. Please check the security "
        "settings of this field and verify that it is read/write for your profile or "
        "permission set.",
        *names,
    )
