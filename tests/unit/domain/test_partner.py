from datetime import date

from prmsync.domain.partner import Membership, TierHistory, tier_on
from prmsync.domain.values import PrmId

P = PrmId("p1")
SILVER = Membership(PrmId("m1"), P, "Silver", date(2025, 1, 1), date(2025, 12, 31))
GOLD = Membership(PrmId("m2"), P, "Gold", date(2026, 1, 1))


def test_the_tier_of_a_day_comes_from_the_membership_of_that_day() -> None:
    assert tier_on([SILVER, GOLD], date(2025, 12, 31)) == "Silver"
    assert tier_on([SILVER, GOLD], date(2026, 1, 1)) == "Gold"
    assert tier_on([SILVER, GOLD], date(2024, 1, 1)) is None


def test_without_a_membership_the_present_tier_holds() -> None:
    history = TierHistory({P: "Platinum"}, {P: [SILVER]})
    assert history.on(P, date(2025, 6, 1)) == "Silver"
    assert history.on(P, date(2026, 6, 1)) == "Platinum"
