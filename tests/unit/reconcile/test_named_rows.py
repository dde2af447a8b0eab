"""Every rule of the merge as a row with a name: policy, who changed what, what happens, and why.

The rows are those of docs/mapping-reference.md, "Policies". `base → ours | theirs` are the values
that both sides last agreed on and what each shows now.
"""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.merge import Direction, First, Policy, Side
from prmsync.domain.values import Scalar, Values
from prmsync.reconcile.record import Decision, Held, Present, reconcile
from prmsync.reconcile.rules import GroupRule, RecordRule, Taken

NEVER = "never agreed"
GONE = Present(None, gone=True)
ABSENT = Present(None)


def decide(
    rule: GroupRule, base: Any, ours: Any, theirs: Any, taken: Taken | None = None
) -> Decision:
    """Decide one group; values are tuples in the order of its members, or one value."""
    agreed = None if base == NEVER else _values(rule, base)
    prm, crm = Present(_values(rule, ours)), Present(_values(rule, theirs))
    decisions = {} if taken is None else {rule.name: taken}
    return reconcile(agreed, prm, crm, RecordRule((rule,)), decisions)


def _values(rule: GroupRule, value: Any) -> Values:
    parts = value if isinstance(value, tuple) else (value,)
    return dict(zip(rule.members, parts, strict=True))


def told(rule: GroupRule, decision: Decision) -> tuple[str, str]:
    """(where the group goes, why); fails when it goes two ways."""
    if decision.held:
        assert not (decision.to_prm or decision.to_crm or decision.base or decision.reasons)
        (held,) = decision.held
        assert held.group == rule.name
        return "held", held.kind
    parts = {"crm": decision.to_crm, "prm": decision.to_prm, "base": decision.base}
    (where,) = [name for name, part in parts.items() if part]
    return where, decision.reasons[rule.name]


EDITED_HERE = "edited in the partner database"
EDITED_THERE = "edited in the CRM"
BOTH = "both sides changed"
NOT_BLANK = "the other side is not blank"
PUT_BACK_THERE = "put back: the partner database owns this"
PUT_BACK_HERE = "put back: the CRM owns this"

# id: policy, base, ours, theirs → where, why
POLICIES: dict[str, tuple[Policy, Scalar, Scalar, Scalar, str, str]] = {
    "hold: our edit goes to the CRM": (Policy.HOLD, "a", "b", "a", "crm", EDITED_HERE),
    "hold: their edit comes to us": (Policy.HOLD, "a", "a", "c", "prm", EDITED_THERE),
    "hold: two edits wait": (Policy.HOLD, "a", "b", "c", "held", BOTH),
    "hold: our deletion of a value is an edit": (Policy.HOLD, "a", None, "a", "crm", EDITED_HERE),
    "hold: their deletion of a value is an edit": (
        Policy.HOLD,
        "a",
        "a",
        None,
        "prm",
        EDITED_THERE,
    ),
    "hold: an edit against a deletion waits": (Policy.HOLD, "a", None, "c", "held", BOTH),
    "hold: the same edit on both sides only moves the base": (
        Policy.HOLD,
        "a",
        "b",
        "b",
        "base",
        "equal on both sides",
    ),
    "prm: our edit goes to the CRM": (Policy.PRM, "a", "b", "a", "crm", "partner database owns"),
    "prm: their edit is put back": (Policy.PRM, "a", "a", "c", "crm", PUT_BACK_THERE),
    "prm: of two edits ours wins": (Policy.PRM, "a", "b", "c", "crm", "partner database owns"),
    "crm: our edit is put back": (Policy.CRM, "a", "b", "a", "prm", PUT_BACK_HERE),
    "crm: their edit comes to us": (Policy.CRM, "a", "a", "c", "prm", "CRM owns"),
    "crm: of two edits theirs wins": (Policy.CRM, "a", "b", "c", "prm", "CRM owns"),
    "proposal: our edit waits": (
        Policy.PROPOSAL,
        "a",
        "b",
        "a",
        "held",
        "proposal: the CRM owns this",
    ),
    "proposal: their edit comes to us": (Policy.PROPOSAL, "a", "a", "c", "prm", "CRM owns"),
    "proposal: two edits wait": (Policy.PROPOSAL, "a", "b", "c", "held", BOTH),
    "fill_blank: our edit fills their blank": (
        Policy.FILL_BLANK,
        None,
        "b",
        None,
        "crm",
        "fills a blank in the CRM",
    ),
    "fill_blank: their edit fills our blank": (
        Policy.FILL_BLANK,
        None,
        None,
        "c",
        "prm",
        "fills a blank in the partner database",
    ),
    "fill_blank: our edit never overwrites": (Policy.FILL_BLANK, "a", "b", "a", "held", NOT_BLANK),
    "fill_blank: their edit never overwrites": (
        Policy.FILL_BLANK,
        "a",
        "a",
        "c",
        "held",
        NOT_BLANK,
    ),
    "fill_blank: a value taken away never blanks the other": (
        Policy.FILL_BLANK,
        "a",
        None,
        "a",
        "held",
        NOT_BLANK,
    ),
    "fill_blank: two edits wait": (Policy.FILL_BLANK, None, "b", "c", "held", BOTH),
    "fill_blank: a blank that is itself an edit is not filled": (
        Policy.FILL_BLANK,
        "a",
        "b",
        None,
        "held",
        BOTH,
    ),
}


