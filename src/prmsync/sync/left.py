"""Writes that a person left: not planned again until the values of their group move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prmsync.reconcile.rules import RecordRule
from prmsync.store.journal import Action, FieldChange

Left = Mapping[tuple[str, str], FieldChange]
"""(side, field) → the change that was left."""


def without_left(
    actions: Sequence[Action], rule: RecordRule, left: Left, *, whole: bool
) -> list[Action]:
    """These rows without the groups that were left as they stand; a creation or deletion, and with
    `whole` an update too (a relation is made anew), was left as a whole or not at all."""
    kept = []
    for action in actions:
        if action.op == "update" and not whole:
            for group in rule.groups:
                _take_out(action, group.members, left)
        elif action.fields and all(_is_left(action, name, left) for name in action.fields):
            continue
        if action.fields or action.op != "update":
            kept.append(action)
    return kept


def _take_out(action: Action, members: Sequence[str], left: Left) -> None:
    written = [name for name in members if name in action.fields]
    if all(_is_left(action, name, left) for name in written):
        for name in written:
            del action.fields[name]


def _is_left(action: Action, name: str, left: Left) -> bool:
    return left.get((str(action.side), name)) == action.fields[name]
