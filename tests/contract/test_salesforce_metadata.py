"""The shipped Salesforce mappings and the shipped Salesforce metadata fit each other exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.provisioning import FieldNeed, ObjectNeed
from prmsync.mapping.load import read_mappings
from prmsync.service.runtime import utc_now
from prmsync.sync.needs import needs_of
from prmsync_salesforce.provision.package import Parts, files_of, zipped
from prmsync_salesforce.provision.source import PEOPLE_SET, SERVICE_SET, source
from prmsync_salesforce.provision.words import FALLBACKS
from prmsync_salesforce.simulator.app import SalesforceSimulator
from prmsync_salesforce.simulator.metadata.apply import Applier
from prmsync_salesforce.simulator.metadata.package import read_package
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.schema import FieldDefinition
from prmsync_salesforce.simulator.settings import OrgSettings

ROOT = Path(__file__).resolve().parents[2]
MAPPINGS = sorted((ROOT / "mappings" / "salesforce").glob("*.yaml"))
JUNCTION = ROOT / "docs" / "examples" / "salesforce-relation-without-partners.yaml"


def needs(*files: Path) -> list[ObjectNeed]:
    mappings, findings = read_mappings(list(files))
    assert findings == []
    return needs_of(mappings)


@pytest.fixture(scope="module")
def standard() -> dict[str, set[str]]:
    """The fields of an org in which nobody has made anything yet."""
    options = SimulatorOptions(now=utc_now)
    org = SalesforceSimulator(options, OrgSettings(prepared=False)).org
    return {name: set(table.definition.fields) for name, table in org.database.tables.items()}


def named() -> dict[tuple[str, str], FieldNeed]:
    found = needs(*MAPPINGS) + needs(JUNCTION)
    return {(one.object, field.name): field for one in found for field in one.fields}


def test_every_mapped_field_is_standard_or_in_the_metadata(standard: dict[str, set[str]]) -> None:
    missing = [
        f"{on}.{name}"
        for on, name in named()
        if name not in standard.get(on, ()) and (on, name) not in source().fields and name != "Name"
    ]
    assert missing == []


def test_every_field_of_the_metadata_is_mapped_or_stands_in_for_a_standard_one() -> None:
    fallbacks = " ".join(FALLBACKS.values())
    unused = [
        f"{on}.{name}"
        for on, name in source().fields
        if (on, name) not in named() and name not in fallbacks
    ]
    assert unused == []


def test_every_object_of_the_metadata_is_mapped() -> None:
    assert set(source().objects) <= {on for on, _ in named()}


TYPES = {
    "Text": {"text"},
    "LongTextArea": {"text"},
    "Picklist": {"picklist"},
    "MultiselectPicklist": {"multi_picklist"},
    "Checkbox": {"boolean"},
    "Date": {"date"},
    "DateTime": {"datetime"},
    "Currency": {"number"},
    "Number": {"number"},
    "Percent": {"number"},
    "Lookup": {"reference"},
    "MasterDetail": {"reference"},
}


@pytest.mark.parametrize("name", sorted(source().fields), ids=".".join)
def test_a_field_is_of_a_type_that_its_mapping_can_use(name: tuple[str, str]) -> None:
    need, definition = named().get(name), source().fields[name]
    if need is None:
        return
    kinds = TYPES[definition.said("type")]
    assert kinds & {one.value for one in need.types}
    if need.unique:
        assert definition.said("unique") == definition.said("externalId") == "true"
        assert int(definition.said("length")) == need.length
    if need.references:
        assert definition.said("referenceTo") == need.references


@pytest.mark.parametrize("name", sorted(source().fields), ids=".".join)
def test_a_picklist_offers_every_value_that_its_mapping_writes(name: tuple[str, str]) -> None:
    need, definition = named().get(name), source().fields[name]
    shared = definition.said("valueSet", "valueSetName")
    values = (
        source().value_sets[shared].all("customValue")
        if shared
        else (
            one
            for holder in definition.all("valueSet")
            for listed in holder.all("valueSetDefinition")
            for one in listed.all("value")
        )
    )
    offered = {one.said("fullName") for one in values}
    wanted = set(need.values) if need is not None else set()
    assert wanted <= offered
    if definition.said("valueSet", "restricted") == "true" and wanted:
        assert offered == wanted


def grants(name: str, tag: str, inside: str) -> set[str]:
    return {one.said(inside) for one in source().permission_sets[name].all(tag)}


@pytest.mark.parametrize("name", [SERVICE_SET, PEOPLE_SET])
def test_the_permission_sets_grant_every_field_that_can_be_granted(name: str) -> None:
    grantable = {
        f"{on}.{field}"
        for (on, field), one in source().fields.items()
        if one.said("type") != "MasterDetail"
    }
    assert grants(name, "fieldPermissions", "field") == grantable
    assert grants(name, "objectPermissions", "object") == {on for on, _ in source().fields}


def test_the_service_user_may_write_everything_and_change_no_set_up() -> None:
    service = source().permission_sets[SERVICE_SET]
    assert all(one.said("editable") == "true" for one in service.all("fieldPermissions"))
    assert all(one.said("modifyAllRecords") == "false" for one in service.all("objectPermissions"))
    system = {one.said("name") for one in service.all("userPermissions")}
    assert system == {"ApiEnabled", "ViewRoles", "ViewSetup"}


def test_people_may_decide_and_may_not_write_what_only_prmsync_writes() -> None:
    editable = {
        one.said("field").partition(".")[2]
        for one in source().permission_sets[PEOPLE_SET].all("fieldPermissions")
        if one.said("editable") == "true"
    }
    assert "PRM_Sync_Decision__c" in editable
    assert not editable & {"PRM_Sync_State__c", "PRM_Sync_Reason__c", "Review_State__c"}
    assert not [name for name in editable if name.endswith("_Id__c")]


def test_the_page_of_a_registration_shows_all_that_is_mapped() -> None:
    [layout] = source().layouts.values()
    shown = {
        item.said("field")
        for section in layout.all("layoutSections")
        for column in section.all("layoutColumns")
        for item in column.all("layoutItems")
    }
    mapped = {name for on, name in named() if on == "PRM_Registration__c"}
    assert mapped <= shown


def test_there_are_lists_of_conflicts_and_of_what_waits_on_every_object() -> None:
    views = set(source().list_views)
    for on in ("Account", "Opportunity", "PRM_Registration__c"):
        assert {(on, "PRM_Needs_Decision"), (on, "PRM_Not_In_Step")} <= views
    for on in ("Opportunity", "PRM_Registration__c"):
        assert (on, "PRM_In_Conflict") in views


def test_list_views_and_pages_name_only_fields_that_there_are(
    standard: dict[str, set[str]],
) -> None:
    for (on, name), view in source().list_views.items():
        columns = [one.text for one in view.all("columns")]
        filters = [one.said("field") for one in view.all("filters")]
        for column in (*columns, *filters):
            if column.endswith("__c"):
                assert (on, column) in source().fields, (on, name, column)


def test_the_prepared_simulated_org_takes_what_the_shipped_metadata_takes() -> None:
    """A rehearsal there must not be more lenient than the org that provisioning makes."""
    deployed, prepared = (
        made_by_deployment(),
        SalesforceSimulator(SimulatorOptions(now=utc_now)).org,
    )
    there = [
        (table.definition.fields[name], deployed.database.tables[on].definition.fields[name])
        for on, name in source().fields
        if (table := prepared.database.table(on)) and name in table.definition.fields
    ]
    assert len(there) > 60
    unlike = [ours.name for theirs, ours in there if takes(theirs) != takes(ours)]
    assert unlike == []


def made_by_deployment() -> Org:
    found = source()
    parts = Parts(
        objects=found.objects,
        fields=found.fields,
        value_sets=tuple(found.value_sets),
        present_objects=frozenset({"Account", "Opportunity"}),
    )
    options = SimulatorOptions(now=utc_now)
    org = SalesforceSimulator(options, OrgSettings(prepared=False)).org
    for component in read_package(zipped(files_of(found, parts, "68.0"))).components:
        Applier(org).apply(component)
    return org


def takes(field: FieldDefinition) -> tuple[Any, ...]:
    choices = {one.value for one in field.choices if one.active and field.restricted}
    sizes = (field.length, field.precision, field.scale)
    return field.type, sizes, field.restricted, choices, field.unique, field.nillable
