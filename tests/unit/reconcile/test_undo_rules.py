"""Undo, proved: every value before, written and there now, against a table written from the
description: what stands goes back, what was edited since stays, everything else is listed."""

from __future__ import annotations

from itertools import product

import pytest

from prmsync.domain.merge import Direction, Side
from prmsync.domain.values import Scalar, Values
from prmsync.reconcile import undo
from prmsync.reconcile.record import Present
from prmsync.reconcile.rules import GroupRule, RecordRule
from prmsync.reconcile.undo import Kept, Written, held_after, reverse, together

VALUES: tuple[Scalar, ...] = (None, "v1", "v2", "v3")
RULE = RecordRule((GroupRule("tier", ("tier",)),))
PAIR = RecordRule((GroupRule("value", ("amount", "currency")), GroupRule("tier", ("tier",))))


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("direction", list(Direction))
def test_every_update_goes_back_stays_or_is_listed(side: Side, direction: Direction) -> None:
    rule = RecordRule((GroupRule("tier", ("tier",), direction=direction),))
    may = direction is Direction.BOTH or direction.value == f"to_{side}"
    for before, wrote, now in product(VALUES, repeat=3):
        written = Written("update", {"tier": before}, {"tier": wrote})
        made = reverse(written, Present({"tier": now}), rule, side)
        if before == wrote or now == before:
            restore, why = {}, None
        elif now != wrote:
            restore, why = {}, "changed since the run"
        elif not may:
            restore, why = {}, "the mapping does not write this field there any more"
        else:
            restore, why = {"tier": before}, None
        assert made.restore == restore, (before, wrote, now)
        listed = [Kept("tier", why, {"tier": now}, {"tier": before})] if why else []
        assert made.kept == listed, (before, wrote, now)
        assert not made.remove
        assert made.recreate is None
        assert made.is_empty is (not restore and not listed)


def test_a_second_undo_of_the_same_run_has_nothing_to_do() -> None:
    for before, wrote, now in product(VALUES, repeat=3):
        written = Written("update", {"tier": before}, {"tier": wrote})
        first = reverse(written, Present({"tier": now}), RULE, Side.CRM)
        again = reverse(written, Present({"tier": now, **first.restore}), RULE, Side.CRM)
        assert again.restore == {}
        assert again.kept == first.kept


def test_the_undo_of_an_undo_writes_what_the_run_had_written() -> None:
    for before, wrote in product(VALUES, repeat=2):
        written = Written("update", {"tier": before}, {"tier": wrote})
        undone = reverse(written, Present({"tier": wrote}), RULE, Side.PRM).restore
        if not undone:
            continue
        redo = Written("update", {"tier": wrote}, undone)
        assert reverse(redo, Present(undone), RULE, Side.PRM).restore == {"tier": wrote}


def test_a_group_goes_back_whole_or_not_at_all() -> None:
    pairs = list(product((None, "1", "2"), ("EUR", "USD")))
    for before, wrote, now in product(pairs, repeat=3):
        names = ("amount", "currency")
        b, w, n = (dict(zip(names, one, strict=True)) for one in (before, wrote, now))
        made = reverse(Written("update", b, w), Present({**n, "tier": "x"}), PAIR, Side.CRM)
        stands = n == w and b != w
        assert made.restore == (b if stands else {})
        assert bool(made.kept) is (n not in (w, b) and b != w)


def test_one_edited_group_does_not_keep_the_others_from_going_back() -> None:
    before: Values = {"amount": "1", "currency": "EUR", "tier": "gold"}
    wrote: Values = {"amount": "2", "currency": "EUR", "tier": "silver"}
    made = reverse(
        Written("update", before, wrote), Present({**wrote, "tier": "bronze"}), PAIR, Side.CRM
    )
    assert made.restore == {"amount": "1", "currency": "EUR"}
    assert [one.group for one in made.kept] == ["tier"]


def test_a_record_written_as_one_value_goes_back_as_one() -> None:
    before: Values = {"amount": "1", "currency": "EUR", "tier": "gold"}
    wrote: Values = {**before, "tier": "silver"}
    stands = reverse(
        Written("update", before, wrote), Present(dict(wrote)), PAIR, Side.CRM, whole=True
    )
    assert stands.restore == before
    moved = Present({**wrote, "amount": "3"})
    edited = reverse(Written("update", before, wrote), moved, PAIR, Side.CRM, whole=True)
    assert edited.restore == {}
    assert [one.why for one in edited.kept] == [undo.CHANGED_SINCE]


def test_fields_that_the_mapping_no_longer_has_are_listed_and_left() -> None:
    written = Written("update", {"fax": "1", "@key": None}, {"fax": "2", "@key": "k"})
    made = reverse(written, Present({"fax": "2", "tier": "gold"}), RULE, Side.CRM)
    assert made.restore == {}
    assert made.kept == [Kept("fax", undo.NOT_MAPPED, {"fax": "2"}, {"fax": "1"})]
    same = Written("update", {"fax": "1"}, {"fax": "1"})
    assert reverse(same, Present({"fax": "1"}), RULE, Side.CRM).is_empty


