"""Values count by what they say, not by which objects they are; rules and decisions are fixed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from prmsync.domain.merge import Side
from prmsync.reconcile.brakes import Cell, Limits, Trip, can_wait, cells, tripped
from prmsync.reconcile.causes import HOME, Cause, cause_of_update
from prmsync.reconcile.record import Decision, Held, Present, Winner, reconcile
from prmsync.reconcile.rules import GroupRule, RecordRule, Taken
from prmsync.reconcile.undo import Kept, Reversal, Written, reverse

RULE = RecordRule((GroupRule("tier", ("tier",)),))


def another(text: str) -> str:
    """The same text in an object of its own, as one read from a database is."""
    return "".join(list(text))


def test_a_value_that_is_written_as_it_stands_replaces_nothing() -> None:
    assert not list(cells("partner", "crm", "update", "prm", {"name": ("v1", another("v1"))}))


def test_fields_that_are_written_as_they_stand_are_nobody_s_edit() -> None:
    changes: dict[str, Any] = {"source": ("web", another("web")), "name": ("v1", "v2")}
    assert cause_of_update("crm", changes, {"name": "v1"}, "005A") == Cause.PRM


def test_the_home_is_known_by_its_name() -> None:
    changes: dict[str, Any] = {another(HOME): (None, "acme"), "name": ("v1", "v2")}
    assert cause_of_update("crm", changes, {"name": "v1"}, "005A") == Cause.PRM


def test_an_edit_is_put_back_where_the_agreed_value_is_written() -> None:
    assert cause_of_update("crm", {"name": ("v3", "v1")}, {"name": another("v1")}, "A") == "crm:A"


def test_what_is_skipped_does_not_hide_what_comes_after_it() -> None:
    changes: dict[str, Any] = {"@key": (None, "x"), "name": ("v3", "v1")}
    assert cause_of_update("crm", changes, {"name": "v1"}, "A") == "crm:A"
    counted = cells("partner", "crm", "update", "prm", {"@key": ("y", "x"), "name": ("a", "b")})
    assert [one.field for one in counted] == ["name"]
    few, many = (Cell("partner", "prm", "update", name) for name in ("tier", "name"))
    assert set(tripped({few: 0, many: 60}, {"partner": 10}, frozenset(), {})) == {many}


def test_a_deletion_counts_also_where_nobody_knows_its_cause() -> None:
    assert [one.op for one in cells("partner", "crm", "delete", "", {})] == ["delete"]
    assert not list(cells("partner", "base", "end", "", {}))


def test_a_side_is_known_by_its_word() -> None:
    assert "in the CRM" in str(Cell("partner", another("crm"), "update", "name"))


def test_a_created_record_with_equal_values_was_not_edited() -> None:
    made = Written("create", {}, {"tier": "gold"})
    assert reverse(made, Present({"tier": another("gold")}), RULE, Side.CRM).remove


def test_a_field_that_a_run_wrote_as_it_stood_is_not_undone() -> None:
    wrote = Written("update", {"tier": "gold"}, {"tier": another("gold")})
    assert reverse(wrote, Present({"tier": "silver"}), RULE, Side.CRM).is_empty


def test_a_side_that_shows_the_agreed_value_did_not_edit_it() -> None:
    agreed: dict[str, Any] = {"name": another("v1")}
    assert cause_of_update("prm", {"name": ("v1", "v2")}, agreed, "A") == "crm:A"
    rule = RecordRule((GroupRule("name", ("name",)),))
    made = reconcile(agreed, Present({"name": "v1"}), Present({"name": "v2"}), rule)
    assert made.to_prm == {"name": "v2"}


def test_what_is_not_mapped_any_more_and_was_written_as_it_stood_is_not_listed() -> None:
    wrote = Written("update", {"gone": "v1"}, {"gone": another("v1")})
    assert reverse(wrote, Present({"gone": "v1"}), RULE, Side.CRM).is_empty


@pytest.mark.parametrize(("before", "after"), [("v1", "v2"), ("v2", "v1")])
def test_what_is_not_mapped_any_more_is_listed_whichever_way_it_went(
    before: str, after: str
) -> None:
    wrote = Written("update", {"gone": before}, {"gone": after})
    (kept,) = reverse(wrote, Present({"gone": after}), RULE, Side.CRM).kept
    assert (kept.group, kept.before) == ("gone", {"gone": before})


@pytest.mark.parametrize(
    ("op", "says"),
    [
        ("rest", "their edits wait on both sides meanwhile"),
        ("blank", "the old values stand meanwhile"),
        ("back", "the old values stand meanwhile"),
        ("update", "the old values stand meanwhile"),
    ],
)
def test_what_misleads_nobody_can_wait_until_morning(op: str, says: str) -> None:
    waiting = can_wait(Cell("opportunity", "crm", op, "amount"))
    assert waiting.can
    assert waiting.why.endswith(says)


FIXED = (
    Held("tier", "both sides changed", None, None, None),
    Winner("1", {}),
    GroupRule("tier", ("tier",)),
    RULE,
    Taken(Side.PRM, (), (), "dana"),
    Limits(),
    Trip(Cell("partner", "crm", "update"), 1, 1, "why"),
    Written("update", {}, {}),
    Kept("tier", "why"),
)


@pytest.mark.parametrize("one", FIXED, ids=lambda one: type(one).__name__)
def test_rules_and_findings_cannot_be_changed(one: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(one, next(iter(type(one).__dataclass_fields__)), None)


@pytest.mark.parametrize(
    "one", [*FIXED, Decision(), Reversal()], ids=lambda one: type(one).__name__
)
def test_there_is_one_for_each_record_of_a_page_so_they_are_small(one: Any) -> None:
    assert not hasattr(one, "__dict__")


def test_a_rule_says_itself_and_not_what_follows_from_it() -> None:
    assert "taken_by" not in repr(RULE)
