"""What acts on records that are written, in a list that says for each kind what it means."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from prmsync.cli.output import say, say_wrapped, table

if TYPE_CHECKING:
    from prmsync.connector.provisioning import Automations


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


def automations_json(automations: Automations) -> dict[str, Any]:
    """The same for programs."""
    return {
        "automations": [asdict(one) for one in automations.found],
        "unread": [
            {"where": one.where, "message": one.message, "hint": one.hint}
            for one in automations.unread
        ],
    }
