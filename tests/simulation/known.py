"""All that the oracle knows: systems, things, who has seen what, and the database's own tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from simulation.sides import CrmSide, Place, PrmSide, View
from simulation.versions import Book, Entity, Version
from simulation.words import POLICIES, Value

PERSON = "a person"
UNNAMED = "the "
DECISION = "a decision"
THERE = "there"
YES: Value = (True,)
NO: Value = (False,)


class LinkRow(NamedTuple):
    """A link as stored: what the oracle needs of it."""

    id: int
    connection: str
    stream: str
    prm_id: str | None
    crm_id: str | None
    state: str
    base: str | None


@dataclass(frozen=True)
class ActionRow:
    """A journal row that the oracle looks at."""

    id: int
    link: LinkRow
    side: str
    op: str
    fields: Mapping[str, tuple[Any, Any]]
    reason: str


@dataclass(frozen=True)
class Choice:
    """What a person was shown and has chosen, noted when they did it. `prm` and `crm` are the
    values of `members` on both sides, None where a side has no record; `ids` name the record."""

    item: int
    connection: str
    stream: str
    ids: tuple[str | None, str | None]
    group: str
    members: tuple[str, ...]
    prm: Value | None
    crm: Value | None
    take: str = ""


@dataclass(frozen=True)
class Shown:
    """What a CRM has shown of a record to the run that is under way."""

    groups: Mapping[str, Value]
    versions: Mapping[str, Version]
    last: int
    """The newest journal row at that moment: later ones were decided without this look."""


_LINKS = (
    "SELECT link.id, stream.connection, stream.name, prm_id, crm_id, link.state, base "
    "FROM link JOIN stream ON stream.id = link.stream_id"
)
_ACTIONS = (
    "SELECT action.id, link_id, side, op, fields, reason FROM action "
    "JOIN stream ON stream.id = action.stream_id WHERE stream.connection = ? AND "
)


@dataclass
class Known:
    """`crms` by name. `tell` adds a line to the story."""

    prm: PrmSide
    crms: Mapping[str, CrmSide]
    book: Book = field(default_factory=Book)
    entities: list[Entity] = field(default_factory=list)
    by_place: dict[tuple[str, str, str], Entity] = field(default_factory=dict)
    """(system, stream, id) → entity; also of records that are gone."""
    relations: dict[str, Entity] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    shown: dict[tuple[str, Place], Shown] = field(default_factory=dict)
    """(CRM, place) → what it has last shown of it to the run that is under way."""
    names: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """(system, stream, id) → what people call the record."""
    choices: list[Choice] = field(default_factory=list)
    merged: set[str] = field(default_factory=set)
    """What people call records that were merged, or took another one in."""
    first_run: int = 0
    """The last run before the history."""
    unmapped: set[tuple[str, str, str]] = field(default_factory=set)
    """(connection, stream, group) that its mapping does not have just now."""
    policies: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """The same → a policy other than the shipped one."""
    undoing: int = 0
    """The run that is being undone; 0: none."""
    newborn: str = ""
    """What people will call the record that is being created."""
    stood: dict[tuple[str, str, str], Version] = field(default_factory=dict)
    """(relation, connection, system) → what its last whole run has left there."""
    base_seen: dict[int, str | None] = field(default_factory=dict)
    """Link → its base after the last run of its connection."""
    homes: dict[Place, str | None] = field(default_factory=dict)
    """Where our records are at home; also of those that are gone, as a run still writes what it has
    decided before that."""
    _links: tuple[int, dict[int, LinkRow]] = (-1, {})

    # --- the database's own tables -----------------------------------------------------------

    def links(self, connection: str | None = None) -> Iterable[LinkRow]:
        found = self._all_links().values()
        return (
            found if connection is None else [one for one in found if one.connection == connection]
        )

    def _all_links(self) -> dict[int, LinkRow]:
        """Read again when anybody has committed."""
        version = self.prm.version()
        if version != self._links[0]:
            self._links = version, {row[0]: LinkRow._make(row) for row in self.prm.ask(_LINKS)}
        return self._links[1]

    def actions(self, connection: str, where: str, *values: Any) -> list[ActionRow]:
        known = self._all_links()
        return [
            ActionRow(row[0], known[row[1]], row[2], row[3], _fields(row[4]), row[5] or "")
            for row in self.prm.ask(_ACTIONS + where, connection, *values)
            if row[1] in known
        ]

    def side(self, system: str) -> PrmSide | CrmSide:
        return self.prm if system == "prm" else self.crms[system]

    def run(self) -> int:
        """The run that is under way, or was last."""
        return int(self.prm.ask("SELECT coalesce(max(id), 0) FROM run")[0][0])

    def run_of(self, connection: str) -> int:
        """The last run of a connection that has begun."""
        text = "SELECT coalesce(max(id), 0) FROM run WHERE connection = ?"
        return int(self.prm.ask(text, connection)[0][0])

    def policy(self, entity: Entity, group: str, who: str) -> str:
        if entity.stream == "opportunity":
            place = ("opportunity", entity.ids.get("prm", ""))
            if self.homes.get(place) not in (None, who):
                return "copy"
        changed = self.policies.get((who, entity.stream, group))
        return changed or POLICIES.get(group, "hold")

    def decisions(self, entity: Entity, who: str) -> Iterator[Choice]:
        """What people have chosen for this record of a connection."""
        ours, theirs = entity.ids.get("prm"), entity.ids.get(who)
        for one in self.choices:
            if (one.connection, one.stream) != (who, entity.stream):
                continue
            if (ours is not None and one.ids[0] == ours) or (
                theirs is not None and one.ids[1] == theirs
            ):
                yield one


def _fields(text: str) -> dict[str, tuple[Any, Any]]:
    return {name: (change[0], change[1]) for name, change in orjson.loads(text).items()}


def other(system: str, who: str) -> str:
    return who if system == "prm" else "prm"
