"""An org as provisioning sees it: what is there, who may see it, what the permission set grants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prmsync.connector.schema import FieldSchema, ObjectSchema
from prmsync.errors import Finding


@dataclass(frozen=True, slots=True)
class LiveObject:
    """`schema` as whoever looks sees it. `hidden` are custom fields that are there and not shown
    to them. `permission` maps a field to the name by which a permission set grants it; a field
    that is not in it needs no grant (required fields, ids)."""

    schema: ObjectSchema
    hidden: frozenset[str] = frozenset()
    permission: Mapping[str, str] = field(default_factory=dict)

    def hides(self, name: str) -> bool:
        return name.lower() in {one.lower() for one in self.hidden}


def find(schema: ObjectSchema, name: str) -> FieldSchema | None:
    """A field without regard to case."""
    exact = schema.fields.get(name)
    if exact is not None:
        return exact
    lower = name.lower()
    return next((one for key, one in schema.fields.items() if key.lower() == lower), None)


@dataclass(frozen=True, slots=True)
class LiveOrg:
    """Names in lower case are keys. `service` is what the user that syncs sees; `granted` maps
    `Object.Field` to whether the service permission set lets it be edited. `unread` names what
    could not be looked at."""

    objects: Mapping[str, LiveObject] = field(default_factory=dict)
    hidden_objects: frozenset[str] = frozenset()
    service: Mapping[str, ObjectSchema] = field(default_factory=dict)
    value_sets: frozenset[str] = frozenset()
    list_views: frozenset[tuple[str, str]] = frozenset()
    permission_sets: Mapping[str, str] = field(default_factory=dict)
    """Name → id."""
    granted: Mapping[str, bool] = field(default_factory=dict)
    granted_objects: frozenset[str] = frozenset()
    assigned: bool = False
    stages: frozenset[str] = frozenset()
    unread: tuple[Finding, ...] = ()

    def object(self, name: str) -> LiveObject | None:
        return self.objects.get(name.lower())

    def hides(self, name: str) -> bool:
        """Whether an object is there but not shown to whoever looks."""
        return name.lower() in self.hidden_objects
