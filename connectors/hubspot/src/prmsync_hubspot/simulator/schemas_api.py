"""Schemas of objects: HubSpot's own, and custom objects, which can be made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from prmsync_hubspot.simulator.builtin import system_properties
from prmsync_hubspot.simulator.definitions import property_from_json
from prmsync_hubspot.simulator.links import LinkType, Pair
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError, bad_request, not_found
from prmsync_hubspot.simulator.routing import Call, Reply, Route
from prmsync_hubspot.simulator.shapes import mapping, texts
from prmsync_hubspot.simulator.stamps import iso

_READ, _WRITE = "crm.schemas.custom.read", "crm.schemas.custom.write"


class SchemasApi:
    """`/crm/v3/schemas`, and `/crm-object-schemas/…/schemas` of v3 and the dated versions."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        return [
            Route("GET", "", "schemas.list", self.list),
            Route("POST", "", "schemas.create", self.create),
            Route("GET", "*", "schemas.read", self.read),
            Route("PATCH", "*", "schemas.update", self.update),
            Route("DELETE", "*", "schemas.delete", self.delete),
            Route("POST", "*/associations", "schemas.associate", self.associate),
            Route("DELETE", "*/associations/*", "schemas.dissociate", self.dissociate),
        ]

    def list(self, call: Call) -> Reply:
        """Custom objects only."""
        call.grant.need(_READ)
        custom = [kind for kind in self._portal.types.values() if kind.custom]
        return 200, {"results": [self._shown(kind) for kind in custom]}

    def read(self, call: Call) -> Reply:
        kind = self._found(call)
        call.grant.need(f"crm.schemas.{kind.scope}.read")
        return 200, self._shown(kind)

    def create(self, call: Call) -> Reply:
        call.grant.need(_WRITE)
        kind = make_custom_type(self._portal, call.json())
        return 201, self._shown(kind)

    def update(self, call: Call) -> Reply:
        call.grant.need(_WRITE)
        kind, body = self._found(call), call.json()
        labels = mapping(body.get("labels"), "labels")
        required = texts(body.get("requiredProperties", [*kind.required]), "requiredProperties")
        searchable = body.get("searchableProperties", [*kind.searchable])
        kind.singular = str(labels.get("singular") or kind.singular)
        kind.plural = str(labels.get("plural") or kind.plural)
        kind.required = _known(kind, required)
        kind.searchable = tuple(texts(searchable, "searchableProperties"))
        kind.primary = str(body.get("primaryDisplayProperty") or kind.primary)
        kind.updated = iso(self._portal.now_ms())
        shown = self._shown(kind)
        return 200, {key: shown[key] for key in shown if key not in ("properties", "associations")}

    def delete(self, call: Call) -> Reply:
        call.grant.need(_WRITE)
        kind = self._found(call)
        if not kind.custom or kind.table.live:
            raise bad_request(f"{kind.shown_name} has records, or is HubSpot's own")
        self._portal.remove_type(kind)
        return 204, None

    def associate(self, call: Call) -> Reply:
        """A custom object's association with another object."""
        call.grant.need(_WRITE)
        kind, body = self._found(call), call.json()
        other = self._portal.type_named(str(body.get("toObjectTypeId")))
        self._portal.add_default_link(kind, other)
        pair = (kind.type_id, other.type_id)
        link = self._portal.links.unlabeled(pair)
        if link is None:
            raise bad_request(f"{kind.shown_name} and {other.shown_name} do not associate")
        now = iso(self._portal.now_ms())
        return 201, {**_association(pair, link), "createdAt": now, "updatedAt": now}

    def dissociate(self, call: Call) -> Reply:
        call.grant.need(_WRITE)
        kind = self._found(call)
        for pair, types in list(self._portal.links.types.items()):
            for link in list(types.values()):
                if pair[0] == kind.type_id and str(link.type_id) == call.args[1]:
                    self._portal.links.forget(pair, link.type_id)
                    return 204, None
        raise not_found(f"there is no association {call.args[1]}")

    def _found(self, call: Call) -> ObjectType:
        kind = self._portal.find_type(call.args[0])
        if kind is None:
            raise not_found(f"there is no object type {call.args[0]}")
        return kind

    def _shown(self, kind: ObjectType) -> JSON:
        associations: list[JSON] = [
            _association(pair, item)
            for pair, types in self._portal.links.types.items()
            if kind.type_id in pair
            for item in types.values()
        ]
        return kind.schema_json(associations)


def _association(pair: Pair, link: LinkType) -> JSON:
    return {
        "fromObjectTypeId": pair[0],
        "toObjectTypeId": pair[1],
        "name": link.name,
        "cardinality": "ONE_TO_MANY",
        "inverseCardinality": "ONE_TO_MANY",
        "id": str(link.type_id),
        "createdAt": None,
        "updatedAt": None,
    }


def make_custom_type(portal: Portal, raw: dict[str, Any]) -> ObjectType:
    """A custom object with its properties and default associations. Raises ApiError."""
    name = raw.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise bad_request(f"the name of a custom object is letters, digits and _, not {name!r}")
    if portal.find_type(name) is not None:
        raise ApiError(409, f"an object type named {name} already exists", "CONFLICT")
    try:
        group = f"{name}_information"
        definitions = [
            property_from_json({"groupName": group, **item}) for item in raw.get("properties") or []
        ]
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_request(f"Invalid input JSON: {error}") from None
    kind = portal.new_custom_type(raw)
    portal.add_properties(kind, system_properties(kind, group))
    portal.add_properties(kind, definitions)
    kind.required = _known(kind, kind.required)
    portal.add_type(kind)
    for other in ("0-1", "0-2", "0-3"):
        portal.add_default_link(kind, portal.types[other])
    return kind


def _known(kind: ObjectType, required: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in required if name not in kind.properties]
    if unknown:
        raise bad_request(f"requiredProperties name properties that are missing: {unknown}")
    return tuple(required)
