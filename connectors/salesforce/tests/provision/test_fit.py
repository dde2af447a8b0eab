"""Whether a field that is there can serve, and what is made where none is."""

from __future__ import annotations

import dataclasses

import pytest

from prmsync.connector.provisioning import FieldNeed
from prmsync.connector.schema import FieldSchema, FieldType
from prmsync_salesforce.provision.fit import misfits
from prmsync_salesforce.provision.making import can_be_made, made_field, with_values
from prmsync_salesforce.provision.source import source

TEXT = FieldNeed("Name__c", "name", (FieldType.TEXT, FieldType.PICKLIST))
KEY = FieldNeed("Key__c", "external key", (FieldType.TEXT,), unique=True, length=36)
LOOKUP = FieldNeed("Partner__c", "partner", (FieldType.REFERENCE,), references="Account")
PICK = FieldNeed("Status__c", "status", (FieldType.PICKLIST,), values=("active", "Gone away"))


def found(need, kind, **more):
    return FieldSchema(need.name, "Label", kind, **more)


def said(need, kind, **more):
    return [one.message for one in misfits("Account", need, found(need, kind, **more))]


@pytest.mark.parametrize(
    ("need", "kind", "more"),
    [
        (TEXT, FieldType.TEXT, {"length": 10}),
        (TEXT, FieldType.PICKLIST, {}),
        (KEY, FieldType.TEXT, {"unique": True, "length": 255}),
        (LOOKUP, FieldType.REFERENCE, {"references": ("Account", "Lead")}),
        (PICK, FieldType.PICKLIST, {"restricted": False}),
        (
            PICK,
            FieldType.PICKLIST,
            {"restricted": True, "picklist": {"Active": "Active", "gone": "gone away"}},
        ),
    ],
)
def test_a_field_that_can_serve_is_left_without_a_word(need, kind, more):
    assert said(need, kind, **more) == []


def test_another_type_names_the_types_that_would_do():
    assert said(TEXT, FieldType.DATETIME) == ["is a datetime field; name needs text or picklist"]


def test_a_key_that_is_not_unique_or_too_short_is_told_both():
    told = said(KEY, FieldType.TEXT, length=18)
    assert told[0].startswith("is not unique")
    assert told[1] == "holds 18 characters; external key needs 36"


def test_a_lookup_elsewhere_names_both_objects():
    told = said(LOOKUP, FieldType.REFERENCE, references=("Contact",))
    assert told == ["looks up to Contact, not to Account"]


def test_a_restricted_picklist_names_the_values_that_it_lacks():
    told = said(PICK, FieldType.PICKLIST, restricted=True, picklist={"active": "Active"})
    assert told == ["is a restricted picklist without Gone away"]


@pytest.mark.parametrize(
    ("name", "can"),
    [
        ("PRM_Tier__c", True),
        ("Ümlaut__c", False),
        ("Website", False),
        ("pkg__Tier__c", False),
        ("Tier__r", False),
        ("Bad Name__c", False),
    ],
)
def test_only_custom_names_of_the_orgs_own_can_be_made(name, can):
    assert can_be_made(name) is can


def test_made_fields_are_of_the_first_type_that_fits():
    kinds = {
        (FieldType.NUMBER,): "Number",
        (FieldType.BOOLEAN,): "Checkbox",
        (FieldType.DATE,): "Date",
        (FieldType.DATETIME,): "DateTime",
        (FieldType.PICKLIST, FieldType.TEXT): "Text",
        (FieldType.TEXT,): "Text",
    }
    for types, wanted in kinds.items():
        made = made_field("Account", dataclasses.replace(TEXT, types=types))
        assert made.said("type") == wanted
    assert made_field("Account", PICK).said("type") == "Picklist"
    assert made_field("Account", KEY).said("unique") == "true"
    assert made_field("Account", LOOKUP).said("referenceTo") == "Account"


def test_lookups_of_two_objects_to_one_have_child_names_of_their_own():
    names = {made_field(on, LOOKUP).said("relationshipName") for on in ("Deal__c", "Offer__c")}
    assert names == {"Deal_Partner", "Offer_Partner"}


def values(definition):
    listed = definition.one("valueSet").one("valueSetDefinition")
    return [one.said("fullName") for one in listed.all("value")]


def test_values_that_a_mapping_writes_are_added_to_a_shipped_picklist_once():
    shipped = source().fields["Account", "PRM_Status__c"]
    assert with_values(shipped, ("active", "Prospect")) == shipped
    grown = with_values(shipped, ("active", "Interessent"))
    assert values(grown) == [*values(shipped), "Interessent"]


def test_a_picklist_of_a_shared_value_set_is_left_as_it_is():
    shipped = source().fields["Account", "PRM_Sync_State__c"]
    assert with_values(shipped, ("Something",)) == shipped
