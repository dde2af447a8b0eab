"""What is wrong with mappings that read well: each by itself, and all connections together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prmsync.domain.merge import Direction, First, Policy
from prmsync.domain.stage import Stage
from prmsync.errors import Finding, MappingError
from prmsync.mapping.fields import CATALOGUE, FORECAST
from prmsync.mapping.load import count
from prmsync.mapping.model import STREAM_ORDER, FieldMap, GroupMap, StreamMapping
from prmsync.mapping.owners import check_owners


def check_mappings(by_connection: Mapping[str, Sequence[StreamMapping]]) -> list[Finding]:
    """Every problem of all connections' mappings together; files in the order given.

    A file that serves several connections is checked once by itself, and for each connection
    against the others.
    """
    findings: list[Finding] = []
    for mappings in by_connection.values():
        findings += _check_connection(mappings)
        for mapping in mappings:
            findings += check_mapping(mapping)
    findings += check_owners(by_connection)
    return list(dict.fromkeys(findings))


def require_sound(by_connection: Mapping[str, Sequence[StreamMapping]]) -> None:
    """Raises MappingError with every finding of `check_mappings`, if there is any."""
    findings = check_mappings(by_connection)
    if findings:
        raise MappingError(f"{count(findings)}. Nothing was read or written.", findings=findings)


def check_mapping(mapping: StreamMapping) -> list[Finding]:
    """What is wrong within one file."""
    findings: list[Finding] = []
    for group in mapping.groups.values():
        findings += _check_group(mapping, group)
    for mapped in mapping.fields.values():
        findings += _check_field(mapping, mapped)
        findings += _check_picklist(mapped)
    findings += _check_targets(mapping)
    findings += _check_stages(mapping)
    findings += _check_new_records(mapping)
    findings += _check_status(mapping)
    return findings


def _check_connection(mappings: Sequence[StreamMapping]) -> Iterator[Finding]:
    present = {mapping.stream: mapping for mapping in mappings}
    for stream, times in Counter(mapping.stream for mapping in mappings).items():
        if times > 1:
            files = [m.at.file for m in mappings if m.stream == stream]
            last = [m for m in mappings if m.stream == stream][-1]
            yield Finding(
                str(last.at),
                f"stream {stream} is mapped {times} times: {', '.join(files)}",
                "one file maps a stream of a connection",
            )
    for mapping in mappings:
        for mapped in mapping.fields.values():
            yield from _check_reference(mapping, mapped, present)


def _check_reference(
    mapping: StreamMapping, mapped: FieldMap, present: Mapping[str, StreamMapping]
) -> Iterator[Finding]:
    if mapped.to is None:
        return
    if mapped.to not in present:
        yield Finding(
            str(mapped.at),
            f"`{mapped.prm}` refers to stream {mapped.to}, which is not mapped",
            f"add a mapping of {mapped.to}, or leave `{mapped.prm}` out",
        )
    elif STREAM_ORDER.index(mapped.to) > STREAM_ORDER.index(mapping.stream):
        yield Finding(
            str(mapped.at),
            f"`{mapped.prm}` refers to stream {mapped.to}, which is synced later",
            f"streams go in this order: {', '.join(STREAM_ORDER)}",
        )


_AGAINST = {
    (Policy.CRM, Direction.TO_CRM): "policy `crm` takes the CRM's value, but nothing flows here",
    (Policy.PRM, Direction.TO_PRM): "policy `prm` writes our value, but nothing flows to the CRM",
    (
        Policy.PROPOSAL,
        Direction.TO_CRM,
    ): "a proposal needs the CRM's answer, which never flows here",
}
_REMEDY = {
    Direction.TO_CRM: "for a copy in the CRM use `policy: prm`; else drop `direction`",
    Direction.TO_PRM: "for a copy of the CRM's value use `policy: crm`; else drop `direction`",
}


def _check_group(mapping: StreamMapping, group: GroupMap) -> Iterator[Finding]:
    wrong = _AGAINST.get((group.policy, group.direction))
    if wrong is not None:
        yield Finding(str(group.at), f"`{group.name}`: {wrong}", _REMEDY[group.direction])
    if (group.direction, group.first) in (
        (Direction.TO_CRM, First.CRM),
        (Direction.TO_PRM, First.PRM),
    ):
        yield Finding(
            str(group.at),
            f"`{group.name}`: `first: {group.first}` contradicts `direction: {group.direction}`",
            "drop `first`: it follows from the direction",
        )
    staged = any(mapping.fields[name].transform == "stage" for name in group.members)
    if group.policy is Policy.STAGE and not staged:
        yield Finding(
            str(group.at),
            f"`{group.name}`: policy `stage`, but the group holds no stage",
            "add `stage` to the group, or use another policy",
        )


def _check_field(mapping: StreamMapping, mapped: FieldMap) -> Iterator[Finding]:
    group = mapping.groups[mapped.group]
    account = mapping.connector == "salesforce" and mapping.object.lower() == "account"
    if account and mapped.crm.lower() == "ispartner" and group.direction is not Direction.TO_PRM:
        # https://help.salesforce.com: disabling a partner account deletes its portal roles.
        yield Finding(
            str(mapped.at),
            "`IsPartner` could be written false, which deletes an account's partner roles for good",
            "leave it out, or read it only: `direction: to_prm` with `policy: crm`",
        )
    currency = CATALOGUE[mapping.stream][mapped.prm].currency
    # The forecast of a deal is in the deal's currency, and follows it once a day.
    theirs = mapped.prm in FORECAST and currency not in FORECAST
    sibling = mapping.fields.get(currency) if currency and not theirs else None
    if sibling is not None and sibling.group != mapped.group:
        yield Finding(
            str(mapped.at),
            f"`{mapped.prm}` and its currency `{sibling.prm}` could change apart",
            f"put both in one group: `fields: [{mapped.prm}, {sibling.prm}]`",
        )
    if mapped.transform == "stage" and mapping.stages is None:
        yield Finding(
            str(mapped.at),
            f"`{mapped.prm}` is mapped, but there is no `stages` table",
            "write each neutral stage with the CRM's label under `stages.pipelines`",
        )


def _check_picklist(mapped: FieldMap) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for code, theirs in (mapped.picklist or {}).items():
        for label in theirs:
            first = seen.setdefault(label, code)
            if first != code:
                yield Finding(
                    str(mapped.at),
                    f"`{mapped.prm}`: `{label}` stands for `{first}` and for `{code}`",
                    "a CRM code reads back as one of ours: give each its own",
                )


def _check_targets(mapping: StreamMapping) -> Iterator[Finding]:
    """No CRM field has two meanings."""
    taken: dict[str, str] = {}
    if mapping.key is not None:
        taken[mapping.key.lower()] = "the external key"
    if mapping.stages is not None and mapping.stages.field is not None:
        taken.setdefault(mapping.stages.field.lower(), "the record's pipeline")
    for mapped in mapping.fields.values():
        other = taken.setdefault(mapped.crm.lower(), f"`{mapped.prm}`")
        if other != f"`{mapped.prm}`":
            yield Finding(
                str(mapped.at),
                f"`{mapped.crm}` is mapped to `{mapped.prm}`, but it holds {other} already",
                "map each CRM field once",
            )


def _check_stages(mapping: StreamMapping) -> Iterator[Finding]:
    stages = mapping.stages
    if stages is None:
        return
    if not any(mapped.transform == "stage" for mapped in mapping.fields.values()):
        yield Finding(
            str(stages.at),
            "`stages` without a stage field",
            "map it: `stage: StageName` under `fields`, or drop `stages`",
        )
    for pipeline, table in stages.pipelines.items():
        missing = [stage.value for stage in Stage if not table.get(stage)]
        if missing:
            yield Finding(
                str(stages.at),
                f"pipeline `{pipeline}` has no stage to write for {', '.join(missing)}",
                "every neutral stage needs one CRM stage that reads back to itself",
            )
        seen: dict[str, Stage] = {}
        for stage, labels in table.items():
            for label in labels:
                first = seen.setdefault(label.lower(), stage)
                if first is not stage:
                    yield Finding(
                        str(stages.places.get((pipeline, stage), stages.at)),
                        f"stage `{label}` of pipeline `{pipeline}` stands for {first} and {stage}",
                        "a CRM stage reads back as one neutral stage",
                    )


def _check_new_records(mapping: StreamMapping) -> Iterator[Finding]:
    if not mapping.create_prm:
        return
    for name, known in CATALOGUE[mapping.stream].items():
        mapped = mapping.fields.get(name)
        if not known.required:
            continue
        if mapped is None or mapping.groups[mapped.group].direction is Direction.TO_CRM:
            yield Finding(
                str(mapping.at),
                f"`create: prm` is on, but nothing fills `{name}` of a new {mapping.stream}",
                f"map `{name}` in both directions, or set `create: {{prm: false}}`",
            )


def _check_status(mapping: StreamMapping) -> Iterator[Finding]:
    """prmsync alone writes these fields: none may be mapped, the key or another of them."""
    status = mapping.status
    if status is None:
        return
    taken = {one.crm.lower(): f"`{one.prm}`" for one in mapping.fields.values()}
    taken[(mapping.key or "").lower()] = "the external key"
    for key, name in (
        ("state", status.state),
        ("reason", status.reason),
        ("decision", status.decision),
    ):
        if name is None:
            continue
        used = taken.setdefault(name.lower(), f"`status.{key}`")
        if used != f"`status.{key}`":
            yield Finding(
                str(status.places.get(key, status.at)),
                f"`{name}` is the field of {used} already",
                "the sync state needs fields of its own, which nobody else writes",
            )
