"""The `fields` and `groups` of a mapping file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prmsync.domain.merge import Direction, First, Policy
from prmsync.mapping import keys
from prmsync.mapping.document import Entry, Scalar
from prmsync.mapping.fields import CATALOGUE, PrmField
from prmsync.mapping.model import FieldMap, GroupMap, Position, RelationMap
from prmsync.mapping.section import Section
from prmsync.mapping.spelling import did_you_mean

_RULES = ("policy", "direction", "first")
Fields = dict[str, FieldMap]
Groups = dict[str, GroupMap]


def read_fields(top: Section, stream: str) -> tuple[Fields, Groups]:
    """All fields, and all groups with the groups of one field each, in file order."""
    section = top.section("fields", None)
    if section is None:
        top.missing("fields", "write `fields:` with `our_field: TheirField` lines")
        return {}, {}
    reader = _FieldReader(section, stream)
    declared = _declared_groups(top, reader)
    return reader.fields, _all_groups(reader, declared)


def read_relation_fields(top: Section, relation: RelationMap) -> tuple[Fields, Groups]:
    """A relation's three fields follow from `relation` and merge as one value."""
    for key in ("fields", "groups"):
        if key in top.entries:
            top.report(top.place(key), f"`{key}` has no place in a relation stream")
    at = relation.at
    ends = {"opportunity": relation.from_field, "partner": relation.to_field}
    fields = {
        name: FieldMap(name, crm, "reference", "relation", at, to=name)
        for name, crm in ends.items()
    }
    roles = {code: (label,) for code, label in relation.roles.items()}
    fields["role"] = FieldMap("role", relation.role_field, "picklist", "relation", at, roles)
    members = tuple(fields)
    group = GroupMap("relation", members, Policy.HOLD, Direction.BOTH, First.FILL_BLANK, at)
    return fields, {"relation": group}


class _FieldReader:
    """Reads field lines; `rules` keeps the rules that a field states for itself."""

    def __init__(self, section: Section, stream: str) -> None:
        self.fields: Fields = {}
        self.rules: dict[str, GroupMap] = {}
        self._section = section
        self._stream = stream
        self._catalogue = CATALOGUE[stream]
        for entry in section:
            self._read(entry)

    def _read(self, entry: Entry) -> None:
        known = self._catalogue.get(entry.key)
        if known is None:
            hint = did_you_mean(entry.key, self._catalogue)
            self._section.report(entry.at, f"unknown field `{entry.key}` of {self._stream}", hint)
        elif isinstance(entry.value, Scalar):
            crm = self._section.as_text(entry.value, entry.key)
            self._add(entry, known, crm, keys.FITTING[known.kind][0], None)
        else:
            self._read_long(entry, known)

    def _read_long(self, entry: Entry, known: PrmField) -> None:
        inner = self._section.inner(entry, tuple(keys.FIELD))
        if inner is None:
            return
        transform = self._transform(inner, entry.key, known)
        picklist = self._picklist(inner, entry.key, known)
        self._add(entry, known, inner.text("crm", required=True), transform, picklist)
        if any(rule in inner.entries for rule in _RULES):
            usual = usual_policy((transform,))
            self.rules[entry.key] = read_rules(inner, entry.key, (entry.key,), usual)

    def _add(
        self,
        entry: Entry,
        known: PrmField,
        crm: str | None,
        transform: str,
        picklist: Mapping[str, tuple[str, ...]] | None,
    ) -> None:
        if crm is None:
            return
        at = _crm_place(entry)
        self.fields[entry.key] = FieldMap(
            entry.key, crm, transform, entry.key, at, picklist, known.to
        )

    def _transform(self, inner: Section, name: str, known: PrmField) -> str:
        fitting = keys.FITTING[known.kind]
        found = inner.text("transform")
        if found is None:
            return fitting[0]
        if found not in keys.TRANSFORMS:
            hint = did_you_mean(found, keys.TRANSFORMS)
            inner.report(inner.place("transform"), f"unknown transform `{found}`", hint)
        elif found not in fitting:
            inner.report(
                inner.place("transform"),
                f"transform `{found}` does not fit `{name}`, which holds {_phrase(known)}",
                f"use: {', '.join(fitting)}",
            )
        return found

    def _picklist(
        self, inner: Section, name: str, known: PrmField
    ) -> Mapping[str, tuple[str, ...]] | None:
        table = inner.section("picklist", None)
        if table is None:
            return None
        if "picklist" not in keys.FITTING[known.kind] + (known.kind.value,) and (
            "multi_picklist" not in keys.FITTING[known.kind]
        ):
            inner.report(inner.place("picklist"), f"`{name}` holds {_phrase(known)}, no codes")
        for entry in table:
            if known.codes and entry.key not in known.codes:
                hint = did_you_mean(entry.key, known.codes)
                inner.report(entry.at, f"unknown code `{entry.key}` of `{name}`", hint)
        return {entry.key: table.as_texts(entry.value, entry.key) for entry in table}


