"""Describe answers become neutral schemas."""

from __future__ import annotations

import pytest

from prmsync.connector.schema import FieldType
from prmsync_salesforce.describe import object_schema


def field(name, kind, **more):
    return {"name": name, "label": name.title(), "type": kind, "createable": True, **more}


def described(*fields, **more):
    return {"name": "Opportunity", "label": "Opportunity", "fields": list(fields), **more}


@pytest.mark.parametrize(
    ("kind", "neutral"),
    [
        ("string", FieldType.TEXT),
        ("textarea", FieldType.TEXT),
        ("email", FieldType.TEXT),
        ("url", FieldType.TEXT),
        ("id", FieldType.TEXT),
        ("currency", FieldType.NUMBER),
        ("double", FieldType.NUMBER),
        ("percent", FieldType.NUMBER),
        ("int", FieldType.NUMBER),
        ("boolean", FieldType.BOOLEAN),
        ("date", FieldType.DATE),
        ("datetime", FieldType.DATETIME),
        ("picklist", FieldType.PICKLIST),
        ("multipicklist", FieldType.MULTI_PICKLIST),
        ("reference", FieldType.REFERENCE),
    ],
)
def test_types_are_neutral(kind, neutral):
    assert object_schema(described(field("X", kind)), "EUR").fields["X"].type is neutral


@pytest.mark.parametrize("kind", ["address", "location", "base64", "complexvalue"])
def test_compound_and_binary_fields_are_left_out(kind):
    assert object_schema(described(field("X", kind)), "EUR").fields == {}


def test_a_field_keeps_what_the_mapping_is_checked_against():
    found = object_schema(
        described(
            field("Amount", "currency", scale=2, precision=18, updateable=True, nillable=True),
            field("Count", "int", scale=0, digits=8),
            field("Name", "string", length=120, nillable=False, unique=True),
            field("Flag", "boolean", nillable=False, defaultedOnCreate=True),
            field("Filled", "string", nillable=False, defaultValueFormula='"EMEA"'),
            field("Formula", "double", createable=False, nillable=False, scale=4),
            field("AccountId", "reference", referenceTo=["Account"], length=18),
        ),
        "EUR",
    ).fields
    assert (found["Amount"].scale, found["Amount"].updateable) == (2, True)
    assert found["Count"].scale == 0
    assert (found["Name"].length, found["Name"].required, found["Name"].unique) == (120, True, True)
    assert not found["Flag"].required
    assert not found["Filled"].required
    assert not found["Formula"].required
    assert found["Formula"].scale == 4
    assert found["AccountId"].references == ("Account",)


def test_only_active_picklist_values_are_offered():
    values = [
        {"active": True, "value": "a", "label": "A"},
        {"active": False, "value": "b", "label": "B"},
        {"active": True, "value": "c", "label": None},
    ]
    schema = object_schema(
        described(field("P", "picklist", picklistValues=values, restrictedPicklist=True)), "EUR"
    )
    assert schema.fields["P"].picklist == {"a": "A", "c": "c"}
    assert schema.fields["P"].restricted


def stage(name, order, *, active=True, closed=False, won=False, probability=10.0):
    return {
        "ApiName": name,
        "MasterLabel": f"{name} label",
        "SortOrder": order,
        "DefaultProbability": probability,
        "IsActive": active,
        "IsClosed": closed,
        "IsWon": won,
    }


def test_stages_are_one_default_pipeline_and_one_for_each_record_type():
    infos = [
        {"available": True, "master": True, "developerName": "Master", "recordTypeId": "m"},
        {"available": True, "master": False, "developerName": "Channel", "recordTypeId": "012x"},
        {"available": False, "master": False, "developerName": "Hidden", "recordTypeId": "012y"},
    ]
    stages = [
        stage("Prospecting", 1),
        stage("Old", 2, active=False),
        stage("Closed Won", 3, closed=True, won=True, probability=100),
    ]
    schema = object_schema(described(recordTypeInfos=infos), "EUR", stages)
    assert schema.record_types == {"Channel": "012x"}
    assert [(item.id, item.label) for item in schema.pipelines] == [
        ("default", "default"),
        ("012x", "Channel"),
    ]
    first, last = schema.pipelines[0].stages
    assert (first.id, first.label, first.probability) == ("Prospecting", "Prospecting label", 0.1)
    assert (last.closed, last.won, last.probability) == (True, True, 1.0)
