from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.domain.money import Money, minor_units, round_half_up, split, total
from prmsync.errors import InputError


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="not a float"):
        Money(1.5, "EUR")  # type: ignore[arg-type]  # the refusal is what is tested


@pytest.mark.parametrize("bad", ["NaN", "Infinity"])
def test_what_is_no_number_is_refused(bad: str) -> None:
    with pytest.raises(InputError):
        Money(Decimal(bad), "EUR")


def test_text_that_is_no_amount_is_named_with_a_remedy() -> None:
    with pytest.raises(InputError, match="'1,5'") as caught:
        Money.parse("1,5", "EUR")
    assert "plain digits" in caught.value.hint


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(InputError, match="'eur'"):
        Money(Decimal(1), "eur")


def test_currencies_never_mix() -> None:
    with pytest.raises(InputError, match="EUR and USD"):
        eur("1.00") + Money(Decimal(1), "USD")


@pytest.mark.parametrize(("code", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)])
def test_minor_units_are_those_of_iso_4217(code: str, digits: int) -> None:
    assert minor_units(code) == digits


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("1851.825", "EUR", "1851.83"),
        ("-1851.825", "EUR", "-1851.83"),
        ("0.5", "JPY", "1"),
        ("1.0005", "KWD", "1.001"),
    ],
)
def test_a_half_is_rounded_away_from_zero(amount: str, currency: str, expected: str) -> None:
    assert str(round_half_up(Decimal(amount), currency)) == expected


def test_the_left_over_cent_goes_to_the_largest_remainder() -> None:
    parts = split(eur("3333.34"), [Decimal(60), Decimal(40)])
    assert parts == [eur("2000.00"), eur("1333.34")]


def test_a_tie_goes_to_the_primary() -> None:
    assert split(eur("0.01"), [Decimal(1), Decimal(1)], primary=1) == [eur("0.00"), eur("0.01")]


@pytest.mark.parametrize("shares", [[], [Decimal(0)], [Decimal(2), Decimal(-1)]])
def test_a_split_without_weight_is_refused(shares: list[Decimal]) -> None:
    with pytest.raises(InputError):
        split(eur("1.00"), shares)


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.integers(0, 1000), min_size=1, max_size=9).filter(any),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_the_parts_of_a_split_sum_to_the_amount(
    units: int, shares: list[int], currency: str
) -> None:
    amount = Money(Decimal(units).scaleb(-minor_units(currency)), currency)
    parts = split(amount, [Decimal(share) for share in shares])
    assert total(parts, currency) == amount


def test_money_is_shown_with_its_currency() -> None:
    assert str(eur("48000")) == "48,000.00 EUR"
