"""One cell's text into a canonical value (`prmsync.domain.values`), or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal

from prmsync.domain.money import MINOR_UNITS
from prmsync.domain.people import email_key
from prmsync.domain.stage import Stage
from prmsync.domain.values import Scalar
from prmsync.mapping.fields import Kind, PrmField
from prmsync.mapping.spelling import did_you_mean
from prmsync.mapping.transforms import canon_domain

_PLAIN = re.compile(r"[-+]?\d+(\.\d+)?")
_WITH_COMMA = re.compile(r"[-+]?\d{1,3}([. \u00a0\u202f']?\d{3})*(,\d+)?|[-+]?\d+(,\d+)?")
_WITH_POINT = re.compile(r"[-+]?\d{1,3}([, \u00a0\u202f']?\d{3})*(\.\d+)?|[-+]?\d+(\.\d+)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_TOO_LARGE = Decimal(10) ** 16
_YES = frozenset({"true", "yes", "y", "1"})
_NO = frozenset({"false", "no", "n", "0"})


@dataclass(frozen=True, slots=True)
class Format:
    """How a column writes things. `date` is a strptime format, else ISO 8601; `decimal` is the
    decimal sign, and the other sign then groups digits; `zone` holds for times without one."""

    date: str | None = None
    decimal: str | None = None
    zone: tzinfo = UTC


ISO = Format()


class BadValue(Exception):
    """Why a cell is not what its field takes."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


Parse = Callable[[str], Scalar]


def parser(name: str, field: PrmField, form: Format) -> Parse:
    """The function from text without surrounding blanks (never empty) to the canonical value.

    It raises BadValue. References keep their text: they are looked up later.
    """
    if field.kind in (Kind.NUMBER, Kind.MONEY):
        return lambda text: _number(text, form)
    if field.kind is Kind.DATE:
        return lambda text: _day(text, form)
    if field.kind is Kind.DATETIME:
        return lambda text: _moment(text, form)
    if field.kind is Kind.CODE:
        return _currency if name.endswith("currency") else _country
    choices = tuple(stage.value for stage in Stage) if field.kind is Kind.STAGE else field.codes
    if choices:
        several = field.kind is Kind.MULTI_PICKLIST
        return lambda text: _words(text, choices) if several else _word(text, choices)
    return _PARSERS.get(field.kind, _text)


def _text(text: str) -> Scalar:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _parts(text: str) -> Scalar:
    return ";".join(sorted({part.strip() for part in text.split(";")} - {""})) or None


def _email(text: str) -> Scalar:
    if not _EMAIL.fullmatch(text):
        raise BadValue("is not an e-mail address", "People are named by their e-mail.")
    return email_key(text)


def _yes_no(text: str) -> Scalar:
    lower = text.lower()
    if lower not in _YES | _NO:
        raise BadValue(f"`{text}` is not yes or no", "Write yes or no, true or false, 1 or 0.")
    return lower in _YES


_PARSERS: dict[Kind, Parse] = {
    Kind.DOMAIN: canon_domain,
    Kind.MULTI_PICKLIST: _parts,
    Kind.OWNER: _email,
    Kind.BOOLEAN: _yes_no,
}


def _word(text: str, choices: tuple[str, ...]) -> str:
    code = text.lower().replace(" ", "_")
    if code not in choices:
        raise BadValue(f"`{text}` is not known", did_you_mean(text, choices))
    return code


def _words(text: str, choices: tuple[str, ...]) -> Scalar:
    found = {_word(part.strip(), choices) for part in text.split(";") if part.strip()}
    return ";".join(sorted(found)) or None


def _country(text: str) -> str:
    if len(text) != 2 or not text.isalpha() or not text.isascii():
        raise BadValue(f"`{text}` is not a country code", "Two letters of ISO 3166, such as DE.")
    return text.upper()


def _currency(text: str) -> str:
    code = text.upper()
    if code not in MINOR_UNITS:
        raise BadValue(f"`{text}` is not a currency", "An ISO 4217 code, such as EUR or USD.")
    return code


def _number(text: str, form: Format) -> str:
    pattern = {None: _PLAIN, ",": _WITH_COMMA, ".": _WITH_POINT}[form.decimal]
    if not pattern.fullmatch(text):
        sign = form.decimal or "."
        hint = f"The decimal sign is taken to be `{sign}`; `decimal:` in the column map says so."
        raise BadValue(f"`{text}` is not a number", hint)
    if form.decimal:
        grouping = "." if form.decimal == "," else ","
        text = re.sub(rf"[{re.escape(grouping)} \u00a0\u202f']", "", text).replace(",", ".")
    exact = Decimal(text)
    if abs(exact) >= _TOO_LARGE:
        raise BadValue(f"`{text}` is too large", "At most 16 digits before the decimal sign.")
    return f"{exact:f}"


def _day(text: str, form: Format) -> str:
    try:
        if form.date is None:
            return date.fromisoformat(text).isoformat()
        return datetime.strptime(text, form.date).date().isoformat()  # noqa: DTZ007  a day has no zone
    except ValueError as error:
        raise _not_a_date(text, "a date", form) from error


def _moment(text: str, form: Format) -> str:
    try:
        if form.date is None:
            at = datetime.fromisoformat(text)
        else:
            at = datetime.strptime(text, form.date)  # noqa: DTZ007  the zone is added below
        at = at if at.tzinfo else at.replace(tzinfo=form.zone)
        return at.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
    except (ValueError, OverflowError) as error:
        raise _not_a_date(text, "a time", form) from error


def _not_a_date(text: str, what: str, form: Format) -> BadValue:
    wanted = form.date or "2026-11-22"
    return BadValue(
        f"`{text}` is not {what} as `{wanted}`",
        'Name the file\'s own form in the column map: date: "%d.%m.%Y"',
    )
