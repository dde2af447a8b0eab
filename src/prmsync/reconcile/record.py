"""One record's decision: a pure function of what both sides agreed on and what they show now.

The table of policies is in docs/mapping-reference.md; every branch here is one of its cells.
Values are projections (`prmsync.mapping.translate`), so equal values need no write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from prmsync.domain.merge import OnDelete, Side
from prmsync.domain.values import Values
from prmsync.reconcile.group import Outcome, merge_group
from prmsync.reconcile.rules import GroupRule, GroupValue, RecordRule, Taken

RECORD = "@record"
"""Stands for the whole record where a held item is about its deletion."""


class Op(StrEnum):
    """What happens to the record as a whole."""

    NONE = "none"
    CREATE_CRM = "create_crm"
    CREATE_PRM = "create_prm"
    DELETE_CRM = "delete_crm"
    DELETE_PRM = "delete_prm"
    END = "end"
    FOLLOW = "follow"
    """The link goes on with the CRM record into which its own was merged."""


@dataclass(frozen=True, slots=True)
class Held:
    """A group that no rule may decide. Values are None where that side has no record."""

    group: str
    kind: str
    base: GroupValue | None
    prm: GroupValue | None
    crm: GroupValue | None


@dataclass(frozen=True, slots=True)
class Winner:
    """The CRM record into which another one was merged, and what it shows. `holder` names the
    record of ours that it is linked to; None: it is free."""

    id: str
    values: Values
    holder: str | None = None


class Present(NamedTuple):
    """One side of a record. `values` is None when it is absent; `gone` is evidence of deletion,
    which counts only while the record is absent; `into` is evidence of a merge beside it."""

    values: Values | None
    gone: bool = False
    into: Winner | None = None

    @property
    def deleted(self) -> bool:
        return self.gone and self.values is None


@dataclass(slots=True)
class Decision:
    """Writes and base moves by field, with one reason a group."""

    op: Op = Op.NONE
    to_prm: Values = field(default_factory=dict)
    to_crm: Values = field(default_factory=dict)
    base: Values = field(default_factory=dict)
    """Base moves that need no write."""
    held: list[Held] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return self.op is Op.NONE and not (self.to_prm or self.to_crm or self.base or self.held)


def reconcile(
    base: Values | None,
    prm: Present,
    crm: Present,
    rule: RecordRule,
    decisions: Mapping[str, Taken] | None = None,
    skip: frozenset[str] = frozenset(),
) -> Decision:
    """Decide one record. `skip` names groups that cannot be read just now (an unknown stage, a
    reference to a record not yet linked): they stay as they are. Never raises."""
    decisions = decisions or {}
    if prm.values is not None and crm.values is not None:
        return _merge(base, prm.values, crm.values, rule.groups, decisions, skip)
    if prm.deleted or crm.deleted:
        return _deleted(base, prm, crm, rule, decisions.get(RECORD), skip)
    if base is None:
        return _create(prm.values, crm.values, rule, skip)
    return Decision()


def _merge(
    base: Values | None,
    prm: Values,
    crm: Values,
    groups: Sequence[GroupRule],
    decisions: Mapping[str, Taken],
    skip: frozenset[str],
) -> Decision:
    decision = Decision()
    for rule in groups:
        if rule.name in skip:
            continue
        p = tuple(prm.get(member) for member in rule.members)
        c = tuple(crm.get(member) for member in rule.members)
        b = _agreed(base, rule)
        if p == c == b:
            continue
        outcome, reason = merge_group(rule, b, p, c, decisions.get(rule.name))
        _record(decision, rule, b, p, c, outcome, reason)
    return decision


def _agreed(base: Values | None, rule: GroupRule) -> GroupValue | None:
    """The group's base; None where it was never agreed on (a field new in the mapping)."""
    if base is None or any(member not in base for member in rule.members):
        return None
    return tuple(base[member] for member in rule.members)


def _record(
    decision: Decision,
    rule: GroupRule,
    b: GroupValue | None,
    p: GroupValue,
    c: GroupValue,
    outcome: Outcome,
    reason: str,
) -> None:
    if outcome is Outcome.HELD:
        decision.held.append(Held(rule.name, reason, b, p, c))
        return
    if outcome is Outcome.BASE:
        decision.base.update(zip(rule.members, p, strict=True))
    elif outcome is Outcome.TO_CRM:
        decision.to_crm.update(zip(rule.members, p, strict=True))
    else:
        decision.to_prm.update(zip(rule.members, c, strict=True))
    decision.reasons[rule.name] = reason


def _create(
    prm: Values | None, crm: Values | None, rule: RecordRule, skip: frozenset[str]
) -> Decision:
    if prm is not None and rule.create_crm:
        return _creation(prm, Side.CRM, rule, skip)
    if crm is not None and rule.create_prm:
        return _creation(crm, Side.PRM, rule, skip)
    return Decision()


