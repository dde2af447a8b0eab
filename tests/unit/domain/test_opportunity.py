from decimal import Decimal

import pytest

from prmsync.domain.money import Money
from prmsync.domain.opportunity import DealPartner, Opportunity, Role, split_deal
from prmsync.domain.values import PrmId
from prmsync.errors import InputError

AMOUNT = Money(Decimal("100.01"), "EUR")


def deal_partner(partner: str, split: str | None) -> DealPartner:
    share = Decimal(split) if split else None
    return DealPartner(PrmId(f"d-{partner}"), PrmId("o1"), PrmId(partner), Role.SI, split=share)


def test_a_deal_without_a_partner_is_direct() -> None:
    assert Opportunity(PrmId("o1"), "Firewall").is_direct


def test_a_deal_without_splits_belongs_to_its_primary_partner() -> None:
    parts = split_deal(AMOUNT, [deal_partner("p2", None)], PrmId("p1"))
    assert parts == {"p1": AMOUNT}


def test_the_cent_left_over_goes_to_the_primary_partner() -> None:
    parts = split_deal(AMOUNT, [deal_partner("p2", "50"), deal_partner("p1", "50")], PrmId("p1"))
    assert {p: str(m.amount) for p, m in parts.items()} == {"p2": "50.00", "p1": "50.01"}


def test_splits_that_do_not_sum_to_the_whole_are_refused() -> None:
    with pytest.raises(InputError, match="90 %"):
        split_deal(AMOUNT, [deal_partner("p2", "90")], PrmId("p1"))
