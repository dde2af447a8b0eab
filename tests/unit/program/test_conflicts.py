from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from prmsync.domain.conflict import ConflictFound, ConflictKind
from prmsync.domain.customer import Customer
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.registration import Registration, ReviewState
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId
from prmsync.program.conflicts import DIRECT_PER_REGISTRATION, find_conflicts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIREWALL = frozenset({"firewall"})


def day(number: int) -> datetime:
    return datetime(2026, 11, number, 9, tzinfo=UTC)


def registration(
    number: str, partner: str, customer: Customer, at: datetime | None = None, **more: Any
) -> Registration:
    made = Registration(
        PrmId(f"id-{number}"),
        number,
        PrmId(partner),
        customer=customer,
        product_lines=FIREWALL,
        review_state=ReviewState.SUBMITTED,
        submitted_at=at or day(10),
    )
    return replace(made, **more)


def direct(ident: str, customer: Customer, **more: Any) -> Opportunity:
    made = Opportunity(
        PrmId(ident), "Deal", customer=customer, product_lines=FIREWALL, created_at=day(2)
    )
    return replace(made, **more)


def check(
    registrations: Sequence[Registration], opportunities: Sequence[Opportunity] = ()
) -> list[ConflictFound]:
    return find_conflicts(registrations, opportunities, NOW, "2026.2")


ACME = Customer("Acme Inc", "acme.com")
ACME_WWW = Customer("ACME Incorporated", "www.acme.com")


def test_same_registrable_domain_and_product_is_partner_against_partner() -> None:
    first, later = registration("DR-1", "p1", ACME), registration("DR-2", "p2", ACME_WWW, day(11))
    (conflict,) = check([later, first])
    assert conflict.kind is ConflictKind.PARTNER_PARTNER
    assert (conflict.registration, conflict.other_registration) == ("id-DR-2", "id-DR-1")
    assert conflict.score == 100
    assert conflict.products == ("firewall",)
    assert "same domain acme.com (100)" in conflict.reason
    assert (conflict.rule_version, conflict.at) == ("2026.2", NOW)


def test_without_a_common_product_there_is_no_conflict() -> None:
    backup = frozenset({"backup"})
    assert not check(
        [
            registration("DR-1", "p1", ACME),
            registration("DR-2", "p2", ACME, product_lines=backup),
            registration("DR-3", "p3", ACME, product_lines=frozenset()),
        ]
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Customer("Delta Air Lines"), Customer("Delta Faucets")),
        (Customer("Delta Air Lines", "delta.com", None, "US"), Customer("Delta Faucets")),
        (Customer("Acme Inc"), Customer("ACME Incorporated")),
        (Customer("Acme Inc", country="US"), Customer("Acme Inc", country="DE")),
        (Customer("Acme", "acme.com", None, "US"), Customer("Acme", "acme.de", None, "US")),
        (Customer("Acme US", "acme.com", None, "US"), Customer("Acme", "acme.com", None, "DE")),
        (Customer("Anna", "anna@gmail.com"), Customer("Bert", "bert@gmail.com")),
        (Customer("A", "a.github.io"), Customer("B", "b.github.io")),
        (Customer(duns="000000000"), Customer(duns="000000000")),
        (Customer(), Customer()),
    ],
)
def test_two_customers_stay_two(a: Customer, b: Customer) -> None:
    assert not check([registration("DR-1", "p1", a), registration("DR-2", "p2", b)])


@pytest.mark.parametrize(
    ("a", "b", "score", "kinds"),
    [
        (Customer(duns="15-048-3782"), Customer(duns="150483782"), 100, ["DUNS"]),
        (
            Customer("Acme Inc", country="US"),
            Customer("ACME, Inc.", "acme.com", None, "us"),
            90,
            ["name and country"],
        ),
        (
            Customer("Acme", "acme.com", "150483782", "US"),
            Customer("Acme Corp", "eu.acme.com", "150483782", "US"),
            100,
            ["domain", "DUNS", "name and country"],
        ),
        (Customer("A", "acme.com", None, "US"), Customer("B", "acme.com"), 100, ["domain"]),
    ],
)
def test_evidence_and_score(a: Customer, b: Customer, score: int, kinds: list[str]) -> None:
    (conflict,) = check([registration("DR-1", "p1", a), registration("DR-2", "p2", b)])
    assert conflict.score == score
    assert [reason.kind for reason in conflict.evidence] == kinds


def test_a_tie_in_time_goes_by_sequence_as_numbers() -> None:
    (conflict,) = check([registration("DR-1042", "p1", ACME), registration("DR-998", "p2", ACME)])
    assert conflict.other_registration == "id-DR-998"


def test_times_of_several_zones_are_compared_in_utc() -> None:
    tokyo = datetime(2026, 11, 10, 12, tzinfo=timezone(timedelta(hours=9)))
    early = registration("DR-2", "p2", ACME, tokyo)
    (conflict,) = check([registration("DR-1", "p1", ACME, day(10)), early])
    assert conflict.other_registration == "id-DR-2"