def _creation(source: Values, receiver: Side, rule: RecordRule, skip: frozenset[str]) -> Decision:
    """The receiver is given what may flow to it and can be read."""
    taken = {member: source.get(member) for member in rule.taken_by[receiver]}
    for group in rule.groups if skip else ():
        if group.name in skip:
            for member in group.members:
                taken.pop(member, None)
    if receiver is Side.CRM:
        return Decision(op=Op.CREATE_CRM, to_crm=taken)
    return Decision(op=Op.CREATE_PRM, to_prm=taken)


def _deleted(
    base: Values | None,
    prm: Present,
    crm: Present,
    rule: RecordRule,
    taken: Taken | None,
    skip: frozenset[str],
) -> Decision:
    if prm.deleted and crm.deleted:
        return Decision(op=Op.END, reasons={RECORD: "deleted on both sides"})
    gone = Side.CRM if crm.deleted else Side.PRM
    left = prm.values if crm.deleted else crm.values
    if left is not None and crm.deleted and crm.into is not None:
        return _merged_away(base, left, crm.into, rule, taken, skip)
    if left is not None:
        return _one_side_gone(base or {}, left, gone, rule, taken, skip)
    if base is not None:
        return Decision()
    return Decision(op=Op.END, reasons={RECORD: f"deleted in {gone.value}"})


def _one_side_gone(
    base: Values,
    left: Values,
    gone: Side,
    rule: RecordRule,
    taken: Taken | None,
    skip: frozenset[str],
) -> Decision:
    """`left` are the values of the side that still has the record. A value that was never agreed
    on counts as an edit: nobody can say that it was untouched."""
    members = [member for group in rule.groups for member in group.members]
    value = tuple(left.get(member) for member in members)
    seen = (None, value) if gone is Side.PRM else (value, None)
    if taken is not None and (taken.prm or None, taken.crm or None) == seen:
        if taken.take is gone:
            return _follow(gone, rule, f"decision of {taken.by}")
        return _again(left, gone, rule, skip, f"decision of {taken.by}")
    if gone is Side.CRM and rule.recreate:
        return _again(left, gone, rule, skip, "deleted in crm, made again")
    if any(left.get(member) != base.get(member) for member in members):
        return Decision(held=[Held(RECORD, f"deleted in {gone.value}, edited here", None, *seen)])
    return _follow(gone, rule, f"deleted in {gone.value}")


def _merged_away(
    base: Values | None,
    ours: Values,
    winner: Winner,
    rule: RecordRule,
    taken: Taken | None,
    skip: frozenset[str],
) -> Decision:
    """Edits are no reason to wait: the link keeps its base, and the next decision merges them."""
    if winner.holder is None:
        reason = f"merged in the CRM into {winner.id}"
        return Decision(Op.FOLLOW, base=_emptied(base, winner, rule), reasons={RECORD: reason})
    members = [member for group in rule.groups for member in group.members]
    here, there = (tuple(one.get(name) for name in members) for one in (ours, winner.values))
    if taken is None or (taken.prm, taken.crm) != (here, there):
        kind = f"merged in the CRM into {winner.id}, which is linked to {winner.holder}"
        return Decision(held=[Held(RECORD, kind, None, here, there)])
    if taken.take is Side.CRM:
        return _follow(Side.CRM, rule, f"decision of {taken.by}")
    return _again(ours, Side.CRM, rule, skip, f"decision of {taken.by}")


def _emptied(base: Values | None, winner: Winner, rule: RecordRule) -> Values:
    """The groups that the winner leaves blank: nobody emptied them, they were never filled there.
    With a blank base our value goes there; with the old one it would be cleared here."""
    moved: Values = {}
    for group in rule.groups:
        agreed = _agreed(base, group)
        filled = agreed is not None and any(item is not None for item in agreed)
        if filled and all(winner.values.get(member) is None for member in group.members):
            moved.update(dict.fromkeys(group.members))
    return moved


def _follow(gone: Side, rule: RecordRule, reason: str) -> Decision:
    """The side that still has the record follows the deletion, as far as the mapping says."""
    follow = Op.END
    if rule.on_delete is OnDelete.PROPAGATE:
        follow = Op.DELETE_CRM if gone is Side.PRM else Op.DELETE_PRM
    return Decision(op=follow, reasons={RECORD: reason})


def _again(
    left: Values, gone: Side, rule: RecordRule, skip: frozenset[str], reason: str
) -> Decision:
    decision = _creation(left, gone, rule, skip)
    decision.reasons[RECORD] = reason
    return decision
