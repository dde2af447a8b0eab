"""Money: an exact decimal in major units, with its ISO 4217 currency beside it.

Floats are refused, currencies never mix. Rates are never rounded; amounts round half up to the
currency's minor unit, per line and component, before they are summed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation

from prmsync.errors import InputError

_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR "
    "LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD "
    "PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC "
    "SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW "
    "ZWG"
)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"

MINOR_UNITS: dict[str, int] = {
    code: digits
    for codes, digits in ((_TWO, 2), (_NONE, 0), (_THREE, 3), (_FOUR, 4))
    for code in codes.split()
}
"""ISO 4217 code → decimal places of its minor unit."""


def minor_units(currency: str) -> int:
    """Decimal places of a currency. Raises InputError for a code that ISO 4217 does not have."""
    try:
        return MINOR_UNITS[currency]
    except KeyError:
        raise InputError(
            f"unknown currency {currency!r}",
            hint="use an ISO 4217 code in capitals, for example EUR or USD",
        ) from None


def unit(currency: str) -> Decimal:
    """The smallest amount of a currency, for example Decimal("0.01")."""
    return Decimal(1).scaleb(-minor_units(currency))


def round_half_up(amount: Decimal, currency: str) -> Decimal:
    """`amount` at the currency's scale; a half goes away from zero."""
    return amount.quantize(unit(currency), rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency; may hold more digits than the minor unit until rounded.

    Raises TypeError for anything but a Decimal, InputError for an unknown currency, for amounts
    that are no number, and when two currencies meet.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"money is a Decimal, not a {type(self.amount).__name__}")
        if not self.amount.is_finite():
            raise InputError(f"{self.amount} is not an amount of money")
        minor_units(self.currency)

    @classmethod
    def parse(cls, amount: str, currency: str) -> Money:
        """From plain decimal text. Raises InputError for text that is no number."""
        try:
            return cls(Decimal(amount.strip()), currency)
        except InvalidOperation:
            raise InputError(
                f"{amount!r} is not an amount", hint='write it as plain digits, like "48000.00"'
            ) from None

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(round_half_up(Decimal(0), currency), currency)

    def rounded(self) -> Money:
        return Money(round_half_up(self.amount, self.currency), self.currency)

    def percent(self, rate: Decimal) -> Money:
        """`rate` per cent of this amount, rounded half up to the minor unit."""
        return Money(self.amount * rate / 100, self.currency).rounded()

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other).amount

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other).amount

    def __str__(self) -> str:
        return f"{self.rounded().amount:,f} {self.currency}"

    def _same(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise InputError(
                f"{self.currency} and {other.currency} cannot be added or compared",
                hint="keep one block per currency; prmsync converts nothing",
            )
        return other


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum; zero of `currency` when there is nothing to add."""
    result = Money.zero(currency)
    for amount in amounts:
        result = result + amount
    return result


def split(amount: Money, shares: Sequence[Decimal], primary: int = 0) -> list[Money]:
    """Split by weights, to the minor unit, so that the parts sum to the rounded amount.

    Each part is floored; the units left over go by largest remainder, ties to the `primary`
    share, then in order. Raises InputError for negative weights or weights that sum to zero.
    """
    weight = sum(shares, Decimal(0))
    if weight <= 0 or any(share < 0 for share in shares):
        raise InputError("a split needs shares of zero or more, and one above zero")
    whole, step = amount.rounded(), unit(amount.currency)
    units = whole.amount / step
    exact = [units * share / weight for share in shares]
    parts = [part.to_integral_value(rounding=ROUND_FLOOR) for part in exact]
    left = int(units - sum(parts, Decimal(0)))
    order = sorted(range(len(shares)), key=lambda i: (parts[i] - exact[i], i != primary, i))
    for i in order[:left]:
        parts[i] += 1
    return [Money(part * step, amount.currency) for part in parts]
