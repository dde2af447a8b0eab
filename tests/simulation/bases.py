"""After a run: what both sides show alike is known to be the same, and no base is ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from simulation.known import THERE, YES, Known, LinkRow
from simulation.versions import UNDO, Broken, Entity
from simulation.weighing import told
from simulation.words import GROUPS, RELATION, Value


def agree(known: Known, who: str) -> None:
    """After a whole run: where both sides show the same, both are known to be the same."""
    for entity in (*known.entities, *known.relations.values()):
        ours, theirs = entity.current.get("prm"), entity.current.get(who)
        if ours is None or theirs is None:
            continue
        for group in ours.keys() & theirs.keys():
            one, other = ours[group], theirs[group]
            if one is not other and one.value == other.value:
                ours[group] = theirs[group] = known.book.agreed(entity, group, one, other)
    if not known.undoing:  # an undo reads both sides and decides of its own run alone
        left(known, who)


def agree_on_bases(known: Known, who: str) -> None:
    """After a run that died: where it has stored a base, and both sides show that, it had seen
    both. The next run knows no more of it than the database, and that says so."""
    for link in known.links(who):
        if link.base is None or link.state != "live":
            continue
        if link.stream != RELATION and known.base_seen.get(link.id) == link.base:
            continue
        base = orjson.loads(link.base)
        entity = _related(known, base) if link.stream == RELATION else _ours(known, link)
        ours, theirs = (
            {} if entity is None else entity.current.get(system, {}) for system in ("prm", who)
        )
        for group in ours.keys() & theirs.keys():
            one, other = ours[group], theirs[group]
            members = GROUPS.get(link.stream, {}).get(group, ())
            value = YES if group == THERE else tuple(base.get(name) for name in members)
            if entity is not None and one is not other and one.value == other.value == value:
                ours[group] = theirs[group] = known.book.agreed(entity, group, one, other)


def _ours(known: Known, link: LinkRow) -> Entity | None:
    return known.by_place.get(("prm", link.stream, str(link.prm_id)))


def _related(known: Known, base: Mapping[str, Any]) -> Entity | None:
    """The relation that a base speaks of."""
    deal = known.by_place.get(("prm", "opportunity", str(base.get("opportunity"))))
    partner = known.by_place.get(("prm", "partner", str(base.get("partner"))))
    if deal is None or partner is None:
        return None
    return known.relations.get(f"{partner.label} as {base.get('role')} on {deal.label}")


def left(known: Known, who: str) -> None:
    """What a connection has seen and left."""
    for entity in known.entities:
        for system in ("prm", who):
            if system in entity.current:
                entity.left[who, system] = dict(entity.current[system])
    for entity in known.relations.values():
        for system in ("prm", who):
            if system in entity.current:
                known.stood[entity.label, who, system] = entity.current[system][THERE]


def bases(known: Known, who: str) -> None:
    """The base is never ahead: each agreed value stood on our side, and in the CRM or in a
    write that the CRM acknowledged."""
    for link in known.links(who):
        if known.base_seen.get(link.id) == link.base:
            continue
        known.base_seen[link.id] = link.base
        if link.stream == RELATION:
            continue  # only remembered: what it says is judged where the relation comes or goes
        if link.base is None or link.prm_id is None or link.crm_id is None:
            continue
        entity = known.by_place.get((who, link.stream, link.crm_id))
        if entity is None:
            raise Broken(f"a base of {who} names {link.crm_id}, which was never there")
        _base_of(known, entity, link, orjson.loads(link.base), who)


def _base_of(
    known: Known, entity: Entity, link: LinkRow, base: Mapping[str, Any], who: str
) -> None:
    for group, members in GROUPS[link.stream].items():
        if any(name not in base for name in members):
            continue
        value = tuple(base[name] for name in members)
        ours = entity.shown.get(("prm", group), set())
        theirs = entity.shown.get((who, group), set())
        undone = any(one.author == UNDO and one.value == value for one in entity.versions[group])
        if undone or (who in entity.first and not any(value)):  # also: the winner's blanks
            # what an undo has put back is the base of what then waits
            continue
        if value not in ours or (value not in theirs and not _acknowledged(known, link, value)):
            raise Broken(
                f"the base of {group} of {entity.label} in {who} is {told(value)}, which "
                f"{'our side' if value not in ours else 'the CRM'} never showed"
            )


def _acknowledged(known: Known, link: LinkRow, value: Value) -> bool:
    text = (
        "SELECT fields FROM action WHERE link_id = ? AND side = 'crm' "
        "AND state IN ('done', 'found')"
    )
    written: set[Any] = set()
    for (fields,) in known.prm.ask(text, link.id):
        written.update(change[1] for change in orjson.loads(fields).values())
    return all(part is None or part in written for part in value)
