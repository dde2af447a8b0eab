"""A CustomField's XML as a field of the schema, checked as a deployment checks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prmsync_salesforce.simulator.metadata.problem import Problem
from prmsync_salesforce.simulator.metadata.xmltree import Node
from prmsync_salesforce.simulator.rollups import SUMMARY
from prmsync_salesforce.simulator.schema import Choice, FieldDefinition, constant

ValueSets = Mapping[str, tuple[Choice, ...]]
Kind = Callable[[Node, ValueSets], dict[str, Any]]


def custom_field(node: Node, value_sets: ValueSets) -> FieldDefinition:
    """The field. `value_sets` are the org's global value sets. Raises Problem."""
    name, label = node.text("fullName"), node.text("label")
    if not name.endswith("__c") or "__" in name.removesuffix("__c"):
        raise Problem("The fullName of a custom field must end in __c")
    if not label:
        raise Problem("Required field is missing: label")
    kind = _KINDS.get(node.text("type"))
    if kind is None:
        raise Problem(f"Invalid type for a custom field: {node.text('type') or '(none)'}")
    details = kind(node, value_sets)
    if node.first("formula") is not None:
        details |= {"createable": False, "updateable": False, "calculated": True}
        details["raw"] = {"calculatedFormula": node.text("formula")}
    elif details["type"] != "boolean" and node.text("defaultValue"):
        details |= _default(node.text("defaultValue"))
    if node.flag("required"):
        details["nillable"] = False
    details.setdefault("external_id", node.flag("externalId"))
    details.setdefault("unique", node.flag("unique"))
    return FieldDefinition(name, label, case_sensitive=node.flag("caseSensitive"), **details)


def _default(formula: str) -> dict[str, Any]:
    value = constant(formula)
    if value is None:
        raise Problem(f"The default value is neither a text nor a number: {formula}")
    told = {"defaultValueFormula": formula}
    return {"default": value, "defaulted_on_create": True, "raw": told}


def _need(node: Node, *names: str) -> None:
    for name in names:
        if not node.text(name):
            raise Problem(f"Must specify '{name}' for a CustomField of type {node.text('type')}")


def _text(node: Node, _sets: ValueSets) -> dict[str, Any]:
    if node.first("formula") is not None:
        return {"type": "string", "length": 1300}
    _need(node, "length")
    length = node.number("length")
    if not 1 <= length <= 255:
        raise Problem("The length of a Text field must be between 1 and 255")
    return {"type": "string", "length": length}


def _long_text(node: Node, _sets: ValueSets) -> dict[str, Any]:
    _need(node, "length", "visibleLines")
    if not 256 <= node.number("length") <= 131_072:
        raise Problem("The length of a long text area must be between 256 and 131072")
    return {"type": "textarea", "length": node.number("length")}


def _area(_node: Node, _sets: ValueSets) -> dict[str, Any]:
    return {"type": "textarea", "length": 255}


def _number(kind: str) -> Kind:
    def numeric(node: Node, _sets: ValueSets) -> dict[str, Any]:
        if node.first("formula") is None:
            _need(node, "precision", "scale")
        precision, scale = node.number("precision"), node.number("scale")
        if precision > 18 or scale > precision:
            raise Problem("The precision must be at most 18 and not less than the scale")
        return {"type": kind, "precision": precision or 18, "scale": scale}

    return numeric


def _simple(kind: str, length: int = 0) -> Kind:
    return lambda _node, _sets: {"type": kind, "length": length}


def _checkbox(node: Node, _sets: ValueSets) -> dict[str, Any]:
    if node.first("formula") is None:
        _need(node, "defaultValue")
    return {
        "type": "boolean",
        "nillable": False,
        "defaulted_on_create": True,
        "default": node.flag("defaultValue"),
    }


def _picklist(node: Node, sets: ValueSets) -> dict[str, Any]:
    return {"type": "picklist", "length": 255, **_values(node, sets)}


def _multi(node: Node, sets: ValueSets) -> dict[str, Any]:
    _need(node, "visibleLines")
    return {"type": "multipicklist", "length": 4099, **_values(node, sets)}


def _values(node: Node, sets: ValueSets) -> dict[str, Any]:
    value_set = node.first("valueSet")
    if value_set is None:
        raise Problem("Must specify 'valueSet' for a picklist field")
    named = value_set.text("valueSetName")
    if named:
        if named not in sets:
            raise Problem(f"In field: valueSet - no GlobalValueSet named {named} found")
        return {"choices": sets[named], "restricted": True}
    definition = value_set.first("valueSetDefinition")
    if definition is None:
        raise Problem("Must specify 'valueSetDefinition' or 'valueSetName' for a picklist field")
    told = {"choices": choices(definition, "value"), "restricted": value_set.flag("restricted")}
    defaults = [one.text("fullName") for one in definition.all("value") if one.flag("default")]
    if len(defaults) > 1:
        raise Problem(f"Only one picklist value can be the default: {', '.join(defaults)}")
    return {**told, "default": defaults[0], "defaulted_on_create": True} if defaults else told


def choices(node: Node, tag: str) -> tuple[Choice, ...]:
    """Picklist values from the children of this name. Raises Problem for one given twice."""
    found: dict[str, Choice] = {}
    for value in node.all(tag):
        name = value.text("fullName")
        if not name:
            raise Problem("Required field is missing: fullName")
        if name.lower() in found:
            raise Problem(f"Duplicate picklist value: {name}")
        active = value.text("isActive").lower() != "false"
        found[name.lower()] = Choice(name, value.text("label") or name, active)
    return tuple(found.values())


def _lookup(node: Node, _sets: ValueSets) -> dict[str, Any]:
    _need(node, "referenceTo")
    name = node.text("fullName").removesuffix("__c")
    child = node.text("relationshipName")
    return {
        "type": "reference",
        "length": 18,
        "reference_to": (node.text("referenceTo"),),
        "relationship": f"{name}__r",
        "children": f"{child}__r" if child else None,
        "external_id": False,
        "unique": False,
    }


def _master_detail(node: Node, sets: ValueSets) -> dict[str, Any]:
    _need(node, "relationshipName")
    return {
        **_lookup(node, sets),
        "nillable": False,
        "cascade": True,
        "updateable": node.flag("reparentableMasterDetail"),
    }


def _summary(node: Node, _sets: ValueSets) -> dict[str, Any]:
    """A roll-up summary field: `summaryForeignKey` is `Child.Reference`."""
    _need(node, "summaryForeignKey", "summaryOperation")
    child, _, reference = node.text("summaryForeignKey").partition(".")
    does = node.text("summaryOperation")
    if does != "count":
        _need(node, "summarizedField")
    value = node.text("summarizedField").partition(".")[2] or None
    told = {"of": child, "by": reference, "does": does, "value": value}
    fixed = {"createable": False, "updateable": False, "calculated": True}
    return {
        "type": "double",
        "precision": 18,
        "scale": 0 if does == "count" else 2,
        **fixed,
        "raw": {SUMMARY: told},
    }


_KINDS: dict[str, Kind] = {
    "Checkbox": _checkbox,
    "Currency": _number("currency"),
    "Date": _simple("date"),
    "DateTime": _simple("datetime"),
    "Email": _simple("email", 80),
    "LongTextArea": _long_text,
    "Lookup": _lookup,
    "MasterDetail": _master_detail,
    "MultiselectPicklist": _multi,
    "Number": _number("double"),
    "Percent": _number("percent"),
    "Phone": _simple("phone", 40),
    "Picklist": _picklist,
    "Summary": _summary,
    "Text": _text,
    "TextArea": _area,
    "Url": _simple("url", 255),
}
