"""Every decision in the enumerated space equals what the specification says."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest
from enumeration import (
    NOBODY,
    WAYS,
    Case,
    merged_away,
    one_field,
    one_sided,
    plain,
    samples,
    stages,
    two_groups,
    two_members,
)
from specification import expected

from prmsync.domain.merge import Direction, Policy
from prmsync.reconcile.record import RECORD, Held, Present, reconcile
from prmsync.reconcile.rules import GroupRule, RecordRule

ways = pytest.mark.parametrize(("policy", "direction"), WAYS)


def disagreements(cases: Iterable[Case]) -> list[object]:
    found: list[object] = []
    for case in cases:
        wanted = expected(
            case.base, case.prm, case.crm, case.rule, case.decisions or NOBODY, case.skip
        )
        decided = plain(case.decide())
        if decided != wanted:
            found.append((case, {"wanted": wanted, "decided": decided}))
    return found


@ways
def test_one_field_on_both_sides(policy: Policy, direction: Direction) -> None:
    found = disagreements(one_field(policy, direction))
    assert found == [], samples(found)


@pytest.mark.parametrize("direction", Direction)
def test_records_that_one_side_or_both_do_not_have(direction: Direction) -> None:
    found = disagreements(one_sided(direction))
    assert found == [], samples(found)


@pytest.mark.parametrize("direction", Direction)
def test_records_that_were_merged_away_in_the_crm(direction: Direction) -> None:
    found = disagreements(merged_away(direction))
    assert found == [], samples(found)


@ways
def test_groups_of_two_fields(policy: Policy, direction: Direction) -> None:
    found = disagreements(two_members(policy, direction))
    assert found == [], samples(found)


@pytest.mark.parametrize(("one", "other"), list(product(Policy, repeat=2)))
def test_groups_beside_each_other_are_decided_each_by_itself(one: Policy, other: Policy) -> None:
    found = disagreements(two_groups(GroupRule("f", ("f",), one), GroupRule("g", ("g",), other)))
    assert found == [], samples(found)


@pytest.mark.parametrize("direction", Direction)
def test_every_stage_against_every_stage(direction: Direction) -> None:
    found = disagreements(stages(direction))
    assert found == [], samples(found)


def test_values_that_a_side_does_not_show_are_blank() -> None:
    rule = RecordRule((GroupRule("f", ("f",)), GroupRule("g", ("g", "h"))))
    decision = reconcile({"f": None}, Present({}), Present({"h": "x"}), rule)
    assert decision.held == [
        Held("g", "first link: both sides have a value", None, (None, None), (None, "x"))
    ]
    assert decision.to_crm == decision.to_prm == decision.base == {}


def test_a_rule_without_fields_decides_nothing_about_values() -> None:
    rule = RecordRule(())
    assert reconcile(None, Present({"f": "x"}), Present({"f": "y"}), rule).is_empty
    ended = reconcile({}, Present({"f": "x"}), Present(None, gone=True), rule)
    assert ended.reasons == {RECORD: "deleted in crm"}
