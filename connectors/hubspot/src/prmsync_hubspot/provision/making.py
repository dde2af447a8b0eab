"""Bodies of what is made, as HubSpot's properties, schemas, pipelines and associations APIs take
them. Nothing is required of people: their own records still save."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from prmsync.connector.provisioning import FieldNeed, LabelNeed, RecordTypeNeed
from prmsync.connector.schema import FieldType
from prmsync_hubspot.objects import is_standard
from prmsync_hubspot.provision.words import (
    OBJECTS,
    PROBABILITY,
    SENTENCES,
    option,
    property_words,
)

Body = dict[str, Any]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_OBJECT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FULL_NAME = re.compile(r"p\d+_")
_RESERVED = ("hs_", "hubspot_")


class Shape(NamedTuple):
    """How HubSpot stores a property, how it is edited, and what an admin calls that."""

    type: str
    field_type: str
    said: str


TEXT = Shape("string", "text", "text")
LINES = Shape("string", "textarea", "text, several lines")
_SHAPES: Mapping[FieldType, Shape] = {
    FieldType.NUMBER: Shape("number", "number", "number"),
    FieldType.BOOLEAN: Shape("bool", "booleancheckbox", "checkbox"),
    FieldType.DATE: Shape("date", "date", "date"),
    FieldType.DATETIME: Shape("datetime", "date", "date and time"),
}
_SELECT = Shape("enumeration", "select", "dropdown")
_CHECKBOXES = Shape("enumeration", "checkbox", "checkboxes")
_USER = Shape("enumeration", "select", "HubSpot user")


def can_be_made(name: str) -> bool:
    """Whether it is a name that an account can give a property of its own."""
    return _NAME.fullmatch(name) is not None and not name.startswith(_RESERVED)


def object_can_be_made(name: str) -> bool:
    """Whether it names a custom object; `2-123` is one that HubSpot has numbered already, and
    `p123_name` one that is there under its full name."""
    mine = _OBJECT_NAME.fullmatch(name) is not None and not _FULL_NAME.match(name)
    return mine and not name.lower().startswith(_RESERVED) and not is_standard(name)


def shape_of(need: FieldNeed) -> Shape:
    """The first type that fits and can be made: a choice needs values to choose from, and only a
    user of HubSpot is a reference."""
    kind = need.types[0]
    if need.use in SENTENCES and FieldType.TEXT in need.types:
        return LINES
    if kind in _SHAPES:
        return _SHAPES[kind]
    if kind in (FieldType.PICKLIST, FieldType.MULTI_PICKLIST) and need.values:
        return _CHECKBOXES if kind is FieldType.MULTI_PICKLIST else _SELECT
    if kind is FieldType.REFERENCE and FieldType.TEXT not in need.types:
        return _USER
    return TEXT


def said(need: FieldNeed) -> str:
    """What an admin reads of a property before it is made."""
    shape = shape_of(need)
    parts = [property_words(need.name, need.use).label, shape.said]
    if need.unique:
        parts.append("unique values")
    if shape.type == "enumeration" and need.values:
        parts.append(f"{len(need.values)} options")
    return ", ".join(parts)


def property_body(need: FieldNeed, group: str | None) -> Body:
    """A property; without a group it goes into its new object's own."""
    shape, words = shape_of(need), property_words(need.name, need.use)
    body: Body = {
        "name": need.name,
        "label": words.label,
        "description": words.description,
        "type": shape.type,
        "fieldType": shape.field_type,
        "formField": False,
    }
    if group is not None:
        body["groupName"] = group
    if need.unique:
        body["hasUniqueValue"] = True
    if shape is _USER:
        body |= {"externalOptions": True, "referencedObjectType": "OWNER"}
    elif shape.type == "enumeration":
        body["options"] = list(_options(option(need.use, one) for one in need.values))
    elif shape.type == "bool":
        body["options"] = list(_options((("true", "Yes"), ("false", "No"))))
    return body


def _options(pairs: Iterable[tuple[str, str]]) -> Iterable[Body]:
    for place, (value, label) in enumerate(pairs):
        yield {"label": label, "value": value, "displayOrder": place, "hidden": False}


def object_body(name: str, stream: str, fields: Iterable[FieldNeed]) -> Body:
    """A custom object with all its properties, in one body: HubSpot takes all of it or nothing.
    Its records show by their number or name, and can be put beside companies and deals."""
    needs = list(fields)
    one, several = object_words(name, stream)
    shown = next((need.name for need in needs if need.use in ("number", "name")), needs[0].name)
    body: Body = {
        "name": name,
        "description": f"{several} of the partner program. Kept by prmsync.",
        "labels": {"singular": one, "plural": several},
        "primaryDisplayProperty": shown,
        "requiredProperties": [],
        "searchableProperties": [
            need.name
            for need in needs
            if need.use in ("number", "name", "customer_name", "customer_domain")
        ],
        "secondaryDisplayProperties": [
            need.name for need in needs if need.use in ("customer_name", "review_state")
        ],
        "associatedObjects": ["COMPANY", "DEAL"],
        "properties": [property_body(need, None) for need in needs],
    }
    return body


def object_words(name: str, stream: str) -> tuple[str, str]:
    """What people call one record of a new object, and several."""
    if stream in OBJECTS:
        return OBJECTS[stream]
    label = name.replace("_", " ").capitalize()
    return label, f"{label}s"


def pipeline_body(need: RecordTypeNeed, place: int) -> Body:
    """A pipeline with its stages; `place` is where it stands among the others."""
    stages = [
        {
            "label": label,
            "displayOrder": order,
            "metadata": {"probability": PROBABILITY[need.neutral[label]]},
        }
        for order, label in enumerate(need.stages)
    ]
    return {"label": need.name, "displayOrder": place, "stages": stages}


def label_body(need: LabelNeed) -> Body:
    """A label that reads the same from both records."""
    name = re.sub(r"[^a-z0-9]+", "_", need.label.lower()).strip("_")
    return {"label": need.label, "name": f"prm_{name}"}
