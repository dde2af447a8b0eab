from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from prmsync.domain.customer import Customer
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.program import ConflictRules
from prmsync.domain.registration import Registration, ReviewState
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId
from prmsync.program.conflicts import find_conflicts
from prmsync.program.lapsed import why_lapsed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RULES = ConflictRules()
FIREWALL = frozenset({"firewall"})
ACME = Customer("Acme Inc", "acme.com")
FIRST = Registration(
    PrmId("1"),
    "DR-1",
    PrmId("p1"),
    customer=ACME,
    product_lines=FIREWALL,
    review_state=ReviewState.SUBMITTED,
    submitted_at=datetime(2026, 11, 3, tzinfo=UTC),
)
LATER = replace(
    FIRST,
    id=PrmId("2"),
    number="DR-2",
    partner=PrmId("p2"),
    submitted_at=datetime(2026, 11, 4, tzinfo=UTC),
)
APPROVED = {
    "review_state": ReviewState.APPROVED,
    "approved_at": datetime(2026, 11, 5, 9, tzinfo=UTC),
    "protected_until": datetime(2026, 12, 5, tzinfo=UTC),
}
DIRECT = Opportunity(
    PrmId("o"),
    "Deal",
    customer=ACME,
    product_lines=FIREWALL,
    created_at=datetime(2026, 11, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("claim", "deal", "why"),
    [
        ({"review_state": ReviewState.WITHDRAWN}, {}, "DR-2 is withdrawn"),
        (
            {**APPROVED, "protected_until": datetime(2026, 11, 20, tzinfo=UTC)},
            {},
            "the protection of DR-2 ended on 2026-11-20",
        ),
        (
            {"review_state": ReviewState.RETURNED, "due_at": datetime(2026, 11, 20, tzinfo=UTC)},
            {},
            "DR-2 was returned and not sent in again in time (due on 2026-11-20)",
        ),
        (
            APPROVED,
            {"created_at": datetime(2026, 11, 6, tzinfo=UTC)},
            "the direct deal was made on 2026-11-06, after DR-2 was approved on 2026-11-05: "
            "the partner is protected from it",
        ),
        ({}, {"partner": PrmId("p2")}, "the deal is not direct any more: it has a partner"),
        ({"opportunity": PrmId("o")}, {}, "the deal is that of DR-2 by now"),
        (
            {},
            {"stage": Stage.CLOSED_LOST},
            "the direct deal is closed and was not worked in the last 60 days",
        ),
        (
            {},
            {"customer": Customer("Other", "other.example")},
            "they do not name the same customer any more",
        ),
        (
            {"product_lines": frozenset({"backup"})},
            {},
            "they have no product line in common any more",
        ),
    ],
)
def test_each_way_out_of_a_conflict_with_a_direct_deal_is_told(
    claim: dict[str, Any], deal: dict[str, Any], why: str
) -> None:
    assert find_conflicts([LATER], [DIRECT], NOW, "1")
    registration, opportunity = replace(LATER, **claim), replace(DIRECT, **deal)
    assert find_conflicts([registration], [opportunity], NOW, "1") == []
    assert why_lapsed(registration, opportunity, NOW, RULES) == why


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ({"review_state": ReviewState.REJECTED}, "DR-1 is rejected"),
        (
            {"partner": PrmId("p2")},
            "both are of one partner, or of reseller and distributor of one deal",
        ),
    ],
)
def test_each_way_out_of_a_conflict_between_partners_is_told(
    first: dict[str, Any], why: str
) -> None:
    other = replace(FIRST, **first)
    keys = {one.key for one in find_conflicts([LATER, FIRST], [], NOW, "1")}
    assert not keys & {one.key for one in find_conflicts([LATER, other], [], NOW, "1")}
    assert why_lapsed(LATER, other, NOW, RULES) == why


def test_a_record_that_is_gone_is_told() -> None:
    assert why_lapsed(LATER, None, NOW, RULES) == "one of the two records is gone"
    assert why_lapsed(None, DIRECT, NOW, RULES) == "one of the two records is gone"


def test_a_record_that_stands_behind_another_now_is_told() -> None:
    assert why_lapsed(LATER, FIRST, NOW, RULES).startswith("another record came first")
