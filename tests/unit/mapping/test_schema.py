"""The editor's schema is current, and knows the same keys as the loader."""

from __future__ import annotations

import json

from prmsync.domain.stage import Stage
from prmsync.mapping import keys
from prmsync.mapping.fields import CATALOGUE
from prmsync.mapping.locate import shipped_mappings
from prmsync.mapping.schema import mapping_schema, schema_text


def test_the_committed_schema_is_current() -> None:
    folder = next(iter(shipped_mappings().values())).parent
    committed = (folder / "mapping.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text()


def test_the_schema_knows_every_key_with_its_explanation() -> None:
    top = mapping_schema()["properties"]
    assert {name: one["description"] for name, one in top.items()} == dict(keys.TOP)
    for section, words in (
        ("create", keys.CREATE),
        ("stages", keys.STAGES),
        ("owners", keys.OWNERS),
        ("relation", keys.RELATION),
        ("brakes", keys.BRAKES),
    ):
        assert list(top[section]["properties"]) == list(words)


def test_the_schema_completes_fields_by_stream() -> None:
    for rule in mapping_schema()["allOf"]:
        stream = rule["if"]["properties"]["stream"]["const"]
        fields = rule["then"]["properties"]["fields"]
        assert fields is False or fields["propertyNames"]["enum"] == list(CATALOGUE[stream])


def test_the_schema_asks_for_all_seven_stages() -> None:
    pipelines = mapping_schema()["properties"]["stages"]["properties"]["pipelines"]
    assert pipelines["additionalProperties"]["required"] == [stage.value for stage in Stage]


def test_the_schema_is_plain_json() -> None:
    assert json.loads(schema_text()) == mapping_schema()
