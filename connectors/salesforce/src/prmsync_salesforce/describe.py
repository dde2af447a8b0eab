"""Salesforce's describe answer → our neutral schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prmsync.connector.schema import CrmStage, FieldSchema, FieldType, ObjectSchema, Pipeline
from prmsync_salesforce import currency

TYPES: Mapping[str, FieldType] = {
    "string": FieldType.TEXT,
    "textarea": FieldType.TEXT,
    "email": FieldType.TEXT,
    "phone": FieldType.TEXT,
    "url": FieldType.TEXT,
    "encryptedstring": FieldType.TEXT,
    "combobox": FieldType.TEXT,
    "id": FieldType.TEXT,
    "time": FieldType.TEXT,
    "double": FieldType.NUMBER,
    "currency": FieldType.NUMBER,
    "percent": FieldType.NUMBER,
    "int": FieldType.NUMBER,
    "long": FieldType.NUMBER,
    "boolean": FieldType.BOOLEAN,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "picklist": FieldType.PICKLIST,
    "multipicklist": FieldType.MULTI_PICKLIST,
    "reference": FieldType.REFERENCE,
}
"""Compound (address, location) and binary fields have no place in a mapping and are left out."""

STAGES = (
    "SELECT ApiName, MasterLabel, SortOrder, DefaultProbability, IsActive, IsClosed, IsWon "
    "FROM OpportunityStage ORDER BY SortOrder"
)
DEFAULT_PIPELINE = "default"


def object_schema(
    described: Mapping[str, Any],
    corporate: str,
    stages: Sequence[Mapping[str, Any]] = (),
) -> ObjectSchema:
    """`described` is the answer of `/sobjects/X/describe`, which holds only what the signed-in
    user may see; `corporate` is the org's currency; `stages` are the rows of `STAGES`, for
    opportunities."""
    record_types = _record_types(described)
    fields = [_field(field) for field in described["fields"] if field["type"] in TYPES]
    only = currency.corporate_only(described, corporate)
    return ObjectSchema(
        name=described["name"],
        label=described.get("label") or described["name"],
        fields={field.name: field for field in [*fields, *([only] if only else ())]},
        pipelines=_pipelines(stages, record_types),
        record_types=record_types,
    )


def _field(field: Mapping[str, Any]) -> FieldSchema:
    kind = TYPES[field["type"]]
    number = kind is FieldType.NUMBER
    whole = field["type"] in ("int", "long")
    createable = bool(field.get("createable"))
    return FieldSchema(
        name=field["name"],
        label=field.get("label") or field["name"],
        type=kind,
        length=(field.get("length") or None) if kind is FieldType.TEXT else None,
        scale=(0 if whole else int(field.get("scale") or 0)) if number else None,
        createable=createable,
        updateable=bool(field.get("updateable")),
        required=createable
        and not field.get("nillable", True)
        and not field.get("defaultedOnCreate", False)
        and not field.get("defaultValueFormula"),
        # A record always has a currency: the org fills in one.
        nullable=bool(field.get("nillable", True)) and field["name"] != currency.FIELD,
        unique=bool(field.get("unique")),
        picklist=_picklist(field),
        restricted=bool(field.get("restrictedPicklist")),
        references=tuple(field.get("referenceTo") or ()),
    )


def _picklist(field: Mapping[str, Any]) -> dict[str, str]:
    return {
        entry["value"]: entry.get("label") or entry["value"]
        for entry in field.get("picklistValues") or ()
        if entry.get("active", True)
    }


def _record_types(described: Mapping[str, Any]) -> dict[str, str]:
    return {
        info["developerName"]: info["recordTypeId"]
        for info in described.get("recordTypeInfos") or ()
        if info.get("available") and not info.get("master") and info.get("developerName")
    }


def _pipelines(
    stages: Sequence[Mapping[str, Any]], record_types: Mapping[str, str]
) -> tuple[Pipeline, ...]:
    """The API takes every active stage under every record type; a sales process only narrows what
    the page offers, so each record type's pipeline holds them all."""
    if not stages:
        return ()
    known = tuple(_stage(row, place) for place, row in enumerate(stages) if row["IsActive"])
    whole = Pipeline(DEFAULT_PIPELINE, DEFAULT_PIPELINE, known)
    return (whole, *(Pipeline(at, name, known) for name, at in record_types.items()))


def _stage(row: Mapping[str, Any], place: int) -> CrmStage:
    probability = row.get("DefaultProbability")
    return CrmStage(
        id=row["ApiName"],
        label=row["MasterLabel"],
        order=int(row["SortOrder"] if row.get("SortOrder") is not None else place),
        probability=None if probability is None else float(probability) / 100,
        closed=bool(row["IsClosed"]),
        won=bool(row["IsWon"]),
    )
