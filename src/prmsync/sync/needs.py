"""What a connection's mappings need in its CRM: objects, fields, picklist values, record types.

Pure: compared with a live account by the connector (`prmsync.connector.provisioning`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prmsync.connector.provisioning import FieldNeed, LabelNeed, ObjectNeed, RecordTypeNeed
from prmsync.connector.schema import FieldType
from prmsync.domain.merge import Direction, OnDelete
from prmsync.mapping.fields import CATALOGUE, FORECAST
from prmsync.mapping.model import FieldMap, RelationMap, StatusMap, StreamMapping
from prmsync.mapping.status import DECISION_WORDS, STATE_WORDS
from prmsync.sync.live_fields import FITTING, KEY_LENGTH

_CODE_LENGTH = 3
"""Characters of a currency's code; a country's name may be written out, so it is no code here."""
_REASON_LENGTH = 255
"""Characters that a sentence about a record's state needs at least."""


def needs_of(mappings: Sequence[StreamMapping]) -> list[ObjectNeed]:
    """One entry for each stream. Where a relation is a label between records (HubSpot's
    associations), it needs no object of its own, but the labels."""
    objects = {mapping.stream: mapping.object for mapping in mappings}
    return [
        _association(mapping, mapping.relation)
        if mapping.relation is not None and _is_association(mapping, mapping.relation)
        else _object(mapping, objects)
        for mapping in mappings
    ]


def _association(mapping: StreamMapping, relation: RelationMap) -> ObjectNeed:
    uses: dict[str, list[str]] = {}
    for role, label in relation.roles.items():
        uses.setdefault(label, []).append(role)
    at = str(relation.at)
    return ObjectNeed(
        stream=mapping.stream,
        object=relation.from_object,
        fields=(),
        created=mapping.create_crm,
        deleted=mapping.on_delete is OnDelete.PROPAGATE,
        relation=True,
        at=at,
        labels=tuple(
            LabelNeed(label, relation.to_object, f"role {' or '.join(roles)}", at)
            for label, roles in uses.items()
        ),
    )


def _object(mapping: StreamMapping, objects: Mapping[str, str]) -> ObjectNeed:
    return ObjectNeed(
        stream=mapping.stream,
        object=mapping.object,
        fields=tuple(_fields(mapping, objects)),
        record_types=tuple(_record_types(mapping)),
        created=mapping.create_crm,
        deleted=mapping.on_delete is OnDelete.PROPAGATE,
        relation=mapping.relation is not None,
        at=str(mapping.place("object")),
    )


def _fields(mapping: StreamMapping, objects: Mapping[str, str]) -> Iterator[FieldNeed]:
    if mapping.key is not None:
        yield FieldNeed(
            mapping.key,
            "external key",
            (FieldType.TEXT,),
            unique=True,
            length=KEY_LENGTH,
            at=str(mapping.place("key")),
        )
    for mapped in mapping.fields.values():
        yield _field(mapping, mapped, objects)
    if mapping.stages is not None and mapping.stages.field is not None:
        kinds = (FieldType.REFERENCE, FieldType.PICKLIST, FieldType.TEXT)
        yield FieldNeed(mapping.stages.field, "pipeline", kinds, at=str(mapping.stages.at))
    if mapping.status is not None:
        yield from _status(mapping.status)


def _field(mapping: StreamMapping, mapped: FieldMap, objects: Mapping[str, str]) -> FieldNeed:
    return FieldNeed(
        mapped.crm,
        mapped.prm,
        FITTING[mapped.transform],
        written=mapping.groups[mapped.group].direction is not Direction.TO_PRM,
        length=_CODE_LENGTH if mapped.prm.endswith("currency") else None,
        values=_values(mapping, mapped),
        references=objects.get(mapped.to) if mapped.to is not None else None,
        optional=mapped.prm in FORECAST,
        at=str(mapped.at),
    )


def _values(mapping: StreamMapping, mapped: FieldMap) -> tuple[str, ...]:
    if mapped.transform not in ("picklist", "multi_picklist"):
        return ()
    if mapped.picklist is not None:
        return tuple(dict.fromkeys(one for theirs in mapped.picklist.values() for one in theirs))
    return CATALOGUE[mapping.stream][mapped.prm].codes


def _record_types(mapping: StreamMapping) -> Iterator[RecordTypeNeed]:
    """What a mapping calls a pipeline, but for the one that every Salesforce org has."""
    stages = mapping.stages
    if stages is None:
        return
    for name, table in stages.pipelines.items():
        if name != "default":
            neutral = {one: stage for stage, wanted in table.items() for one in wanted}
            yield RecordTypeNeed(name, tuple(neutral), str(stages.at), neutral)


def _status(status: StatusMap) -> Iterator[FieldNeed]:
    words = (FieldType.PICKLIST, FieldType.TEXT)
    wanted = (
        ("state", status.state, "sync state", words, tuple(STATE_WORDS.values()), None),
        ("reason", status.reason, "sync reason", (FieldType.TEXT,), (), _REASON_LENGTH),
        (
            "decision",
            status.decision,
            "sync decision",
            words,
            tuple(DECISION_WORDS.values()),
            None,
        ),
    )
    for word, name, use, types, values, length in wanted:
        if name is not None:
            at = str(status.places.get(word, status.at))
            yield FieldNeed(name, use, types, length=length, values=values, optional=True, at=at)


def _is_association(mapping: StreamMapping, relation: RelationMap) -> bool:
    return mapping.object.lower() == relation.from_object.lower()
