"""What an admin does in a CRM's set-up pages: fields and objects that go, come and change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from prmsync_hubspot.simulator.definitions import Property
from prmsync_salesforce.simulator.schema import FieldDefinition, ObjectDefinition


def redefine(crm: Any, stream: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change an object's fields by name, as an admin does in the set-up pages."""
    if crm.connector == "hubspot":
        change(crm.simulator.portal.find_type(crm.words[stream]).properties)
        return
    table = crm.simulator.org.database.table(crm.words[stream])
    old: ObjectDefinition = table.definition
    fields: dict[str, FieldDefinition] = dict(old.fields)
    change(fields)
    table.definition = ObjectDefinition(old.name, old.label, old.prefix, list(fields.values()))


def drop(crm: Any, stream: str, name: str) -> Any:
    """Take a field away; returns what brings it back."""
    taken: list[Any] = []
    redefine(crm, stream, lambda fields: taken.append(fields.pop(name)))
    return lambda: redefine(crm, stream, lambda fields: fields.update({name: taken[0]}))


def alter(crm: Any, stream: str, name: str, **in_words_of: dict[str, Any]) -> Any:
    """Change a field; returns what changes it back."""
    before: list[Any] = []

    def change(fields: dict[str, Any]) -> None:
        before.append(fields[name])
        fields[name] = replace(fields[name], **in_words_of[crm.connector])

    redefine(crm, stream, change)
    return lambda: redefine(crm, stream, lambda fields: fields.update({name: before[0]}))


def require(crm: Any, stream: str) -> Any:
    """A field that every new record must have; returns what takes it away."""
    if crm.connector == "salesforce":
        extra = FieldDefinition("Region__c", "Region", "string", length=20, nillable=False)
        redefine(crm, stream, lambda fields: fields.update({"Region__c": extra}))
        return lambda: redefine(crm, stream, lambda fields: fields.pop("Region__c"))
    kind = crm.simulator.portal.find_type(crm.words[stream])
    kind.properties["region"] = Property("region", "Region", "string")
    kind.required, before = (*kind.required, "region"), kind.required
    return lambda: setattr(kind, "required", before)


def hide(crm: Any, stream: str) -> Any:
    """Take an object out of the signed-in user's sight; returns what brings it back."""
    if crm.connector == "salesforce":
        database = crm.simulator.org.database
        name = crm.words[stream]
        taken = database._by_name.pop(name.lower())
        del database.tables[name]

        def back() -> None:
            database._by_name[name.lower()] = database.tables[name] = taken

        return back
    portal = crm.simulator.portal
    kind = portal.find_type(crm.words[stream])
    del portal.types[kind.type_id]
    return lambda: portal.types.update({kind.type_id: kind})
