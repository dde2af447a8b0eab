"""What acts on records that are written, in a list that says for each kind what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from prmsync.cli.output import say, say_wrapped, table

if TYPE_CHECKING:
    from prmsync.connector.provisioning import Automations
    from prmsync.sync.session import Session


def show_automations(automations: Automations) -> None:
    """By kind: which there are, what the kind does to a sync, what can be done about it."""
    found = sorted(automations.found, key=lambda one: (one.kind, one.object, one.name))
    if found:
        say("", f"Active in the CRM on what is written: {len(found)}")
    for kind, group in groupby(found, key=lambda one: one.kind):
        same = list(group)
        say_wrapped(f"{kind}: {same[0].effect}. {same[0].remedy}", indent=2, hang=2)
        table(["on", "name", ""], [(one.object, one.name, one.detail) for one in same], indent=6)
    for gap in automations.unread:
        say_wrapped(f"? {gap.where}  {gap.message}", indent=2, hang=4)
        say_wrapped(gap.hint, indent=6)


def name_what_acts(name: str, session: Session, streams: Sequence[str]) -> None:
    """One line for each object that a plan writes: what of the CRM's own will act on it. A few
    calls; an org that does not answer them is no reason to show no plan."""
    from prmsync.errors import ConnectorError
    from prmsync.service.provisioning import automations_of

    objects = list(dict.fromkeys(session.streams[one].mapping.object for one in streams))
    if not objects:
        return
    try:
        found = automations_of(session.connector, objects).found
    except ConnectorError as error:
        say_wrapped(f"What acts on these records could not be read: {error.message}")
        return
    for on, group in groupby(found, key=lambda one: one.object):
        named = ", ".join(f"{one.kind} “{one.name}”" for one in group)
        say_wrapped(f"Acts on {on}: {named}", hang=4)
    if found:
        say(f"What they do: prmsync doctor {name}")


def automations_json(automations: Automations) -> dict[str, Any]:
    """The same for programs."""
    return {
        "automations": [asdict(one) for one in automations.found],
        "unread": [
            {"where": one.where, "message": one.message, "hint": one.hint}
            for one in automations.unread
        ],
    }
