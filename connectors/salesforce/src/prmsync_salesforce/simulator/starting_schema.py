"""The schema an org starts with: what is built in, and the describe answers of `--schema`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prmsync_salesforce.simulator.schema import ObjectDefinition, object_from_describe
from prmsync_salesforce.simulator.set_up import KEYS
from prmsync_salesforce.simulator.settings import OrgSettings
from prmsync_salesforce.simulator.setup_objects import setup_objects
from prmsync_salesforce.simulator.standard import standard_objects

_DESCRIBED = {"name", "fields"}
_SHOWN = 5
_KEYS = ("objects", "lists", "settings", *KEYS)


def check_keys(schema: Mapping[str, Any]) -> None:
    """Raises ValueError for a file that is neither a describe answer nor holds what `--schema`
    takes: started all the same, the org would not be the one that was meant."""
    if schema.keys() >= _DESCRIBED:
        return
    unknown = [key for key in schema if key not in _KEYS]
    if unknown:
        raise ValueError(
            f"the schema file holds {', '.join(map(repr, unknown[:_SHOWN]))}; a describe answer "
            f"has name and fields, another file any of {', '.join(_KEYS)}"
        )


def starting_schema(settings: OrgSettings, schema: Mapping[str, Any]) -> list[ObjectDefinition]:
    """The built-in objects, each replaced by the saved describe of its name, and the others that
    were saved. A built-in object whose key prefix a saved one has makes way. Raises ValueError and
    KeyError for what is no describe."""
    objects = standard_objects(
        multi_currency=settings.multi_currency,
        prepared=settings.prepared,
        partner_objects=settings.partner_objects,
    )
    definitions = {item.name: item for item in [*objects, *setup_objects()]}
    given = schema.get("objects", ())
    describes = list(given.values()) if isinstance(given, Mapping) else list(given)
    if "fields" in schema:
        describes.append(schema)
    for number, raw in enumerate(describes):
        if not (isinstance(raw, Mapping) and raw.keys() >= _DESCRIBED):
            raise ValueError(f"object {number + 1} is no describe answer: it lacks name or fields")
        known = definitions.get(raw["name"])
        prefix = known.prefix if known else f"a{number + 1:02d}"
        fresh = object_from_describe(raw, prefix)
        definitions = {
            name: one
            for name, one in definitions.items()
            if one.prefix != fresh.prefix or name == fresh.name
        }
        definitions[raw["name"]] = _named(fresh, _children_of(known))
    for raw in describes:
        for name, names in _told(raw).items():
            if name in definitions:
                definitions[name] = _named(definitions[name], names)
    return list(definitions.values())


def _children_of(known: ObjectDefinition | None) -> dict[str, str]:
    """What the relationships behind an object's references are called at their parents."""
    fields = known.references if known is not None else ()
    return {field.name: field.children for field in fields if field.children}


def _told(raw: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The same by child object, as a parent's describe tells it."""
    told: dict[str, dict[str, str]] = {}
    for item in raw.get("childRelationships") or ():
        if item.get("relationshipName"):
            fields = told.setdefault(item["childSObject"], {})
            fields[item["field"]] = item["relationshipName"]
    return told


def _named(definition: ObjectDefinition, names: Mapping[str, str]) -> ObjectDefinition:
    if not names:
        return definition
    fields = [
        replace(field, children=names.get(field.name, field.children))
        for field in definition.fields.values()
    ]
    return definition.copied(fields)
