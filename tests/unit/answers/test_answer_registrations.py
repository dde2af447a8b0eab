import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prmsync.answers.registrations import (
    expire_overdue,
    extend_protection,
    overdue,
    take_step,
)
from prmsync.domain.program import ReviewSettings
from prmsync.domain.registration import Move, Outcome, ReviewState
from prmsync.errors import NotFoundError, StateError
from prmsync.store import tables
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
SETTINGS = ReviewSettings()
S = ReviewState
Fetch = Callable[..., list[Any]]
Add = Callable[..., str]


@pytest.fixture(autouse=True)
def draft(add: Add) -> None:
    add("partner", "p1")
    add("partner", "p2", name="Initech", types="distributor")
    add("registration", "DR-1", partner="p1", distributor="p2")


def go(database: Database, *states: ReviewState, number: str = "DR-1", **more: Any) -> None:
    for state in states:
        take_step(database, number, Move(state, "ana@vendor.example", NOW, **more), SETTINGS)


def test_approval_creates_the_opportunity_and_starts_protection_in_one_transaction(
    database: Database, fetch: Fetch
) -> None:
    go(database, S.SUBMITTED, S.UNDER_REVIEW, S.APPROVED)
    (opportunity,) = fetch(tables.opportunity)
    (registration,) = fetch(tables.registration)
    assert registration.opportunity == opportunity.id
    assert registration.approved_at == NOW
    assert opportunity.name == "Northwind GmbH firewall"
    assert (opportunity.amount, opportunity.currency) == (registration.amount, "EUR")
    assert (opportunity.partner, opportunity.registered) == ("p1", True)
    assert opportunity.protected_until == datetime(2027, 1, 21, 23, 59, 59, tzinfo=UTC)
    roles = {(d.partner, d.role, d.attribution) for d in fetch(tables.deal_partner)}
    assert roles == {("p1", "reseller", "sourced"), ("p2", "distributor", None)}


def test_every_move_leaves_an_event(database: Database, fetch: Fetch) -> None:
    go(database, S.SUBMITTED, S.UNDER_REVIEW)
    go(database, S.REJECTED, reason="duplicate: same deal as DR-0")
    events = [(e.from_state, e.to_state, e.reason) for e in fetch(tables.registration_event)]
    assert events == [
        ("draft", "submitted", None),
        ("submitted", "under_review", None),
        ("under_review", "rejected", "duplicate: same deal as DR-0"),
    ]
    assert fetch(tables.registration)[0].reason == "duplicate: same deal as DR-0"


def test_a_refused_move_writes_nothing(database: Database, fetch: Fetch) -> None:
    with pytest.raises(StateError, match="DR-1 is draft"):
        go(database, S.APPROVED)
    assert not fetch(tables.opportunity)
    assert not fetch(tables.registration_event)
    with pytest.raises(NotFoundError, match="DR-9"):
        go(database, S.SUBMITTED, number="DR-9")


def test_approval_links_an_opportunity_that_is_named(
    database: Database, add: Add, fetch: Fetch
) -> None:
    add("opportunity", "o1", number="OP-7")
    go(database, S.SUBMITTED, S.UNDER_REVIEW)
    go(database, S.APPROVED, opportunity="OP-7")
    (opportunity,) = fetch(tables.opportunity)
    assert (opportunity.id, opportunity.partner, opportunity.registered) == ("o1", "p1", True)
    with pytest.raises(NotFoundError):
        add("registration", "DR-2", partner="p1", review_state="under_review")
        go(database, S.APPROVED, number="DR-2", opportunity="OP-8")


def test_an_opportunity_is_never_protected_for_two_partners(
    database: Database, add: Add, fetch: Fetch
) -> None:
    go(database, S.SUBMITTED, S.UNDER_REVIEW, S.APPROVED)
    deal = fetch(tables.opportunity)[0].id
    add("registration", "DR-2", partner="p2", review_state="under_review")
    with pytest.raises(StateError, match="by DR-1"):
        go(database, S.APPROVED, number="DR-2", opportunity=deal)


