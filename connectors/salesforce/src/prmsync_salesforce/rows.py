"""Salesforce rows → records with canonical values, and canonical values → what is sent."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson

from prmsync.connector import values as canonical
from prmsync.connector.protocol import ObjectSpec, Record
from prmsync.connector.schema import FieldSchema, FieldType, ObjectSchema
from prmsync.connector.values import Canon
from prmsync.domain.values import Scalar, Values
from prmsync.errors import Finding, SchemaError

_SYSTEM = ("SystemModstamp", "LastModifiedById", "IsDeleted", "MasterRecordId")
_ONLY_ON = frozenset({"IsPartner", "IsCustomerPortal"})
"""Turning one off takes the portal roles of an account's people away for good."""
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
        names = [field.name for field in self.by_name.values()]
        system = [name for name in _SYSTEM if name in schema.fields or name == "MasterRecordId"]
        self.merges = "MasterRecordId" in schema.fields
        system = [name for name in system if name != "MasterRecordId" or self.merges]
        self.fields = tuple(dict.fromkeys(["Id", *system, *names]))
        # The id leads, so that the getter gives a tuple for a single field too.
        self._columns = ("Id", *names)
        self._getter = itemgetter(*self._columns, "Id")
        self._out = ("", *self.by_name)
        self._texts = tuple(
            out for out, field in self.by_name.items() if field.type is FieldType.TEXT
        )
        self._canons: tuple[tuple[str, Canon], ...] = tuple(
            (out, canon)
            for out, field in self.by_name.items()
            if (canon := _canon(field)) is not None
        )

    def field(self, name: str) -> str:
        """The org's own spelling of a field that the stream reads."""
        return self.by_name[name].name

    def column(self, name: str) -> FieldSchema:
        """A field to be written; it need not be among those read. Raises SchemaError."""
        return self.by_name.get(name) or resolved(self._schema, [name])[name]

    def records(self, rows: Iterable[Mapping[str, Any]]) -> list[Record]:
        """Rows as records. Raises SchemaError for a value that is not of its field's type."""
        return [self._record(row) for row in rows]

    def _record(self, row: Mapping[str, Any]) -> Record:
        try:
            cells = self._getter(row)
        except KeyError:  # a row without its empty fields
            cells = tuple(row.get(name) for name in self._columns)
        found: Values = dict(zip(self._out, cells, strict=False))
        del found[""]
        for name in self._texts:
            value = found[name]
            if value is not None and "\r" in value:  # type: ignore[operator]  # it is JSON text
                found[name] = canonical.text(value)
        for name, canon in self._canons:
            value = found[name]
            if value is not None:
                try:
                    found[name] = canon(value)
                except ValueError as error:
                    raise self._unreadable(row, name) from error
        return Record(
            id=row["Id"],
            version=canonical.moment(row.get("SystemModstamp")) or "",
            values=found,
            deleted=bool(row.get("IsDeleted")),
            merged_into=row.get("MasterRecordId") if self.merges else None,
            modified_by=row.get("LastModifiedById"),
        )

    def _unreadable(self, row: Mapping[str, Any], name: str) -> SchemaError:
        return SchemaError(
            f"{self.object} {row['Id']}: {name} holds something that is not a "
            f"{self.by_name[name].type}",
            hint="Was the field's type changed while prmsync was reading? Run it again.",
            fields=(name,),
        )


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


def _canon(field: FieldSchema) -> Canon | None:
    """None for fields whose JSON is canonical as it is: Salesforce stores blank text as null. Line
    ends of text are seen to in the row loop itself, where a call for each cell would be felt."""
    match field.type:
        case FieldType.NUMBER:
            return canonical.number(field.scale)
        case FieldType.DATETIME:
            return canonical.moment
        case FieldType.DATE:
            return canonical.date
        case FieldType.MULTI_PICKLIST:
            return canonical.codes
        case _:
            return None


def _missing(schema: ObjectSchema, name: str) -> Finding:
    near = difflib.get_close_matches(name, schema.fields, n=1)
    return Finding(
        f"{schema.name}.{name}",
        "is not there, or not visible to the integration user",
        f"Did you mean {near[0]}?" if near else "",
    )
