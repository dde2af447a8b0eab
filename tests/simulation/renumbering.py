"""A record that goes on under another id, as HubSpot gives what a merge leaves a third one."""

from __future__ import annotations

from simulation.known import Known
from simulation.sides import Place


def renumbered(known: Known, system: str, stream: str, was: str, now: str) -> None:
    """All that is known of the record `was` is known of `now`; calls and links that still name
    `was` mean the same thing."""
    old, new = (stream, was), (stream, now)
    entity = known.by_place[(system, *old)]
    known.by_place[(system, *new)] = entity
    entity.ids[system] = now
    view = known.views[system]
    view.records[new], view.keys[new] = view.records.pop(old), view.keys.pop(old)
    view.relations = frozenset(
        (
            now if (stream, deal) == ("opportunity", was) else deal,
            now if (stream, partner) == ("partner", was) else partner,
            role,
        )
        for deal, partner, role in view.relations
    )
    _shown_as(known, system, old, new)


def _shown_as(known: Known, system: str, old: Place, new: Place) -> None:
    """A run that looked at the record before the merge has seen what it shows under its new id."""
    if (system, old) in known.shown:
        known.shown[system, new] = known.shown[system, old]