@pytest.mark.parametrize(
    ("state", "more", "registered"),
    [
        (S.EXPIRED, {}, False),
        (S.CANCELLED, {}, False),
        (S.CLOSED, {"outcome": Outcome.WON}, True),
    ],
)
def test_expiry_and_cancellation_clear_the_deal_and_closing_keeps_it(
    database: Database,
    fetch: Fetch,
    state: ReviewState,
    more: dict[str, Any],
    registered: bool,
) -> None:
    go(database, S.SUBMITTED, S.UNDER_REVIEW, S.APPROVED)
    go(database, state, **more)
    (opportunity,) = fetch(tables.opportunity)
    assert opportunity.registered is registered
    assert (opportunity.partner is None) is not registered
    assert (opportunity.protected_until is None) is not registered


def test_a_second_registration_of_the_partner_keeps_the_deal_protected(
    database: Database, add: Add, fetch: Fetch
) -> None:
    go(database, S.SUBMITTED, S.UNDER_REVIEW, S.APPROVED)
    deal = fetch(tables.opportunity)[0].id
    add("registration", "DR-2", partner="p1", review_state="under_review")
    go(database, S.APPROVED, number="DR-2", opportunity=deal)
    go(database, S.CANCELLED)
    assert fetch(tables.opportunity)[0].registered


def test_expiry_is_shown_first_and_then_done_as_of_a_time(
    database: Database, add: Add, fetch: Fetch
) -> None:
    go(database, S.SUBMITTED, S.UNDER_REVIEW, S.APPROVED)
    add("registration", "DR-2", partner="p1", review_state="returned", due_at=NOW)
    later = NOW + timedelta(days=61)
    assert [r.number for r in overdue(database, NOW + timedelta(seconds=1))] == ["DR-2"]
    assert [r.number for r in overdue(database, later)] == ["DR-1", "DR-2"]
    assert [r.number for r in expire_overdue(database, "ana", later, SETTINGS)] == ["DR-1", "DR-2"]
    assert {r.review_state for r in fetch(tables.registration)} == {"expired"}
    assert expire_overdue(database, "ana", later, SETTINGS) == []


def test_an_extension_moves_the_deals_expiry_too(database: Database, fetch: Fetch) -> None:
    go(database, S.SUBMITTED, S.UNDER_REVIEW, S.APPROVED)
    extend_protection(database, "DR-1", "ana", NOW, SETTINGS)
    until = datetime(2027, 3, 22, 23, 59, 59, tzinfo=UTC)
    assert fetch(tables.opportunity)[0].protected_until == until
    assert fetch(tables.registration)[0].extensions == 1
    assert fetch(tables.registration_event)[-1].reason == "extension approved"
    with pytest.raises(StateError):
        extend_protection(database, "DR-1", "ana", NOW, SETTINGS)


def test_an_expired_registration_comes_back_by_an_extension(
    database: Database, fetch: Fetch
) -> None:
    go(database, S.SUBMITTED, S.UNDER_REVIEW, S.APPROVED, S.EXPIRED)
    extend_protection(database, "DR-1", "ana", NOW, SETTINGS)
    assert fetch(tables.registration)[0].review_state == "approved"
    assert fetch(tables.opportunity)[0].registered


def test_two_reviewers_at_once_create_one_opportunity(database: Database, fetch: Fetch) -> None:
    go(database, S.SUBMITTED, S.UNDER_REVIEW)
    start = threading.Barrier(2)

    def approve() -> str:
        start.wait()
        try:
            go(database, S.APPROVED)
        except StateError:
            return "refused"
        return "approved"

    with ThreadPoolExecutor(2) as pool:
        outcomes = [pool.submit(approve) for _ in range(2)]
    assert sorted(one.result() for one in outcomes) == ["approved", "refused"]
    assert len(fetch(tables.opportunity)) == 1
