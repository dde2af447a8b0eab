"""Rows with names for records as a whole: created, deleted, absent, made again."""

from __future__ import annotations

import pytest

from prmsync.domain.merge import Direction, OnDelete, Side
from prmsync.domain.values import Values
from prmsync.reconcile.record import RECORD, Held, Op, Present, reconcile
from prmsync.reconcile.rules import GroupRule, RecordRule, Taken

GROUPS = (
    GroupRule("name", ("name",)),
    GroupRule("tier", ("tier",), direction=Direction.TO_CRM),
    GroupRule("owner", ("owner",), direction=Direction.TO_PRM),
    GroupRule("value", ("amount", "currency")),
)
AGREED: Values = {
    "name": "Acme",
    "tier": "gold",
    "owner": "dana@crm.example",
    "amount": "1.00",
    "currency": "EUR",
}
SHOWN = tuple(AGREED.values())
HERE, ABSENT, GONE = Present(AGREED), Present(None), Present(None, gone=True)
EDITED = Present({**AGREED, "name": "Acme AG"})
EDITED_SHOWN = ("Acme AG", *SHOWN[1:])
TO_CRM = {name: value for name, value in AGREED.items() if name != "owner"}
TO_PRM = {name: value for name, value in AGREED.items() if name != "tier"}


def test_a_record_only_here_is_created_in_the_crm_with_what_may_flow_there() -> None:
    decision = reconcile(None, HERE, ABSENT, RecordRule(GROUPS))
    assert (decision.op, decision.to_crm, decision.to_prm) == (Op.CREATE_CRM, TO_CRM, {})


def test_a_record_only_in_the_crm_is_created_here_with_what_may_flow_here() -> None:
    decision = reconcile(None, ABSENT, HERE, RecordRule(GROUPS, create_prm=True))
    assert (decision.op, decision.to_crm, decision.to_prm) == (Op.CREATE_PRM, {}, TO_PRM)


@pytest.mark.parametrize(
    ("prm", "crm", "rule"),
    [
        pytest.param(
            HERE, ABSENT, RecordRule(GROUPS, create_crm=False, create_prm=True), id="in the CRM"
        ),
        pytest.param(ABSENT, HERE, RecordRule(GROUPS), id="here, by default"),
        pytest.param(ABSENT, ABSENT, RecordRule(GROUPS, create_prm=True), id="out of nothing"),
    ],
)
def test_nothing_is_created_where_the_mapping_does_not_say_so(
    prm: Present, crm: Present, rule: RecordRule
) -> None:
    assert reconcile(None, prm, crm, rule).is_empty


def test_a_creation_leaves_out_what_cannot_be_read() -> None:
    decision = reconcile(None, HERE, ABSENT, RecordRule(GROUPS), skip=frozenset({"value"}))
    assert decision.to_crm == {"name": "Acme", "tier": "gold"}


def test_a_creation_says_blank_where_its_source_shows_nothing() -> None:
    decision = reconcile(None, Present({"name": "Acme"}), ABSENT, RecordRule(GROUPS))
    assert decision.to_crm == {"name": "Acme", "tier": None, "amount": None, "currency": None}


UNLINK, PROPAGATE = OnDelete.UNLINK, OnDelete.PROPAGATE


@pytest.mark.parametrize(
    ("prm", "crm", "on_delete", "op", "why"),
    [
        pytest.param(HERE, GONE, UNLINK, Op.END, "deleted in crm", id="in the CRM: unlinked"),
        pytest.param(GONE, HERE, UNLINK, Op.END, "deleted in prm", id="here: unlinked"),
        pytest.param(HERE, GONE, PROPAGATE, Op.DELETE_PRM, "deleted in crm", id="followed here"),
        pytest.param(
            GONE, HERE, PROPAGATE, Op.DELETE_CRM, "deleted in prm", id="followed in the CRM"
        ),
        pytest.param(GONE, GONE, UNLINK, Op.END, "deleted on both sides", id="on both"),
        pytest.param(GONE, GONE, PROPAGATE, Op.END, "deleted on both sides", id="on both too"),
    ],
)
def test_a_deletion_of_an_untouched_record(
    prm: Present, crm: Present, on_delete: OnDelete, op: Op, why: str
) -> None:
    decision = reconcile(AGREED, prm, crm, RecordRule(GROUPS, on_delete=on_delete))
    assert (decision.op, decision.reasons) == (op, {RECORD: why})
    assert (decision.to_crm, decision.to_prm, decision.held) == ({}, {}, [])


@pytest.mark.parametrize("on_delete", OnDelete)
def test_deleted_on_one_side_and_edited_on_the_other_waits(on_delete: OnDelete) -> None:
    rule = RecordRule(GROUPS, on_delete=on_delete)
    there = reconcile(AGREED, EDITED, GONE, rule)
    assert there.op is Op.NONE
    assert there.held == [Held(RECORD, "deleted in crm, edited here", None, EDITED_SHOWN, None)]
    here = reconcile(AGREED, GONE, EDITED, rule)
    assert here.op is Op.NONE
    assert here.held == [Held(RECORD, "deleted in prm, edited here", None, None, EDITED_SHOWN)]


@pytest.mark.parametrize(
    "base", [None, {}, {"name": "Acme"}], ids=["no base", "empty base", "one field of five"]
)
def test_a_deletion_of_a_record_that_was_never_agreed_on_waits(base: Values | None) -> None:
    """Without a base every difference looks like an edit: nobody can say it was untouched."""
    decision = reconcile(base, HERE, GONE, RecordRule(GROUPS, on_delete=PROPAGATE))
    assert decision.op is Op.NONE
    assert [one.group for one in decision.held] == [RECORD]