@pytest.mark.parametrize("row", POLICIES.values(), ids=POLICIES)
def test_policy(row: tuple[Policy, Scalar, Scalar, Scalar, str, str]) -> None:
    policy, base, ours, theirs, where, why = row
    rule = GroupRule("name", ("name",), policy, first=First.HOLD)
    decision = decide(rule, base, ours, theirs)
    assert told(rule, decision) == (where, why)
    assert decision.to_crm == ({"name": ours} if where == "crm" else {})
    assert decision.to_prm == ({"name": theirs} if where == "prm" else {})
    assert decision.held == (
        [Held("name", why, (base,), (ours,), (theirs,))] if where == "held" else []
    )


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("value", ["a", None, True])
def test_equal_values_that_were_agreed_need_nothing(policy: Policy, value: Scalar) -> None:
    assert decide(GroupRule("f", ("f",), policy), value, value, value).is_empty


@pytest.mark.parametrize("policy", Policy)
def test_equal_values_never_agreed_on_become_the_base(policy: Policy) -> None:
    decision = decide(GroupRule("f", ("f",), policy), NEVER, "a", "a")
    assert (decision.base, decision.to_crm, decision.to_prm) == ({"f": "a"}, {}, {})


# id: first, ours, theirs → where, why
FIRSTS: dict[str, tuple[First, Scalar, Scalar, str, str]] = {
    "prm: ours": (First.PRM, "b", "c", "crm", "first link: prm"),
    "prm: our blank too": (First.PRM, None, "c", "crm", "first link: prm"),
    "crm: theirs": (First.CRM, "b", "c", "prm", "first link: crm"),
    "crm: their blank too": (First.CRM, "b", None, "prm", "first link: crm"),
    "fill_blank: theirs is blank": (
        First.FILL_BLANK,
        "b",
        None,
        "crm",
        "first link: blank in the CRM",
    ),
    "fill_blank: ours is blank": (
        First.FILL_BLANK,
        None,
        "c",
        "prm",
        "first link: blank in the partner database",
    ),
    "fill_blank: both have a value": (
        First.FILL_BLANK,
        "b",
        "c",
        "held",
        "first link: both sides have a value",
    ),
    "hold: always waits": (First.HOLD, "b", "c", "held", "first link: both sides have a value"),
    "hold: waits beside a blank": (
        First.HOLD,
        "b",
        None,
        "held",
        "first link: both sides have a value",
    ),
}


@pytest.mark.parametrize("row", FIRSTS.values(), ids=FIRSTS)
@pytest.mark.parametrize("policy", Policy)
def test_first_link(policy: Policy, row: tuple[First, Scalar, Scalar, str, str]) -> None:
    first, ours, theirs, where, why = row
    rule = GroupRule("f", ("f",), policy, first=first)
    assert told(rule, decide(rule, NEVER, ours, theirs)) == (where, why)


def test_a_field_new_in_the_mapping_has_its_first_link_alone() -> None:
    old = GroupRule("old", ("old",))
    new = GroupRule("new", ("new",), first=First.CRM)
    prm, crm = Present({"old": "b", "new": "b"}), Present({"old": "a", "new": "c"})
    decision = reconcile({"old": "a"}, prm, crm, RecordRule((old, new)))
    assert decision.to_crm == {"old": "b"}
    assert decision.to_prm == {"new": "c"}


def test_a_group_with_a_field_new_in_the_mapping_has_its_first_link_as_a_whole() -> None:
    value = GroupRule("value", ("amount", "currency"), Policy.HOLD, first=First.CRM)
    prm = Present({"amount": "1", "currency": "EUR"})
    crm = Present({"amount": "2", "currency": "USD"})
    decision = reconcile({"amount": "2"}, prm, crm, RecordRule((value,)))
    assert decision.to_prm == {"amount": "2", "currency": "USD"}


