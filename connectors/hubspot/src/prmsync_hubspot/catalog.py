"""What the account defines, asked for once a session and only when it is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prmsync.connector.protocol import ObjectSpec
from prmsync.connector.schema import FieldSchema, ObjectSchema
from prmsync.errors import SchemaError
from prmsync_hubspot.codec import Reader
from prmsync_hubspot.describe import field_schema, has_pipelines, is_currency, object_schema
from prmsync_hubspot.objects import ObjectType, ObjectTypes
from prmsync_hubspot.settings import near
from prmsync_hubspot.vendor import Metadata


class Catalog:
    """Object types, their properties and pipelines. Shared by threads."""

    def __init__(self, metadata: Metadata, currency: Callable[[], str] | None = None) -> None:
        """`currency` tells the company currency; only what reads records needs it."""
        self._metadata = metadata
        self._currency = currency
        self._lock = threading.RLock()
        self._types = ObjectTypes(metadata.schemas)
        self._properties: dict[str, list[dict[str, Any]]] = {}
        self._fields: dict[str, dict[str, FieldSchema]] = {}
        self._schemas: dict[str, ObjectSchema] = {}

    def type(self, name: str) -> ObjectType:
        """Raises SchemaError for an object that the account has not."""
        with self._lock:
            return self._types.get(name)

    def known_type(self, name: str) -> ObjectType | None:
        """The same without a call."""
        return self._types.known(name)

    def schema(self, name: str) -> ObjectSchema:
        """Properties and pipelines. Raises SchemaError for an object that the account has not."""
        with self._lock:
            of = self._types.get(name)
            if of.path not in self._schemas:
                properties = self._told(of)
                staged = has_pipelines(of, properties)
                pipelines = self._metadata.pipelines(of.path) if staged else []
                self._schemas[of.path] = object_schema(of, properties, pipelines)
            return self._schemas[of.path]

    def forget(self) -> None:
        """Ask anew for what the account tells of its objects."""
        with self._lock:
            self._types.forget()
            for known in (self._properties, self._fields, self._schemas):
                known.clear()

    def reader(self, spec: ObjectSpec) -> Reader:
        """Reads the stream's fields and key. Raises SchemaError with all that the object lacks."""
        with self._lock:
            of = self._types.get(spec.object)
            fields = self._types_of(of)
        names = wanted(spec)
        missing = [name for name in names if name not in fields]
        if missing:
            raise _missing(of, missing, fields)
        return Reader({name: fields[name].type for name in names}, self._blanks(of, names))

    def _blanks(self, of: ObjectType, names: Sequence[str]) -> Mapping[str, str]:
        known = self._currency
        if known is None:
            return {}
        return {name: known() for name in names if is_currency(name, of)}

    def _types_of(self, of: ObjectType) -> Mapping[str, FieldSchema]:
        """Without pipelines, which reading does not need."""
        if of.path not in self._fields:
            found = [field_schema(one, of) for one in self._told(of) if not one.get("archived")]
            self._fields[of.path] = {one.name: one for one in found}
        return self._fields[of.path]

    def _told(self, of: ObjectType) -> list[dict[str, Any]]:
        if of.path not in self._properties:
            self._properties[of.path] = self._metadata.properties(of.path)
        return self._properties[of.path]


def wanted(spec: ObjectSpec) -> list[str]:
    """The stream's fields, its key among them."""
    return list(dict.fromkeys([*spec.fields, *([spec.key] if spec.key else [])]))


def _missing(
    of: ObjectType, names: Sequence[str], fields: Mapping[str, FieldSchema]
) -> SchemaError:
    return SchemaError(
        f"HubSpot's {of.path} lack {', '.join(names)}",
        hint="; ".join(
            f"{name}: {near(name, fields, 'create the property in HubSpot')}" for name in names
        ),
        code="PROPERTY_DOESNT_EXIST",
        fields=names,
    )