@pytest.mark.parametrize(
    ("base", "prm", "crm"),
    [
        pytest.param(AGREED, HERE, ABSENT, id="absent in the CRM"),
        pytest.param(AGREED, ABSENT, HERE, id="absent here"),
        pytest.param(AGREED, ABSENT, ABSENT, id="absent on both sides"),
        pytest.param(AGREED, GONE, ABSENT, id="deleted here, absent in the CRM"),
        pytest.param(AGREED, ABSENT, GONE, id="deleted in the CRM, absent here"),
    ],
)
def test_mere_absence_is_no_deletion(base: Values, prm: Present, crm: Present) -> None:
    rule = RecordRule(GROUPS, True, True, PROPAGATE, recreate=True)
    assert reconcile(base, prm, crm, rule).is_empty


@pytest.mark.parametrize(("prm", "crm", "side"), [(GONE, ABSENT, "prm"), (ABSENT, GONE, "crm")])
def test_a_record_deleted_before_it_had_a_counterpart_ends(
    prm: Present, crm: Present, side: str
) -> None:
    decision = reconcile(None, prm, crm, RecordRule(GROUPS, create_prm=True))
    assert (decision.op, decision.reasons) == (Op.END, {RECORD: f"deleted in {side}"})


def test_evidence_of_a_deletion_does_not_count_while_the_record_is_there() -> None:
    back = Present(EDITED.values, gone=True)
    assert reconcile(AGREED, back, HERE, RecordRule(GROUPS)).to_crm == {"name": "Acme AG"}
    assert reconcile(AGREED, back, ABSENT, RecordRule(GROUPS, on_delete=PROPAGATE)).is_empty
    assert reconcile(None, back, ABSENT, RecordRule(GROUPS)).op is Op.CREATE_CRM


def test_a_record_that_the_crm_deleted_is_made_again_if_the_mapping_says_so() -> None:
    rule = RecordRule(GROUPS, on_delete=PROPAGATE, recreate=True)
    for left in (HERE, EDITED):
        decision = reconcile(AGREED, left, GONE, rule)
        wanted = {**TO_CRM, "name": (left.values or {})["name"]}
        assert (decision.op, decision.to_crm) == (Op.CREATE_CRM, wanted)
        assert decision.reasons == {RECORD: "deleted in crm, made again"}


def test_recreate_is_about_deletions_in_the_crm_only() -> None:
    rule = RecordRule(GROUPS, recreate=True)
    assert reconcile(AGREED, GONE, HERE, rule).op is Op.END
    assert reconcile(AGREED, GONE, GONE, rule).op is Op.END


# who deleted, what is taken, on_delete → op
DECIDED = {
    "the CRM deleted, take the deletion: unlinked": (Side.CRM, Side.CRM, UNLINK, Op.END),
    "the CRM deleted, take the deletion: followed": (
        Side.CRM,
        Side.CRM,
        PROPAGATE,
        Op.DELETE_PRM,
    ),
    "the CRM deleted, take ours: made again": (Side.CRM, Side.PRM, UNLINK, Op.CREATE_CRM),
    "we deleted, take the deletion: unlinked": (Side.PRM, Side.PRM, UNLINK, Op.END),
    "we deleted, take the deletion: followed": (Side.PRM, Side.PRM, PROPAGATE, Op.DELETE_CRM),
    "we deleted, take theirs: made again": (Side.PRM, Side.CRM, PROPAGATE, Op.CREATE_PRM),
}


@pytest.mark.parametrize(("gone", "take", "on_delete", "op"), DECIDED.values(), ids=DECIDED)
def test_a_decision_on_a_deletion(gone: Side, take: Side, on_delete: OnDelete, op: Op) -> None:
    prm, crm = (EDITED, GONE) if gone is Side.CRM else (GONE, EDITED)
    ours, theirs = (EDITED_SHOWN, ()) if gone is Side.CRM else ((), EDITED_SHOWN)
    taken = Taken(take, ours, theirs, "dana")
    decision = reconcile(AGREED, prm, crm, RecordRule(GROUPS, on_delete=on_delete), {RECORD: taken})
    assert (decision.op, decision.reasons) == (op, {RECORD: "decision of dana"})
    assert decision.to_crm == ({**TO_CRM, "name": "Acme AG"} if op is Op.CREATE_CRM else {})
    assert decision.to_prm == ({**TO_PRM, "name": "Acme AG"} if op is Op.CREATE_PRM else {})


def test_a_decision_on_a_deletion_is_void_once_the_record_was_edited_again() -> None:
    taken = Taken(Side.CRM, SHOWN, (), "dana")
    decision = reconcile(AGREED, EDITED, GONE, RecordRule(GROUPS), {RECORD: taken})
    assert [one.group for one in decision.held] == [RECORD]
    assert decision.op is Op.NONE


def test_what_is_made_again_leaves_out_what_cannot_be_read() -> None:
    taken = Taken(Side.PRM, EDITED_SHOWN, (), "dana")
    decision = reconcile(
        AGREED, EDITED, GONE, RecordRule(GROUPS), {RECORD: taken}, frozenset({"value"})
    )
    assert decision.to_crm == {"name": "Acme AG", "tier": "gold"}


def test_what_is_made_again_carries_mapped_fields_only() -> None:
    """What else is known of a CRM record, its pipeline for one, is no field of ours."""
    left = Present({**AGREED, "@pipeline": "Sales"})
    taken = Taken(Side.CRM, (), SHOWN, "dana")
    decision = reconcile(AGREED, GONE, left, RecordRule(GROUPS), {RECORD: taken})
    assert decision.to_prm == TO_PRM
