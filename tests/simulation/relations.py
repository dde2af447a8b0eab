"""Relations of partners and deals that came or went in a system."""

from __future__ import annotations

from collections.abc import Container

import orjson

from simulation import undo
from simulation.known import NO, PERSON, THERE, YES, Known, other
from simulation.sides import Relation, View
from simulation.versions import Broken, Entity, Version
from simulation.weighing import over, settle
from simulation.words import RELATION, Value


def related(known: Known, system: str, one: Relation, present: bool, now: View, who: str) -> None:
    entity = _relation(known, system, one)
    value = YES if present else NO
    old = entity.current.get(system, {}).get(THERE)
    back = entity.buried.pop(system, {}).get(THERE)
    if who == PERSON and present and back is not None:
        entity.again = True
        version = back if old is None else known.book.returned(entity, THERE, back, old)
    elif who == PERSON:
        version = known.book.typed(entity, THERE, value, system)
        if not present and old is not None and not ends_live(one, now):
            entity.buried[system] = {THERE: old}  # it comes back if the end does
            version.settled = True  # nobody said a word on the relation itself
        else:
            entity.typed_in(system)
            entity.taken_at[system] = known.run_of(system)
    elif known.undoing and undo.may_put_back(entity, THERE, value, system):
        entity.undone.add(who)
        version = undo.put_back(known, entity, THERE, value, system)
    else:
        version = _meant(known, entity, system, who, old, value)
        if old is not None and not over(version, old):
            allowed = (
                not ends_live(one, now)  # it went with one of its ends
                or _unseen(known, entity, system, who, old)
                or _decided_relation(known, system, one, who, present=present)
                or (not present and _as_agreed(known, system, one, who, entity, version))
                or (present and not known.merged.isdisjoint(entity.ends))
                or (present and (entity.again or who in entity.twice))
                or (present and _end_again(known, system, one, who))
                or (present and _news_there(version))
            )
            if not allowed:
                raise Broken(
                    f"{entity.label} was {'added to' if present else 'taken from'} {system} "
                    f"by a run of {who}, although the last word there was another"
                )
            settle(entity, THERE, old)
        entity.place(system, THERE, known.run(), NO if old is None else old.value, sure=True)
    entity.show(system, THERE, version)


def end_gone(known: Known, end: Entity, system: str) -> None:
    """A person has deleted an end in a CRM whose bin does not give relations back. One that was
    taken away before, and that no run has read since, looks as if it had gone with its end, and is
    made again with it."""
    for entity in known.relations.values():
        gone = entity.current.get(system, {}).get(THERE)
        if gone is None or gone.value != NO or not entity.names(end.label):
            continue
        read = known.stood.get((entity.label, system, system)) is gone
        if not read and entity.taken_at.get(system) == known.run_of(system):
            gone.settled = True


def doubled(known: Known, system: str, one: Relation) -> None:
    """A person has made a second row of what stood there already."""
    _relation(known, system, one).twice.add(system)


def halved(known: Known, system: str, one: Relation, who: str) -> None:
    """An undo has taken away a row of what stands there twice: the other one stays."""
    _relation(known, system, one).undone.add(who)


def _relation(known: Known, system: str, one: Relation) -> Entity:
    deal = known.by_place[(system, "opportunity", one[0])]
    partner = known.by_place[(system, "partner", one[1])]
    label = f"{partner.label} as {one[2]} on {deal.label}"
    entity = known.relations.get(label)
    if entity is None:
        entity = known.relations[label] = Entity(RELATION, label)
    return entity


def _decided_relation(known: Known, system: str, one: Relation, who: str, *, present: bool) -> bool:
    """Whether a person was shown both sides of this pair and has chosen what stands now."""
    ends = [
        known.by_place[(system, "opportunity", one[0])],
        known.by_place[(system, "partner", one[1])],
    ]
    ids = {entity.ids.get("prm") for entity in ends}
    source, receiver = ("crm", "prm") if system == "prm" else ("prm", "crm")
    showing = source if present else receiver
    wanted = {*ids, one[2]}
    for choice in known.choices:
        if (choice.connection, choice.stream, choice.take) != (who, RELATION, source):
            continue
        if wanted <= set((choice.prm if showing == "prm" else choice.crm) or ()):
            return True
    return False


