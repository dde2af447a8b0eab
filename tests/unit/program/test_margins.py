from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.domain.money import Money, round_half_up
from prmsync.errors import ConfigurationError, InputError
from prmsync.program.margins import (
    Deal,
    DealLine,
    Margin,
    MarginRule,
    SpecialPrice,
    claw_back,
    margin_of,
    referral_pool,
)
from prmsync.program.reference import REFERENCE_PROGRAM


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def line(amount: str, promotion: str = "0", category: str = "licence") -> DealLine:
    return DealLine(category, eur(amount), Decimal(promotion))


def margin(tier: str | None, registered: bool, *lines: DealLine, **more: bool) -> Margin:
    return margin_of(Deal(tier, registered, lines, **more), REFERENCE_PROGRAM)


def amounts(found: Margin) -> list[str]:
    return [format(component.amount.amount, "f") for component in found.components]


@pytest.mark.parametrize(
    ("tier", "registered", "made", "parts", "reseller", "net"),
    [
        ("Gold", True, line("48000.00"), ["9600.00", "2400.00"], "12000.00", "36000.00"),
        ("Silver", False, line("12345.50"), ["1851.83"], "1851.83", "10493.67"),
        (
            "Platinum",
            True,
            line("64000", "10"),
            ["16000.00", "3200.00", "3200.00"],
            "22400.00",
            "41600.00",
        ),
        ("Registered", True, line("1000"), ["0.00", "50.00"], "50.00", "950.00"),
        (None, False, line("1000"), ["0.00"], "0.00", "1000.00"),
        ("Platinum", True, line("1000", "0", "services"), ["100.00"], "100.00", "900.00"),
        ("Gold", True, line("0"), ["0.00", "0.00"], "0.00", "0.00"),
    ],
)
def test_the_reference_program(
    tier: str | None, registered: bool, made: DealLine, parts: list[str], reseller: str, net: str
) -> None:
    found = margin(tier, registered, made)
    assert amounts(found) == parts
    assert (found.reseller, found.vendor_net) == (eur(reseller), eur(net))


def test_a_distributor_gets_its_points_outside_the_cap() -> None:
    found = margin("Gold", True, line("80000"), through_distributor=True)
    assert found.reseller_price == eur("60000.00")
    assert found.vendor_net == eur("56800.00")
    assert found.distributor == eur("3200.00")


def test_the_cap_trims_promotion_then_registration_then_tier() -> None:
    tight = replace(
        REFERENCE_PROGRAM,
        margins=replace(REFERENCE_PROGRAM.margins, reseller_cap=Decimal(22)),
    )
    found = margin_of(Deal("Platinum", True, (line("1000", "10"),)), tight)
    by_rule = {c.rule: (c.amount, c.trim) for c in found.components}
    assert by_rule[MarginRule.PROMOTION] == (eur("0.00"), eur("100.00"))
    assert by_rule[MarginRule.REGISTRATION] == (eur("0.00"), eur("50.00"))
    assert by_rule[MarginRule.TIER] == (eur("220.00"), eur("30.00"))


@given(
    st.integers(0, 10**9),
    st.sampled_from([tier.name for tier in REFERENCE_PROGRAM.tiers]),
    st.booleans(),
    st.integers(0, 40),
)
def test_the_cap_holds_to_the_cent_and_parts_sum_to_the_margin(
    cents: int, tier: str, registered: bool, promotion: int
) -> None:
    listed = Decimal(cents) / 100
    found = margin(tier, registered, line(str(listed), str(promotion)))
    assert found.reseller.amount <= round_half_up(listed * 35 / 100, "EUR")
    assert sum((c.amount.amount for c in found.components), Decimal(0)) == found.reseller.amount


def test_each_line_is_rounded_before_the_sum() -> None:
    found = margin("Silver", False, line("0.03"), line("0.03"), line("0.03"))
    assert amounts(found) == ["0.00", "0.00", "0.00"]
    found = margin("Silver", False, line("0.04"), line("0.04"))
    assert found.reseller == eur("0.02")


def test_rounding_follows_the_currency() -> None:
    yen = DealLine("licence", Money(Decimal("12345"), "JPY"))
    found = margin("Silver", False, yen)
    assert found.reseller == Money(Decimal("1852"), "JPY")


def test_a_special_price_excludes_tier_and_registration() -> None:
    price = SpecialPrice(eur("100.00"), eur("80.00"), quantity=12, authorised=10)
    found = margin("Gold", True, replace(line("1500"), special_price=price))
    assert [c.rule for c in found.components] == [MarginRule.SPECIAL_PRICE]
    assert found.reseller == eur("200.00")


@pytest.mark.parametrize(("incumbent", "expected"), [(True, "100.00"), (False, "0.00")])
def test_only_the_incumbent_earns_on_a_renewal(incumbent: bool, expected: str) -> None:
    found = margin("Gold", True, line("1000"), renewal=True, incumbent=incumbent)
    assert found.reseller == eur(expected)


def test_the_referral_pool_splits_to_the_cent() -> None:
    parts = referral_pool(eur("33333.35"), REFERENCE_PROGRAM, [Decimal(60), Decimal(40)])
    assert parts == [eur("2000.00"), eur("1333.34")]


def test_a_refund_claws_back_pro_rata_as_a_negative_amount() -> None:
    assert claw_back(eur("12000.00"), eur("48000.00"), eur("16000.00")) == eur("-4000.00")
    with pytest.raises(InputError):
        claw_back(eur("1.00"), eur("10.00"), eur("10.01"))


def test_the_derivation_names_base_and_rate() -> None:
    tier = margin("Gold", True, line("48000")).components[0]
    assert (tier.rule, tier.rate, tier.base, tier.base_name) == (
        MarginRule.TIER,
        Decimal(20),
        eur("48000.00"),
        "list",
    )
    assert margin("Gold", True, line("48000")).reached == 25


@pytest.mark.parametrize(
    ("deal", "error", "words"),
    [
        (Deal("Gold", True, ()), InputError, "without lines"),
        (Deal("Brass", True, (line("1"),)), ConfigurationError, "no tier 'Brass'"),
        (Deal("Gold", True, (line("1", "0", "cars"),)), ConfigurationError, "category 'cars'"),
        (Deal("Gold", True, (line("-1"),)), InputError, "negative"),
        (
            Deal("Gold", True, (line("1"), DealLine("licence", Money(Decimal(1), "USD")))),
            InputError,
            "several currencies",
        ),
    ],
)
def test_a_deal_that_cannot_be_computed_says_why(
    deal: Deal, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        margin_of(deal, REFERENCE_PROGRAM)