TO_CRM, TO_PRM = Direction.TO_CRM, Direction.TO_PRM
# id: direction, policy, base, ours, theirs → where, why
ONE_WAY: dict[str, tuple[Direction, Policy, Any, Scalar, Scalar, str, str]] = {
    "to_crm: our edit goes": (TO_CRM, Policy.HOLD, "a", "b", "a", "crm", "partner database owns"),
    "to_crm: their edit is put back": (TO_CRM, Policy.HOLD, "a", "a", "c", "crm", PUT_BACK_THERE),
    "to_crm: two edits, ours": (
        TO_CRM,
        Policy.STAGE,
        "a",
        "b",
        "c",
        "crm",
        "partner database owns",
    ),
    "to_crm: at the first link ours": (
        TO_CRM,
        Policy.PRM,
        NEVER,
        "b",
        "c",
        "crm",
        "first link: flows to the CRM",
    ),
    "to_prm: their edit comes": (TO_PRM, Policy.HOLD, "a", "a", "c", "prm", "CRM owns"),
    "to_prm: our edit is put back": (TO_PRM, Policy.HOLD, "a", "b", "a", "prm", PUT_BACK_HERE),
    "to_prm: two edits, theirs": (TO_PRM, Policy.HOLD, "a", "b", "c", "prm", "CRM owns"),
    "to_prm: at the first link theirs": (
        TO_PRM,
        Policy.CRM,
        NEVER,
        "b",
        "c",
        "prm",
        "first link: flows to the partner database",
    ),
    "to_crm, fill_blank: fills their blank": (
        TO_CRM,
        Policy.FILL_BLANK,
        None,
        "b",
        None,
        "crm",
        "fills a blank in the CRM",
    ),
    "to_crm, fill_blank: never overwrites": (
        TO_CRM,
        Policy.FILL_BLANK,
        "a",
        "b",
        "a",
        "held",
        NOT_BLANK,
    ),
    "to_crm, fill_blank: their value does not come here": (
        TO_CRM,
        Policy.FILL_BLANK,
        None,
        None,
        "c",
        "held",
        "this field only flows to the CRM",
    ),
    "to_prm, fill_blank: our value does not go there": (
        TO_PRM,
        Policy.FILL_BLANK,
        None,
        "b",
        None,
        "held",
        "this field only flows to the partner database",
    ),
}


@pytest.mark.parametrize("row", ONE_WAY.values(), ids=ONE_WAY)
def test_direction(row: tuple[Direction, Policy, Any, Scalar, Scalar, str, str]) -> None:
    direction, policy, base, ours, theirs, where, why = row
    rule = GroupRule("f", ("f",), policy, direction, First.FILL_BLANK)
    assert told(rule, decide(rule, base, ours, theirs)) == (where, why)


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize(
    ("take", "written"), [(Side.PRM, ({"f": "b"}, {})), (Side.CRM, ({}, {"f": "c"}))]
)
def test_a_decision_is_carried_out_under_every_policy(
    policy: Policy, take: Side, written: tuple[Values, Values]
) -> None:
    rule = GroupRule("f", ("f",), policy)
    decision = decide(rule, "a", "b", "c", Taken(take, ("b",), ("c",), "dana"))
    assert (decision.to_crm, decision.to_prm) == written
    assert decision.reasons == {"f": "decision of dana"}


@pytest.mark.parametrize(
    ("prm", "crm"),
    [
        pytest.param("old", "c", id="ours has moved since"),
        pytest.param("b", "old", id="theirs has moved since"),
    ],
)
def test_a_decision_is_void_once_a_value_has_moved(prm: str, crm: str) -> None:
    rule = GroupRule("f", ("f",))
    decision = decide(rule, "a", "b", "c", Taken(Side.CRM, (prm,), (crm,), "dana"))
    assert told(rule, decision) == ("held", BOTH)


@pytest.mark.parametrize(("direction", "take"), [(TO_PRM, Side.PRM), (TO_CRM, Side.CRM)])
def test_a_decision_does_not_cross_a_direction(direction: Direction, take: Side) -> None:
    rule = GroupRule("f", ("f",), Policy.FILL_BLANK, direction)
    decision = decide(rule, "a", "b", "c", Taken(take, ("b",), ("c",), "dana"))
    assert told(rule, decision) == ("held", BOTH)


def test_a_group_that_cannot_be_read_stays_and_the_others_go_on() -> None:
    rule = RecordRule((GroupRule("f", ("f",)), GroupRule("g", ("g",))))
    prm, crm = Present({"f": "b", "g": "b"}), Present({"f": "c", "g": "a"})
    decision = reconcile({"f": "a", "g": "a"}, prm, crm, rule, skip=frozenset({"f"}))
    assert (decision.to_crm, decision.to_prm, decision.held) == ({"g": "b"}, {}, [])
