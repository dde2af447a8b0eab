"""Property definitions: list, read, create, change, archive."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from prmsync_hubspot.simulator.answers import envelope
from prmsync_hubspot.simulator.batches_api import inputs_of
from prmsync_hubspot.simulator.definitions import TYPES, Property, property_from_json
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import ApiError, bad_request, not_found
from prmsync_hubspot.simulator.routing import Call, Reply, Route
from prmsync_hubspot.simulator.stamps import iso

MOST_UNIQUE = 10
_CHANGEABLE = (
    "label",
    "type",
    "fieldType",
    "description",
    "groupName",
    "hidden",
    "displayOrder",
    "options",
)


class PropertiesApi:
    """`/crm/v3/properties/{type}` and `/crm/properties/2026-09/{type}`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        return [
            Route("GET", "*", "properties.list", self.list),
            Route("POST", "*", "properties.create", self.create),
            Route("GET", "*/*", "properties.read", self.read),
            Route("PATCH", "*/*", "properties.update", self.update),
            Route("DELETE", "*/*", "properties.archive", self.archive),
            Route("POST", "*/batch/read", "properties.batch_read", self.batch_read),
            Route("POST", "*/batch/create", "properties.batch_create", self.batch_create),
            Route("POST", "*/batch/archive", "properties.batch_archive", self.batch_archive),
        ]

    def list(self, call: Call) -> Reply:
        kind = schema_of(self._portal, call, "read")
        held = kind.archived_properties if call.flag("archived") else kind.properties
        return 200, {"results": [item.as_json() for item in held.values()]}

    def read(self, call: Call) -> Reply:
        kind = schema_of(self._portal, call, "read")
        if call.flag("archived") and call.args[1] in kind.archived_properties:
            return 200, kind.archived_properties[call.args[1]].as_json()
        return 200, self._found(kind, call.args[1]).as_json()

    def create(self, call: Call) -> Reply:
        kind = schema_of(self._portal, call, "write")
        return 201, self._create(kind, call.json()).as_json()

    def update(self, call: Call) -> Reply:
        """Label, type, options and the like; never the name, nor whether values are unique. Values
        that records hold stay as they are, also where they are not of a new type."""
        kind, body = schema_of(self._portal, call, "write"), call.json()
        held = self._found(kind, call.args[1])
        if held.hubspot_defined and "options" not in body:
            raise bad_request(f"{held.name} is read-only: HubSpot defines it")
        changes = {key: body[key] for key in _CHANGEABLE if key in body}
        made = _parsed({**held.as_json(), **changes})
        made.updated = iso(self._portal.now_ms())
        kind.properties[held.name] = made
        return 200, made.as_json()

    def archive(self, call: Call) -> Reply:
        kind = schema_of(self._portal, call, "write")
        self._archive(kind, self._found(kind, call.args[1]))
        return 204, None

    def batch_archive(self, call: Call) -> Reply:
        """204, also for names that are not there."""
        kind = schema_of(self._portal, call, "write")
        names = [str(item.get("name")) for item in inputs_of(call.json())]
        for held in [kind.properties[name] for name in names if name in kind.properties]:
            self._archive(kind, held)
        return 204, None

    def _archive(self, kind: ObjectType, held: Property) -> None:
        """Records keep the values, out of sight; creating the name again shows them."""
        if held.hubspot_defined:
            raise bad_request(f"{held.name} cannot be archived: HubSpot defines it")
        held.archived = True
        kind.archived_properties[held.name] = kind.properties.pop(held.name)
        kind.table.unique.pop(held.name, None)

    def batch_read(self, call: Call) -> Reply:
        kind, started = schema_of(self._portal, call, "read"), self._portal.now_ms()
        names = [str(item.get("name")) for item in inputs_of(call.json())]
        found = [kind.properties[name].as_json() for name in names if name in kind.properties]
        errors = [
            ApiError(404, f"Property {name} does not exist", "OBJECT_NOT_FOUND").as_row(
                {"name": [name]}
            )
            for name in names
            if name not in kind.properties
        ]
        return (207 if errors else 200), envelope(found, errors, started, self._portal.now_ms())

    def batch_create(self, call: Call) -> Reply:
        kind, started = schema_of(self._portal, call, "write"), self._portal.now_ms()
        results, errors = [], []
        for item in inputs_of(call.json()):
            try:
                results.append(self._create(kind, item).as_json())
            except ApiError as error:
                errors.append(error.as_row({"name": [str(item.get("name"))]}))
        body = envelope(results, errors, started, self._portal.now_ms())
        return (207 if errors else 201), body

    def _create(self, kind: ObjectType, raw: Mapping[str, Any]) -> Property:
        """An archived one of this name comes back as it is defined now: of its old definition only
        the day of its creation stays."""
        lacking = [
            key for key in ("name", "label", "type", "fieldType", "groupName") if not raw.get(key)
        ]
        if lacking:
            raise bad_request(f"a property needs {', '.join(lacking)}")
        name = str(raw["name"])
        if name in kind.properties:
            raise _name_exists(name)
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise bad_request(f"property name {name!r} is not lower-case letters, digits and _")
        if raw["groupName"] not in kind.group_names:
            raise bad_request(f"the property group '{raw['groupName']}' does not exist")
        if raw["type"] not in TYPES:
            raise bad_request(f"Invalid input JSON: type {raw['type']!r} is not known")
        made = _parsed({**raw, "hubspotDefined": False})
        if made.unique and len(kind.table.unique) >= MOST_UNIQUE:
            raise bad_request(f"at most {MOST_UNIQUE} properties can have unique values")
        made.created = made.updated = iso(self._portal.now_ms())
        restored = kind.archived_properties.pop(name, None)
        if restored is not None:
            made.created = restored.created
        kind.add_property(made)
        return made

    def _found(self, kind: ObjectType, name: str) -> Property:
        if name not in kind.properties:
            raise not_found(f"Property {name} does not exist on {kind.shown_name}")
        return kind.properties[name]


def schema_of(portal: Portal, call: Call, access: str) -> ObjectType:
    """The object type whose definition a call is about. Raises ApiError 403 without the scope."""
    kind = portal.type_named(call.args[0])
    call.grant.need(f"crm.schemas.{kind.scope}.{access}")
    return kind


def _parsed(raw: Mapping[str, Any]) -> Property:
    try:
        return property_from_json(raw)
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_request(f"Invalid input JSON: {error}") from None


def _name_exists(name: str) -> ApiError:
    return ApiError(
        409,
        f"A property named '{name}' already exists.",
        "OBJECT_ALREADY_EXISTS",
        extra={"subCategory": "Properties.PROPERTY_WITH_NAME_EXISTS"},
    )
