"""Merging one group of fields: policy × who changed → outcome. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from prmsync.domain.merge import Direction, First, Policy, Side
from prmsync.domain.stage import Stage
from prmsync.domain.values import Scalar
from prmsync.reconcile.rules import GroupRule, GroupValue, Taken


class Outcome(StrEnum):
    TO_CRM = "to_crm"
    TO_PRM = "to_prm"
    BASE = "base"
    HELD = "held"


Verdict = tuple[Outcome, str]

BOTH_CHANGED = "both sides changed"
PROPOSAL = "proposal: the CRM owns this"
NOT_BLANK = "the other side is not blank"
FIRST_LINK = "first link: both sides have a value"
REOPENS = "only the CRM reopens a closed deal"


def merge_group(
    rule: GroupRule, base: GroupValue | None, prm: GroupValue, crm: GroupValue, taken: Taken | None
) -> Verdict:
    """Decide one group whose three values are not all equal.

    Sources of the table: docs/mapping-reference.md, "Policies". `base` None means that both sides
    never agreed on this group: then its `first` rule decides. A decision counts only for the
    values it was made on and only where the group may flow.
    """
    if prm == crm:
        return Outcome.BASE, "equal on both sides"
    if taken is not None and (taken.prm, taken.crm) == (prm, crm) and _may_take(rule, taken):
        return _toward(taken.take), f"decision of {taken.by}"
    if base is None:
        verdict = _first(rule, prm, crm)
    else:
        verdict = _POLICIES[_effective(rule)](rule, base, prm, crm)
    return _within_direction(rule, verdict)


def _may_take(rule: GroupRule, taken: Taken) -> bool:
    return rule.flows_to(Side.CRM if taken.take is Side.PRM else Side.PRM)


def _toward(winner: Side) -> Outcome:
    return Outcome.TO_CRM if winner is Side.PRM else Outcome.TO_PRM


def _effective(rule: GroupRule) -> Policy:
    """A one-way field is owned by the side it comes from; only blanks are never forced."""
    if rule.policy is Policy.FILL_BLANK or rule.direction is Direction.BOTH:
        return rule.policy
    return Policy.PRM if rule.direction is Direction.TO_CRM else Policy.CRM


def _within_direction(rule: GroupRule, verdict: Verdict) -> Verdict:
    outcome = verdict[0]
    if outcome is Outcome.TO_CRM and rule.direction is Direction.TO_PRM:
        return Outcome.HELD, "this field only flows to the partner database"
    if outcome is Outcome.TO_PRM and rule.direction is Direction.TO_CRM:
        return Outcome.HELD, "this field only flows to the CRM"
    return verdict


def _first(rule: GroupRule, prm: GroupValue, crm: GroupValue) -> Verdict:
    if rule.direction is Direction.TO_CRM and rule.policy is not Policy.FILL_BLANK:
        return Outcome.TO_CRM, "first link: flows to the CRM"
    if rule.direction is Direction.TO_PRM and rule.policy is not Policy.FILL_BLANK:
        return Outcome.TO_PRM, "first link: flows to the partner database"
    if rule.first is First.CRM:
        return Outcome.TO_PRM, "first link: crm"
    if rule.first is First.PRM:
        return Outcome.TO_CRM, "first link: prm"
    if rule.first is First.FILL_BLANK:
        if _blank(crm):
            return Outcome.TO_CRM, "first link: blank in the CRM"
        if _blank(prm):
            return Outcome.TO_PRM, "first link: blank in the partner database"
    return Outcome.HELD, FIRST_LINK


def _blank(value: GroupValue) -> bool:
    return all(item is None for item in value)


def _hold(_: GroupRule, base: GroupValue, prm: GroupValue, crm: GroupValue) -> Verdict:
    if crm == base:
        return Outcome.TO_CRM, "edited in the partner database"
    if prm == base:
        return Outcome.TO_PRM, "edited in the CRM"
    return Outcome.HELD, BOTH_CHANGED


def _prm(_: GroupRule, base: GroupValue, prm: GroupValue, __: GroupValue) -> Verdict:
    return Outcome.TO_CRM, (
        "put back: the partner database owns this" if prm == base else "partner database owns"
    )


def _crm(_: GroupRule, base: GroupValue, __: GroupValue, crm: GroupValue) -> Verdict:
    return Outcome.TO_PRM, "put back: the CRM owns this" if crm == base else "CRM owns"


def _proposal(_: GroupRule, base: GroupValue, prm: GroupValue, crm: GroupValue) -> Verdict:
    if prm == base:
        return Outcome.TO_PRM, "CRM owns"
    return Outcome.HELD, PROPOSAL if crm == base else BOTH_CHANGED


def _fill_blank(_: GroupRule, base: GroupValue, prm: GroupValue, crm: GroupValue) -> Verdict:
    if crm == base and _blank(crm):
        return Outcome.TO_CRM, "fills a blank in the CRM"
    if prm == base and _blank(prm):
        return Outcome.TO_PRM, "fills a blank in the partner database"
    return Outcome.HELD, NOT_BLANK if base in (prm, crm) else BOTH_CHANGED


def _stage(rule: GroupRule, base: GroupValue, prm: GroupValue, crm: GroupValue) -> Verdict:
    before, ours, theirs = (_stage_of(rule, value) for value in (base, prm, crm))
    leaves_closed = before is not None and before.is_closed and ours is not before
    if crm == base:
        if leaves_closed:
            return Outcome.HELD, REOPENS
        return Outcome.TO_CRM, "edited in the partner database"
    if prm == base:
        return Outcome.TO_PRM, "edited in the CRM"
    if before is None or ours is None or theirs is None or leaves_closed:
        return Outcome.HELD, BOTH_CHANGED
    if _forward(before, ours) and _forward(before, theirs) and ours is not theirs:
        return _toward(Side.PRM if ours.rank > theirs.rank else Side.CRM), "the further stage"
    return Outcome.HELD, BOTH_CHANGED


def _stage_of(rule: GroupRule, value: GroupValue) -> Stage | None:
    code: Scalar = None if rule.stage is None else value[rule.stage]
    return Stage(code) if isinstance(code, str) and code in _CODES else None


_CODES = frozenset(stage.value for stage in Stage)


def _forward(before: Stage, after: Stage) -> bool:
    """Losing is an end, not a step forward: it never wins over another move by itself."""
    return after.rank > before.rank and not after.is_lost and not before.is_closed


_POLICIES: dict[Policy, Callable[[GroupRule, GroupValue, GroupValue, GroupValue], Verdict]] = {
    Policy.HOLD: _hold,
    Policy.PRM: _prm,
    Policy.CRM: _crm,
    Policy.PROPOSAL: _proposal,
    Policy.FILL_BLANK: _fill_blank,
    Policy.STAGE: _stage,
}
