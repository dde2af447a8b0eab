from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.connector.protocol import HistoryReader, ObjectSpec, Sent
from prmsync.errors import AuthError
from prmsync_hubspot.history import Entry, unseen

DEALS = ObjectSpec(
    "opportunity", "deals", ("prm_opportunity_id", "dealname", "amount"), "prm_opportunity_id"
)
READ = "/objects/2026-09/deals/batch/read"
SEEN = "2026-11-22T18:00:00.000Z"


def entries(*told: tuple[str, int]) -> list[Entry]:
    """Newest first, as HubSpot tells them."""
    return [Entry(value, at) for value, at in told]


def test_the_value_right_under_ours_was_replaced_unseen() -> None:
    told = entries(("ours", 30), ("second", 20), ("first", 15), ("before", 5))
    assert unseen(told, "ours", "before", 10) == Entry("second", 20)


def test_what_stood_at_the_look_is_no_loss() -> None:
    assert unseen(entries(("ours", 30), ("before", 5)), "ours", "before", 10) is None


def test_who_took_their_edit_back_has_lost_nothing() -> None:
    told = entries(("ours", 30), ("before", 25), ("typed", 20), ("before", 5))
    assert unseen(told, "ours", "before", 10) is None


def test_an_edit_after_our_write_is_read_as_any_other() -> None:
    told = entries(("after", 40), ("ours", 30), ("before", 5))
    assert unseen(told, "ours", "before", 10) is None
    told = entries(("after", 40), ("ours", 30), ("typed", 20), ("before", 5))
    assert unseen(told, "ours", "before", 10) == Entry("typed", 20)


def test_a_field_that_is_written_as_it_stood_hides_no_older_value() -> None:
    """The rest of a group is sent along; HubSpot may note nothing new for it."""
    assert unseen(entries(("same", 10), ("older", 10)), "same", "same", 10) is None
    told = entries(("same", 30), ("typed", 20), ("same", 10), ("older", 4))
    assert unseen(told, "same", "same", 10) == Entry("typed", 20)


def test_what_a_person_types_is_never_taken_for_our_write() -> None:
    """Who typed the same as we do has replaced what was there before themselves."""
    told = [Entry("ours", 30, typed=True), Entry("typed", 20, typed=True), Entry("before", 5)]
    assert unseen(told, "ours", "before", 10) is None


def test_a_write_that_was_not_taken_replaced_nothing() -> None:
    assert unseen(entries(("typed", 20), ("before", 5)), "ours", "before", 10) is None
    assert unseen([], "ours", "before", 10) is None


VALUES = st.sampled_from(["a", "b", "c", "d"])
TIMES = st.integers(1, 5)


@given(
    st.lists(st.tuples(VALUES, TIMES), max_size=4),
    st.lists(st.tuples(VALUES, TIMES), max_size=4),
    st.lists(st.tuples(VALUES, TIMES), max_size=4),
    VALUES,
)
def test_a_loss_is_found_exactly_where_the_last_edit_before_ours_was_another_persons(
    earlier: list[tuple[str, int]],
    meanwhile: list[tuple[str, int]],
    later: list[tuple[str, int]],
    ours: str,
) -> None:
    """HubSpot notes a value only where it changes; what is written stands between the edits that
    come after the look and those that come after the write."""
    now, history = 0, [Entry("a", 0, typed=True)]

    def edit(value: str, after: int, *, typed: bool = True) -> None:
        nonlocal now
        now += after
        if history[-1].value != value:
            history.append(Entry(value, now, typed))

    for value, after in earlier:
        edit(value, after)
    before, seen_at, _ = history[-1]
    for value, after in meanwhile:
        edit(value, after)
    under = history[-1]
    edit(ours, 1, typed=False)
    for value, after in later:
        edit(value, after)
    found = unseen(reversed(history), ours, before, seen_at)
    assert found == (None if under.value in (ours, before) else under)


def told(record_id: str, **histories: Any) -> dict[str, Any]:
    return {
        "id": record_id,
        "properties": {},
        "propertiesWithHistory": {
            name: [
                {
                    "value": value,
                    "timestamp": at,
                    "sourceType": "CRM_UI" if place else "INTEGRATION",
                }
                for place, (value, at) in enumerate(history)
            ]
            for name, history in histories.items()
        },
    }


def sent(record_id: str, **values: Any) -> Sent:
    return Sent(record_id, values, {"dealname": "Before", "amount": "5"}, SEEN)


def test_replaced_values_are_told_in_canonical_form(deals: Any, connect: Any) -> None:
    at = "2026-11-22T18:00:01.5Z"
    first = told("1", amount=[("9.50", "2026-11-22T18:00:02Z"), ("7.00", at), ("5.0", SEEN)])
    second = told("2", dealname=[("New", "2026-11-22T18:00:02Z"), ("", at), ("Before", SEEN)])
    third = told("3", dealname=[("New", "2026-11-22T18:00:02Z"), ("Before", SEEN)])
    deals.on("POST", READ, {"results": [first, second, third]})
    hubspot = connect()
    assert isinstance(hubspot, HistoryReader)
    rows = [sent("1", amount="9.5"), sent("2", dealname="New"), sent("3", dealname="New")]
    assert hubspot.replaced(DEALS, rows) == {"1": {"amount": "7"}, "2": {"dealname": None}}
    (asked,) = deals.asked(READ)
    assert asked["propertiesWithHistory"] == ["amount", "dealname"]
    assert hubspot.usage().calls["history"] == 1


def test_fifty_records_are_looked_at_in_a_call(deals: Any, connect: Any) -> None:
    deals.on("POST", READ, {"results": []})
    hubspot = connect()
    rows = [sent(str(number), dealname="New") for number in range(120)]
    assert hubspot.replaced(DEALS, rows) == {}
    assert [len(one["inputs"]) for one in deals.asked(READ)] == [50, 50, 20]
    assert hubspot.history_calls(120) == 3
    assert hubspot.replaced(DEALS, []) == {}


def test_a_record_that_is_gone_since_has_no_history_and_other_refusals_are_told(
    deals: Any, connect: Any
) -> None:
    gone = {"category": "OBJECT_NOT_FOUND", "context": {"ids": ["1"]}}
    deals.on("POST", READ, {"results": [], "errors": [gone]}, status=207)
    assert connect().replaced(DEALS, [sent("1", dealname="New")]) == {}
    scopes = {"category": "MISSING_SCOPES", "context": {"requiredGranularScopes": ["x"]}}
    deals.on("POST", READ, {"results": [], "errors": [scopes]}, status=207)
    with pytest.raises(AuthError):
        connect().replaced(DEALS, [sent("1", dealname="New")])
