"""Mapping files, read strictly: every problem of every file, with its place and a near spelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from prmsync.domain.merge import Guard, OnDelete
from prmsync.errors import Finding, MappingError
from prmsync.mapping import keys
from prmsync.mapping.document import Items, read_document
from prmsync.mapping.fields import CATALOGUE
from prmsync.mapping.load_fields import read_fields, read_relation_fields
from prmsync.mapping.load_parts import (
    read_brakes,
    read_owners,
    read_relation,
    read_stages,
    read_status,
)
from prmsync.mapping.model import STREAM_ORDER, FieldMap, StreamMapping
from prmsync.mapping.section import Section
from prmsync.mapping.spelling import did_you_mean


def load_mappings(paths: Sequence[Path]) -> list[StreamMapping]:
    """The mappings of all files, in stream order.

    Positions name the files as given. Raises MappingError with every problem of all files.
    """
    mappings, findings = read_mappings(paths)
    if findings:
        raise MappingError(f"{count(findings)}. Nothing was read or written.", findings=findings)
    return mappings


def read_mappings(paths: Sequence[Path]) -> tuple[list[StreamMapping], list[Finding]]:
    """The mappings that could be read, in stream order, and what is wrong with all files."""
    findings: list[Finding] = []
    found = [mapping for path in paths if (mapping := _read(path, findings)) is not None]
    return sorted(found, key=lambda mapping: STREAM_ORDER.index(mapping.stream)), findings


def count(findings: Sequence[Finding]) -> str:
    """ "1 problem", "2 problems"."""
    return f"{len(findings)} problem{'' if len(findings) == 1 else 's'}"


def _read(path: Path, findings: list[Finding]) -> StreamMapping | None:
    before = len(findings)
    table = read_document(path, findings)
    if table is None:
        return None
    top = Section(table, "", findings, tuple(keys.TOP))
    top.integer("version", keys.VERSION, least=1, most=keys.VERSION)
    if "version" not in top.entries:
        top.missing("version", "begin the file with `version: 1`")
    stream = _stream(top)
    mapping = None if stream is None else _mapping(top, stream)
    return mapping if len(findings) == before else None


def _stream(top: Section) -> str | None:
    stream = top.text("stream", required=True, hint=f"one of: {', '.join(STREAM_ORDER)}")
    if stream is None or stream in STREAM_ORDER:
        return stream
    top.report(
        top.place("stream"), f"unknown stream `{stream}`", did_you_mean(stream, STREAM_ORDER)
    )
    return None


def _mapping(top: Section, stream: str) -> StreamMapping:
    create = top.section("create", tuple(keys.CREATE))
    relation = read_relation(top, stream)
    if relation is None:
        fields, groups = read_fields(top, stream)
    else:
        fields, groups = read_relation_fields(top, relation)
    return StreamMapping(
        connector=top.text("connector", required=True) or "",
        stream=stream,
        object=top.text("object", required=True) or "",
        key=top.text(
            "key",
            required=relation is None,
            hint="name the CRM field that holds our external key",
        ),
        fields=fields,
        groups=groups,
        at=top.at,
        match=_match(top, stream, fields),
        create_crm=create.boolean("crm", True) if create else True,
        create_prm=create.boolean("prm", False) if create else False,
        stamp_key=top.boolean("stamp_key", True),
        on_delete=top.word("on_delete", OnDelete) or OnDelete.UNLINK,
        recreate=top.boolean("recreate", False),
        guard=top.word("guard", Guard) or Guard.LOOK,
        allow_duplicates=top.boolean("allow_duplicates", False),
        home=top.boolean("home", False),
        filter=_filter(top, stream),
        stages=read_stages(top),
        owners=read_owners(top),
        relation=relation,
        brakes=read_brakes(top),
        status=read_status(top, stream),
        places={name: top.place(name) for name in ("object", "key")},
    )


def _match(
    top: Section, stream: str, fields: Mapping[str, FieldMap]
) -> tuple[tuple[str, ...], ...]:
    entry = top.entries.get("match")
    if entry is None:
        return ()
    if not isinstance(entry.value, Items):
        top.report(entry.value.at, "`match` must be a list of match keys")
        return ()
    found = tuple(top.as_texts(item, "match") for item in entry.value.items)
    for item, names in zip(entry.value.items, found, strict=True):
        for name in names:
            if name not in CATALOGUE[stream]:
                hint = did_you_mean(name, CATALOGUE[stream])
                top.report(item.at, f"unknown field `{name}` of {stream} in `match`", hint)
            elif name not in fields:
                hint = "map it under `fields`, or match by another field"
                top.report(item.at, f"match key `{name}` is not a mapped field", hint)
    return found


def _filter(top: Section, stream: str) -> Mapping[str, tuple[str, ...]]:
    section = top.section("filter", None)
    if section is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for entry in section:
        known = CATALOGUE[stream].get(entry.key)
        if known is None:
            hint = did_you_mean(entry.key, CATALOGUE[stream])
            top.report(entry.at, f"unknown field `{entry.key}` of {stream} in `filter`", hint)
            continue
        found[entry.key] = section.as_texts(entry.value, entry.key, booleans=True)
        for value in found[entry.key]:
            if known.codes and value not in known.codes:
                hint = did_you_mean(value, known.codes)
                section.report(entry.value.at, f"unknown {entry.key} `{value}`", hint)
    return found