def test_every_later_registration_stands_against_the_first_only() -> None:
    rows = [registration(f"DR-{n}", f"p{n}", ACME, day(n)) for n in range(1, 6)]
    found = check(rows)
    assert {c.other_registration for c in found} == {"id-DR-1"}
    assert len(found) == 4


@pytest.mark.parametrize(
    ("state", "more", "claims"),
    [
        (ReviewState.DRAFT, {}, False),
        (ReviewState.SUBMITTED, {}, True),
        (ReviewState.UNDER_REVIEW, {}, True),
        (ReviewState.RETURNED, {"due_at": NOW}, True),
        (ReviewState.RETURNED, {"due_at": NOW - timedelta(seconds=1)}, False),
        (ReviewState.APPROVED, {"protected_until": NOW}, True),
        (ReviewState.APPROVED, {"protected_until": NOW - timedelta(seconds=1)}, False),
        (ReviewState.REJECTED, {}, False),
        (ReviewState.EXPIRED, {}, False),
        (ReviewState.WITHDRAWN, {}, False),
        (ReviewState.CANCELLED, {}, False),
        (ReviewState.CLOSED, {}, False),
    ],
)
def test_only_claims_that_stand_conflict(
    state: ReviewState, more: dict[str, Any], claims: bool
) -> None:
    other = registration("DR-1", "p1", ACME, review_state=state, **more)
    assert bool(check([other, registration("DR-2", "p2", ACME)])) is claims


def test_one_partner_twice_and_reseller_with_distributor_are_no_conflict() -> None:
    reseller = registration("DR-1", "p1", ACME, distributor=PrmId("d1"))
    assert not check([reseller, registration("DR-2", "d1", ACME), registration("DR-3", "p1", ACME)])


def test_an_open_direct_opportunity_is_partner_against_direct() -> None:
    (conflict,) = check([registration("DR-1", "p1", ACME)], [direct("o1", ACME_WWW)])
    assert conflict.kind is ConflictKind.PARTNER_DIRECT
    assert (conflict.registration, conflict.opportunity) == ("id-DR-1", "o1")
    assert "DR-1 of a partner" in conflict.other_reason


@pytest.mark.parametrize(
    ("more", "conflicts"),
    [
        ({"partner": PrmId("p2")}, False),
        ({"product_lines": frozenset({"backup"})}, False),
        ({"stage": Stage.LAUNCHED}, False),
        ({"stage": Stage.CLOSED_LOST, "last_activity_at": NOW - timedelta(days=60)}, True),
        ({"stage": Stage.CLOSED_LOST, "last_activity_at": NOW - timedelta(days=61)}, False),
        ({"stage": Stage.COMMITTED, "last_activity_at": NOW - timedelta(days=400)}, True),
    ],
)
def test_what_counts_as_direct(more: dict[str, Any], conflicts: bool) -> None:
    found = check([registration("DR-1", "p1", ACME)], [direct("o1", ACME, **more)])
    assert bool(found) is conflicts


def test_a_registrations_own_opportunity_is_not_direct() -> None:
    own = registration("DR-1", "p1", ACME, opportunity=PrmId("o1"))
    assert not check([own], [direct("o1", ACME)])


def test_a_direct_deal_created_after_approval_is_not_c2() -> None:
    approved = registration(
        "DR-1", "p1", ACME, review_state=ReviewState.APPROVED, approved_at=day(12)
    )
    assert not check([approved], [direct("o1", ACME, created_at=day(13))])
    assert check([approved], [direct("o1", ACME, created_at=day(11))])


def test_of_many_direct_opportunities_the_longest_standing_open_ones_are_named() -> None:
    deals = [direct(f"o{n}", ACME, created_at=day(n)) for n in range(1, 10)]
    closed = direct("o0", ACME, stage=Stage.CLOSED_LOST, last_activity_at=NOW, created_at=day(1))
    found = check([registration("DR-1", "p1", ACME)], [closed, *reversed(deals)])
    assert [c.opportunity for c in found] == [f"o{n}" for n in range(1, 6)]


def test_the_order_of_the_input_changes_nothing() -> None:
    rows = [registration(f"DR-{n}", f"p{n % 3}", ACME, day(1 + n % 5)) for n in range(1, 12)]
    deals = [direct(f"o{n}", ACME_WWW) for n in range(8)]
    assert check(rows, deals) == check(rows[::-1], deals[::-1])


def test_one_crowded_customer_does_not_make_all_pairs() -> None:
    rows = [registration(f"DR-{n}", f"p{n}", ACME) for n in range(2000)]
    deals = [direct(f"o{n}", ACME) for n in range(2000)]
    found = check(rows, deals)
    assert len(found) == 1999 + 2000 * DIRECT_PER_REGISTRATION
