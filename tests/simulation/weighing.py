"""Whether one version may stand over another: from what its author had seen alone."""

from __future__ import annotations

from simulation.versions import Entity, Version
from simulation.words import RANK, Value


def settle(entity: Entity, group: str, version: Version) -> None:
    """A person or a rule has decided against this value, and so against all that led to it."""
    for one in entity.versions.get(group, ()):
        one.settled = one.settled or version.knows(one)


def over(new: Version | None, old: Version) -> bool:
    """Whether `new` may stand over `old` without losing what anybody typed."""
    return new is not None and (
        new is old or new.knows(old) or new.value == old.value or old.settled or empty(old)
    )


def empty(version: Version) -> bool:
    return version.author == "nobody"


def further(old: Version, new: Version) -> bool:
    """Both went forward and neither was lost: the further stage wins."""
    before, after = RANK.get(str(old.value[0]), -1), RANK.get(str(new.value[0]), -1)
    return after > before >= 0 and "closed_lost" not in (old.value[0], new.value[0])


def told(value: Value) -> str:
    return " · ".join("blank" if part is None else str(part) for part in value)
