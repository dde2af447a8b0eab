"""What people typed, who saw what when they typed it, and what the engine made of it.

Each value of a group that anybody ever typed is a *version* that knows the versions its author had
seen. An engine write is judged by that alone: it may go forward (the author of what is written had
seen what is overwritten), or a rule that the mapping states must allow it, and what it gives up
must be in the journal. Nothing here knows how the engine decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from simulation.words import Value


class Broken(BaseException):
    """A promise was broken. No handler in the program may take it for something of its own."""


@dataclass(eq=False, slots=True)
class Version:
    """One value of one group. `seen` are the numbers of all versions its author knew, its own
    included. `settled`: a person or a rule decided against it, so it may be overwritten."""

    number: int
    value: Value
    author: str
    seen: frozenset[int]
    settled: bool = False

    def knows(self, other: Version) -> bool:
        return other.number in self.seen


@dataclass(eq=False)
class Entity:
    """One thing in the world, in as many systems as know it. A relation has one group, whether it
    is there; its `label` tells both ends and the role."""

    stream: str
    label: str
    ids: dict[str, str] = field(default_factory=dict)
    """System → id there, of the record that lives there or lived there last."""
    current: dict[str, dict[str, Version]] = field(default_factory=dict)
    """System → group → what stands there; only of systems where it lives."""
    versions: dict[str, list[Version]] = field(default_factory=dict)
    buried: dict[str, dict[str, Version]] = field(default_factory=dict)
    """System → what its person saw when they deleted it there."""
    died: set[str] = field(default_factory=set)
    """Systems in which it was deleted at least once."""
    shown: dict[tuple[str, str], set[Value]] = field(default_factory=dict)
    """(system, group) → every value that ever stood there."""
    first: set[str] = field(default_factory=set)
    """Systems whose record was linked to ours by a match: their first values met unagreed."""
    twice: set[str] = field(default_factory=set)
    """Of a relation: CRMs where a person made a second row of it, which is a thing of its own."""

    def lives(self, system: str) -> bool:
        return system in self.current

    def show(self, system: str, group: str, version: Version) -> None:
        self.current.setdefault(system, {})[group] = version
        self.shown.setdefault((system, group), set()).add(version.value)


class Book:
    """All versions of a history."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def typed(self, entity: Entity, group: str, value: Value, author: str) -> Version:
        """A person types a value over what stands in their system, if anything does."""
        before = entity.current.get(author, {}).get(group)
        return self._new(entity, group, value, author, before.seen if before else frozenset())

    def agreed(self, entity: Entity, group: str, one: Version, other: Version) -> Version:
        """Two people typed the same: from now on who sees one has seen both."""
        return self._new(entity, group, one.value, one.author, one.seen | other.seen)

    def mixed(
        self, entity: Entity, group: str, value: Value, one: Version, other: Version
    ) -> Version:
        """Two people typed into different fields of a group at the same moment."""
        return self._new(entity, group, value, one.author, one.seen | other.seen)

    def blank(self, entity: Entity, group: str, value: Value) -> Version:
        """What stands in a system where nobody has typed anything."""
        return self._new(entity, group, value, "nobody", frozenset())

    def _new(
        self, entity: Entity, group: str, value: Value, author: str, seen: frozenset[int]
    ) -> Version:
        number = next(self._numbers)
        made = Version(number, value, author, seen | {number})
        entity.versions.setdefault(group, []).append(made)
        return made
