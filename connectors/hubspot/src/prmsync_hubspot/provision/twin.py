"""An account's definitions as its simulator takes them (`--schema`): a twin to rehearse on.

Only definitions: no record of business, no person, no text that somebody typed into a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from prmsync.errors import SchemaError
from prmsync_hubspot.catalog import Catalog
from prmsync_hubspot.client import Client
from prmsync_hubspot.describe import has_pipelines
from prmsync_hubspot.objects import ObjectType
from prmsync_hubspot.paths import ACCOUNT, Paths
from prmsync_hubspot.relations import HUBSPOTS
from prmsync_hubspot.vendor import Metadata

_ACCOUNT = ("accountType", "timeZone", "companyCurrency", "additionalCurrencies", "uiDomain")


class TwinReader:
    """Reads what a simulator starts from."""

    def __init__(self, client: Client, paths: Paths, catalog: Catalog, metadata: Metadata) -> None:
        self._client = client
        self._paths = paths
        self._catalog = catalog
        self._metadata = metadata

    def read(self, objects: Sequence[str]) -> Mapping[str, object]:
        """Raises SchemaError for an object that the account does not show."""
        types = {name: self._catalog.type(name) for name in dict.fromkeys(objects)}
        told = self._client.call("metadata", "GET", self._paths.path(ACCOUNT)).data
        schemas = {str(one.get("objectTypeId")): one for one in self._schemas(types)}
        return {
            "replace": True,
            "account": {key: told[key] for key in ("portalId", *_ACCOUNT) if key in told},
            "objects": {
                self._name(name, of, schemas): self._object(of, schemas.get(of.type_id))
                for name, of in types.items()
            },
            "labels": [
                label
                for one, other in combinations(types.values(), 2)
                for label in self._labels(one, other)
            ],
        }

    def _schemas(self, types: Mapping[str, ObjectType]) -> list[dict[str, Any]]:
        """Of custom objects, where there are any to tell of."""
        if all(of.type_id.startswith("0-") for of in types.values()):
            return []
        return self._metadata.schemas()

    def _name(self, name: str, of: ObjectType, schemas: Mapping[str, Any]) -> str:
        return str(schemas[of.type_id]["name"]) if of.type_id in schemas else of.path or name

    def _object(self, of: ObjectType, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        properties = self._metadata.properties(of.path)
        told: dict[str, Any] = {"properties": properties}
        if has_pipelines(of, properties):
            told["pipelines"] = self._metadata.pipelines(of.path)
        if schema is not None:
            told["schema"] = {key: schema[key] for key in _SCHEMA if key in schema}
        return told

    def _labels(self, one: ObjectType, other: ObjectType) -> list[dict[str, Any]]:
        """Each label once. HubSpot tells labels of either direction by themselves: those that
        stand in one direction only are put in pairs in the order in which they were made."""
        forward, backward = self._own(one, other), self._own(other, one)
        inverse = iter([label for label in backward if label not in forward])
        found = []
        for label in forward:
            told = {"from": one.path, "to": other.path, "label": label}
            if label not in backward and (paired := next(inverse, None)) is not None:
                told["inverseLabel"] = paired
            found.append(told)
        return found

    def _own(self, one: ObjectType, other: ObjectType) -> list[str]:
        try:
            told = self._metadata.labels(one.path, other.path)
        except SchemaError:  # the two cannot be put together
            return []
        own = [each for each in told if each.get("label") and each.get("category") != HUBSPOTS]
        return [str(each["label"]) for each in sorted(own, key=lambda each: int(each["typeId"]))]


_SCHEMA = (
    "name",
    "labels",
    "objectTypeId",
    "fullyQualifiedName",
    "primaryDisplayProperty",
    "secondaryDisplayProperties",
    "requiredProperties",
    "searchableProperties",
    "description",
)
