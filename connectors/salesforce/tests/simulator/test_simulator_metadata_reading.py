"""`listMetadata` and `readMetadata`: what an org has, in the words of its deployments."""

from __future__ import annotations

import pytest

from prmsync_salesforce.simulator.metadata.fields import custom_field
from prmsync_salesforce.simulator.metadata.xmltree import Node

NS = "{http://soap.sforce.com/2006/04/metadata}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
SHIPPED = "PRM_Registration__c"


@pytest.fixture
def admin(soap, org):
    return soap(org, "dana.admin@crm.example.com")


def test_components_are_listed_by_kind_with_their_files(admin):
    objects = admin.names("CustomObject")
    assert {"Account", "Opportunity", SHIPPED} <= set(objects)
    assert {"EntityDefinition", "PermissionSet"}.isdisjoint(objects)
    assert objects[SHIPPED].findtext(f"{NS}fileName") == f"objects/{SHIPPED}.object"
    fields = admin.names("CustomField")
    assert f"{SHIPPED}.Amount__c" in fields and "Account.Name" not in fields
    told = fields[f"{SHIPPED}.Amount__c"]
    assert told.findtext(f"{NS}type") == "CustomField"
    assert told.findtext(f"{NS}lastModifiedDate").endswith("Z")
    assert told.findtext(f"{NS}createdByName")
    assert admin.names("Layout") == {}


def test_what_somebody_made_in_setup_is_listed_under_its_own_id(org, admin):
    rule = {"object": "Account", "when": "Name = 'X'", "message": "no", "name": "No_X"}
    org.call("POST", "/_simulator/validation_rules", rule)
    values = {"SobjectType": "Opportunity", "DeveloperName": "Partner", "Name": "Partner deal"}
    org.call("POST", "/_simulator/records", {"object": "RecordType", "values": values})
    (listed,) = admin.names("RecordType").items()
    assert listed[0] == "Opportunity.Partner"
    assert listed[1].findtext(f"{NS}id").startswith("012")


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [
        ("Amount__c", "Number", {"precision", "scale"}),
        ("PRM_Registration_Id__c", "Text", {"length", "unique", "externalId"}),
        ("Partner__c", "Lookup", {"referenceTo", "relationshipName"}),
        ("Review_State__c", "Picklist", {"valueSet"}),
        ("Expected_Close__c", "Date", set()),
    ],
)
def test_a_field_is_read_in_the_words_that_deploy_it(admin, name, kind, more):
    (field,) = admin.read("CustomField", f"{SHIPPED}.{name}")
    assert field.get(f"{XSI}type") == "CustomField"
    assert field.findtext(f"{NS}type") == kind
    assert field.findtext(f"{NS}fullName") == f"{SHIPPED}.{name}"
    assert more <= {child.tag.removeprefix(NS) for child in field}


def test_an_object_is_read_with_its_custom_fields_and_the_unknown_is_nil(admin):
    one, nobody = admin.read("CustomObject", SHIPPED, "Nobody__c")
    assert one.findtext(f"{NS}label") == "Deal Registration"
    names = {field.findtext(f"{NS}fullName") for field in one.iter(f"{NS}fields")}
    assert "Amount__c" in names and "Name" not in names
    assert nobody.get(f"{XSI}nil") == "true" and list(nobody) == []


def test_what_is_read_of_an_object_can_be_deployed(admin):
    """Every field comes back as the simulator's own deployment takes it."""
    (one,) = admin.read("CustomObject", SHIPPED)
    schema = admin.org.simulator.org.database.table(SHIPPED).definition
    for element in one.iter(f"{NS}fields"):
        made = custom_field(Node(element), {})
        known = schema.fields[made.name]
        assert (made.type, made.length, made.precision, made.scale) == (
            known.type,
            known.length,
            known.precision,
            known.scale,
        )
        assert [choice.value for choice in made.choices] == [one.value for one in known.choices]
        assert made.reference_to == known.reference_to


@pytest.mark.parametrize(
    ("call", "inner", "code"),
    [
        ("listMetadata", "<queries><type>Nope</type></queries>", "INVALID_TYPE"),
        ("readMetadata", "<type>Layout</type><fullNames>x</fullNames>", "INVALID_TYPE"),
        (
            "readMetadata",
            "<type>CustomField</type>" + "<fullNames>x</fullNames>" * 11,
            "LIMIT_EXCEEDED",
        ),
    ],
)
def test_what_cannot_be_listed_or_read_is_refused(admin, call, inner, code):
    status, answer = admin(call, inner)
    assert status == 500
    assert code in "".join(answer.itertext())


def test_who_is_no_administrator_sees_no_metadata(soap, org):
    service = soap(org, "integration@crm.example.com")
    status, answer = service("listMetadata", "<queries><type>CustomObject</type></queries>")
    assert status == 500
    assert "INSUFFICIENT_ACCESS" in "".join(answer.itertext())
