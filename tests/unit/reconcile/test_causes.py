"""Who or what caused a write follows from the three values and from whom the CRM names."""

from __future__ import annotations

from itertools import product

import pytest

from prmsync.reconcile.causes import Cause, by_crm_user, cause_of_update, crm_user_of, words

VALUES = ("a", "b", None)


@pytest.mark.parametrize(("base", "prm", "crm"), list(product(VALUES, repeat=3)))
def test_the_side_that_left_the_base_caused_the_write(
    base: str | None, prm: str | None, crm: str | None
) -> None:
    """What is written to a side comes from the other one, unless only the receiver moved."""
    if prm == crm:
        return
    to_crm = cause_of_update("crm", {"name": (crm, prm)}, {"name": base}, "005A")
    to_prm = cause_of_update("prm", {"name": (prm, crm)}, {"name": base}, "005A")
    only_crm, only_prm = prm == base, crm == base
    assert to_crm == ("crm:005A" if only_crm else "prm")
    assert to_prm == ("prm" if only_prm else "crm:005A")


def test_the_first_field_that_was_put_back_tells_who_edited() -> None:
    base = {"amount": "1", "currency": "EUR"}
    changes = {"amount": ("2", "1"), "currency": ("EUR", "EUR"), "@key": (None, "x")}
    assert cause_of_update("crm", changes, base, "005A") == "crm:005A"


def test_a_field_that_was_never_agreed_on_is_new_in_the_mapping() -> None:
    base = {"amount": "1"}
    for side in ("crm", "prm"):
        changes: dict[str, tuple[str | None, str | None]] = {"source": (None, "fair")}
        assert cause_of_update(side, changes, base, "005A") == Cause.MAPPING


def test_the_home_of_a_record_is_nobody_s_edit() -> None:
    changes = {"home": (None, "acme"), "amount": ("1", "2")}
    assert cause_of_update("prm", changes, {"amount": "1"}, "005A") == "crm:005A"


def test_our_key_alone_is_nobody_s_edit_in_the_crm() -> None:
    assert cause_of_update("crm", {"@key": ("x", None)}, {"name": "a"}, "005A") == "prm"


def test_without_a_base_both_sides_meet_for_the_first_time() -> None:
    assert cause_of_update("crm", {"name": ("a", "b")}, None, "005A") == Cause.FIRST


@pytest.mark.parametrize(("who", "cause"), [("005A", "crm:005A"), (None, "crm"), ("", "crm")])
def test_a_crm_that_names_nobody_is_the_cause_itself(who: str | None, cause: str) -> None:
    assert by_crm_user(who) == cause
    assert crm_user_of(cause) == (who or None)


def test_other_causes_name_no_user() -> None:
    assert [crm_user_of(one) for one in Cause] == [None] * len(Cause)


def test_a_user_is_told_by_name_where_it_is_known() -> None:
    assert words("crm:005A") == "edited in the CRM by 005A"
    assert words("crm:005A", {"005B": "Joe"}) == "edited in the CRM by 005A"
    assert words("crm:005A", {"005A": "Jane Doe"}) == "edited in the CRM by Jane Doe (005A)"


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_words_of_its_own(cause: Cause) -> None:
    assert words(cause) != cause
    assert len({words(one) for one in Cause}) == len(Cause)


def test_an_unknown_cause_is_told_as_it_is() -> None:
    assert words("@later") == "@later"
