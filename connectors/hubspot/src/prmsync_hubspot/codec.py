"""HubSpot's property values, all strings, into canonical ones and back.

Empty text and null are both "blank" (None); "" clears a property. Dates are ISO days or
milliseconds since 1970 at midnight UTC, times ISO or milliseconds. Source: HubSpot's properties
guide, "Property types" and "Add values to date and datetime properties".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from prmsync.connector import values as canon
from prmsync.connector.columns import RecordColumns
from prmsync.connector.protocol import Record
from prmsync.connector.schema import FieldType
from prmsync.connector.values import Canon, CanonColumn
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


class Reader:
    """Turns HubSpot's record objects into records with the wanted fields in canonical form."""

    def __init__(
        self, fields: Mapping[str, FieldType], blanks: Mapping[str, str] | None = None
    ) -> None:
        """`blanks`: what a blank means, of fields where it means something."""
        self._fields = fields
        self._blanks = blanks or {}
        # One name twice, so that the getter gives a tuple for a single property too.
        self._cells = itemgetter(*fields, next(iter(fields))) if fields else None
        self._canons = [(name, CANONS[kind]) for name, kind in fields.items()]

    def record(self, found: Mapping[str, Any]) -> Record:
        """A record as list, search, batch read and batch writes give it."""
        return self._plain([found])[0]

    def records(self, found: Sequence[Mapping[str, Any]]) -> Sequence[Record]:
        """The records, and after a merge's survivor the records that went into it."""
        if not found:
            return []
        merged = [(one.get("properties") or {}).get(MERGED_IDS) for one in found]
        records = self._plain(found)
        if not any(merged):
            return records
        return [
            one
            for record, lost in zip(records, merged, strict=True)
            for one in (record, *(_merged_away(each, record) for each in _ids(lost or "")))
        ]

    def _plain(self, found: Sequence[Mapping[str, Any]]) -> RecordColumns:
        """Column by column: for a first load a call for each cell would be a good part of all
        work."""
        properties = [one.get("properties") or {} for one in found]
        stamps = [one.get("updatedAt") for one in found]
        return RecordColumns(
            [str(one["id"]) for one in found],
            [str(one or "") for one in _MOMENTS(stamps)],
            self._values(properties),
            [bool(one.get("archived")) for one in found],
            [None] * len(found),
            [one.get(UPDATED_BY) or None for one in properties],
        )

    def _values(self, properties: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[Scalar]]:
        if self._cells is None:
            return {}
        names = list(self._fields)
        try:
            read = zip(*map(self._cells, properties), strict=True)
        except KeyError:  # a record without its empty properties
            read = zip(*([one.get(name) for name in names] for one in properties), strict=True)
        columns = list(map(_column, self._fields.values(), read))
        for name, meant in self._blanks.items():
            place = names.index(name)
            columns[place] = [meant if cell is None else cell for cell in columns[place]]
        return dict(zip(names, columns, strict=True))

    def told(self, properties: Mapping[str, Any]) -> Values:
        """Only the wanted fields that an answer mentions: what a write says that it left."""
        canons = [(name, to) for name, to in self._canons if name in properties]
        found = {name: _canonical(to, properties[name]) for name, to in canons}
        blank = {name: meant for name, meant in self._blanks.items() if name in found}
        return found | {name: meant for name, meant in blank.items() if found[name] is None}


def _as_told(cells: Sequence[Any]) -> list[Scalar]:
    return [cell or None for cell in cells]


_MOMENTS = canon.once(canon.moment)
_COLUMNS: Mapping[FieldType, CanonColumn] = {
    FieldType.TEXT: canon.texts,
    FieldType.NUMBER: canon.each(number),
    FieldType.BOOLEAN: canon.once(canon.boolean),
    FieldType.DATE: canon.once(lambda value: None if value is None else day(value)),
    FieldType.DATETIME: _MOMENTS,
    FieldType.PICKLIST: _as_told,
    FieldType.MULTI_PICKLIST: canon.once(canon.codes),
    FieldType.REFERENCE: _as_told,
}
"""Codes and ids are canonical as they come, but for empty text."""


def _column(kind: FieldType, cells: Sequence[Any]) -> Sequence[Scalar]:
    try:
        return _COLUMNS[kind](cells)
    except (ValueError, OverflowError):
        return [_canonical(CANONS[kind], cell) for cell in cells]


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
