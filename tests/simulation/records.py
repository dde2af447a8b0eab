"""Records that came, went or changed in a system."""

from __future__ import annotations

from collections.abc import Mapping

from simulation import relations, undo
from simulation.known import DECISION, NO, PERSON, THERE, UNNAMED, Known
from simulation.sides import Place, View
from simulation.versions import UNDO, Broken, Entity, Version
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
    went = entity.went.pop(system, {}) if who == PERSON else buried
    run = 0
    entity.overruled.pop(system, None)
    if who == PERSON and buried and "prm" in entity.removed and not entity.lives("prm"):
        # Until it is back there, the deletion that this person saw may still go elsewhere.
        entity.overruled["prm"] = (system, buried)
    if who == PERSON and system in entity.removed:
        _overrule(entity, system)
    if who != PERSON:
        run = known.run()
        _brought_back(known, entity, system, buried)
    if known.undoing and who != PERSON:
        entity.undone.add(who)
    for group, value in now.records[place].items():
        if run:
            entity.place(system, group, run, None, sure=True)
        old = went.get(group)
        if old is not None and old.value == value:
            version = old
        elif who == PERSON and not any(value):
            entity.typed_in(system, group)
            version = known.book.blank(entity, group, value)
        elif who == PERSON:
            entity.typed_in(system, group)
            version = known.book.typed(entity, group, value, system)
        else:
            version = version_of(known, entity, group, value, system, who)
        entity.show(system, group, version)


def _overrule(entity: Entity, system: str) -> None:
    """Whoever takes it out of the bin overrules who deleted it elsewhere, and so here; not who
    deleted it elsewhere after it had gone here already."""
    for name, seen in entity.graves.get(system, {}).items():
        if entity.buried.get(name) is seen:
            entity.overruled[name] = (system, entity.buried.pop(name))


def _brought_back(known: Known, entity: Entity, system: str, buried: Mapping[str, Version]) -> None:
    """As somebody has decided: what was deleted is out of the question, and deletions in other
    CRMs that were known by then are overruled."""
    for group, version in buried.items():
        settle(entity, group, version)
    for relation in known.relations.values():  # which went with it
        stands = relation.current.get(system, {}).get(THERE)
        if stands is not None and stands.value == NO and relation.names(entity.label):
            settle(relation, THERE, stands)
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
    if system in entity.buried and not (
        _decided_record(known, entity, system, who) or _merged_unseen(known, entity, system)
    ):
        raise Broken(f"{entity.label} was deleted in {system} by a person, and is back")


def _merged_unseen(known: Known, entity: Entity, system: str) -> bool:
    """Merged away before any read showed it: under our key the CRM shows nothing of it any more.
    That a record of this id was merged may be known, but not whose it was."""
    if entity.label not in known.merged:
        return False
    named = [one for one in known.links(system) if one.crm_id == entity.ids[system]]
    return all(one.prm_id is None and one.state == "ended" for one in named)


def _decided_record(known: Known, entity: Entity, system: str, who: str) -> bool:
    take = "crm" if system == "prm" else "prm"
    return any(one.take == take for one in known.decisions(entity, who) if one.group == "@record")


def vanished(known: Known, system: str, place: Place, who: str) -> None:
    entity = known.by_place[(system, *place)]
    stood = entity.current.pop(system)
    if who != PERSON:
        stood = {**stood, **seen_at_guard(known, entity, system)}
    entity.died.add(system)
    entity.went[system] = stood
    if who == PERSON:
        entity.removed.discard(system)
        entity.buried[system] = stood
        if system in known.crms and known.crms[system].connector == "salesforce":
            relations.end_gone(known, entity, system)
        return
    entity.removed.add(system)
    _take_away(known, entity, system, who, stood)
    entity.graves[system] = dict(entity.buried)


def _take_away(
    known: Known, entity: Entity, system: str, who: str, stood: Mapping[str, Version]
) -> None:
    """A run has deleted it."""
    if known.undoing and undo.takes_away(known, entity, system, who, stood):
        entity.typed_in(system)
        entity.undone.add(who)
        entity.buried[UNDO] = stood
        return
    if _decided_record(known, entity, system, who):
        entity.buried[DECISION] = stood  # whoever decided was shown this
        return
    graves = [seen for name, seen in entity.buried.items() if name != system]
    for name, (where, seen) in entity.overruled.items():
        if where != system and not entity.lives(name):  # what was overruled is not known here yet
            graves.append(seen)
    for group, version in stood.items():
        if (who, entity.stream, group) in known.unmapped:
            # Nobody compares it: its edits are as invisible as those of any other field, and what
            # is gone here is no reason any more to keep its copies.
            if system == "prm":
                settle(entity, group, version)
            continue
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
            entity.typed_in(system, group)
            version = known.book.typed(entity, group, value, system)
        elif known.undoing:
            version = undo.put_back(known, entity, group, value, system)
        else:
            version = overwritten(known, entity, group, value, system, who)
        entity.show(system, group, version)
