"""Fields that an undo put back: they wait for a person, or the next sync would write them again."""

from __future__ import annotations

from collections.abc import Sequence

from prmsync.domain.merge import Side
from prmsync.domain.values import Values
from prmsync.reconcile.record import Held
from prmsync.reconcile.rules import GroupRule, RecordRule
from prmsync.reconcile.undo import is_undone
from prmsync.store.held import HeldItem, HeldState


def standing(
    known: Sequence[HeldItem],
    rule: RecordRule,
    prm: Values | None,
    crm: Values | None,
    skip: frozenset[str],
) -> list[Held]:
    """The groups that still stand as an undo left them, and wait. Who edits one of the two values
    has decided, as who answers; a group that cannot be compared just now waits on."""
    undone = {item.group: item for item in known if is_undone(item.kind)}
    if not undone or prm is None or crm is None:
        return []
    found = []
    for group in rule.groups:
        item = undone.get(group.name)
        if item is None or _is_decided(item, group):
            continue
        ours = tuple(prm.get(member) for member in group.members)
        theirs = tuple(crm.get(member) for member in group.members)
        if group.name in skip or (item.prm, item.crm) == (ours, theirs):
            found.append(Held(group.name, item.kind, item.base, item.prm, item.crm))
    return found


def _is_decided(item: HeldItem, group: GroupRule) -> bool:
    """Whether a person decided, and the mapping lets the value go where they want it."""
    if item.state != HeldState.DECIDED or item.take is None:
        return False
    return group.flows_to(Side.CRM if item.take == Side.PRM else Side.PRM)
