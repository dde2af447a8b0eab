"""Salesforce rows → records with canonical values, and canonical values → what is sent."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson

from prmsync.connector import values as canonical
from prmsync.connector.columns import RecordColumns
from prmsync.connector.protocol import ObjectSpec, Record
from prmsync.connector.schema import FieldSchema, FieldType, ObjectSchema
from prmsync.connector.values import CanonColumn
from prmsync.domain.values import Scalar
from prmsync.errors import Finding, SchemaError

_SYSTEM = ("SystemModstamp", "LastModifiedById", "IsDeleted", "MasterRecordId")
_ONLY_ON = frozenset({"IsPartner", "IsCustomerPortal"})
"""Turning one off takes the portal roles of an account's people away for good."""
_NEVER_LOCKED = frozenset({"User", "Group", "RecordType"})
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


class RowPlan:
    """How one stream's rows are read: made once, used for each row.

    Raises SchemaError that names every field the org does not show.
    """

    def __init__(self, spec: ObjectSpec, schema: ObjectSchema) -> None:
        self.spec = spec
        self.object = schema.name
        self._schema = schema
        self.by_name = resolved(schema, _wanted(spec))
        self.constants = {
            out: field.constant for out, field in self.by_name.items() if field.constant is not None
        }
        names = [field.name for field in self.by_name.values() if field.constant is None]
        system = [name for name in _SYSTEM if name in schema.fields]
        self.fields = tuple(dict.fromkeys(["Id", *system, *names]))
        # Twice the id, so that the getter gives a tuple for a single field too.
        self._getter = itemgetter(*self.fields, "Id")
        self._columns: tuple[tuple[str, int, CanonColumn], ...] = tuple(
            (out, self.fields.index(field.name), _to_column(field))
            for out, field in self.by_name.items()
            if field.constant is None
        )

    def field(self, name: str) -> str:
        """The org's own spelling of a field that the stream reads."""
        return self.by_name[name].name

    def column(self, name: str) -> FieldSchema:
        """A field to be written; it need not be among those read. Raises SchemaError."""
        return self.by_name.get(name) or resolved(self._schema, [name])[name]

    def parents(self, names: Iterable[str]) -> list[str]:
        """Those of the named fields that refer to a record which Salesforce locks with this one;
        accounts first, on which most hangs."""
        found = [
            (field.references, name)
            for name in names
            if (field := self.column(name)).type is FieldType.REFERENCE
            and not _NEVER_LOCKED.intersection(field.references)
        ]
        return [name for to, name in sorted(found, key=lambda one: "Account" not in one[0])]

    def records(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Record]:
        """Rows as records. Raises SchemaError for a value that is not of its field's type.

        Column by column: for a first load a call for each cell would be a good part of all work.
        """
        return self.from_columns(list(zip(*self._cells(rows), strict=True))) if rows else []

    def from_columns(self, read: Sequence[Sequence[Any]]) -> RecordColumns:
        """The same of cells that stand field by field, in the order of `fields`."""
        system = dict(zip(self.fields, read, strict=False))
        ids = system["Id"]
        nothing = [None] * len(ids)
        return RecordColumns(
            ids,
            _versions(system.get("SystemModstamp", nothing)),
            self._values(read),
            list(map(bool, system.get("IsDeleted", nothing))),
            system.get("MasterRecordId", nothing),
            system.get("LastModifiedById", nothing),
        )

    def _cells(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        try:
            return list(map(self._getter, rows))
        except KeyError:  # a row without its empty fields
            return [(*map(row.get, self.fields), row["Id"]) for row in rows]

    def _values(self, read: Sequence[Sequence[Any]]) -> dict[str, Sequence[Scalar]]:
        found: dict[str, Sequence[Scalar]] = {}
        for name, place, to_column in self._columns:
            try:
                found[name] = to_column(read[place])
            except ValueError as error:
                raise self._unreadable(name, to_column, read[0], read[place]) from error
        found.update((name, [value] * len(read[0])) for name, value in self.constants.items())
        return found

    def _unreadable(
        self, name: str, to_column: CanonColumn, ids: Sequence[str], cells: Sequence[Any]
    ) -> SchemaError:
        first = next(one for one, cell in zip(ids, cells, strict=True) if _fails(to_column, cell))
        return SchemaError(
            f"{self.object} {first}: {name} holds something that is not a "
            f"{self.by_name[name].type}",
            hint="Was the field's type changed while prmsync was reading? Run it again.",
            fields=(name,),
        )


def _fails(to_column: CanonColumn, cell: Any) -> bool:
    try:
        to_column([cell])
    except ValueError:
        return True
    return False


def _versions(stamps: Sequence[Any]) -> list[str]:
    return [str(one or "") for one in _MOMENTS(stamps)]


def resolved(schema: ObjectSchema, names: Sequence[str]) -> dict[str, FieldSchema]:
    """Fields by the caller's spelling; Salesforce looks at no case. Raises SchemaError that names
    every one that is missing, with a near spelling."""
    lower = {name.lower(): field for name, field in schema.fields.items()}
    found = {name: lower[name.lower()] for name in names if name.lower() in lower}
    missing = [name for name in names if name not in found]
    if missing:
        raise SchemaError(
            f"{schema.name} shows no field {', '.join(missing)}",
            hint="Create the field in Salesforce, or let the integration user see it (field "
            "security in its permission set).",
            fields=missing,
            findings=[_missing(schema, name) for name in missing],
        )
    return found


def sendable(value: Scalar, field: FieldSchema) -> Any:
    """A canonical value as it goes into the JSON of a write. Numbers keep every digit. Raises
    SchemaError for the flags that must not be turned off."""
    if field.name in _ONLY_ON and value is not True:
        raise SchemaError(
            f"{field.name} is never turned off",
            hint="Salesforce would delete portal roles for good. Map it in one direction, to_prm.",
            fields=(field.name,),
        )
    if field.type is FieldType.BOOLEAN:
        return bool(value)  # Salesforce has no empty checkbox
    if field.type is FieldType.NUMBER and isinstance(value, str) and _JSON_NUMBER.fullmatch(value):
        return orjson.Fragment(value)
    return value


def _wanted(spec: ObjectSpec) -> tuple[str, ...]:
    ends: tuple[str, ...] = ()
    if spec.relation is not None:
        relation = spec.relation
        ends = (relation.from_field, relation.to_field, relation.role_field)
    key = (spec.key,) if spec.key else ()
    return tuple(dict.fromkeys([*spec.fields, *ends, *key]))


def _to_column(field: FieldSchema) -> CanonColumn:
    match field.type:
        case FieldType.NUMBER:
            return canonical.each(canonical.number(field.scale))
        case FieldType.DATETIME:
            return _MOMENTS
        case FieldType.DATE:
            return canonical.once(canonical.date)
        case FieldType.MULTI_PICKLIST:
            return canonical.once(canonical.codes)
        case FieldType.TEXT:
            return canonical.texts
        case _:
            return _as_told


_MOMENTS = canonical.once(canonical.moment)


def _as_told(cells: Sequence[Any]) -> Sequence[Scalar]:
    return cells


def _missing(schema: ObjectSchema, name: str) -> Finding:
    near = difflib.get_close_matches(name, schema.fields, n=1)
    return Finding(
        f"{schema.name}.{name}",
        "is not there, or not visible to the integration user",
        f"Did you mean {near[0]}?" if near else "",
    )
