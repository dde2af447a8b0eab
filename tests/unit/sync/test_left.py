"""What a person left stays left; whatever else the record needs goes on."""

from __future__ import annotations

from prmsync.reconcile.rules import GroupRule, RecordRule
from prmsync.store.journal import Action
from prmsync.sync.left import without_left

RULE = RecordRule((GroupRule("name", ("name",)), GroupRule("tier", ("tier",))))
LEFT = {("crm", "tier"): ("Gold", "Silver")}


def test_a_left_group_is_taken_out_of_an_update() -> None:
    row = Action(1, 1, "crm", "update", {"tier": ("Gold", "Silver"), "name": ("A", "B")})
    (kept,) = without_left([row], RULE, LEFT, whole=False)
    assert kept.fields == {"name": ("A", "B")}


def test_an_update_of_nothing_else_is_not_written() -> None:
    row = Action(1, 1, "crm", "update", {"tier": ("Gold", "Silver")})
    assert without_left([row], RULE, LEFT, whole=False) == []


def test_a_group_whose_values_moved_is_written_again() -> None:
    row = Action(1, 1, "crm", "update", {"tier": ("Gold", "Platinum")})
    assert without_left([row], RULE, LEFT, whole=False) == [row]


def test_a_deletion_goes_on_beside_a_field_that_was_left() -> None:
    row = Action(1, 1, "crm", "delete")
    assert without_left([row], RULE, LEFT, whole=False) == [row]
