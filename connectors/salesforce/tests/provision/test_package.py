"""The zip of a deployment: the same bytes each time, and only what the org lacks."""

from __future__ import annotations

import io
import zipfile

import pytest

from prmsync_salesforce.provision.package import Parts, files_of, zipped
from prmsync_salesforce.provision.source import PEOPLE_SET, SERVICE_SET, source
from prmsync_salesforce.provision.xml import parsed, written


def only(fields, **changed):
    kept = {name: one for name, one in source().fields.items() if name in fields}
    return Parts(fields=kept, **changed)


def members(files):
    manifest = parsed(files["package.xml"])
    return {
        one.said("name"): [member.text for member in one.all("members")]
        for one in manifest.all("types")
    }


def test_the_same_parts_give_the_same_bytes_in_whatever_order_they_come(everything):
    files = files_of(source(), everything(), "68.0")
    turned = dict(reversed(files.items()))
    assert zipped(files) == zipped(turned)
    with zipfile.ZipFile(io.BytesIO(zipped(files))) as archive:
        assert archive.namelist() == sorted(files)
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_manifest_names_every_part_and_nothing_else(everything):
    named = members(files_of(source(), everything(), "68.0"))
    assert len(named["CustomField"]) == len(source().fields)
    assert set(named["CustomObject"]) == set(source().objects)
    assert len(named["ListView"]) == len(source().list_views)
    assert named["PermissionSet"] == [PEOPLE_SET, SERVICE_SET]
    assert "RecordType" not in named


def test_an_objects_file_holds_only_the_fields_that_are_made():
    files = files_of(source(), only({("Account", "PRM_Tier__c")}), "68.0")
    assert sorted(files) == ["objects/Account.object", "package.xml"]
    account = parsed(files["objects/Account.object"])
    assert [child.tag for child in account.children] == ["fields"]
    assert members(files) == {"CustomField": ["Account.PRM_Tier__c"]}


def test_permission_sets_leave_out_fields_and_objects_that_the_org_will_not_have():
    parts = only({("Account", "PRM_Tier__c")}, permission_sets=(SERVICE_SET,))
    files = files_of(source(), parts, "68.0")
    one = parsed(files[f"permissionsets/{SERVICE_SET}.permissionset"])
    assert [field.said("field") for field in one.all("fieldPermissions")] == ["Account.PRM_Tier__c"]
    objects = [found.said("object") for found in one.all("objectPermissions")]
    assert objects == ["Account", "Opportunity"]
    assert one.said("label") == "Partner Sync: service user"


def test_list_views_and_the_page_leave_out_fields_that_the_org_will_not_have(everything):
    kept = {name: one for name, one in source().fields.items() if name[1] != "Amount__c"}
    files = files_of(source(), everything(fields=kept), "68.0")
    texts = {name: data for name, data in files.items() if name.startswith(("obj", "lay"))}
    assert not [name for name, data in texts.items() if b">Amount__c<" in data]
    whole = files_of(source(), everything(), "68.0")
    assert [name for name, data in whole.items() if b">Amount__c<" in data]


@pytest.mark.parametrize("text", ["a < b & c", "Größe „x“", "  spaced  "])
def test_text_survives_writing_and_reading(text):
    from prmsync_salesforce.provision.xml import node

    assert parsed(written(node("Root", [node("label", text)]))).said("label") == text
