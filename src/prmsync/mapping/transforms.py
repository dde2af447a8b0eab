"""Named transforms: how one field's values cross between the partner database and a CRM.

A codec has three functions from canonical value to canonical value (`prmsync.domain.values`):
`read` from the CRM's side, `write` to it, and `project`, which equals `read ∘ write` and is
idempotent. What has no counterpart raises Untranslatable; nothing is cut and nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from prmsync.domain.money import MINOR_UNITS
from prmsync.domain.stage import Stage
from prmsync.domain.values import Scalar

Convert = Callable[[Scalar], Scalar]
MISSING = object()
USUAL_SCALE = 2


class Untranslatable(Exception):
    """A value without counterpart. `instead` is what stands in for it, MISSING when nothing."""

    def __init__(self, message: str, hint: str = "", instead: object = MISSING) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.instead = instead


@dataclass(frozen=True, slots=True)
class Codec:
    read: Convert
    write: Convert
    project: Convert


def composed(read: Convert, write: Convert) -> Codec:
    return Codec(read, write, lambda value: read(write(value)))


def same_both_ways(canon: Convert, limit: Convert) -> Codec:
    """A codec whose two sides look alike; `limit` is `canon` and refuses what does not fit."""
    return Codec(canon, limit, limit)


# --- text -----------------------------------------------------------------------------------


def canon_text(value: Scalar) -> str | None:
    """Line ends as `\\n`, no blanks around it; empty text is None."""
    if value is None:
        return None
    if not isinstance(value, str):
        return "true" if value else "false"
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return value.strip() or None


def canon_code(value: Scalar) -> str | None:
    text = canon_text(value)
    return None if text is None else text.upper()


_PLAIN_DOMAIN = re.compile(r"(?!www\.)[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def canon_domain(value: Scalar) -> str | None:
    """`https://www.Acme.com:443/about` → `acme.com`."""
    text = canon_text(value)
    if text is None or _PLAIN_DOMAIN.fullmatch(text):
        return text
    host = re.split(r"[/?#]", text.lower().split("://", 1)[-1], maxsplit=1)[0]
    host = host.rsplit("@", 1)[-1].split(":", 1)[0]
    while host != (shorter := host.strip().strip(".").removeprefix("www.")):
        host = shorter
    return host or None


def text_codec(canon: Callable[[Scalar], str | None], length: int | None) -> Codec:
    """Text of at most `length` characters in the CRM; longer text does not fit."""
    if length is None:
        return same_both_ways(canon, canon)
    most = length

    def limit(value: Scalar) -> Scalar:
        text = canon(value)
        if text is not None and len(text) > most:
            raise Untranslatable(
                f"{len(text)} characters, the CRM field takes {most}",
                "shorten it, or lengthen the CRM field",
            )
        return text

    return same_both_ways(canon, limit)


# --- numbers --------------------------------------------------------------------------------


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


# --- yes and no, days, moments --------------------------------------------------------------

_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False, "yes": True, "no": False}


def canon_boolean(value: Scalar) -> Scalar:
    """Blank is no: a CRM checkbox knows no third state."""
    if value is None or value == "":
        return False
    if isinstance(value, bool):
        return value
    known = _BOOLEANS.get(value.strip().lower())
    if known is None:
        raise Untranslatable("neither yes nor no", "write true or false")
    return known


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.A)


def canon_date(value: Scalar) -> Scalar:
    if value is None or value == "":
        return None
    if isinstance(value, str) and _DAY.fullmatch(value):
        return value
    raise Untranslatable("not a day", "days are written like 2026-11-22")


def canon_datetime(value: Scalar) -> Scalar:
    """UTC, to the second: Salesforce keeps no more."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) == 24 and value.endswith(".000Z"):
        return value
    return _moment_text(_moment(value))


def _moment(value: Scalar) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        wrong = "not a moment that prmsync can read"
    else:
        wrong = "a moment without time zone"
    raise Untranslatable(wrong, "moments are written like 2026-11-22T09:14:00Z")


def _moment_text(moment: datetime) -> str:
    return f"{moment.replace(microsecond=0, tzinfo=None).isoformat()}.000Z"


def day_codec(zone: str) -> Codec:
    """A day here, a moment in the CRM, which shows it as a day in the account's zone.

    Noon of that day is written: it exists in every zone on every day (midnight does not, where
    the clock springs forward at midnight), and it stays on its day for users some hours east or
    west of the account.
    """
    place = ZoneInfo(zone)

    @lru_cache(maxsize=4096)
    def read(value: Scalar) -> Scalar:
        if value is None or value == "":
            return None
        try:
            return _moment(value).astimezone(place).date().isoformat()
        except OverflowError:
            raise Untranslatable("a moment out of range") from None

    @lru_cache(maxsize=4096)
    def write(value: Scalar) -> Scalar:
        text = canon_date(value)
        if text is None:
            return None
        try:
            noon = datetime.combine(date.fromisoformat(str(text)), time(12), place)
            return _moment_text(noon.astimezone(UTC))
        except (ValueError, OverflowError):
            raise Untranslatable("a day out of range") from None

    return composed(read, write)


