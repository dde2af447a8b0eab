"""The other tables of a mapping file: stages, owners, relation, brakes."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.domain.stage import Stage
from prmsync.mapping import keys
from prmsync.mapping.document import Entry
from prmsync.mapping.fields import CATALOGUE
from prmsync.mapping.model import (
    BrakeLimits,
    OwnerMap,
    Position,
    RelationMap,
    StageMap,
    StatusMap,
)
from prmsync.mapping.section import Section
from prmsync.mapping.spelling import did_you_mean

Labels = Mapping[Stage, tuple[str, ...]]


def read_stages(top: Section) -> StageMap | None:
    """`stages`; None when absent or without a single pipeline."""
    section = top.section("stages", tuple(keys.STAGES))
    if section is None:
        return None
    table = section.section("pipelines", None)
    if table is None:
        section.missing("pipelines", "write each pipeline's neutral stages with their labels")
        return None
    places: dict[tuple[str, Stage], Position] = {}
    pipelines = {entry.key: _pipeline(table, entry, places) for entry in table}
    default = section.text("default") or (next(iter(pipelines)) if len(pipelines) == 1 else "")
    field = section.text("field")
    if default not in pipelines:
        hint = did_you_mean(default, pipelines)
        message = f"`default` names no pipeline of this map: `{default}`"
        section.report(section.place("default"), message, hint)
    if len(pipelines) > 1 and field is None and "field" not in section.entries:
        section.missing("field", "several pipelines: name the CRM field that tells them apart")
    return StageMap(default, pipelines, section.at, places, field)


def _pipeline(table: Section, entry: Entry, places: dict[tuple[str, Stage], Position]) -> Labels:
    inner = table.inner(entry, tuple(Stage))
    found: dict[Stage, tuple[str, ...]] = {}
    for line in inner or ():
        if line.key in Stage.__members__.values():
            stage = Stage(line.key)
            found[stage] = table.as_texts(line.value, line.key)
            places[(entry.key, stage)] = line.value.at
    return found


def read_owners(top: Section) -> OwnerMap:
    """`owners:` of a mapping; what is wrong goes to the section's findings."""
    section = top.section("owners", tuple(keys.OWNERS))
    if section is None:
        return OwnerMap()
    fallback = section.text("fallback")
    if fallback is not None:
        _email(section, fallback, section.place("fallback"))
    table = section.section("overrides", None)
    overrides: dict[str, str] = {}
    for entry in table or ():
        theirs = section.as_text(entry.value, entry.key)
        _email(section, entry.key, entry.at)
        if theirs is not None:
            _email(section, theirs, entry.value.at)
            overrides[entry.key.lower()] = theirs.lower()
    return OwnerMap(fallback.lower() if fallback else None, overrides, section.at)


def _email(section: Section, text: str, at: Position) -> None:
    if text.count("@") != 1 or text.startswith("@") or text.endswith("@") or " " in text:
        section.report(at, "not an e-mail address", "people are named by e-mail")


def read_relation(top: Section, stream: str) -> RelationMap | None:
    """`relation`, for the relation stream and no other."""
    if stream != "relation":
        if "relation" in top.entries:
            top.report(top.place("relation"), f"`relation` has no place in stream {stream}")
        return None
    section = top.section("relation", tuple(keys.RELATION))
    if section is None:
        top.missing("relation", "a relation stream needs `from`, `to` and `role`")
        return RelationMap("", "", "", "", "", {}, top.at)
    from_field, from_object = _end(section, "from")
    to_field, to_object = _end(section, "to")
    role_field, roles = _role(section)
    return RelationMap(from_field, from_object, to_field, to_object, role_field, roles, section.at)


def _end(section: Section, key: str) -> tuple[str, str]:
    inner = section.section(key, tuple(keys.RELATION_END))
    if inner is None:
        section.missing(key)
        return "", ""
    crm = inner.text("crm", required=True)
    return crm or "", inner.text("object", required=True) or ""


def _role(section: Section) -> tuple[str, Mapping[str, str]]:
    inner = section.section("role", tuple(keys.RELATION_ROLE))
    if inner is None:
        section.missing("role")
        return "", {}
    table = inner.section("values", None)
    if table is None:
        inner.missing("values", "write our role: the CRM's label")
    codes = CATALOGUE["relation"]["role"].codes
    roles: dict[str, str] = {}
    for entry in table or ():
        label = inner.as_text(entry.value, entry.key)
        if entry.key not in codes:
            hint = did_you_mean(entry.key, codes)
            inner.report(entry.at, f"unknown role `{entry.key}`", hint)
        elif label is not None and label in roles.values():
            inner.report(entry.value.at, f"`{label}` stands for two roles")
        elif label is not None:
            roles[entry.key] = label
    return inner.text("crm", required=True) or "", roles


def read_status(top: Section, stream: str) -> StatusMap | None:
    """`status:` of a mapping, None where records carry no state."""
    section = top.section("status", tuple(keys.STATUS))
    if section is None:
        return None
    if stream == "relation":
        top.report(top.place("status"), "`status` has no place in a relation stream")
        return None
    state = section.text("state", required=True, hint="name the CRM field of the state")
    reason, decision = section.text("reason"), section.text("decision")
    if decision is not None and reason is None:
        hint = "nobody can decide without the sentence: name the CRM field of the reason too"
        section.report(section.place("decision"), "`decision` without `reason`", hint)
    places = {key: section.place(key) for key in keys.STATUS}
    return StatusMap(state or "", reason, decision, section.at, places)


def read_brakes(top: Section) -> BrakeLimits:
    """`brakes:` of a mapping, each limit at its default where it is not given."""
    section = top.section("brakes", tuple(keys.BRAKES))
    if section is None:
        return BrakeLimits()
    usual = BrakeLimits()
    return BrakeLimits(
        absolute=section.integer("absolute", usual.absolute, least=0),
        percent=section.integer("percent", usual.percent, least=0, most=100),
        creates=section.integer("creates", usual.creates, least=0),
        deletes=section.integer("deletes", usual.deletes, least=0),
        ends=section.integer("ends", usual.ends, least=0),
        blanks=section.integer("blanks", usual.blanks, least=0),
        regressions=section.integer("regressions", usual.regressions, least=0),
        empty=section.integer("empty", usual.empty, least=1, most=100),
    )
