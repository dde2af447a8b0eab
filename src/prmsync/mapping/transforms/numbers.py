"""Numbers and amounts of money, as plain decimal text."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from prmsync.domain.money import MINOR_UNITS
from prmsync.domain.values import Scalar
from prmsync.mapping.transforms.codec import Codec, Untranslatable, same_both_ways
from prmsync.mapping.transforms.text import canon_text

USUAL_SCALE = 2


def _decimal(value: Scalar) -> Decimal | None:
    text = canon_text(value)
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Untranslatable("not a number", "write plain digits, like 48000.00") from None
    if not number.is_finite():
        raise Untranslatable("not a finite number")
    return number


def _at_scale(number: Decimal, scale: int) -> str:
    try:
        rounded = number.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise Untranslatable("a number of too many digits") from None
    return format(abs(rounded) if rounded.is_zero() else rounded, "f")


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def number_codec(scale: int | None) -> Codec:
    """A number at the CRM field's scale, or without trailing zeros where it has none."""

    def canon(value: Scalar) -> Scalar:
        number = _decimal(value)
        if number is None:
            return None
        return _plain(number) if scale is None else _at_scale(number, scale)

    def limit(value: Scalar) -> Scalar:
        number = _decimal(value)
        if number is None:
            return None
        if scale is None:
            return _plain(number)
        _must_fit(number, scale)
        return _at_scale(number, scale)

    return same_both_ways(canon, limit)


def _must_fit(number: Decimal, scale: int) -> None:
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > scale:
        raise Untranslatable(
            f"more than {scale} decimal places, the CRM field has no more",
            "round it, or give the CRM field more decimal places",
        )


class MoneyCodec:
    """Amounts at their currency's scale (ISO 4217 minor units), rounded half up.

    `scale` is the CRM field's; it is also the currency's where no currency field is mapped.
    """

    def __init__(self, scale: int | None) -> None:
        self._field_scale = scale
        self._default = USUAL_SCALE if scale is None else scale
        self._shapes = [re.compile(rf"-?(?:0|[1-9]\d*){_fraction(n)}", re.A) for n in range(5)]

    def read(self, value: Scalar, currency: Scalar) -> Scalar:
        """`value` at the scale of `currency`; None where the amount has no currency."""
        scale = self._default if currency is None else self._scale(currency)
        if type(value) is str and scale < 5 and self._shapes[scale].fullmatch(value):
            return value if value[0] != "-" else _at_scale(Decimal(value), scale)
        number = _decimal(value)
        return None if number is None else _at_scale(number, scale)

    def write(self, value: Scalar, currency: Scalar) -> Scalar:
        """As `read`, and it must fit the CRM field."""
        text = self.read(value, currency)
        if isinstance(text, str) and self._field_scale is not None:
            decimals = len(text) - text.find(".") - 1 if "." in text else 0
            if decimals > self._field_scale:
                _must_fit(Decimal(text), self._field_scale)
        return text

    def _scale(self, currency: Scalar) -> int:
        digits = MINOR_UNITS.get(currency) if isinstance(currency, str) else None
        if digits is None:
            raise Untranslatable(
                "its currency is not an ISO 4217 code", "use codes like EUR or USD"
            )
        return digits


def _fraction(digits: int) -> str:
    return rf"\.\d{{{digits}}}" if digits else ""
