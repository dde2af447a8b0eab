"""Records that came, went or changed in a system."""

from __future__ import annotations

from collections.abc import Mapping

from simulation.known import DECISION, PERSON, UNNAMED, Known
from simulation.sides import Place, View
from simulation.versions import Broken, Entity, Version
from simulation.weighing import over, settle, told
from simulation.words import Value
from simulation.writes import overwritten, seen_at_guard, version_of


def appeared(known: Known, system: str, place: Place, now: View, who: str) -> None:
    stream, record = place
    before = known.by_place.get((system, stream, record))
    entity = before or (
        Entity(stream, _name(known, system, place))
        if who == PERSON
        else _source(known, system, place, now, who)
    )
    if who != PERSON:
        _may_create(known, entity, system, who)
    if entity not in known.entities:
        known.entities.append(entity)
    known.by_place[(system, stream, record)] = entity
    entity.ids[system] = record
    entity.current[system] = {}
    buried = entity.buried.pop(system, {})
    if who != PERSON:
        _brought_back(known, entity, system, buried)
    for group, value in now.records[place].items():
        old = buried.get(group)
        if old is not None and old.value == value:
            version = old
        elif who == PERSON:
            version = known.book.typed(entity, group, value, system)
        else:
            version = version_of(known, entity, group, value, system, who)
        entity.show(system, group, version)


def _brought_back(known: Known, entity: Entity, system: str, buried: Mapping[str, Version]) -> None:
    """As somebody has decided: what was deleted is out of the question, and deletions in other
    CRMs that were known by then are overruled."""
    for group, version in buried.items():
        settle(entity, group, version)
    if system == "prm":
        for link in known.links():
            ours = (link.stream, link.prm_id) == (entity.stream, entity.ids.get("prm"))
            if ours and link.state == "ended":
                entity.buried.pop(link.connection, None)


def _name(known: Known, system: str, place: Place) -> str:
    named = known.names.get((system, *place))
    return named or known.newborn or f"{UNNAMED}{place[0]} {place[1]} of {system}"


def _source(known: Known, system: str, place: Place, now: View, who: str) -> Entity:
    """Of which thing a run has made a record: by our key, or by the link in our database."""
    stream, record = place
    if system != "prm":
        found = known.by_place.get(("prm", stream, str(now.keys[place])))
    else:
        links = (one for one in known.links(who) if (one.stream, one.prm_id) == place)
        crm_id = next((one.crm_id for one in links), None)
        found = known.by_place.get((who, stream, str(crm_id)))
    if found is None:
        raise Broken(f"a {stream} was created in {system} that comes from no record: {record}")
    return found


def _may_create(known: Known, entity: Entity, system: str, who: str) -> None:
    if entity.lives(system):
        raise Broken(f"{entity.label} was created in {system} a second time")
    if system in entity.buried and not _decided_record(known, entity, system, who):
        raise Broken(f"{entity.label} was deleted in {system} by a person, and is back")


def _decided_record(known: Known, entity: Entity, system: str, who: str) -> bool:
    take = "crm" if system == "prm" else "prm"
    return any(row[0] == take for row in known.decisions(entity, who) if row[1] == ["@record"])


def vanished(known: Known, system: str, place: Place, who: str) -> None:
    entity = known.by_place[(system, *place)]
    stood = entity.current.pop(system)
    if who != PERSON:
        stood = {**stood, **seen_at_guard(known, entity, system)}
    entity.died.add(system)
    if who == PERSON:
        entity.buried[system] = stood
        return
    if _decided_record(known, entity, system, who):
        entity.buried[DECISION] = stood  # whoever decided was shown this
        return
    graves = [seen for name, seen in entity.buried.items() if name != system]
    for group, version in stood.items():
        if not any(over(seen.get(group), version) for seen in graves):
            raise Broken(
                f"{entity.label} was deleted in {system}, and with it {group} = "
                f"{told(version.value)}, which nobody who deleted it had seen"
            )


def changed(
    known: Known,
    system: str,
    place: Place,
    old: Mapping[str, Value],
    new: Mapping[str, Value],
    who: str,
) -> None:
    entity = known.by_place[(system, *place)]
    for group, value in new.items():
        if old[group] == value:
            continue
        if who == PERSON:
            version = known.book.typed(entity, group, value, system)
        else:
            version = overwritten(known, entity, group, value, system, who)
        entity.show(system, group, version)
