"""Objects and fields, and their describe answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TEXTUAL = frozenset(
    {"string", "textarea", "email", "url", "phone", "picklist", "multipicklist", "combobox"}
)
NUMERIC = frozenset({"double", "currency", "percent", "int"})

_SOAP = {
    "anyType": "xsd:anyType",
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "int": "xsd:int",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A picklist value."""

    value: str
    label: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """A field, in the words of describe. `cascade` deletes the record with its parent; `children`
    is the relationship's name seen from the parent."""

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    choices: tuple[Choice, ...] = ()
    restricted: bool = False
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None
    children: str | None = None
    defaulted_on_create: bool = False
    default: Any = None
    calculated: bool = False
    cascade: bool = False
    name_field: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def required(self) -> bool:
        """Must be given on create."""
        return (
            self.createable
            and not self.nillable
            and not self.defaulted_on_create
            and self.type != "boolean"
        )

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def indexed(self) -> bool:
        return self.unique or self.external_id

    def describe(self) -> dict[str, Any]:
        """The field's part of the describe answer."""
        base: dict[str, Any] = {
            **_FIELD_REST,
            "aggregatable": self.type not in ("boolean", "textarea", "multipicklist"),
            "groupable": self.type not in ("datetime", "textarea", "multipicklist", *NUMERIC),
            "sortable": self.type not in ("textarea", "multipicklist"),
            **self.raw,
        }
        base.update(
            name=self.name,
            label=self.label,
            type=self.type,
            soapType=_SOAP.get(self.type, "xsd:string"),
            length=self.length,
            byteLength=self.length * (1 if self.type in _ONE_BYTE else 3),
            precision=self.precision,
            scale=self.scale,
            nillable=self.nillable,
            createable=self.createable,
            updateable=self.updateable,
            unique=self.unique,
            externalId=self.external_id,
            idLookup=self.external_id or self.type == "id" or bool(self.raw.get("idLookup")),
            caseSensitive=self.case_sensitive,
            picklistValues=[
                _describe_choice(choice, choice.value == self.default) for choice in self.choices
            ],
            restrictedPicklist=self.restricted,
            namePointing=len(self.reference_to) > 1,
            polymorphicForeignKey=len(self.reference_to) > 1,
            referenceTo=list(self.reference_to),
            relationshipName=self.relationship,
            defaultedOnCreate=self.defaulted_on_create,
            defaultValue=None if self.raw.get("defaultValueFormula") else self.default,
            calculated=self.calculated,
            cascadeDelete=self.cascade,
            custom=self.custom,
            nameField=self.name_field,
            permissionable=bool(self.raw.get("permissionable", self.custom)),
            filterable=self.type != "anyType",
        )
        return base


_ONE_BYTE = ("id", "reference", "multipicklist")
"""Types whose length a describe answer gives in bytes too."""
_FIELD_REST: dict[str, Any] = {
    "aiPredictionField": False,
    "autoNumber": False,
    "calculatedFormula": None,
    "compoundFieldName": None,
    "controllerName": None,
    "defaultValueFormula": None,
    "dependentPicklist": False,
    "deprecatedAndHidden": False,
    "digits": 0,
    "displayLocationInDecimal": False,
    "encrypted": False,
    "extraTypeInfo": None,
    "filterable": True,
    "filteredLookupInfo": None,
    "formulaTreatNullNumberAsZero": False,
    "highScaleNumber": False,
    "htmlFormatted": False,
    "inlineHelpText": None,
    "mask": None,
    "maskType": None,
    "namePointing": False,
    "polymorphicForeignKey": False,
    "queryByDistance": False,
    "referenceTargetField": None,
    "relationshipOrder": None,
    "restrictedDelete": False,
    "searchPrefilterable": False,
    "writeRequiresMasterRead": False,
}


def soap_type(field: FieldDefinition) -> str:
    """The field's type in the words of SOAP, such as `xsd:date`."""
    return _SOAP.get(field.type, "xsd:string")


def _describe_choice(choice: Choice, default: bool) -> dict[str, Any]:
    return {
        "active": choice.active,
        "defaultValue": default,
        "label": choice.label,
        "validFor": None,
        "value": choice.value,
    }


_OBJECT_REST: dict[str, Any] = {
    "actionOverrides": [],
    "childRelationships": [],
    "compactLayoutable": True,
    "deepCloneable": False,
    "defaultImplementation": None,
    "extendedBy": None,
    "extendsInterfaces": None,
    "implementedBy": None,
    "implementsInterfaces": None,
    "isInterface": False,
    "listviewable": None,
    "lookupLayoutable": None,
    "namedLayoutInfos": [],
    "networkScopeFieldName": None,
    "searchLayoutable": False,
    "supportedScopes": [],
}


_OWN = {
    "createable",
    "deletable",
    "keyPrefix",
    "label",
    "labelPlural",
    "name",
    "updateable",
    "urls",
}
"""Parts of a describe answer that this org decides, whatever a saved one says."""


