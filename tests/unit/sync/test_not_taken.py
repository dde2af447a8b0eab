"""When a value that the CRM shows is our own write that it did not take, and when it is an edit."""

from __future__ import annotations

import pytest

from prmsync.domain.merge import Direction, Policy, Side
from prmsync.domain.values import Values
from prmsync.reconcile.record import Present, reconcile
from prmsync.reconcile.rules import GroupRule, RecordRule, Taken
from prmsync.store.journal import FieldChange
from prmsync.store.links import Link, LinkState
from prmsync.sync.not_taken import NOT_TAKEN, withhold

WRITTEN: dict[str, FieldChange] = {"amount": ("old", "new"), "currency": ("EUR", "EUR")}


def decided(
    crm: Values,
    prm: Values | None = None,
    policy: Policy = Policy.HOLD,
    direction: Direction = Direction.BOTH,
    taken: Taken | None = None,
) -> tuple[Values, Values, list[str]]:
    """(to prm, to crm, kinds of what is held) after we had written `new` over `old`."""
    base: Values = {"amount": "new", "currency": "EUR"}
    rule = RecordRule((GroupRule("value", ("amount", "currency"), policy, direction),))
    link = Link(1, 1, "p", "c", LinkState.LIVE, base, crm, None, None, False, False, 1)
    ours = prm or dict(base)
    decisions = {"value": taken} if taken else None
    decision = reconcile(base, Present(ours), Present(crm), rule, decisions)
    withhold(decision, rule, link, ours, WRITTEN)
    return decision.to_prm, decision.to_crm, [one.kind for one in decision.held]


@pytest.mark.parametrize("policy", [Policy.HOLD, Policy.PRM, Policy.CRM, Policy.PROPOSAL])
def test_the_replaced_value_come_back_is_held_under_every_owner(policy: Policy) -> None:
    assert decided({"amount": "old", "currency": "EUR"}, policy=policy) == ({}, {}, [NOT_TAKEN])


def test_a_one_way_field_is_not_written_again_and_again() -> None:
    crm: Values = {"amount": "old", "currency": "EUR"}
    assert decided(crm, direction=Direction.TO_CRM) == ({}, {}, [NOT_TAKEN])


def test_another_value_is_an_edit() -> None:
    crm: Values = {"amount": "other", "currency": "EUR"}
    assert decided(crm) == (crm, {}, [])


def test_a_further_member_that_changed_makes_it_an_edit() -> None:
    crm: Values = {"amount": "old", "currency": "USD"}
    assert decided(crm) == (crm, {}, [])


def test_an_edit_on_our_side_since_is_decided_by_the_policy() -> None:
    ours: Values = {"amount": "newer", "currency": "EUR"}
    crm: Values = {"amount": "old", "currency": "EUR"}
    assert decided(crm, ours) == ({}, {}, ["both sides changed"])


def test_a_person_who_decided_has_the_last_word() -> None:
    from_crm: Values = {"amount": "old", "currency": "EUR"}
    take = Taken(Side.CRM, ("new", "EUR"), ("old", "EUR"), "dana")
    assert decided(from_crm, taken=take) == (from_crm, {}, [])
