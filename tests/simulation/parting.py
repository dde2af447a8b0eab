"""Records of one thing that nothing holds together any more."""

from __future__ import annotations

from simulation.known import THERE, Known
from simulation.relations import renamed
from simulation.versions import Entity


def parted(known: Known, entity: Entity, system: str) -> Entity:
    """Ours is gone, and with it what held the records of several CRMs together: the one of `system`
    as a thing of its own, if others are left."""
    if entity.lives("prm") or entity.current.keys() <= {system}:
        return entity
    part = Entity(entity.stream, f"{entity.label} of {system}")
    part.ids[system] = entity.ids[system]
    part.current[system] = entity.current.pop(system)
    part.versions = {group: list(found) for group, found in entity.versions.items()}
    part.shown = {place: seen for place, seen in entity.shown.items() if place[0] == system}
    known.entities.append(part)
    known.by_place[system, part.stream, part.ids[system]] = part
    for label, relation in list(known.relations.items()):
        if entity.label not in relation.ends or system not in relation.current:
            continue
        own = Entity(relation.stream, renamed(label, entity.label, part.label))
        own.current[system] = relation.current.pop(system)
        own.versions = {THERE: list(relation.versions[THERE])}
        own.twice = relation.twice & {system}
        known.relations[own.label] = own
    return part