def _crm_place(entry: Entry) -> Position:
    value = entry.value
    if isinstance(value, Scalar):
        return value.at
    inner = getattr(value, "entries", ())
    return next((item.value.at for item in inner if item.key == "crm"), value.at)


def _phrase(known: PrmField) -> str:
    return {
        "number": "a number",
        "money": "an amount",
        "boolean": "yes or no",
        "date": "a day",
        "datetime": "a moment",
        "picklist": "a code",
        "multi_picklist": "codes",
        "stage": "the sales stage",
        "owner": "a person",
        "reference": "another record",
        "domain": "a web domain",
    }.get(known.kind.value, "text")


def usual_policy(transforms: Iterable[str]) -> Policy:
    """The policy of fields whose mapping states none."""
    return Policy.STAGE if "stage" in transforms else Policy.HOLD


def read_rules(section: Section, name: str, members: tuple[str, ...], usual: Policy) -> GroupMap:
    """The rules of one group; what is not said follows from the policy and direction."""
    policy = section.word("policy", Policy) or usual
    direction = section.word("direction", Direction) or Direction.BOTH
    first = section.word("first", First) or keys.default_first(policy, direction)
    return GroupMap(name, members, policy, direction, first, section.place("policy"))


def _declared_groups(top: Section, reader: _FieldReader) -> Groups:
    section = top.section("groups", None)
    groups: Groups = {}
    for entry in section or ():
        inner = section.inner(entry, tuple(keys.GROUP)) if section else None
        if inner is None:
            continue
        members = inner.texts("fields") or ()
        if "fields" not in inner.entries:
            inner.missing("fields", "list the fields that merge together")
        members = tuple(name for name in members if _may_join(inner, name, entry, reader, groups))
        if entry.key in reader.fields and entry.key not in members:
            inner.report(
                entry.at,
                f"group `{entry.key}` is named like a field outside it",
                "give the group another name",
            )
        usual = usual_policy(reader.fields[name].transform for name in members)
        groups[entry.key] = read_rules(inner, entry.key, members, usual)
    return groups


def _may_join(
    inner: Section, name: str, entry: Entry, reader: _FieldReader, groups: Groups
) -> bool:
    at = inner.place("fields")
    if name not in reader.fields:
        hint = did_you_mean(name, reader.fields)
        inner.report(at, f"`{name}` in group `{entry.key}` is not a mapped field", hint)
        return False
    other = next((group.name for group in groups.values() if name in group.members), None)
    if other is not None:
        inner.report(at, f"`{name}` is in the groups `{other}` and `{entry.key}`")
        return False
    if name in reader.rules:
        inner.report(
            reader.rules[name].at,
            f"`{name}` has rules of its own, but is in group `{entry.key}`",
            "a group has one policy, direction and first rule: state them at the group",
        )
    return True


def _all_groups(reader: _FieldReader, declared: Groups) -> Groups:
    """Groups in the order of their first field; also names the group in each field."""
    home = {name: group for group in declared.values() for name in group.members}
    groups: Groups = {}
    for name, mapped in reader.fields.items():
        group = home.get(name) or reader.rules.get(name) or _plain(mapped)
        groups[group.name] = group
        reader.fields[name] = FieldMap(
            name, mapped.crm, mapped.transform, group.name, mapped.at, mapped.picklist, mapped.to
        )
    return groups


def _plain(mapped: FieldMap) -> GroupMap:
    policy = usual_policy((mapped.transform,))
    first = keys.default_first(policy, Direction.BOTH)
    return GroupMap(mapped.prm, (mapped.prm,), policy, Direction.BOTH, first, mapped.at)