# --- codes ----------------------------------------------------------------------------------

Table = Mapping[str, tuple[str, ...]]


def _reversed(table: Table) -> dict[str, str]:
    """CRM code → our code; the first that names it."""
    found: dict[str, str] = {}
    for code, theirs in table.items():
        for their in theirs:
            found.setdefault(their, code)
    return found


def picklist_codec(table: Table | None) -> Codec:
    """Codes translated by `table`; without one they are the same on both sides."""
    if table is None:
        return same_both_ways(canon_text, canon_text)
    write = _lookup({code: theirs[0] for code, theirs in table.items() if theirs}, "written")
    return composed(_lookup(_reversed(table), "read"), write)


def _lookup(table: Mapping[str, str], verb: str) -> Convert:
    def convert(value: Scalar) -> Scalar:
        found = table.get(value) if isinstance(value, str) else None
        if found is not None:
            return found
        text = canon_text(value)
        if text is None:
            return None
        if text in table:
            return table[text]
        raise Untranslatable(
            f"`{_short(text)}` cannot be {verb}: no code of the picklist",
            "add it to `picklist` in the mapping",
        )

    return convert


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def multi_picklist_codec(table: Table | None) -> Codec:
    """Sets of codes, sorted and joined by ";"."""
    single = picklist_codec(table)
    return Codec(_each(single.read), _each(single.write), _each(single.project))


def _each(convert: Convert) -> Convert:
    @lru_cache(maxsize=1024)
    def all_of(value: Scalar) -> Scalar:
        text = canon_text(value)
        if text is None:
            return None
        codes = {convert(part) for part in text.split(";")}
        return ";".join(sorted(str(code) for code in codes if code is not None)) or None

    return all_of


# --- people and records ---------------------------------------------------------------------


def owner_codec(
    people: Mapping[str, str], emails: Mapping[str, str], fallback: str | None
) -> Codec:
    """People by e-mail. Whom the CRM does not know as active is replaced by `fallback` (a CRM id)
    on both sides, and reported; without a fallback it has no counterpart."""
    stand_in = None if fallback is None else emails.get(fallback)

    def read(value: Scalar) -> Scalar:
        if value is None or value == "":
            return None
        email = emails.get(str(value))
        if email is not None:
            return email
        raise _unknown_person("the CRM's owner is inactive or no user", stand_in)

    def write(value: Scalar) -> Scalar:
        text = canon_text(value)
        if text is None:
            return None
        found = people.get(text) or people.get(text.lower())
        if found is not None:
            return found
        raise _unknown_person("no active CRM user has the owner's e-mail", fallback)

    def project(value: Scalar) -> Scalar:
        try:
            return read(write(value))
        except Untranslatable as error:
            if error.instead is not MISSING:
                error.instead = stand_in
            raise

    return Codec(read, write, project)


def _unknown_person(message: str, instead: str | None) -> Untranslatable:
    if instead is None:
        hint = "set `owners.fallback`, or add the person to `owners.overrides`"
        return Untranslatable(message, hint)
    return Untranslatable(
        f"{message}: the fallback owner stands in",
        "add the person to `owners.overrides` in the mapping",
        instead,
    )


def same_id(value: Scalar) -> Scalar:
    return value or None


class StageCodec:
    """Neutral stages by pipeline id: the first CRM stage of a neutral one is written."""

    def __init__(self, stages: Mapping[str, Mapping[Stage, tuple[str, ...]]], at: str) -> None:
        self._writes = {
            pipeline: {str(stage): ids[0] for stage, ids in table.items() if ids}
            for pipeline, table in stages.items()
        }
        self._reads = {
            pipeline: _reversed({str(stage): ids for stage, ids in table.items()})
            for pipeline, table in stages.items()
        }
        self._at = at

    def read(self, value: Scalar, pipeline: str) -> Scalar:
        return self._find(self._reads, value, pipeline, "the CRM's stage")

    def write(self, value: Scalar, pipeline: str) -> Scalar:
        return self._find(self._writes, value, pipeline, "stage")

    def project(self, value: Scalar, pipeline: str) -> Scalar:
        return self.read(self.write(value, pipeline), pipeline)

    def _find(
        self, tables: Mapping[str, Mapping[str, str]], value: Scalar, pipeline: str, what: str
    ) -> Scalar:
        if value is None or value == "":
            return None
        table = tables.get(pipeline)
        if table is None:
            raise Untranslatable(
                f"the record's pipeline `{pipeline}` is not mapped",
                f"add it under `stages.pipelines` ({self._at})",
            )
        found = table.get(str(value))
        if found is None:
            raise Untranslatable(
                f"{what} `{_short(str(value))}` is not mapped in pipeline `{pipeline}`",
                f"add it under `stages.pipelines` ({self._at})",
            )
        return found
