"""HubSpot's property values, all strings, into canonical ones and back.

Empty text and null are both "blank" (None); "" clears a property. Dates are ISO days or
milliseconds since 1970 at midnight UTC, times ISO or milliseconds. Source: HubSpot's properties
guide, "Property types" and "Add values to date and datetime properties".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prmsync.connector import values as canon
from prmsync.connector.protocol import Record
from prmsync.connector.schema import FieldType
from prmsync.connector.values import Canon
from prmsync.domain.values import Scalar, Values

MERGED_IDS = "hs_merged_object_ids"
UPDATED_BY = "hs_updated_by_user_id"


def requested(fields: Iterable[str]) -> list[str]:
    """The properties to ask for: the wanted ones, and those that tell who changed a record and
    what was merged into it. HubSpot ignores names that an object lacks."""
    return list(dict.fromkeys([*fields, MERGED_IDS, UPDATED_BY]))


def day(value: Any) -> str | None:
    """A `date` property: an ISO day, or milliseconds since 1970 at midnight UTC."""
    shown = str(value).strip()
    if not shown:
        return None
    if shown.lstrip("-").isdigit():
        return canon.in_utc(canon.parse_moment(shown))[:10]
    return canon.date(shown)


_decimal = canon.number(None)


def number(value: Any) -> Scalar:
    """Plain decimal text; whole numbers, which are most, are that already."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and value[0] != "0":
        return value
    return _decimal(value)


CANONS: Mapping[FieldType, Canon] = {
    FieldType.TEXT: canon.text,
    FieldType.NUMBER: number,
    FieldType.BOOLEAN: canon.boolean,
    FieldType.DATE: day,
    FieldType.DATETIME: canon.moment,
    FieldType.PICKLIST: canon.text,
    FieldType.MULTI_PICKLIST: canon.codes,
    FieldType.REFERENCE: canon.text,
}


def write_value(value: Scalar) -> str:
    """A canonical value as HubSpot takes it; None clears."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def write_values(values: Values) -> dict[str, str]:
    """Canonical values as a `properties` object."""
    return {name: write_value(value) for name, value in values.items()}


_AS_TOLD = frozenset({FieldType.PICKLIST, FieldType.REFERENCE})


class Reader:
    """Turns HubSpot's record objects into records with the wanted fields in canonical form."""

    def __init__(self, fields: Mapping[str, FieldType]) -> None:
        self._canons = [(name, CANONS[kind]) for name, kind in fields.items()]
        # Codes and ids are canonical as they come: no call for each.
        self._as_told = [name for name, kind in fields.items() if kind in _AS_TOLD]
        self._judged = [(name, to) for name, to in self._canons if fields[name] not in _AS_TOLD]

    def record(self, found: Mapping[str, Any]) -> Record:
        """A record as list, search, batch read and batch writes give it."""
        properties = found.get("properties") or {}
        return Record(
            id=str(found["id"]),
            version=version_of(found),
            values=self._values(properties),
            deleted=bool(found.get("archived")),
            modified_by=properties.get(UPDATED_BY) or None,
        )

    def records(self, found: Sequence[Mapping[str, Any]]) -> list[Record]:
        """The records, and after a merge's survivor the records that went into it."""
        records: list[Record] = []
        for one in found:
            record = self.record(one)
            records.append(record)
            if merged := (one.get("properties") or {}).get(MERGED_IDS):
                records += [_merged_away(lost, record) for lost in _ids(merged)]
        return records

    def told(self, properties: Mapping[str, Any]) -> Values:
        """Only the wanted fields that an answer mentions: what a write says that it left."""
        canons = [(name, to) for name, to in self._canons if name in properties]
        return {name: _canonical(to, properties[name]) for name, to in canons}

    def _values(self, properties: Mapping[str, Any]) -> Values:
        try:
            values: Values = {name: properties.get(name) or None for name in self._as_told}
            for name, to in self._judged:
                value = properties.get(name)
                values[name] = None if value is None else to(value)
            return values
        except (ValueError, OverflowError):
            return {name: _canonical(to, properties.get(name)) for name, to in self._canons}


def version_of(found: Mapping[str, Any]) -> str:
    """When a record last changed, always with milliseconds: HubSpot leaves out ".000", and text
    without it would sort after text with it."""
    return canon.moment(found.get("updatedAt")) or ""


def _canonical(to: Canon, value: Any) -> Scalar:
    """A value that is not of its property's type stays as it stands: it must be seen, not lost."""
    if value is None:
        return None
    try:
        return to(value)
    except (ValueError, OverflowError):
        return str(value)


def _ids(merged: str) -> list[str]:
    return [one for one in merged.split(";") if one]


def _merged_away(lost: str, survivor: Record) -> Record:
    return Record(lost, survivor.version, {}, deleted=True, merged_into=survivor.id)
