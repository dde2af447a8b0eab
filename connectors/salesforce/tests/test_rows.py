"""Rows become records with canonical values; canonical values become JSON."""

from __future__ import annotations

import orjson
import pytest

from prmsync.connector.protocol import ObjectSpec
from prmsync.connector.schema import FieldSchema, FieldType, ObjectSchema
from prmsync.errors import SchemaError
from prmsync_salesforce.rows import RowPlan, sendable

TYPES = {
    "Id": FieldType.TEXT,
    "IsDeleted": FieldType.BOOLEAN,
    "SystemModstamp": FieldType.DATETIME,
    "LastModifiedById": FieldType.REFERENCE,
    "Name": FieldType.TEXT,
    "Amount": FieldType.NUMBER,
    "CloseDate": FieldType.DATE,
    "Seen_At__c": FieldType.DATETIME,
    "Lines__c": FieldType.MULTI_PICKLIST,
    "Won__c": FieldType.BOOLEAN,
    "AccountId": FieldType.REFERENCE,
    "StageName": FieldType.PICKLIST,
}


def schema(**more: FieldType) -> ObjectSchema:
    fields = {
        name: FieldSchema(name, name, kind, scale=2 if kind is FieldType.NUMBER else None)
        for name, kind in {**TYPES, **more}.items()
    }
    return ObjectSchema("Opportunity", "Opportunity", fields)


def plan(*fields: str, **more: FieldType) -> RowPlan:
    return RowPlan(ObjectSpec("opportunity", "Opportunity", fields), schema(**more))


ROW = {
    "attributes": {"type": "Opportunity", "url": "/x"},
    "Id": "006000000000001AAA",
    "IsDeleted": False,
    "SystemModstamp": "2026-11-22T09:00:00.000+0000",
    "LastModifiedById": "005000000000001AAA",
    "Name": "Deal\r\nwith lines",
    "Amount": 48000.0,
    "CloseDate": "2026-12-31",
    "Seen_At__c": "2026-11-22T08:00:00.000+0000",
    "Lines__c": "firewall;backup",
    "Won__c": True,
    "AccountId": None,
    "StageName": "Prospecting",
}


def test_a_row_is_canonical():
    wanted = [name for name in TYPES if name in ROW][4:]
    (record,) = plan(*wanted).records([ROW])
    assert record.id == "006000000000001AAA"
    assert record.version == "2026-11-22T09:00:00.000Z"
    assert record.modified_by == "005000000000001AAA"
    assert not record.deleted
    assert record.values == {
        "Name": "Deal\nwith lines",
        "Amount": "48000.00",
        "CloseDate": "2026-12-31",
        "Seen_At__c": "2026-11-22T08:00:00.000Z",
        "Lines__c": "backup;firewall",
        "Won__c": True,
        "AccountId": None,
        "StageName": "Prospecting",
    }


def test_a_single_field_is_read_as_well():
    (record,) = plan("Amount").records([ROW])
    assert record.values == {"Amount": "48000.00"}


def test_a_row_that_leaves_out_empty_fields_is_read_as_well():
    row = {key: ROW[key] for key in ("Id", "SystemModstamp", "Name")}
    (record,) = plan("Name", "Amount").records([row])
    assert record.values == {"Name": "Deal\nwith lines", "Amount": None}


def test_names_keep_the_callers_spelling_and_are_sent_in_the_orgs():
    found = plan("amount", "NAME")
    assert found.fields[-2:] == ("Amount", "Name")
    assert found.records([ROW])[0].values == {"amount": "48000.00", "NAME": "Deal\nwith lines"}


def test_a_field_asked_for_twice_is_selected_once():
    assert plan("Id", "Amount", "amount", "IsDeleted").fields.count("Amount") == 1


def test_every_missing_field_is_named_with_a_near_spelling():
    with pytest.raises(SchemaError) as caught:
        plan("Amuont", "Nothing_Like_It__c", "Name")
    assert caught.value.fields == ("Amuont", "Nothing_Like_It__c")
    first, second = caught.value.findings
    assert first.where == "Opportunity.Amuont"
    assert "Amount" in first.hint
    assert second.hint == ""


def test_a_value_of_another_type_names_record_and_field_and_not_the_value():
    with pytest.raises(SchemaError) as caught:
        plan("Amount").records([{**ROW, "Amount": "Jane Doe"}])
    assert "006000000000001AAA" in caught.value.message
    assert "Amount" in caught.value.message
    assert "Jane" not in caught.value.message


def test_a_merged_account_names_the_one_that_is_left():
    merged = plan("Name", MasterRecordId=FieldType.REFERENCE)
    row = {**ROW, "IsDeleted": True, "MasterRecordId": "001000000000009AAA"}
    (record,) = merged.records([row])
    assert record.deleted
    assert record.merged_into == "001000000000009AAA"
    assert "MasterRecordId" not in plan("Name").fields


@pytest.mark.parametrize(
    ("value", "name", "sent"),
    [
        ("48000.10", "Amount", b"48000.10"),
        ("123456789012345678.91", "Amount", b"123456789012345678.91"),
        ("1],[2", "Amount", b'"1],[2"'),
        (None, "Amount", b"null"),
        (True, "Won__c", b"true"),
        (None, "Won__c", b"false"),
        (None, "Name", b"null"),
        ("2026-12-31", "CloseDate", b'"2026-12-31"'),
        ("12", "Name", b'"12"'),
    ],
)
def test_what_is_sent_keeps_every_digit_and_cannot_break_out(value, name, sent):
    assert orjson.dumps(sendable(value, schema().fields[name])) == sent


def test_a_field_may_be_written_without_being_read():
    assert plan("Name").column("amount").name == "Amount"
    with pytest.raises(SchemaError):
        plan("Name").column("Nothing__c")
