"""The JSON Schema of mapping files, for completion and hints in editors.

`python -m prmsync.mapping.schema > mappings/mapping.schema.json` writes it anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from prmsync.domain.merge import Direction, First, Guard, OnDelete, Policy
from prmsync.domain.stage import Stage
from prmsync.mapping import keys
from prmsync.mapping.fields import CATALOGUE
from prmsync.mapping.model import STREAM_ORDER, BrakeLimits

Schema = dict[str, Any]
_LABELS = "#/$defs/labels"


def mapping_schema() -> Schema:
    """The schema, as data."""
    relation = _when("relation", {"required": ["relation"], "properties": {"fields": False}})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "prmsync mapping",
        "description": "One stream of one connector. See docs/mapping-reference.md.",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "connector", "stream", "object"],
        "properties": _described(keys.TOP, _top()),
        "allOf": [relation, *(_stream(name) for name in STREAM_ORDER if name != "relation")],
        "$defs": {"labels": _labels(), "field": _field(), "group": _group()},
    }


def schema_text() -> str:
    """The schema as the text of mappings/mapping.schema.json."""
    return json.dumps(mapping_schema(), indent=2, ensure_ascii=False) + "\n"


def _top() -> Mapping[str, Schema]:
    flag, text = {"type": "boolean"}, {"type": "string"}
    usual = BrakeLimits()
    return {
        "version": {"const": keys.VERSION},
        "connector": text,
        "stream": {"enum": list(STREAM_ORDER)},
        "object": text,
        "key": text,
        "match": {"type": "array", "items": _ref(_LABELS)},
        "create": _table(keys.CREATE, {"crm": _usual(flag, True), "prm": _usual(flag, False)}),
        "stamp_key": _usual(flag, True),
        "on_delete": _usual(_words(OnDelete), OnDelete.UNLINK.value),
        "recreate": _usual(flag, False),
        "guard": _usual(_words(Guard), Guard.LOOK.value),
        "allow_duplicates": _usual(flag, False),
        "home": _usual(flag, False),
        "filter": {"type": "object", "additionalProperties": _ref(_LABELS)},
        "fields": {"type": "object", "additionalProperties": _ref("#/$defs/field")},
        "groups": {"type": "object", "additionalProperties": _ref("#/$defs/group")},
        "stages": _stages(),
        "owners": _owners(),
        "relation": _relation(),
        "status": _status(),
        "brakes": _table(
            keys.BRAKES,
            {
                name: _usual({"type": "integer", "minimum": 0}, getattr(usual, name))
                for name in keys.BRAKES
            },
        ),
    }


def _stream(stream: str) -> Schema:
    """In an opportunity file only an opportunity's fields are completed."""
    names = list(CATALOGUE[stream])
    some = {"propertyNames": {"enum": names}}
    return _when(
        stream, {"required": ["key", "fields"], "properties": {"fields": some, "filter": some}}
    )


def _when(stream: str, then: Schema) -> Schema:
    return {"if": {"properties": {"stream": {"const": stream}}}, "then": then}


def _field() -> Schema:
    transform = {"enum": list(keys.TRANSFORMS)}
    picklist = {"type": "object", "additionalProperties": _ref(_LABELS)}
    text: Schema = {"type": "string"}
    long = _table(
        keys.FIELD, {"crm": text, "transform": transform, "picklist": picklist, **_rules()}
    )
    return {"oneOf": [text, long | {"required": ["crm"]}]}


def _group() -> Schema:
    return _table(keys.GROUP, {"fields": _ref(_LABELS), **_rules()}) | {"required": ["fields"]}


def _rules() -> Mapping[str, Schema]:
    return {
        "policy": _usual(_words(Policy), Policy.HOLD.value),
        "direction": _usual(_words(Direction), Direction.BOTH.value),
        "first": _words(First),
    }


def _stages() -> Schema:
    pipeline: Schema = {
        "type": "object",
        "additionalProperties": False,
        "required": [stage.value for stage in Stage],
        "properties": {stage.value: _ref(_LABELS) for stage in Stage},
    }
    pipelines = {"type": "object", "additionalProperties": pipeline}
    text: Schema = {"type": "string"}
    known: dict[str, Schema] = {"field": text, "default": text, "pipelines": pipelines}
    return _table(keys.STAGES, known) | {"required": ["pipelines"]}


def _owners() -> Schema:
    email = {"type": "string", "pattern": "@"}
    overrides = {
        "type": "object",
        "additionalProperties": email,
        "propertyNames": {"pattern": "@"},
    }
    return _table(keys.OWNERS, {"fallback": email, "overrides": overrides})


def _relation() -> Schema:
    text: Schema = {"type": "string"}
    end = _table(keys.RELATION_END, {"crm": text, "object": text})
    end |= {"required": list(keys.RELATION_END)}
    values: Schema = {
        "type": "object",
        "additionalProperties": text,
        "propertyNames": {"enum": list(CATALOGUE["relation"]["role"].codes)},
    }
    role = _table(keys.RELATION_ROLE, {"crm": text, "values": values})
    role |= {"required": list(keys.RELATION_ROLE)}
    known = {"from": end, "to": end, "role": role}
    return _table(keys.RELATION, known) | {"required": list(keys.RELATION)}


def _status() -> Schema:
    text: Schema = {"type": "string"}
    return _table(keys.STATUS, dict.fromkeys(keys.STATUS, text)) | {"required": ["state"]}


def _table(words: Mapping[str, str], known: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": _described(words, known),
    }


def _described(words: Mapping[str, str], known: Mapping[str, Schema]) -> Schema:
    return {name: {"description": text, **known[name]} for name, text in words.items()}


def _labels() -> Schema:
    scalar = {"type": ["string", "number", "boolean"]}
    return {"oneOf": [scalar, {"type": "array", "items": scalar, "minItems": 1}]}


def _words(words: Iterable[StrEnum]) -> Schema:
    return {"enum": [word.value for word in words]}


def _usual(schema: Schema, default: object) -> Schema:
    return {**schema, "default": default}


def _ref(name: str) -> Schema:
    return {"$ref": name}


if __name__ == "__main__":
    sys.stdout.write(schema_text())
