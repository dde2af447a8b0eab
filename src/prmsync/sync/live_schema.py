"""A mapping against the account it is used in: names become ids, and every mistake is found.

Nothing here writes; the CRM's schema and people come from the connector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prmsync.connector.protocol import Connector, ObjectSpec, RelationSpec
from prmsync.connector.schema import Account, ObjectSchema, Person
from prmsync.domain.merge import Guard
from prmsync.domain.stage import Stage
from prmsync.errors import Finding, SchemaError
from prmsync.mapping.model import StageMap, StreamMapping
from prmsync.mapping.spelling import did_you_mean
from prmsync.mapping.translate import Resolved, Translator
from prmsync.sync.live_fields import FieldResolver, Misfit, parts_of
from prmsync.sync.live_people import resolve_people
from prmsync.sync.live_status import resolve_status
from prmsync.sync.typed_meanwhile import require_history


def resolve(
    mapping: StreamMapping, schema: ObjectSchema, account: Account, people: Sequence[Person]
) -> tuple[Resolved, list[Misfit]]:
    """The mapping's names as ids of this account, and everything that does not fit.

    With findings the first part is incomplete and must not be used to write. Field names of
    another case resolve to the CRM's own spelling.
    """
    fields = FieldResolver(mapping, schema)
    if not _is_association(mapping):
        fields.check()
    findings = fields.findings
    stages, default = _stages(mapping, schema, findings)
    known = resolve_people(mapping, people, findings)
    zone = _zone(mapping, account, findings)
    resolved = Resolved(
        default_pipeline=default,
        stages=stages,
        picklists=fields.picklists,
        scales=fields.scales,
        lengths=fields.lengths,
        never_blank=frozenset(fields.never_blank),
        required=frozenset(fields.required),
        people=known.people,
        emails=known.emails,
        fallback_owner=known.fallback,
        nobody=account.user_id
        if account.user_id in known.emails and _never_blank(mapping, schema, fields.names)
        else None,
        status=resolve_status(mapping, schema, findings),
        time_zone=zone,
        names=fields.names,
    )
    return resolved, findings


def _never_blank(mapping: StreamMapping, schema: ObjectSchema, names: Mapping[str, str]) -> bool:
    """Whether the CRM makes the user that created a record its owner where we name none."""
    owners = [one.crm for one in mapping.fields.values() if one.transform == "owner"]
    found = [schema.fields.get(names.get(name, name)) for name in owners]
    return any(one is not None and not one.nullable for one in found)


def resolve_connection(
    mappings: Sequence[StreamMapping], connector: Connector
) -> tuple[dict[str, Resolved], list[Finding]]:
    """All streams of a signed-in connection: stream → its names resolved, and all findings.

    Raises ConnectorError other than a missing object, which is a finding.
    """
    account, people = connector.account(), connector.people()
    found: dict[str, Resolved] = {}
    findings = require_history(connector, mappings)
    for mapping in mappings:
        try:
            schema = connector.describe(mapping.object)
        except SchemaError as error:
            findings.append(Finding(str(mapping.place("object")), error.message, error.hint))
            continue
        found[mapping.stream], wrong = resolve(mapping, schema, account, people)
        findings += wrong
    return found, findings


def object_spec(mapping: StreamMapping, resolved: Resolved) -> ObjectSpec:
    """What the engine asks the connector to read and write for this stream."""
    translator = Translator(mapping, resolved)
    name = translator.crm_name
    relation = None
    if mapping.relation is not None:
        one = mapping.relation
        table = resolved.picklists.get("role")
        roles = (codes[0] for codes in table.values()) if table else one.roles.values()
        relation = RelationSpec(
            from_field=name(one.from_field),
            from_object=one.from_object,
            to_field=name(one.to_field),
            to_object=one.to_object,
            role_field=name(one.role_field),
            roles=tuple(roles),
        )
    return ObjectSpec(
        stream=mapping.stream,
        object=mapping.object,
        fields=translator.crm_fields,
        key=name(mapping.key) if mapping.key else None,
        relation=relation,
        strict=mapping.guard is Guard.STRICT,
        allow_duplicates=mapping.allow_duplicates,
    )


def _is_association(mapping: StreamMapping) -> bool:
    """A relation without an object of its own: labels between records of two objects. Its field
    names are the mapping's, and the connector knows the labels."""
    relation = mapping.relation
    return relation is not None and mapping.object.lower() == relation.from_object.lower()


def _zone(mapping: StreamMapping, account: Account, findings: list[Misfit]) -> str:
    try:
        ZoneInfo(account.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        findings.append(
            Misfit(
                str(mapping.at),
                f"the account's time zone `{account.time_zone}` is unknown here",
                "install the package tzdata, or correct the time zone in the CRM",
            )
        )
        return "UTC"
    return account.time_zone


_Stages = dict[str, dict[Stage, tuple[str, ...]]]


def _stages(
    mapping: StreamMapping, schema: ObjectSchema, findings: list[Misfit]
) -> tuple[_Stages, str]:
    """Pipeline id → neutral stage → stage ids, and the id of the default pipeline."""
    stages = mapping.stages
    if stages is None:
        return {}, ""
    part = parts_of(mapping, "stage")
    by_label = {one.label.casefold(): one for one in schema.pipelines}
    found: _Stages = {}
    default = ""
    for label in stages.pipelines:
        pipeline = by_label.get(label.casefold())
        if pipeline is None:
            hint = did_you_mean(label, [one.label for one in schema.pipelines])
            at = min(
                (place for (name, _), place in stages.places.items() if name == label),
                key=lambda place: place.line,
                default=stages.at,
            )
            message = f"no pipeline `{label}` on {schema.name}"
            findings.append(Misfit(str(at), message, hint, part))
            continue
        ids = {one.label.casefold(): one.id for one in pipeline.stages}
        labels = [one.label for one in pipeline.stages]
        wrong: list[Finding] = []
        found[pipeline.id] = _pipeline(stages, label, ids, labels, wrong)
        findings += [Misfit(one.where, one.message, one.hint, part) for one in wrong]
        if label == stages.default:
            default = pipeline.id
    return found, default


def _pipeline(
    stages: StageMap,
    pipeline: str,
    ids: dict[str, str],
    labels: Sequence[str],
    findings: list[Finding],
) -> dict[Stage, tuple[str, ...]]:
    table: dict[Stage, tuple[str, ...]] = {}
    for stage, wanted in stages.pipelines[pipeline].items():
        for label in wanted:
            if label.casefold() not in ids:
                at = stages.places.get((pipeline, stage), stages.at)
                message = f"no stage `{label}` in pipeline `{pipeline}`"
                findings.append(Finding(str(at), message, _stage_hint(label, labels)))
        table[stage] = tuple(ids[one.casefold()] for one in wanted if one.casefold() in ids)
    return table


def _stage_hint(label: str, labels: Sequence[str]) -> str:
    """Where no stage is called alike, it was renamed or deleted, and not misspelt."""
    there = did_you_mean(label, labels)
    if there.endswith("?"):
        return there
    mend = "Write its present label into the mapping, or give the stage this name again"
    return f"{there}. {mend}" if there else mend
