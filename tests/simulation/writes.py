"""What a run has written over what: was it allowed?"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from simulation.known import Known, other
from simulation.versions import Broken, Entity, Version
from simulation.weighing import further, over, settle, told
from simulation.words import FIRST, GROUPS, Value


def overwritten(
    known: Known, entity: Entity, group: str, value: Value, system: str, who: str
) -> Version:
    """A run's write is judged by what the CRM showed at the guard. What a person typed
    between the guard and the write is lost: no CRM here can prevent that, and it is known."""
    stands = entity.current[system][group]
    seen = seen_at_guard(known, entity, system).get(group, stands)
    late = seen is not stands
    try:
        version = version_of(known, entity, group, value, system, who)
    except Broken:
        if not late:
            raise
        # One half is theirs, one half what was sent: as ours is meant, which is judged.
        meant = entity.current[other(system, who)][group]
        version = known.book.mixed(entity, group, value, meant, stands)
    _judge(known, entity, group, system, who, seen, version)
    entity.place(system, group, known.run(), seen.value, sure=not late)
    if late:
        settle(entity, group, stands)
    return version


def seen_at_guard(known: Known, entity: Entity, system: str) -> Mapping[str, Version]:
    shown = known.shown.get((system, (entity.stream, entity.ids[system])))
    return {} if shown is None else shown.versions


def version_of(
    known: Known, entity: Entity, group: str, value: Value, system: str, who: str
) -> Version:
    """The version that a run has written: what stands at its source, if that is it."""
    source = entity.current.get(other(system, who), {}).get(group)
    if source is not None and source.value == value:
        return source
    found = [one for one in entity.versions.get(group, ()) if one.value == value]
    if found:
        return found[-1]
    if not any(part for part in value):
        return known.book.blank(entity, group, value)
    raise Broken(f"{system} shows {group} = {told(value)} of {entity.label}, which nobody typed")


def _judge(
    known: Known, entity: Entity, group: str, system: str, who: str, old: Version, new: Version
) -> None:
    policy = known.policy(entity, group, who)
    if (who, entity.stream, group) in known.unmapped:
        raise Broken(f"{group} of {entity.label} is not in the mapping of {who}, which wrote it")
    if (
        system == "prm"
        and policy in ("prm", "copy")
        and not _decided(known, entity, group, system, who, old, new)
    ):
        raise Broken(
            f"{group} of {entity.label} belongs to the partner database, and a run of {who} "
            f"wrote {told(new.value)} over {told(old.value)}"
        )
    if over(new, old):
        return
    allowed = (
        policy in ("prm", "copy")
        or (policy == "stage" and further(old, new))
        or (group in FIRST and who in entity.first and FIRST[group] == "crm" and system == "prm")
        or _decided(known, entity, group, system, who, old, new)
        or _back_again(entity, group, system, who, old, new)
        or _taken_back(known, entity, group, system, who, old, new)
        or _merged_as_agreed(known, entity, group, who, old, new)
    )
    if not allowed:
        raise Broken(
            f"lost in {system}: {group} of {entity.label} = {told(old.value)} (typed in "
            f"{old.author}) was overwritten with {told(new.value)} (typed in {new.author}, by "
            f"somebody who had not seen it); policy {policy}, run of {who}"
        )
    settle(entity, group, old)


def _back_again(
    entity: Entity, group: str, system: str, who: str, old: Version, new: Version
) -> bool:
    """Changed and changed back between two runs: nothing that a read could see. What was changed
    back itself must not return."""
    stood = entity.left.get((who, system), {}).get(group)
    return (
        stood is not None and stood.value == old.value and over(new, stood) and not old.knows(new)
    )


def _taken_back(
    known: Known,
    entity: Entity,
    group: str,
    system: str,
    who: str,
    old: Version,
    new: Version,
) -> bool:
    """Whoever takes an own edit back to what both sides had agreed on has withdrawn it, although a
    run has seen it: nobody else's word was under it, and the only edit left is the other side's."""
    if old.author != system or old.knows(new) or not _is_agreed(known, entity, group, who, old):
        return False
    seen = [one for one in entity.versions[group] if one.number in old.seen and one is not old]
    stood = next((one for one in reversed(seen) if one.value == old.value), None)
    if stood is None or not over(new, stood):
        return False
    return all(one.author == system for one in seen if not stood.knows(one))


def _merged_as_agreed(
    known: Known, entity: Entity, group: str, who: str, old: Version, new: Version
) -> bool:
    """Whether a record that took this one in shows what both sides had agreed on: nobody can tell
    that from what the author of `new` had seen."""
    if entity.label not in known.merged or not _is_agreed(known, entity, group, who, old):
        return False
    return any(one.value == old.value and new.knows(one) for one in entity.versions[group])


def _is_agreed(known: Known, entity: Entity, group: str, who: str, old: Version) -> bool:
    """Whether the base of before this run says the same."""
    for link in known.links(who):
        if (link.stream, link.prm_id) == (entity.stream, entity.ids.get("prm")):
            base = orjson.loads(known.base_seen.get(link.id) or link.base or "{}")
            members = GROUPS[entity.stream][group]
            return tuple(base.get(name) for name in members) == old.value
    return False


def _decided(
    known: Known, entity: Entity, group: str, system: str, who: str, old: Version, new: Version
) -> bool:
    """Whether a person who was shown both values chose this one, or the one that the same run
    wrote first and whose author's successor this is."""
    take = "crm" if system == "prm" else "prm"
    ours, theirs = (old, new) if system == "prm" else (new, old)
    members = GROUPS[entity.stream][group]
    for one in known.decisions(entity, who):
        if one.take != take or one.prm is None or one.crm is None:
            continue
        if not set(members) <= set(one.members):
            continue
        shown = [dict(zip(one.members, side, strict=True)) for side in (one.prm, one.crm)]
        values = [tuple(side[name] for name in members) for side in shown]
        if values == [ours.value, theirs.value]:
            return True
        given_up, chosen = values if system == "prm" else values[::-1]
        if given_up == old.value and _wrote_on(known, entity, group, who, (chosen, given_up), new):
            return True
    return False


def _wrote_on(
    known: Known,
    entity: Entity,
    group: str,
    who: str,
    decided: tuple[Value, Value],
    new: Version,
) -> bool:
    """Whether this run has carried the decision out, and then wrote what was typed over the value
    chosen."""
    chosen, given_up = decided
    before = entity.versions.get(group, ())
    if not any(one.value == chosen and new.knows(one) for one in before):
        return False
    members = GROUPS[entity.stream][group]
    for row in known.actions(who, "action.state = 'done' AND run_id = ?", known.run()):
        if (row.link.stream, row.link.prm_id) != (entity.stream, entity.ids.get("prm")):
            continue
        steps = [row.fields.get(name, ("", "")) for name in members]
        if [tuple(side) for side in zip(*steps, strict=True)] == [given_up, chosen]:
            return True
    return False
