"""An object type: names, properties, pipelines, records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from prmsync_hubspot.simulator.definitions import Property
from prmsync_hubspot.simulator.pipelines import Pipeline
from prmsync_hubspot.simulator.problems import JSON
from prmsync_hubspot.simulator.rows import Table
from prmsync_hubspot.simulator.stamps import iso


@dataclass(slots=True)
class ObjectType:
    """`type_id` is "0-3" or "2-123"; `fqn` the fully qualified name ("DEAL", "p1_thing").

    `required` must be filled at creation in every API version; `admin_required` are an admin's
    rules, which API writes meet from version 2026-09 on.
    """

    type_id: str
    name: str
    fqn: str
    singular: str
    plural: str
    primary: str
    table: Table
    properties: dict[str, Property] = field(default_factory=dict)
    archived_properties: dict[str, Property] = field(default_factory=dict)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    default_properties: tuple[str, ...] = ()
    searchable: tuple[str, ...] = ()
    secondary: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    admin_required: tuple[str, ...] = ()
    pipeline_property: str | None = None
    stage_property: str | None = None
    scope: str = "custom"
    description: str = ""
    created: str = iso(0)
    updated: str = iso(0)
    groups: dict[str, str] = field(default_factory=dict)
    next_id: int = 1

    @property
    def custom(self) -> bool:
        return self.type_id.startswith("2-")

    @property
    def shown_name(self) -> str:
        """How error messages call it: CONTACT, DEAL, 2-123."""
        return self.type_id if self.custom else self.fqn

    @property
    def group_names(self) -> list[str]:
        """Groups that properties are in, then the empty ones."""
        return list(dict.fromkeys([*(one.group for one in self.properties.values()), *self.groups]))

    def add_property(self, definition: Property) -> None:
        """Take a property in, or put it in the place of one of the same name."""
        self.properties[definition.name] = definition
        if definition.unique:
            self.table.index_unique(definition.name)

    def shown(self, requested: Iterable[str]) -> list[str]:
        """Names of the properties an answer has: what was asked for and exists, and always the
        dates and the id; without a request the defaults."""
        asked = [name for name in requested if name in self.properties]
        names = {*(asked or self.default_properties), *self.system_names}
        return sorted(names)

    @property
    def system_names(self) -> tuple[str, str, str]:
        table = self.table
        return (table.created_property, table.modified_property, "hs_object_id")

    def schema_json(self, associations: list[JSON]) -> JSON:
        """The object as the schemas API shows it."""
        return {
            "labels": {"singular": self.singular, "plural": self.plural},
            "requiredProperties": list(self.required),
            "searchableProperties": list(self.searchable),
            "primaryDisplayProperty": self.primary,
            "secondaryDisplayProperties": list(self.secondary),
            "description": self.description,
            "archived": False,
            "restorable": True,
            "allowsSensitiveProperties": False,
            "metaType": "PORTAL_SPECIFIC" if self.custom else "HUBSPOT",
            "id": self.type_id.partition("-")[2],
            "fullyQualifiedName": self.fqn,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "objectTypeId": self.type_id,
            "properties": [item.as_json() for item in self.properties.values()],
            "associations": associations,
            "name": self.name,
        }
