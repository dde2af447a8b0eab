"""Definitions for what a mapping names and the metadata folder does not hold: fields of an
admin's own names, their object, and record types. Everything is optional text that people can
change later; nothing is required, so that their own records still save."""

from __future__ import annotations

import re

from prmsync.connector.provisioning import FieldNeed, RecordTypeNeed
from prmsync.connector.schema import FieldType
from prmsync_salesforce.provision.xml import Node, node

_CUSTOM = re.compile(r"[A-Za-z][A-Za-z0-9_]*__c")
_NAMESPACED = re.compile(r"[A-Za-z0-9]+__[A-Za-z0-9_]+__c")
_ABOUT = "Made by prmsync provision for: "


def can_be_made(name: str) -> bool:
    """Whether it is a custom name of the org's own: standard ones and those of installed packages
    are the vendor's."""
    return _CUSTOM.fullmatch(name) is not None and _NAMESPACED.fullmatch(name) is None


def label_of(name: str) -> str:
    """`PRM_Last_Activity_At__c` → `PRM Last Activity At`."""
    return name.removesuffix("__c").replace("_", " ").strip()


def made_object(name: str, stream: str) -> Node:
    """A custom object whose records have a name of their own."""
    label = label_of(name)
    return node(
        "CustomObject",
        [
            node("deploymentStatus", "Deployed"),
            node("description", f"{_ABOUT}{stream}"),
            node("enableBulkApi", True),
            node("enableReports", True),
            node("enableSharing", True),
            node("enableStreamingApi", True),
            node("label", label),
            node("nameField", [node("label", f"{label} Name"), node("type", "Text")]),
            node("pluralLabel", f"{label}s"),
            node("sharingModel", "ReadWrite"),
        ],
    )


def made_field(object_name: str, need: FieldNeed) -> Node:
    """A field of the first type that fits and can be made."""
    about = [node("description", f"{_ABOUT}{need.use}"), node("label", label_of(need.name)[:40])]
    return node("CustomField", [node("fullName", need.name), *about, *_type_of(object_name, need)])


def _type_of(object_name: str, need: FieldNeed) -> list[Node]:
    kind = need.types[0]
    if kind is FieldType.NUMBER:
        return [node("precision", 18), node("scale", 2), node("type", "Number")]
    if kind is FieldType.BOOLEAN:
        return [node("defaultValue", False), node("type", "Checkbox")]
    if kind is FieldType.DATE:
        return [node("type", "Date")]
    if kind is FieldType.DATETIME:
        return [node("type", "DateTime")]
    if kind is FieldType.REFERENCE and need.references:
        return _lookup(object_name, need, need.references)
    if kind in (FieldType.PICKLIST, FieldType.MULTI_PICKLIST) and need.values:
        return _picklist(need, several=kind is FieldType.MULTI_PICKLIST)
    return _text(need)


def _text(need: FieldNeed) -> list[Node]:
    if need.unique:
        key = [node("caseSensitive", False), node("externalId", True)]
        return [*key, node("length", need.length or 36), node("type", "Text"), node("unique", True)]
    return [node("length", 255), node("type", "Text")]


def _lookup(object_name: str, need: FieldNeed, target: str) -> list[Node]:
    # Unique among the target's children: several objects may look up to it.
    child = f"{object_name.removesuffix('__c')}_{need.name.removesuffix('__c')}"[:40].rstrip("_")
    return [
        node("deleteConstraint", "SetNull"),
        node("referenceTo", target),
        node("relationshipLabel", label_of(object_name)[:40]),
        node("relationshipName", re.sub("_+", "_", child)),
        node("type", "Lookup"),
    ]


def _picklist(need: FieldNeed, *, several: bool) -> list[Node]:
    values = node("valueSetDefinition", [node("sorted", False), *map(_value, need.values)])
    made = [
        node("type", "MultiselectPicklist" if several else "Picklist"),
        node("valueSet", [node("restricted", True), values]),
    ]
    return [*made, node("visibleLines", 4)] if several else made


def _value(code: str) -> Node:
    return node("value", [node("fullName", code), node("default", False), node("label", code)])


def with_values(definition: Node, wanted: tuple[str, ...]) -> Node:
    """A picklist's definition that also has the values which a mapping writes."""
    own = definition.one("valueSet")
    listed = own.one("valueSetDefinition") if own is not None else None
    if own is None or listed is None:
        return definition
    known = {
        text.casefold()
        for one in listed.all("value")
        for text in (one.said("fullName"), one.said("label"))
    }
    more = [_value(code) for code in wanted if code.casefold() not in known]
    if not more:
        return definition
    grown = own.having(
        child.having([*child.children, *more]) if child.tag == "valueSetDefinition" else child
        for child in own.children
    )
    return definition.having(
        grown if child.tag == "valueSet" else child for child in definition.children
    )


def made_record_type(need: RecordTypeNeed) -> tuple[Node, ...]:
    """A record type with a sales process of the stages that the mapping names for it."""
    stages = [
        node("values", [node("fullName", one), node("default", place == 0)])
        for place, one in enumerate(need.stages)
    ]
    process = [node("fullName", need.name), node("isActive", True), *stages]
    record_type = [
        node("fullName", need.name),
        node("active", True),
        node("businessProcess", need.name),
        node("label", label_of(need.name)),
    ]
    return (node("businessProcesses", process), node("recordTypes", record_type))
