"""Which object a name means: standard objects by their aliases, custom ones by the schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from prmsync.errors import SchemaError

CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class ObjectType:
    """`path` is what stands in URLs, `type_id` what HubSpot's own pages use."""

    path: str
    type_id: str
    label: str
    modified: str = "hs_lastmodifieddate"
    """The property that holds when a record last changed."""
    pipelined: bool = False
    required: tuple[str, ...] = ()
    scope: str = CUSTOM
    """The part of scope names that stands for the object: custom objects share one."""
    plural: str = ""

    @property
    def named(self) -> str:
        """The object in a sentence about many of its records."""
        return self.plural or self.path.replace("_", " ")


STANDARD = (
    ObjectType("contacts", "0-1", "Contact", modified="lastmodifieddate", scope="contacts"),
    ObjectType("companies", "0-2", "Company", scope="companies"),
    ObjectType("deals", "0-3", "Deal", pipelined=True, scope="deals"),
    ObjectType("tickets", "0-5", "Ticket", pipelined=True, scope="tickets"),
    ObjectType("products", "0-7", "Product", scope="products"),
    ObjectType("line_items", "0-8", "Line item", scope="line_items"),
    ObjectType("quotes", "0-14", "Quote", scope="quotes"),
    ObjectType("leads", "0-136", "Lead", pipelined=True, scope="leads"),
)


def _aliases(one: ObjectType) -> set[str]:
    return {one.path, one.type_id, one.label.lower().replace(" ", "_")}


_BY_ALIAS = {alias: one for one in STANDARD for alias in _aliases(one)}


def standard(name: str) -> ObjectType | None:
    """One of HubSpot's own objects, by any of its names."""
    return _BY_ALIAS.get(name.strip().lower())


def standard_type(name: str) -> str | None:
    """The type id of one of HubSpot's own objects, by any of its names."""
    found = standard(name)
    return found.type_id if found is not None else None


def is_standard(name: str) -> bool:
    """Whether it is one of HubSpot's own objects, by any of its names."""
    return name.strip().lower() in _BY_ALIAS


_NAMES = "name it by its API name, type id, fully qualified name or label"
NO_CUSTOM = (
    "only Enterprise plans have custom objects, and their scopes: without them map the stream to a "
    "standard object (registrations: docs/examples/hubspot-registration-on-deals.yaml)"
)


class ObjectTypes:
    """Resolves names; asks for the account's schemas once, when a name is not a standard one."""

    def __init__(self, schemas: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
        self._schemas = schemas
        self._custom: list[tuple[set[str], ObjectType]] | None = None

    def get(self, name: str) -> ObjectType:
        """By API name (any case, singular or plural), type id, fully qualified name or label.
        Raises SchemaError with a near spelling."""
        found = self.known(name)
        if found is None and self._custom is None:
            self._custom = [_custom(schema) for schema in self._schemas()]
            found = self.known(name)
        if found is None:
            raise self._unknown(name)
        return found

    def forget(self) -> None:
        """Ask anew for the account's own objects."""
        self._custom = None

    def known(self, name: str) -> ObjectType | None:
        """The same without asking HubSpot."""
        wanted = name.strip().lower()
        if (standard := _BY_ALIAS.get(wanted)) is not None:
            return standard
        return next((one for names, one in self._custom or () if wanted in names), None)

    def _unknown(self, name: str) -> SchemaError:
        names = [one.path for one in STANDARD]
        names += sorted(name for names, _ in self._custom or () for name in names)
        near = get_close_matches(name.lower(), names, 1)
        has = f'did you mean "{near[0]}"?' if near else f"{_NAMES}; {NO_CUSTOM}"
        return SchemaError(f"HubSpot has no object {name}", hint=has, code="UNKNOWN_OBJECT")


def _custom(schema: Mapping[str, Any]) -> tuple[set[str], ObjectType]:
    labels = schema.get("labels") or {}
    name = str(schema.get("name") or "")
    names = {
        name,
        f"p_{name}",
        str(schema.get("objectTypeId") or ""),
        str(schema.get("fullyQualifiedName") or ""),
        str(labels.get("singular") or ""),
        str(labels.get("plural") or ""),
    }
    type_id = str(schema.get("objectTypeId") or schema.get("fullyQualifiedName") or name)
    return {one.lower() for one in names if one}, ObjectType(
        path=type_id,
        type_id=type_id,
        label=str(labels.get("singular") or name),
        required=tuple(schema.get("requiredProperties") or ()),
        plural=str(labels.get("plural") or labels.get("singular") or name),
    )
