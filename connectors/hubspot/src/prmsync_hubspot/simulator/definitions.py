"""Property definitions, and what makes a value one of theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from prmsync_hubspot.simulator.problems import JSON, value_problem
from prmsync_hubspot.simulator.shapes import whole
from prmsync_hubspot.simulator.stamps import DAY_MS, iso, parse_ms

TYPES = ("string", "number", "date", "datetime", "enumeration", "bool")
"""What a property may be made as."""
TEXT_TYPES = ("phone_number", "object_coordinates", "json")
"""Further types that HubSpot's own properties have; their values are taken as text."""
FIELD_TYPES = {
    "string": "text",
    "number": "number",
    "date": "date",
    "datetime": "date",
    "enumeration": "select",
    "bool": "booleancheckbox",
    **dict.fromkeys(TEXT_TYPES, "text"),
}
LONGEST_TEXT = 65_536
OWNER = "OWNER"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class RefusedValue(ValueError):
    """A value that HubSpot refuses; `code` is its error code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Property:
    """A property of an object type; `as_json` is what the properties API shows. `referenced` is
    "OWNER" where values are ids of owners."""

    name: str
    label: str
    type: str
    field_type: str = ""
    options: list[JSON] = field(default_factory=list)
    group: str = ""
    description: str = ""
    unique: bool = False
    read_only: bool = False
    hubspot_defined: bool = False
    external_options: bool = False
    calculated: bool = False
    hidden: bool = False
    referenced: str = ""
    display_order: int = -1
    created: str = iso(0)
    updated: str = iso(0)
    archived: bool = False
    allowed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.field_type = self.field_type or FIELD_TYPES[self.type]
        if self.type == "bool" and not self.options:
            self.options = options([("true", "True"), ("false", "False")])
        self.allowed = frozenset(option["value"] for option in self.options)

    def as_json(self) -> JSON:
        shown: JSON = {
            "updatedAt": self.updated,
            "createdAt": self.created,
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": self.options,
            "displayOrder": self.display_order,
            "calculated": self.calculated,
            "externalOptions": self.external_options,
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "modificationMetadata": {
                "archivable": True,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyOptions": self.hubspot_defined,
                "readOnlyValue": self.read_only,
            },
            "formField": not self.hubspot_defined,
            "dataSensitivity": "non_sensitive",
        }
        if self.referenced:
            shown["referencedObjectType"] = self.referenced
        if self.hubspot_defined:
            shown["hubspotDefined"] = True
        else:
            shown["archived"] = self.archived
        return shown


def options(pairs: list[tuple[str, str]]) -> list[JSON]:
    """Options from (value, label) pairs."""
    return [
        {"label": label, "value": value, "description": "", "displayOrder": order, "hidden": False}
        for order, (value, label) in enumerate(pairs)
    ]


def property_from_json(raw: Mapping[str, Any]) -> Property:
    """A definition as the properties API takes or shows it. Raises ValueError naming the fault."""
    name, kind = raw.get("name"), raw.get("type")
    if not isinstance(name, str) or not name:
        raise ValueError(f"property name {name!r} is no name")
    if kind not in FIELD_TYPES:
        raise ValueError(f"property {name}: type {kind!r} is none of {', '.join(FIELD_TYPES)}")
    made = Property(
        name=name,
        label=str(raw.get("label") or name),
        type=str(kind),
        field_type=str(raw.get("fieldType") or ""),
        options=[_option(item, place) for place, item in enumerate(raw.get("options") or [])],
        group=str(raw.get("groupName") or ""),
        description=str(raw.get("description") or ""),
        unique=bool(raw.get("hasUniqueValue", False)),
        read_only=bool((raw.get("modificationMetadata") or {}).get("readOnlyValue", False)),
        hubspot_defined=bool(raw.get("hubspotDefined", False)),
        external_options=bool(raw.get("externalOptions", False)),
        calculated=bool(raw.get("calculated", False)),
        hidden=bool(raw.get("hidden", False)),
        referenced=str(raw.get("referencedObjectType") or ""),
        display_order=whole(raw.get("displayOrder"), "displayOrder", -1),
    )
    made.archived = bool(raw.get("archived", False))
    made.created = str(raw.get("createdAt") or made.created)
    made.updated = str(raw.get("updatedAt") or made.updated)
    return made


def _option(raw: Mapping[str, Any], place: int) -> JSON:
    if not isinstance(raw, Mapping) or "value" not in raw:
        raise ValueError(f"option {place} has no value")
    return {
        "label": str(raw.get("label") or raw["value"]),
        "value": str(raw["value"]),
        "description": str(raw.get("description") or ""),
        "displayOrder": whole(raw.get("displayOrder"), "displayOrder", place),
        "hidden": bool(raw.get("hidden", False)),
    }


def stored(definition: Property, value: Any) -> str:
    """A value as HubSpot keeps it: text, "" for none. Raises RefusedValue for one it refuses."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = value
    elif isinstance(value, int | float):
        text = str(value)
    else:
        raise RefusedValue("a property value must be text", "INVALID_TYPE")
    return _STORED[definition.type](definition, text) if text != "" else ""


def check(definition: Property, value: Any, problems: list[JSON]) -> str:
    """`stored`, with the refusal added to `problems` instead of raised."""
    try:
        return stored(definition, value)
    except RefusedValue as error:
        problems.append(value_problem(definition.name, str(error), error.code))
        return ""


def _string(definition: Property, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise RefusedValue(
            f"Property value is longer than {LONGEST_TEXT} characters.", "VALUE_TOO_LONG"
        )
    if definition.name == "email":
        if not _EMAIL.fullmatch(text):
            raise RefusedValue(f"Email address {text} is invalid", "INVALID_EMAIL")
        return text.lower()
    return text


def _number(_definition: Property, text: str) -> str:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise RefusedValue(f"{text} was not a valid number.", "INVALID_NUMBER") from None
    if not number.is_finite():
        raise RefusedValue(f"{text} was not a valid number.", "INVALID_NUMBER")
    return text.strip()


def _date(_definition: Property, text: str) -> str:
    ms = parse_ms(text)
    if ms is None:
        raise RefusedValue(f"{text} was not a valid date.", "INVALID_DATE")
    if ms % DAY_MS:
        raise RefusedValue(f"{text} is at {iso(ms)[11:]}, not midnight!", "INVALID_DATE")
    return iso(ms)[:10]


def _datetime(_definition: Property, text: str) -> str:
    ms = parse_ms(text)
    if ms is None:
        raise RefusedValue(f"{text} was not a valid long.", "INVALID_LONG")
    return iso(ms)


def _enumeration(definition: Property, text: str) -> str:
    if definition.external_options:
        return text
    if definition.field_type == "checkbox":
        wanted = [part for part in text.split(";") if part]
        for part in wanted:
            _one_of(definition, part)
        return (";" if text.startswith(";") else "") + ";".join(dict.fromkeys(wanted))
    return _one_of(definition, text)


def _bool(definition: Property, text: str) -> str:
    return _one_of(definition, text.lower())


def _one_of(definition: Property, text: str) -> str:
    if text not in definition.allowed:
        values = ", ".join(option["value"] for option in definition.options)
        raise RefusedValue(
            f"{text} was not one of the allowed options: [{values}]", "INVALID_OPTION"
        )
    return text


_STORED: dict[str, Callable[[Property, str], str]] = {
    "string": _string,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "enumeration": _enumeration,
    "bool": _bool,
    **dict.fromkeys(TEXT_TYPES, _string),
}
