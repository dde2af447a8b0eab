"""An undo restores: it puts back what stood before runs wrote, and nothing that a person typed
since is touched. Judged by what was seen of those runs, not by the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulation.known import Known
from simulation.versions import Broken, Entity, Version
from simulation.weighing import told
from simulation.words import GROUPS, Value


@dataclass(frozen=True)
class Due:
    """What an undo has to put back."""

    entity: Entity
    system: str
    group: str
    value: Value


def may_put_back(entity: Entity, group: str, value: Value, system: str) -> bool:
    """Whether runs have written there, and this stood there before one of them."""
    place = (system, group)
    return place in entity.placed and value in entity.replaced[place]


def put_back(known: Known, entity: Entity, group: str, value: Value, system: str) -> Version:
    """The version that an undo has made. Raises Broken where it had nothing to undo."""
    stood = entity.current.get(system, {}).get(group)
    shown = known.shown.get((system, (entity.stream, entity.ids.get(system, ""))))
    seen = stood if shown is None else shown.versions.get(group, stood)
    late = seen is not stood
    if late and value in entity.replaced.get((system, group), ()):
        entity.place(system, group, known.run(), None, sure=False)  # typed behind the guard
    if not may_put_back(entity, group, value, system):
        raise Broken(
            f"the undo of run {known.undoing} wrote {group} of {entity.label} in {system} = "
            f"{told(value)}, which did not stand there before a run, over "
            f"{'nothing' if stood is None else told(stood.value)}"
        )
    old = [one for one in entity.versions.get(group, ()) if one.value == value]
    del entity.placed[system, group]
    version = known.book.undone(entity, group, value, old[-1] if old else None, stood)
    entity.place(system, group, known.run(), None if seen is None else seen.value, sure=True)
    return version


def takes_away(
    known: Known, entity: Entity, system: str, who: str, stood: Mapping[str, Version]
) -> bool:
    """Whether a run has made this record, and all that stands there is what runs have written; but
    what is not mapped, which nobody compares."""
    places = [
        (system, group) for group in stood if (who, entity.stream, group) not in known.unmapped
    ]
    made = any(None in entity.replaced.get(place, ()) for place in places)
    return made and all(place in entity.placed for place in places)


def due(known: Known, who: str, run: int) -> Iterator[Due]:
    """What stands as a run has left it, in records that stand on both sides and are linked."""
    live = {
        (one.stream, one.prm_id)
        for one in known.links(who)
        if one.state == "live" and one.prm_id is not None
    }
    journal = set(_told_of(known, who, run))
    for entity in known.entities:
        if (entity.stream, entity.ids.get("prm")) not in live:
            continue
        if not (entity.lives("prm") and entity.lives(who)):
            continue
        for (system, group), placed in entity.placed.items():
            wrote = system in ("prm", who) and placed.run == run and placed.sure
            # Who takes a field out of the mapping takes it out of an undo's hands, which says so.
            mapped = (who, entity.stream, group) not in known.unmapped
            if (
                wrote
                and mapped
                and placed.before is not None
                and (system, entity.ids["prm"], group) in journal
            ):
                yield Due(entity, system, group, placed.before)


def _told_of(known: Known, who: str, run: int) -> Iterator[tuple[str, str | None, str]]:
    """(system, our id, group) of what the journal counts to a run: what an earlier one had planned
    and a later one has sent is the earlier one's."""
    for action in known.actions(who, "action.run_id = ? AND action.state = 'done'", run):
        for group, members in GROUPS.get(action.link.stream, {}).items():
            if not action.fields.keys().isdisjoint(members):
                yield ("prm" if action.side == "prm" else who), action.link.prm_id, group


def check(known: Known, wanted: list[Due], run: int) -> None:
    """After an undo that nothing disturbed."""
    for one in wanted:
        if not one.entity.lives(one.system):
            continue
        stands = one.entity.current[one.system][one.group]
        if stands.value != one.value:
            raise Broken(
                f"undone run {run} still stands: {one.group} of {one.entity.label} in "
                f"{one.system} is {told(stands.value)}, before that run it was {told(one.value)}"
            )
