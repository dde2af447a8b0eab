"""What follows from an edit of a mapping: what is read again, and what is decided again.

A stream remembers its mapping as digests by part (`stream.mapping_hash`), so that an edit costs
what it touches: a policy decides anew what waits, a new field is read once, a removed one is
forgotten. Pure.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from prmsync.mapping.model import GroupMap, StreamMapping


@dataclass(frozen=True, slots=True)
class MappingChange:
    """The difference between the mapping that a stream was synced by and the present one.

    `added` and `removed` are prm fields; a field that moved to another CRM field is both.
    `members` are those whose rules changed. `reads`: every record is read again before anything
    is decided; `backfills`: after people's edits were written. `decides`: all links are decided
    anew. `matches`: what has no partner yet is looked at anew; `deletes`: what is gone on one
    side. `returned` are fields that the CRM had no more and has again: a blank in them is nobody's
    edit. `lines` say it to people.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    reads: bool = False
    decides: bool = False
    matches: bool = False
    deletes: bool = False
    lines: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()

    @property
    def backfills(self) -> bool:
        """Whether reading can wait until people's edits are written."""
        return bool(self.added) and not self.reads


NOTHING = MappingChange()
EVERYTHING = MappingChange(reads=True, decides=True, matches=True, deletes=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """A mapping that counts as the same only if it is: mappings hold dicts and have no hash."""

    mapping: StreamMapping

    def __hash__(self) -> int:
        return id(self.mapping)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.mapping is self.mapping


def said(value: Any) -> str:
    """A digest of what a part of a mapping says; where in its file it stands does not count."""
    return _digest(_without_places(value))


def _digest(plain: Any) -> str:
    packed = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(packed, digest_size=16).hexdigest()


def said_of_all(mappings: Sequence[StreamMapping]) -> str:
    """A digest of what all these mappings say; of each, what it says is kept while it is in use."""
    return _digest([_plain(_Same(one)) for one in mappings])


@lru_cache(maxsize=64)
def _plain(same: _Same) -> Any:
    return _without_places(same.mapping)


def _without_places(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _without_places(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {
            key: _without_places(item) for key, item in value.items() if key not in ("at", "places")
        }
    if isinstance(value, list | tuple):
        return [_without_places(item) for item in value]
    return value


def digest(mapping: StreamMapping, paused: Iterable[str], gone: Iterable[str] = ()) -> str:
    """The mapping by part, as text to store; `paused` are the parts that the CRM keeps from use,
    `gone` those of which it has a field no more."""
    parts = {**_parts(_Same(mapping)), "paused": sorted(paused), "gone": sorted(gone)}
    return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS).decode()


@lru_cache(maxsize=64)
def _parts(same: _Same) -> dict[str, Any]:
    mapping = same.mapping
    return {
        "source": said(
            [mapping.object, mapping.key, mapping.relation, mapping.stages, mapping.owners]
        ),
        "fields": {
            name: [one.crm.lower(), said([one.transform, one.picklist, one.to])]
            for name, one in mapping.fields.items()
        },
        "rules": {group.name: _rule(group) for group in mapping.groups.values()},
        "match": said([mapping.match, mapping.create_crm, mapping.create_prm]),
        "admits": said([mapping.filter, mapping.home, mapping.stamp_key]),
        "deletes": said([mapping.on_delete, mapping.recreate]),
    }


def _rule(group: GroupMap) -> list[Any]:
    return [list(group.members), str(group.policy), str(group.direction), str(group.first)]


def compare(before: str | None, after: str) -> MappingChange:
    """What changed between two digests; everything where the first is of another form."""
    if before is None or before == after:
        return NOTHING
    try:
        old = orjson.loads(before)
    except orjson.JSONDecodeError:  # written by an earlier version
        return EVERYTHING
    new = orjson.loads(after)
    lines: list[str] = []
    added, removed, how = _fields(old["fields"], new["fields"], lines)
    members = _rules(old["rules"], new["rules"], {*added, *removed}, lines)
    freed = [one for one in old["paused"] if one not in new["paused"]]
    source = old["source"] != new["source"]
    if source:
        lines.append("its object, key, stages or people changed: everything is read again")
    lines += [f"{_part(one)} goes on: everything is read again" for one in freed]
    admits = old["admits"] != new["admits"]
    if admits:
        lines.append("its filter, home or key rule changed: all records are decided again")
    matches = old["match"] != new["match"]
    if matches:
        lines.append("its match keys or creations changed: unlinked records are looked at again")
    deletes = old["deletes"] != new["deletes"]
    if deletes:
        lines.append("its deletion rule changed: what is deleted on one side is decided again")
    reads = bool(source or how or freed)
    return MappingChange(
        tuple(added),
        tuple(removed),
        tuple(members),
        reads,
        reads or admits,
        matches,
        deletes,
        tuple(lines),
        _returned(old, new),
    )


def _returned(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """Members of the groups whose field has come back; earlier versions did not note it."""
    rules, back = new["rules"], set(old.get("gone", ())) - set(new["gone"])
    return tuple(name for part in sorted(back & rules.keys()) for name in rules[part][0])


def _part(name: str) -> str:
    return {"@stream": "the stream", "@create": "creation in the CRM"}.get(name, f"`{name}`")


_Fields = Mapping[str, Sequence[str]]


def _fields(old: _Fields, new: _Fields, lines: list[str]) -> tuple[list[str], list[str], list[str]]:
    moved = [name for name in new if name in old and new[name][0] != old[name][0]]
    how = [name for name in new if name in old and new[name] != old[name] and name not in moved]
    added = [name for name in new if name not in old]
    removed = [name for name in old if name not in new]
    lines += [f"`{name}` is new: it is filled in by its `first` rule" for name in added]
    lines += [f"`{name}` is no longer mapped: nothing is blanked" for name in removed]
    lines += [
        f"`{name}` is another CRM field now: it is filled in by its `first` rule" for name in moved
    ]
    lines += [f"`{name}` is translated otherwise: everything is read again" for name in how]
    return added + moved, removed + moved, how


def _rules(
    old: Mapping[str, Any], new: Mapping[str, Any], known: set[str], lines: list[str]
) -> list[str]:
    """Members whose rules differ, those of new and removed fields alone excepted."""
    before, after = _by_member(old), _by_member(new)
    found = [
        name
        for name, rule in after.items()
        if name not in known and name in before and before[name] != rule
    ]
    for name in found:
        words = ("group", "policy", "direction", "first rule")
        told = [
            f"{word} {_text(one)} → {_text(other)}"
            for word, one, other in zip(words, before[name], after[name], strict=True)
            if one != other
        ]
        lines.append(f"`{name}`: {', '.join(told)}; what waits or differs is decided again")
    return found


def _text(value: Any) -> str:
    return "+".join(value) if isinstance(value, list) else str(value)


def _by_member(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {name: [sorted(members), *rest] for members, *rest in rules.values() for name in members}
