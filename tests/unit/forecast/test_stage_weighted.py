from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.domain.money import Money, total
from prmsync.domain.program import ForecastRules
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId
from prmsync.forecast.deal import ForecastDeal
from prmsync.forecast.period import Quarter
from prmsync.forecast.stage_weighted import Block, Forecast, stage_weighted

TODAY = date(2026, 11, 22)
Q4 = Quarter(2026, 4)
RULES = ForecastRules({Stage.QUALIFIED: Decimal(25), Stage.COMMITTED: Decimal(90)})


def deal(stage: Stage, amount: str, close: date = date(2026, 12, 10), **more: Any) -> ForecastDeal:
    money = Money(Decimal(amount), more.pop("currency", "EUR"))
    made = ForecastDeal(PrmId("o"), stage, money, close, partner=PrmId("p1"), tier="Gold")
    return replace(made, **more)


def forecast(*deals: ForecastDeal) -> Forecast:
    return stage_weighted(deals, Q4, TODAY, RULES)


def block(*deals: ForecastDeal) -> Block:
    (only,) = forecast(*deals).indirect
    return only


def test_won_to_date_and_open_at_stage_odds_add_up() -> None:
    found = block(
        deal(Stage.LAUNCHED, "1000.00", date(2026, 10, 5)),
        deal(Stage.QUALIFIED, "100.02"),
        deal(Stage.COMMITTED, "200.00"),
    )
    assert found.whole.won.amount == Decimal("1000.00")
    assert found.whole.expected.amount == Decimal("25.01") + Decimal("180.00")
    assert found.whole.unweighted.amount == Decimal("300.02")
    assert found.whole.deals == 2
    assert str(found.whole.forecast) == "1,205.01 EUR"


@pytest.mark.parametrize(
    ("stage", "close"),
    [
        (Stage.COMMITTED, date(2027, 1, 1)),
        (Stage.COMMITTED, date(2026, 9, 30)),
        (Stage.LAUNCHED, date(2026, 9, 30)),
        (Stage.LAUNCHED, TODAY + timedelta(days=1)),
        (Stage.CLOSED_LOST, date(2026, 11, 1)),
    ],
)
def test_what_is_outside_the_quarter_lost_or_not_yet_known_does_not_count(
    stage: Stage, close: date
) -> None:
    assert forecast(deal(stage, "100", close)).indirect == ()


def test_past_due_deals_count_nothing_and_are_stated() -> None:
    found = block(deal(Stage.COMMITTED, "100", TODAY - timedelta(days=1)))
    assert found.whole.forecast.amount == 0
    assert (found.past_due.deals, found.past_due.worth.amount) == (1, Decimal("100.00"))
    assert block(deal(Stage.COMMITTED, "100", TODAY)).past_due.deals == 0


def wins(count: int, days: int) -> list[ForecastDeal]:
    close = date(2026, 6, 1)
    return [
        deal(Stage.LAUNCHED, "1", close, created=close - timedelta(days=days)) for _ in range(count)
    ]


def test_deals_older_than_won_deals_ever_were_count_nothing_and_are_stated() -> None:
    old = deal(Stage.COMMITTED, "100", created=TODAY - timedelta(days=91))
    young = deal(Stage.COMMITTED, "100", created=TODAY - timedelta(days=90))
    found = forecast(*wins(19, 90), *wins(1, 400), old, young)
    assert found.stale_after_days == 90
    assert found.indirect[0].stale.deals == 1
    assert found.indirect[0].whole.deals == 1


def test_without_enough_wins_nothing_is_called_stale() -> None:
    old = deal(Stage.COMMITTED, "100", created=TODAY - timedelta(days=900))
    found = forecast(*wins(19, 90), old)
    assert found.stale_after_days is None
    assert found.indirect[0].whole.deals == 1


def test_direct_stands_beside_indirect() -> None:
    found = forecast(deal(Stage.COMMITTED, "100"), deal(Stage.COMMITTED, "300", partner=None))
    assert found.indirect[0].whole.expected.amount == Decimal("90.00")
    assert found.direct[0].whole.expected.amount == Decimal("270.00")


def test_currencies_never_mix() -> None:
    found = forecast(deal(Stage.COMMITTED, "100"), deal(Stage.COMMITTED, "100", currency="USD"))
    assert [b.currency for b in found.indirect] == ["EUR", "USD"]


def test_the_range_of_one_deal_is_the_normal_range_of_its_odds() -> None:
    found = block(deal(Stage.QUALIFIED, "1000"), deal(Stage.QUALIFIED, "1000"))
    # sd = √(2 × 1000² × 0.25 × 0.75 + (0.2 × 500)²) = 620.48, times 1.2816; low is cut at zero.
    assert found.low.amount == 0
    assert found.high.amount == Decimal("1295.18")


def test_a_certain_quarter_has_no_range() -> None:
    found = block(deal(Stage.LAUNCHED, "1000", TODAY))
    assert found.low == found.high == found.whole.forecast


deals_in_quarter = st.builds(
    lambda stage, cents, offset, partner, tier: deal(
        stage,
        str(Decimal(cents) / 100),
        Q4.first + timedelta(days=offset),
        partner=PrmId(partner),
        tier=tier,
    ),
    st.sampled_from(Stage),
    st.integers(0, 10**8),
    st.integers(0, 91),
    st.sampled_from(["p1", "p2", "p3"]),
    st.sampled_from(["Gold", "Silver", None]),
)


@given(st.lists(deals_in_quarter, max_size=30))
def test_parts_sum_to_the_total_and_the_range_holds_the_forecast(deals: list[ForecastDeal]) -> None:
    for found in forecast(*deals).indirect:
        for parts in (found.by_partner, found.by_tier, found.by_stage):
            assert total((p.forecast for p in parts), "EUR") == found.whole.forecast
            assert total((p.unweighted for p in parts), "EUR") == found.whole.unweighted
            assert sum(p.deals for p in parts) == found.whole.deals
        assert found.whole.won <= found.low <= found.whole.forecast <= found.high