def _end_again(known: Known, system: str, one: Relation, who: str) -> bool:
    """Whether a person has decided that an end of it, deleted in this system, is made again from
    the other side: what hung on it there comes with it."""
    ends = {
        known.by_place[(system, "opportunity", one[0])].ids.get("prm"),
        known.by_place[(system, "partner", one[1])].ids.get("prm"),
    }
    text = (
        "SELECT take, held.prm, held.crm, link.prm_id FROM held JOIN link ON link.id = link_id "
        "JOIN stream ON stream.id = stream_id "
        "WHERE take IS NOT NULL AND group_name = '@record' AND connection = ?"
    )
    source = "crm" if system == "prm" else "prm"
    return any(
        take == source and (prm if system == "prm" else crm) is None and record in ends
        for take, prm, crm, record in known.prm.ask(text, who)
    )


def _news_there(version: Version) -> bool:
    """Whether it had never stood where a person made it: whoever took it away elsewhere had taken
    it from nobody there, and both words stand."""
    return version.author != "nobody" and version.seen == frozenset({version.number})


def _unseen(known: Known, entity: Entity, system: str, who: str, old: Version) -> bool:
    """There and away again between two reads: nothing that a read could see."""
    stood = known.stood.get((entity.label, who, system))
    before = NO if stood is None else stood.value
    return stood is not old and before == old.value


def _as_agreed(
    known: Known, system: str, one: Relation, who: str, entity: Entity, gone: Version
) -> bool:
    """Whether what a person took away elsewhere stands here as both sides had last agreed on it:
    whoever took it away here too and put it back has changed nothing."""
    if gone.author == "nobody" or not any(
        each.value == YES and gone.knows(each) for each in entity.versions[THERE]
    ):
        return False
    ends = [
        known.by_place[(system, stream, record)].ids.get("prm")
        for stream, record in zip(("opportunity", "partner"), one[:2], strict=True)
    ]
    said = dict(zip(("opportunity", "partner", "role"), (*ends, one[2]), strict=True))
    bases = [
        base
        for link in known.links(who)
        if link.stream == RELATION
        # this run may have moved the base on already, in the commit that took the relation away
        for base in (link.base, known.base_seen.get(link.id))
    ]
    return any(base is not None and orjson.loads(base) == said for base in bases)


def _meant(
    known: Known, entity: Entity, system: str, who: str, old: Version | None, value: Value
) -> Version:
    source = entity.current.get(other(system, who), {}).get(THERE)
    if source is not None and source.value == value:
        return source
    found = [one for one in entity.versions.get(THERE, ()) if one.value == value]
    for one in reversed(found):
        if old is None or one.knows(old):
            return one
    if found:
        return found[-1]
    if value == YES and not known.merged.isdisjoint(entity.ends):
        return known.book.undone(entity, THERE, YES, old, None)  # it was the lost record's
    if value == YES:
        raise Broken(f"{entity.label} was added to {system}, which nobody wanted")
    return known.book.blank(entity, THERE, value)


def rejoined(known: Known, was: str, now: str, living: Container[str]) -> None:
    """A thing called `was` turned out to be the one called `now`: so are its relations. It lives in
    the systems `living`; what went with it elsewhere takes nothing from the one that stands there.
    """
    for label in list(known.relations) if was != now else ():
        changed = renamed(label, was, now)
        if changed == label:
            continue
        old = known.relations.pop(label)
        entity = known.relations.setdefault(changed, old)
        if entity is old:
            entity.label = changed
            continue
        entity.versions.setdefault(THERE, []).extend(old.versions.get(THERE, ()))
        entity.twice |= old.twice
        for system, groups in old.current.items():
            version = groups[THERE]
            stood = entity.current.get(system, {}).get(THERE)
            if stood is not None and stood.value == YES and system not in living:
                continue
            if stood is not None:
                version = known.book.agreed(entity, THERE, version, stood)
            entity.show(system, THERE, version)


def renamed(label: str, was: str, now: str) -> str:
    """A relation's label with the new name of an end."""
    parts = label.replace(" on ", " as ").split(" as ")
    partner, role, deal = (now if part == was else part for part in parts)
    return f"{partner} as {role} on {deal}"


def ends_live(one: Relation, view: View) -> bool:
    """Whether the deal and the partner of a relation stand in a system."""
    return ("opportunity", one[0]) in view.records and ("partner", one[1]) in view.records