class ObjectDefinition:
    """An object. Field and relationship names are looked up without regard to case.

    `tooling`: only the Tooling API has it.
    """

    def __init__(
        self,
        name: str,
        label: str,
        prefix: str,
        fields: Sequence[FieldDefinition],
        *,
        createable: bool = True,
        updateable: bool = True,
        deletable: bool = True,
        tooling: bool = False,
        raw: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.label = label
        self.prefix = prefix
        self.fields = {item.name: item for item in fields}
        self.createable = createable
        self.updateable = updateable
        self.deletable = deletable
        self.tooling = tooling
        self.raw = dict(raw or {})
        self._by_name = {item.name.lower(): item for item in fields}
        self._by_relationship = {
            item.relationship.lower(): item for item in fields if item.relationship
        }
        self.required = tuple(item for item in fields if item.required)
        self.never_blank = tuple(
            item for item in fields if not item.nillable and item.type != "boolean"
        )
        self.defaults = {
            item.name: False if item.default is None else item.default
            for item in fields
            if item.type == "boolean" or item.default is not None
        }
        self.indexed = tuple(item for item in fields if item.indexed)
        self.references = tuple(item for item in fields if item.type == "reference")

    @property
    def plural(self) -> str:
        return str(self.raw.get("labelPlural") or f"{self.label}s")

    def copied(self, fields: Sequence[FieldDefinition], **more: Any) -> ObjectDefinition:
        """The same object with these fields; `more` are arguments of the constructor."""
        kept: dict[str, Any] = {
            "createable": self.createable,
            "updateable": self.updateable,
            "deletable": self.deletable,
            "tooling": self.tooling,
            "raw": self.raw,
            **more,
        }
        return ObjectDefinition(self.name, self.label, self.prefix, fields, **kept)

    def field(self, name: str) -> FieldDefinition | None:
        return self.fields.get(name) or self._by_name.get(name.lower())

    def relation(self, name: str) -> FieldDefinition | None:
        """The reference field behind a relationship name such as `Account` or `Partner__r`."""
        return self._by_relationship.get(name.lower())

    def summary(self, version: str) -> dict[str, Any]:
        """The object's part of the global describe, as a saved one tells it where there is one."""
        base = f"/services/data/{version}/sobjects/{self.name}"
        answer = {
            "activateable": False,
            "custom": self.name.endswith("__c"),
            "customSetting": False,
            "createable": self.createable,
            "deletable": self.deletable,
            "deprecatedAndHidden": False,
            "feedEnabled": False,
            "hasSubtypes": False,
            "isSubtype": False,
            "keyPrefix": self.prefix,
            "label": self.label,
            "labelPlural": self.plural,
            "layoutable": True,
            "mergeable": self.name == "Account",
            "mruEnabled": True,
            "name": self.name,
            "queryable": True,
            "replicateable": True,
            "retrieveable": True,
            "searchable": True,
            "triggerable": True,
            "undeletable": True,
            "updateable": self.updateable,
            "urls": {
                "sobject": base,
                "describe": f"{base}/describe",
                "rowTemplate": f"{base}/{{ID}}",
            },
        }
        return answer | {key: self.raw[key] for key in answer if key in self.raw.keys() - _OWN}

    def describe(
        self,
        version: str,
        record_types: Sequence[Mapping[str, Any]],
        children: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, Any]:
        """The describe answer; `record_types` are the object's RecordType records, `children`
        the relationships of other objects to it."""
        answer = dict(self.raw)
        answer.update(self.summary(version))
        for key, value in _OBJECT_REST.items():
            answer.setdefault(key, value)
        if children:
            answer["childRelationships"] = list(children)
        answer["fields"] = [item.describe() for item in self.fields.values()]
        if record_types or "recordTypeInfos" not in self.raw:
            answer["recordTypeInfos"] = _record_type_infos(record_types)
        return answer


def _record_type_infos(record_types: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    infos = [
        {
            "active": bool(item.get("IsActive", True)),
            "available": True,
            "defaultRecordTypeMapping": position == 0,
            "developerName": item.get("DeveloperName"),
            "master": False,
            "name": item.get("Name"),
            "recordTypeId": item["Id"],
            "urls": {},
        }
        for position, item in enumerate(record_types)
    ]
    master = {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": not infos,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": "012000000000000AAA",
        "urls": {},
    }
    return [*infos, master]


def field_from_describe(raw: Mapping[str, Any]) -> FieldDefinition:
    """A field from its part of a saved describe answer. Raises KeyError without name or type."""
    formula = raw.get("defaultValueFormula") or ""
    return FieldDefinition(
        name=raw["name"],
        label=raw.get("label") or raw["name"],
        type=raw["type"],
        length=raw.get("length") or 0,
        precision=raw.get("precision") or 0,
        scale=raw.get("scale") or 0,
        nillable=raw.get("nillable", True),
        createable=raw.get("createable", True),
        updateable=raw.get("updateable", True),
        unique=raw.get("unique", False),
        external_id=raw.get("externalId", False),
        case_sensitive=raw.get("caseSensitive", False),
        choices=tuple(
            Choice(item["value"], item.get("label") or item["value"], item.get("active", True))
            for item in raw.get("picklistValues") or ()
        ),
        restricted=raw.get("restrictedPicklist", False),
        reference_to=tuple(raw.get("referenceTo") or ()),
        relationship=raw.get("relationshipName"),
        defaulted_on_create=raw.get("defaultedOnCreate", False) or bool(formula),
        default=constant(formula) if formula else raw.get("defaultValue"),
        calculated=raw.get("calculated", False),
        cascade=raw.get("cascadeDelete", False),
        name_field=raw.get("nameField", False),
        raw=raw,
    )


def constant(formula: str) -> str | float | None:
    """What a default value says that is one text or one number; None for any other formula."""
    if re.fullmatch(r'"[^"\\\\]*"', formula):
        return formula[1:-1]
    return float(formula) if re.fullmatch(r"-?\d+(\.\d+)?", formula) else None


def object_from_describe(raw: Mapping[str, Any], fallback_prefix: str) -> ObjectDefinition:
    """An object from a saved describe answer. Raises KeyError without name or fields."""
    return ObjectDefinition(
        raw["name"],
        raw.get("label") or raw["name"],
        raw.get("keyPrefix") or fallback_prefix,
        [field_from_describe(item) for item in raw["fields"]],
        createable=raw.get("createable", True),
        updateable=raw.get("updateable", True),
        deletable=raw.get("deletable", True),
        raw=raw,
    )
