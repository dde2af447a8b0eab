"""Rows of a run in the reader's words: within 100 columns, money with its currency, and what became
of them."""

from __future__ import annotations

import pytest

from prmsync.cli import plans
from prmsync.cli.output import WIDTH
from prmsync.store.journal import Action, ActionState

REASON = "edited in the partner database"


def lines(op: str, *, title: str = "DR-1  Acme", state: str = "done", **more: object) -> list[str]:
    action = Action(1, 1, "crm", op, state=state, reason=REASON, **more)  # type: ignore[arg-type]  # as in Action
    return list(plans.action_lines(action, title))


@pytest.mark.parametrize("op", ["create", "update", "base", "delete", "end"])
@pytest.mark.parametrize("long", [1, 60, 300])
def test_no_line_is_wider_than_a_page(op: str, long: int) -> None:
    fields = {"name": ("a" * long, "b" * long), "amount": ("1.00", "2.00")}
    shown = lines(op, title="Ä" * long, fields=fields, error="it says no, " * long, state="parked")
    assert max(map(len, shown)) <= WIDTH
    assert " ".join(" ".join(shown).split()).count(REASON) == 1


def test_a_mark_without_a_name_does_not_stand_on_a_line_alone() -> None:
    action = Action(1, 1, "crm", "create", {}, "a long reason, " * 9, state=ActionState.DONE)
    shown = list(plans.action_lines(action, ""))
    assert len(shown) > 1
    assert shown[0].startswith("  +  create in the CRM    a long reason")


def test_an_amount_is_shown_with_its_currency() -> None:
    fields = {"amount": ("16700.00", "17550.00"), "currency": ("USD", "USD")}
    assert lines("update", fields=fields) == [
        f"  ~ DR-1  Acme  amount  16,700.00 → 17,550.00 USD    prm → crm    {REASON}"
    ]


def test_a_currency_that_changes_is_a_line_of_its_own() -> None:
    fields = {"amount": ("1.00", "2.00"), "currency": ("USD", "EUR")}
    assert lines("update", fields=fields)[1:] == [
        "      amount            1.00 → 2.00",
        "      currency          USD → EUR",
    ]


def test_a_row_that_was_not_written_says_what_became_of_it() -> None:
    waits = lines("create", state=ActionState.RETRY, error="waits for the link of its partner")
    assert waits[-1] == "      left for the next run: waits for the link of its partner"
    assert lines("create", state=ActionState.WAITING)[-1].endswith(" · held by a brake")
    assert lines("create", state=ActionState.PARKED, error="No.")[-1] == "      refused: No."


def test_a_creation_that_found_its_record_there_says_so() -> None:
    assert lines("create", state=ActionState.FOUND)[-1].endswith(" · found there already")
    unsure = lines("create", state=ActionState.FOUND, error="Nobody knows.")
    assert unsure[-1] == "      found there already: Nobody knows."
    assert plans.totals({"relation/crm/create/found": 2}) == "2 creates found there already"


def test_a_row_that_was_written_says_no_more() -> None:
    assert lines("create") == [f"  + DR-1  Acme  create in the CRM    {REASON}"]


def test_an_erasure_names_its_fields_and_no_value() -> None:
    shown = lines("erase", fields={"customer_contact": (None, None), "owner": (None, None)})
    assert shown == [f"  x DR-1  Acme  customer_contact, owner    {REASON}"]


def test_what_only_waits_for_a_linked_record_is_not_called_a_retry() -> None:
    assert plans.totals({"registration/crm/update/retry": 2}) == "2 updates left for the next run"


def test_more_rows_than_are_listed_are_counted_with_the_command_that_lists_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = Action(1, 1, "crm", "create")
    plans.listing(7, [("partner", [(row, "Acme")], 3), ("relation", [], 0)])
    assert capsys.readouterr().out.splitlines()[-1] == "  … and 2 more: prmsync runs show 7 --all"