def test_a_field_that_merges_with_others_now_is_listed_and_left() -> None:
    made = reverse(
        Written("update", {"amount": "1"}, {"amount": "2"}),
        Present({"amount": "2", "currency": "EUR"}),
        PAIR,
        Side.CRM,
    )
    assert made.restore == {}
    assert made.kept == [Kept("value", undo.REGROUPED, {"amount": "2"}, {"amount": "1"})]


@pytest.mark.parametrize("gone", [True, False])
def test_an_update_of_a_record_that_is_gone_is_listed(gone: bool) -> None:
    written = Written("update", {"tier": "a", "@key": None}, {"tier": "b", "@key": "k"})
    made = reverse(written, Present(None, gone), RULE, Side.CRM)
    assert made.kept == [Kept("@record", undo.GONE_SINCE, {}, {"tier": "a"})]
    assert made.restore == {}


@pytest.mark.parametrize("used", [True, False])
def test_a_created_record_goes_only_if_nobody_touched_or_uses_it(used: bool) -> None:
    for wrote, now in product(VALUES, repeat=2):
        after: Values = {} if wrote is None else {"tier": wrote}
        written = Written("create", {}, after)
        made = reverse(written, Present({"tier": now, "fax": "9"}), RULE, Side.CRM, used=used)
        untouched = wrote == now
        assert made.remove is (untouched and not used)
        assert [one.why for one in made.kept] == ([] if made.remove else [undo.USED_SINCE])
        if made.kept:
            assert made.kept[0].now == ({} if untouched else {"tier": now})
            assert (made.kept[0].group, made.kept[0].before) == ("@record", {})


def test_a_created_record_that_is_gone_already_needs_nothing() -> None:
    written = Written("create", {}, {"tier": "a"})
    assert reverse(written, Present(None, True), RULE, Side.CRM).is_empty


@pytest.mark.parametrize(
    ("op", "why"),
    [("delete", undo.IS_A_DELETION), ("end", undo.IS_AN_END), ("merge", undo.IS_A_MERGE)],
)
def test_deletions_and_ends_are_listed(op: str, why: str) -> None:
    made = reverse(Written(op, {"tier": "a"}, {}), Present(None, True), RULE, Side.CRM)
    assert made.kept == [Kept("@record", why, {}, {"tier": "a"})]
    assert (made.restore, made.remove, made.recreate) == ({}, False, None)


def test_only_a_deletion_by_an_undo_is_taken_back() -> None:
    written = Written("delete", {"tier": "a"}, {"tier": None})
    again = reverse(written, Present(None, True), RULE, Side.CRM, was_undo=True)
    assert again.recreate == {"tier": "a"}
    assert not again.is_empty
    twice = reverse(written, Present(None, True), RULE, Side.CRM, used=True, was_undo=True)
    assert (twice.recreate, [one.why for one in twice.kept]) == (None, [undo.GONE_AGAIN])
    back = reverse(written, Present({"tier": "a"}), RULE, Side.CRM, was_undo=True)
    assert (back.recreate, [one.why for one in back.kept]) == (None, [undo.IS_A_DELETION])
    ended = reverse(Written("end", {}, {}), Present(None, True), RULE, Side.CRM, was_undo=True)
    assert (ended.recreate, [one.why for one in ended.kept]) == (None, [undo.IS_AN_END])


def test_several_writes_of_a_run_are_undone_as_one() -> None:
    first = Written("update", {"tier": "a"}, {"tier": "b"})
    second = Written("update", {"tier": "b", "fax": "1"}, {"tier": "c", "fax": "2"})
    assert together([first, second]) == Written(
        "update", {"tier": "a", "fax": "1"}, {"tier": "c", "fax": "2"}
    )
    made = Written("create", {}, {"tier": "a"})
    assert together([made, first]) == Written("create", {"tier": "a"}, {"tier": "b"})
    gone = Written("delete", {"tier": "b"}, {"tier": None})
    assert together([first, gone]) == Written("delete", {"tier": "a"}, {"tier": None})
    assert together([first]) is first
    assert together([]) is None


def test_what_differs_after_the_undo_is_held_and_nothing_else() -> None:
    for ours, theirs in product(VALUES, repeat=2):
        prm: Values = {"tier": ours, "amount": "1", "currency": "EUR"}
        crm: Values = {"tier": theirs, "amount": "9", "currency": "EUR"}
        held = held_after(41, {"tier": theirs}, prm, crm, PAIR)
        if ours == theirs:
            assert held == []
            continue
        (one,) = held
        assert (one.group, one.kind) == ("tier", "undone run 41")
        assert (one.base, one.prm, one.crm) == ((theirs,), (ours,), (theirs,))


def test_a_held_group_is_held_whole() -> None:
    prm: Values = {"tier": "a", "amount": "1", "currency": "EUR"}
    crm: Values = {"tier": "a", "amount": "9", "currency": "EUR"}
    (one,) = held_after(7, {"amount": "9", "currency": "EUR"}, prm, crm, PAIR)
    assert (one.base, one.prm, one.crm) == (("9", "EUR"), ("1", "EUR"), ("9", "EUR"))


def test_what_an_undo_holds_is_known_by_its_words() -> None:
    assert undo.is_undone(undo.undone(41))
    assert not undo.is_undone("both sides changed")
