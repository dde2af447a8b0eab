"""What must hold of every decision, whatever the tables say: it settles, nobody's side is written
that owns the value, held means untouched, and the sides are treated alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import pytest
from enumeration import (
    WAYS,
    Case,
    one_field,
    one_sided,
    samples,
    stages,
    two_members,
)

from prmsync.domain.merge import Direction, First, Policy, Side
from prmsync.domain.values import Values
from prmsync.reconcile.record import Decision, Held, Op, Present
from prmsync.reconcile.rules import GroupRule, RecordRule, Taken

ways = pytest.mark.parametrize(("policy", "direction"), WAYS)
POLICY = {Policy.PRM: Policy.CRM, Policy.CRM: Policy.PRM}
WAY = {Direction.TO_CRM: Direction.TO_PRM, Direction.TO_PRM: Direction.TO_CRM}
FIRST = {First.CRM: First.PRM, First.PRM: First.CRM}
SIDE = {Side.CRM: Side.PRM, Side.PRM: Side.CRM}
OP = {
    Op.CREATE_CRM: Op.CREATE_PRM,
    Op.CREATE_PRM: Op.CREATE_CRM,
    Op.DELETE_CRM: Op.DELETE_PRM,
    Op.DELETE_PRM: Op.DELETE_CRM,
}


@dataclass(frozen=True)
class Walk:
    """All cases of one policy and direction, each with its decision."""

    policy: Policy
    direction: Direction
    decided: list[tuple[Case, Decision]]


@pytest.fixture(scope="module", params=WAYS, ids=[f"{one}-{way}" for one, way in WAYS])
def walk(request: pytest.FixtureRequest) -> Walk:
    policy, direction = request.param
    cases = [*one_field(policy, direction), *two_members(policy, direction)]
    if policy is Policy.STAGE:
        cases.extend(stages(direction))
    return Walk(policy, direction, [(case, case.decide()) for case in cases])


def after(case: Case, decision: Decision) -> Case | None:
    """The same record once everything decided was carried out; None once the link has ended."""
    base = {**(case.base or {}), **decision.base, **decision.to_prm, **decision.to_crm}
    if decision.op in (Op.END, Op.DELETE_CRM, Op.DELETE_PRM):
        return None
    prm = _written(case.prm, decision.to_prm, created=decision.op is Op.CREATE_PRM)
    crm = _written(case.crm, decision.to_crm, created=decision.op is Op.CREATE_CRM)
    agreed = None if case.base is None and not base else base
    return replace(case, base=agreed, prm=prm, crm=crm, decisions={})


def _written(side: Present, values: Values, *, created: bool) -> Present:
    if not created and side.values is None:
        return side
    return Present({**(side.values or {}), **values})


def moves(decision: Decision) -> bool:
    return bool(decision.op is not Op.NONE or decision.to_prm or decision.to_crm or decision.base)


def test_the_second_plan_is_empty_and_what_was_held_stays_held(walk: Walk) -> None:
    unsettled = []
    for case, decision in walk.decided:
        then = after(case, decision)
        assert then is not None
        second = then.decide()
        if moves(second) or second.held != decision.held:
            unsettled.append((case, decision, second))
    assert unsettled == [], samples(unsettled)


@pytest.mark.parametrize("direction", Direction)
def test_a_creation_settles_in_the_round_after_it(direction: Direction) -> None:
    """A new record shows blanks where a one-way field of its side stands; that is the owner's
    value, and it crosses in the second round. Deletions settle at once."""
    unsettled = []
    for case in one_sided(direction):
        decision = case.decide()
        then = after(case, decision)
        rounds = 0
        while then is not None and moves(following := then.decide()):
            then, rounds = after(then, following), rounds + 1
        created = decision.op in (Op.CREATE_CRM, Op.CREATE_PRM)
        if rounds > int(created):
            unsettled.append((case, decision, rounds))
    assert unsettled == [], samples(unsettled)


def test_an_owners_side_is_never_written_once_both_agreed(walk: Walk) -> None:
    """Except by a person who decides so, and never against the direction."""
    policy, direction = walk.policy, walk.direction
    owned_by_prm = policy is Policy.PRM or direction is Direction.TO_CRM
    owned_by_crm = policy in (Policy.CRM, Policy.PROPOSAL) or direction is Direction.TO_PRM
    if policy is not Policy.FILL_BLANK and direction is not Direction.BOTH:
        owned_by_prm = direction is Direction.TO_CRM
        owned_by_crm = not owned_by_prm
    written = []
    for case, decision in walk.decided:
        if case.decisions or case.base is None or not _agreed(case):
            continue
        if (owned_by_prm and decision.to_prm) or (owned_by_crm and decision.to_crm):
            written.append((case, decision))
    assert written == [], samples(written)


def _agreed(case: Case) -> bool:
    assert case.base is not None
    return all(name in case.base for group in case.rule.groups for name in group.members)


def test_nothing_flows_against_the_direction(walk: Walk) -> None:
    against = []
    for case, decision in walk.decided:
        if (walk.direction is Direction.TO_CRM and decision.to_prm) or (
            walk.direction is Direction.TO_PRM and decision.to_crm
        ):
            against.append((case, decision))
    assert against == [], samples(against)


@pytest.mark.parametrize("direction", [Direction.TO_CRM, Direction.TO_PRM])
def test_creations_carry_nothing_against_the_direction(direction: Direction) -> None:
    against = [
        (case, decision)
        for case in one_sided(direction)
        for decision in [case.decide()]
        if "f" in (decision.to_prm if direction is Direction.TO_CRM else decision.to_crm)
    ]
    assert against == [], samples(against)


def test_a_group_is_written_or_held_or_left_alone_as_a_whole(walk: Walk) -> None:
    """Whatever stands in a group afterwards is a combination that stood on one side before."""
    broken = []
    for case, decision in walk.decided:
        (group,) = case.rule.groups
        parts = (decision.to_prm, decision.to_crm, decision.base)
        touched = [part for part in parts if part]
        whole = all(set(part) == set(group.members) for part in touched)
        ways_out = len(touched) + len(decision.held)
        shown = [_of(group, side.values) for side in (case.prm, case.crm)]
        if not whole or ways_out > 1 or any(_of(group, part) not in shown for part in touched):
            broken.append((case, decision))
        if bool(touched) != (group.name in decision.reasons):
            broken.append((case, decision))
    assert broken == [], samples(broken)


def _of(group: GroupRule, values: Values | None) -> tuple[object, ...]:
    return tuple((values or {}).get(name) for name in group.members)


def test_a_skipped_group_stays_as_it_is(walk: Walk) -> None:
    for case, _ in walk.decided:
        (group,) = case.rule.groups
        assert replace(case, skip=frozenset({group.name})).decide().is_empty


def test_equal_values_are_never_written(walk: Walk) -> None:
    for case, decision in walk.decided:
        if case.prm.values == case.crm.values:
            assert (decision.to_prm, decision.to_crm, decision.held) == ({}, {}, [])


def test_mere_absence_never_deletes_ends_or_holds() -> None:
    for direction in Direction:
        for case in one_sided(direction):
            if not (case.prm.deleted or case.crm.deleted):
                decision = case.decide()
                assert decision.op in (Op.NONE, Op.CREATE_CRM, Op.CREATE_PRM), case
                assert decision.held == []


def test_values_are_compared_by_what_they_say() -> None:
    """What comes from a database or a CRM is never the same object twice."""

    def read() -> Values:
        return {"f": "".join(["48000", ".00"]), "g": "".join(["EU", "R"])}

    rule = RecordRule((GroupRule("f", ("f",)), GroupRule("g", ("g",))))
    assert Case(read(), Present(read()), Present(read()), rule).decide().is_empty
    gone = Present(None, gone=True)
    assert Case(read(), Present(read()), gone, rule).decide().op is Op.END


def test_no_decision_changes_what_it_was_made_from() -> None:
    rule = RecordRule((GroupRule("f", ("f",)),))
    base: Values = {"f": "v1"}
    prm, crm = Present({"f": "v2"}), Present({"f": "v3"})
    Case(base, prm, crm, rule, {"f": Taken(Side.CRM, ("v2",), ("v3",), "dana")}).decide()
    assert (base, prm.values, crm.values) == ({"f": "v1"}, {"f": "v2"}, {"f": "v3"})


def test_a_decision_is_empty_only_if_it_does_and_holds_nothing() -> None:
    held = Held("f", "both sides changed", None, ("b",), ("c",))
    assert Decision().is_empty
    for one in (
        Decision(op=Op.END),
        Decision(to_prm={"f": None}),
        Decision(to_crm={"f": None}),
        Decision(base={"f": None}),
        Decision(held=[held]),
    ):
        assert not one.is_empty


def test_what_a_decision_is_made_from_cannot_be_changed_by_chance() -> None:
    """Rules are shared by all records of a stream."""
    group = GroupRule("f", ("f",))
    taken = Taken(Side.CRM, ("b",), ("c",), "dana")
    held = Held("f", "both sides changed", None, ("b",), ("c",))
    for one, name in (
        (Present({}), "gone"),
        (group, "policy"),
        (RecordRule((group,)), "recreate"),
        (taken, "take"),
        (held, "kind"),
    ):
        with pytest.raises(AttributeError):
            setattr(one, name, None)


@dataclass(frozen=True)
class Shape:
    """A decision without its words, to be compared with that of the mirrored case."""

    op: Op
    to_prm: Values
    to_crm: Values
    base: Values
    held: list[Held]

    @classmethod
    def of(cls, decision: Decision) -> Shape:
        held = [replace(one, kind="") for one in decision.held]
        return cls(decision.op, decision.to_prm, decision.to_crm, decision.base, held)

    def mirrored(self) -> Shape:
        held = [replace(one, prm=one.crm, crm=one.prm) for one in self.held]
        return Shape(OP.get(self.op, self.op), self.to_crm, self.to_prm, self.base, held)


def mirrored(case: Case) -> Case:
    decisions = {
        name: Taken(SIDE[one.take], one.crm, one.prm, one.by)
        for name, one in case.decisions.items()
    }
    return Case(case.base, case.crm, case.prm, _mirrored(case.rule), decisions, case.skip)


@cache
def _mirrored(rule: RecordRule) -> RecordRule:
    groups = tuple(
        GroupRule(
            one.name,
            one.members,
            POLICY.get(one.policy, one.policy),
            WAY.get(one.direction, one.direction),
            FIRST.get(one.first, one.first),
            one.stage,
        )
        for one in rule.groups
    )
    return RecordRule(groups, rule.create_prm, rule.create_crm, rule.on_delete)


def unlike_their_mirror(decided: Iterable[tuple[Case, Decision]]) -> list[object]:
    return [
        case
        for case, decision in decided
        if Shape.of(mirrored(case).decide()) != Shape.of(decision).mirrored()
    ]


def test_swapping_the_sides_mirrors_the_decision(walk: Walk) -> None:
    """Proposals are made by one side only. Only the CRM may reopen a closed deal, so that the
    stage has a mirror image while the deal is open."""
    if walk.policy is Policy.PROPOSAL and walk.direction is Direction.BOTH:
        decided = [(case, one) for case, one in walk.decided if _proposes_nothing(case)]
    elif walk.policy is Policy.STAGE:
        decided = [(case, one) for case, one in walk.decided if not _closed(case)]
    else:
        decided = walk.decided
    assert decided
    found = unlike_their_mirror(decided)
    assert found == [], samples(found)


def _proposes_nothing(case: Case) -> bool:
    """Both changed, or neither ever agreed."""
    (group,) = case.rule.groups
    if case.base is None or not _agreed(case):
        return True
    values = [_of(group, one) for one in (case.base, case.prm.values, case.crm.values)]
    return len(set(values)) == 3


def _closed(case: Case) -> bool:
    return bool({"launched", "closed_lost"} & set((case.base or {}).values()))


def test_deletions_and_creations_mirror() -> None:
    """`recreate` is about the CRM's deletions only and has no mirror image."""
    for direction in Direction:
        found = unlike_their_mirror(
            (case, case.decide()) for case in one_sided(direction) if not case.rule.recreate
        )
        assert found == [], samples(found)


@pytest.mark.parametrize("policy", [Policy.HOLD, Policy.PROPOSAL, Policy.FILL_BLANK])
def test_policies_that_overwrite_nobody_lose_no_edit(policy: Policy) -> None:
    """A value that is overwritten without a person was the one both had agreed on."""
    for base, ours, theirs in product(("v1", "v2", "v3", None), repeat=3):
        rule = RecordRule((GroupRule("f", ("f",), policy),))
        decision = Case({"f": base}, Present({"f": ours}), Present({"f": theirs}), rule).decide()
        if decision.to_crm:
            assert theirs == base
        if decision.to_prm:
            assert ours == base
