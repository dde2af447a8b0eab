from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from prmsync.domain.customer import NO_CUSTOMER, Customer
from prmsync.domain.money import Money
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.program import ReviewSettings
from prmsync.domain.registration import (
    TRANSITIONS,
    Move,
    Needs,
    Outcome,
    Registration,
    ReviewState,
    extend,
    mark_opportunity,
    move,
    reject_code,
)
from prmsync.domain.values import PrmId
from prmsync.errors import StateError

S = ReviewState
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
SETTINGS = ReviewSettings()
TABLE = """
draft         submitted withdrawn
submitted     under_review withdrawn
under_review  approved returned rejected withdrawn
returned      submitted withdrawn expired
approved      expired cancelled closed
expired       approved
rejected      under_review
withdrawn
cancelled
closed
"""


def registration(state: ReviewState, **more: Any) -> Registration:
    made = Registration(
        PrmId("r1"),
        "DR-1042",
        PrmId("p1"),
        customer=Customer("Northwind GmbH"),
        product_lines=frozenset({"firewall"}),
        amount=Money(Decimal("48000.00"), "EUR"),
        review_state=state,
    )
    return replace(made, **more)


def step(to: ReviewState, **more: Any) -> Move:
    return replace(Move(to, "ana@vendor.example", NOON), **more)


def everything(to: ReviewState) -> Move:
    return step(
        to,
        reason="duplicate",
        outcome=Outcome.WON,
        opportunity=PrmId("o1"),
        extension=True,
        administrator=True,
    )


def test_the_transitions_are_those_of_the_table() -> None:
    rows = [line.split() for line in TABLE.strip().splitlines()]
    assert {row[0]: set(row[1:]) for row in rows} == {
        state.value: {to.value for to in targets} for state, targets in TRANSITIONS.items()
    }


@pytest.mark.parametrize("state", ReviewState)
@pytest.mark.parametrize("to", ReviewState)
def test_a_move_outside_the_table_is_refused(state: ReviewState, to: ReviewState) -> None:
    before = registration(state)
    if to in TRANSITIONS[state]:
        assert move(before, everything(to), SETTINGS)[0].review_state is to
    else:
        with pytest.raises(StateError, match=f"DR-1042 is {state}"):
            move(before, everything(to), SETTINGS)


@pytest.mark.parametrize(
    ("state", "to", "need"),
    [(s, t, need) for s, targets in TRANSITIONS.items() for t in targets for need in targets[t]],
)
def test_a_move_without_what_it_needs_is_refused(
    state: ReviewState, to: ReviewState, need: Needs
) -> None:
    without: dict[Needs, dict[str, Any]] = {
        Needs.REASON: {"reason": " "},
        Needs.REJECT_REASON: {"reason": "because"},
        Needs.OPPORTUNITY: {"opportunity": None},
        Needs.EXTENSION: {"extension": False},
        Needs.ADMINISTRATOR: {"administrator": False},
        Needs.OUTCOME: {"outcome": None},
    }
    with pytest.raises(StateError, match=need.value):
        move(registration(state), replace(everything(to), **without[need]), SETTINGS)


def test_an_incomplete_draft_is_not_submitted_and_everything_missing_is_named() -> None:
    empty = registration(S.DRAFT, customer=NO_CUSTOMER, product_lines=frozenset(), amount=None)
    with pytest.raises(StateError) as caught:
        move(empty, step(S.SUBMITTED), SETTINGS)
    for what in ("a customer", "a product line", "an amount with its currency"):
        assert what in caught.value.message
    move(empty, step(S.WITHDRAWN), SETTINGS)


def test_a_note_may_follow_the_reject_reason() -> None:
    assert reject_code("duplicate: same deal as DR-1031") == "duplicate"
    assert reject_code("no") is None


def test_submission_starts_the_decision_deadline() -> None:
    after, event = move(registration(S.DRAFT), step(S.SUBMITTED), SETTINGS)
    assert after.submitted_at == NOON
    assert after.due_at == datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    assert (event.from_state, event.to_state, event.at) == (S.DRAFT, S.SUBMITTED, NOON)


def test_a_returned_registration_keeps_its_place_if_resubmitted_in_time() -> None:
    first = NOON - timedelta(days=3)
    returned = registration(S.RETURNED, submitted_at=first, due_at=NOON)
    assert move(returned, step(S.SUBMITTED), SETTINGS)[0].submitted_at == first


def test_a_late_resubmission_takes_a_new_place() -> None:
    first = NOON - timedelta(days=3)
    returned = registration(S.RETURNED, submitted_at=first, due_at=NOON - timedelta(seconds=1))
    assert move(returned, step(S.SUBMITTED), SETTINGS)[0].submitted_at == NOON


def test_approval_starts_protection_to_the_end_of_the_programs_local_day() -> None:
    settings = ReviewSettings(time_zone=ZoneInfo("America/New_York"))
    after, _ = move(
        registration(S.UNDER_REVIEW), step(S.APPROVED, opportunity=PrmId("o1")), settings
    )
    assert after.opportunity == "o1"
    assert after.approved_at == NOON
    assert after.protected_until == datetime(2027, 1, 18, 4, 59, 59, tzinfo=UTC)
    assert after.is_protected(NOON + timedelta(days=60))
    assert not after.is_protected(NOON + timedelta(days=61))


def test_an_extension_brings_an_expired_registration_back_and_counts() -> None:
    old = NOON - timedelta(days=90)
    expired = registration(S.EXPIRED, opportunity=PrmId("o1"), approved_at=old)
    after, _ = move(expired, step(S.APPROVED, extension=True), SETTINGS)
    assert (after.extensions, after.approved_at) == (1, old)
    again = replace(after, review_state=S.EXPIRED)
    with pytest.raises(StateError, match="extended 1 times"):
        move(again, step(S.APPROVED, extension=True), SETTINGS)


def test_a_running_protection_is_extended_from_its_end() -> None:
    until = datetime(2027, 1, 17, 23, 59, 59, tzinfo=UTC)
    after = extend(registration(S.APPROVED, protected_until=until), NOON, SETTINGS)
    assert after.protected_until == until + timedelta(days=60)
    with pytest.raises(StateError):
        extend(after, NOON, SETTINGS)
    with pytest.raises(StateError, match="only approved"):
        extend(registration(S.DRAFT), NOON, SETTINGS)


def test_approval_shows_flag_partner_and_expiry_on_the_opportunity() -> None:
    until = NOON + timedelta(days=60)
    marked = mark_opportunity(
        registration(S.APPROVED, protected_until=until), Opportunity(PrmId("o1"), "Firewall")
    )
    assert (marked.registered, marked.partner, marked.protected_until) == (True, "p1", until)


@pytest.mark.parametrize(
    ("state", "cleared"),
    [(S.EXPIRED, True), (S.CANCELLED, True), (S.CLOSED, False), (S.RETURNED, False)],
)
def test_expiry_and_cancellation_clear_the_opportunity_and_closing_keeps_it(
    state: ReviewState, cleared: bool
) -> None:
    held = Opportunity(
        PrmId("o1"), "Firewall", partner=PrmId("p1"), registered=True, protected_until=NOON
    )
    after = mark_opportunity(registration(state), held)
    assert (after.registered, after.partner) == ((False, None) if cleared else (True, "p1"))


def test_another_partners_mark_is_left_alone() -> None:
    theirs = Opportunity(PrmId("o1"), "Firewall", partner=PrmId("p2"), registered=True)
    assert mark_opportunity(registration(S.EXPIRED), theirs) == theirs
