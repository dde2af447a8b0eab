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

UNDO = "an undo"


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
    alike: frozenset[int] = frozenset()
    """Other versions that this one stands for as well: whoever has seen one of them has seen it."""

    def knows(self, other: Version) -> bool:
        return other.number in self.seen or not self.seen.isdisjoint(other.alike)


@dataclass(frozen=True, slots=True)
class Placed:
    """What runs have written in a place since a person last worked there: the run that wrote last,
    and what stood there before that run (None: nothing). `sure`: nobody typed in the very moment of
    a write."""

    run: int
    before: Value | None
    sure: bool = True


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
    overruled: dict[str, tuple[str, dict[str, Version]]] = field(default_factory=dict)
    """System → where a person took it out of the recycle bin who overruled that deletion, and what
    was seen there when it was deleted. Until it is back it may still go elsewhere."""
    went: dict[str, dict[str, Version]] = field(default_factory=dict)
    """System → what stood there when it was last deleted there, by whomever: a recycle bin."""
    removed: set[str] = field(default_factory=set)
    """Systems in which it was last deleted by a run."""
    graves: dict[str, dict[str, dict[str, Version]]] = field(default_factory=dict)
    """System → what was `buried` when a run deleted it there."""
    died: set[str] = field(default_factory=set)
    """Systems in which it was deleted at least once."""
    shown: dict[tuple[str, str], set[Value]] = field(default_factory=dict)
    """(system, group) → every value that ever stood there."""
    first: set[str] = field(default_factory=set)
    """Systems whose record was linked to ours by a match: their first values met unagreed."""
    left: dict[tuple[str, str], dict[str, Version]] = field(default_factory=dict)
    """(connection, system) → group → what the connection's last whole run has left there."""
    placed: dict[tuple[str, str], Placed] = field(default_factory=dict)
    """(system, group) → what runs have written there over people's values."""
    replaced: dict[tuple[str, str], set[Value | None]] = field(default_factory=dict)
    """(system, group) → every value that a run has ever replaced there."""
    undone: set[str] = field(default_factory=set)
    """Connections by whose undo it came or went somewhere."""
    again: bool = False
    """Of a relation: a person had its deal or partner back, and so the relation, who could not see
    that others had taken it away meanwhile."""
    taken_at: dict[str, int] = field(default_factory=dict)
    """Of a relation: CRM → its last run that had begun when a person took it away there."""
    twice: set[str] = field(default_factory=set)
    """Of a relation: CRMs where a person made a second row of it, which is a thing of its own."""

    def names(self, label: str) -> bool:
        """Of a relation: whether this is one of its ends."""
        return label in self.ends

    @property
    def ends(self) -> tuple[str, ...]:
        """Of a relation: partner, role and deal."""
        return tuple(self.label.replace(" on ", " as ").split(" as "))

    def lives(self, system: str) -> bool:
        return system in self.current

    def place(self, system: str, group: str, run: int, before: Value | None, *, sure: bool) -> None:
        """A run has written there."""
        self.replaced.setdefault((system, group), set()).add(before)
        old = self.placed.get((system, group))
        if old is not None and old.run == run:
            before, sure = old.before, sure and old.sure
        self.placed[system, group] = Placed(run, before, sure)

    def typed_in(self, system: str, group: str | None = None) -> None:
        """A person has worked there: what runs wrote before is out of the question."""
        for place in list(self.placed):
            if place[0] == system and group in (None, place[1]):
                del self.placed[place]

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
        """Two people typed the same: who sees one has seen both, and who saw one had seen it."""
        if one.number == other.number:
            return self.joined(entity, group, *((one, other) if one.settled else (other, one)))
        made = self._new(entity, group, one.value, one.author, one.seen | other.seen)
        made.alike = one.alike | other.alike | {one.number, other.number}
        made.settled = (one.settled and (other.settled or one.knows(other))) or (
            other.settled and other.knows(one)
        )
        return made

    def mixed(
        self, entity: Entity, group: str, value: Value, one: Version, other: Version
    ) -> Version:
        """Two people typed into different fields of a group at the same moment."""
        return self._new(entity, group, value, one.author, one.seen | other.seen)

    def undone(
        self, entity: Entity, group: str, value: Value, one: Version | None, other: Version | None
    ) -> Version:
        """What stood there before a run, put back by somebody who looked at that run. Whoever
        edits either side of it afterwards has decided."""
        seen = frozenset().union(*(each.seen for each in (one, other) if each is not None))
        made = self._new(entity, group, value, UNDO, seen)
        made.settled = True
        return made

    def returned(self, entity: Entity, group: str, one: Version, gone: Version) -> Version:
        """What came back as it was: nobody typed it anew, and its going is known."""
        made = Version(one.number, one.value, one.author, one.seen | gone.seen, one.settled)
        entity.versions.setdefault(group, []).append(made)
        return made

    def joined(self, entity: Entity, group: str, one: Version, gone: Version) -> Version:
        """What stood alike in two records that a person has made one: it stays as it is."""
        alike = (one.alike | gone.alike | {gone.number}) - {one.number}
        made = Version(one.number, one.value, one.author, one.seen | gone.seen, one.settled, alike)
        entity.versions.setdefault(group, []).append(made)
        return made

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
