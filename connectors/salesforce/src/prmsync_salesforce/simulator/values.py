"""Checks and converts what a caller writes into what Salesforce stores and answers.

Stored forms are the answer's own: times as `2026-03-01T12:00:00.000+0000` in UTC without
fractions (Salesforce keeps seconds), so that text order is time order; numbers as floats rounded
to the field's scale; ids in 18 characters; multi-select picklists in the picklist's order.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from prmsync_salesforce.simulator.failure import ApiError, bad_data
from prmsync_salesforce.simulator.ids import long_id
from prmsync_salesforce.simulator.schema import FieldDefinition

_ZONE = re.compile(r"([+-]\d\d)(\d\d)$")

Converter = Callable[[FieldDefinition, Any], Any]


def stamp(moment: datetime) -> str:
    """A time as Salesforce answers it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def parse_moment(text: str) -> datetime | None:
    """A time as callers write it, with or without colon in the zone; None when it is none."""
    if "T" not in text:
        return None
    try:
        moment = datetime.fromisoformat(_ZONE.sub(r"\1:\2", text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def convert(field: FieldDefinition, value: Any) -> Any:
    """The stored form of a written value; blank text is None. Raises ApiError."""
    if value is None or (isinstance(value, str) and not value.strip()):
        if field.type == "boolean":
            raise bad_data(
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                f"{field.label}: value not of required type: ",
                field.name,
            )
        return None
    converter: Converter = _CONVERTERS.get(field.type, _to_text)
    return converter(field, value)


def _parser_error(kind: str, value: Any) -> ApiError:
    token = "VALUE_STRING" if isinstance(value, str) else "VALUE_NUMBER"
    if isinstance(value, bool):
        token = "VALUE_TRUE" if value else "VALUE_FALSE"
    if isinstance(value, dict | list):
        token = "START_OBJECT" if isinstance(value, dict) else "START_ARRAY"
    return ApiError(
        400,
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {kind} from {token} value {value} or request may be "
        "missing a required field",
    )


def _to_text(field: FieldDefinition, value: Any) -> str:
    if isinstance(value, dict | list):
        raise _parser_error("string", value)
    if isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = value if isinstance(value, str) else str(value)
    text = text.strip()
    if field.length and len(text) > field.length:
        raise bad_data(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text} (max length={field.length})",
            field.name,
        )
    return text


def _to_picklist(field: FieldDefinition, value: Any) -> str:
    text = _to_text(field, value)
    for choice in field.choices:
        if choice.active and choice.value.lower() == text.lower():
            return choice.value
    if field.restricted:
        raise _bad_choice(field, text)
    return text


def _to_multipicklist(field: FieldDefinition, value: Any) -> str | None:
    parts = {part.strip() for part in _to_text(field, value).split(";")} - {""}
    known = [choice.value for choice in field.choices if choice.active]
    strange = sorted(parts - set(known))
    if field.restricted and strange:
        raise _bad_choice(field, strange[0])
    return ";".join([item for item in known if item in parts] + strange) or None


def _bad_choice(field: FieldDefinition, text: str) -> ApiError:
    return bad_data(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        f"{field.label}: bad value for restricted picklist field: {text}",
        field.name,
    )


def _to_number(field: FieldDefinition, value: Any) -> float | int:
    if isinstance(value, bool | dict | list):
        raise _parser_error("double", value)
    try:
        exact = Decimal(str(value))
    except InvalidOperation as error:
        raise _parser_error("double", value) from error
    if not exact.is_finite():
        raise _parser_error("double", value)
    whole_digits = (field.precision or 18) - field.scale
    if exact and exact.adjusted() >= whole_digits:
        raise bad_data(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {value}",
            field.name,
        )
    rounded = exact.quantize(Decimal(1).scaleb(-field.scale), rounding=ROUND_HALF_UP)
    return int(rounded) if field.type == "int" else float(rounded)


def _to_boolean(_field: FieldDefinition, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _parser_error("boolean", value)


def _to_date(_field: FieldDefinition, value: Any) -> str:
    if isinstance(value, str):
        moment = parse_moment(value)
        if moment is not None:
            return moment.date().isoformat()
        day = _parse_day(value)
        if day is not None:
            return day.isoformat()
    raise _parser_error("date", value)


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _to_datetime(_field: FieldDefinition, value: Any) -> str:
    moment = parse_moment(value) if isinstance(value, str) else None
    if moment is None:
        raise _parser_error("datetime", value)
    return stamp(moment)


def _to_reference(field: FieldDefinition, value: Any) -> str:
    found = long_id(value)
    if found is None:
        raise bad_data(
            "MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", field.name
        )
    return found


_CONVERTERS: dict[str, Converter] = {
    "picklist": _to_picklist,
    "multipicklist": _to_multipicklist,
    "double": _to_number,
    "currency": _to_number,
    "percent": _to_number,
    "int": _to_number,
    "boolean": _to_boolean,
    "date": _to_date,
    "datetime": _to_datetime,
    "reference": _to_reference,
    "id": _to_reference,
}
