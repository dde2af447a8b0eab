"""`retrieve`: what an org has, in files that can be deployed again."""

from __future__ import annotations

import base64
import io
import zipfile
from xml.etree import ElementTree

import pytest

from prmsync_salesforce.provision.package import files_of, zipped
from prmsync_salesforce.provision.source import source
from prmsync_salesforce.simulator.settings import OrgSettings

NS = "{http://soap.sforce.com/2006/04/metadata}"


@pytest.fixture
def admin(soap, new_org):
    """The administrator of an org in which nobody has made anything yet."""
    return soap(new_org(OrgSettings(prepared=False)), "dana.admin@crm.example.com")


@pytest.fixture
def shipped(everything):
    """Everything that ships, as the files of a deployment."""
    return files_of(source(), everything(), "68.0")


def deploy(admin, files):
    content = base64.b64encode(zipped(files)).decode()
    number = told(admin("deploy", f"<ZipFile>{content}</ZipFile>"), "id")
    asked = f"<asyncProcessId>{number}</asyncProcessId>"
    admin("checkDeployStatus", asked)
    assert told(admin("checkDeployStatus", asked), "status") == "Succeeded"


def told(answer, name):
    status, body = answer
    assert status == 200, ElementTree.tostring(body)
    return next(body.iter(f"{NS}{name}")).text


def retrieve(admin, manifest):
    """The answer once it is there, and its files by name."""
    request = f"<request><apiVersion>68.0</apiVersion><unpackaged>{manifest}</unpackaged></request>"
    number = told(admin("retrieve", request), "id")
    asked = f"<asyncProcessId>{number}</asyncProcessId>"
    assert told(admin("checkRetrieveStatus", asked), "status") == "InProgress"
    done = admin("checkRetrieveStatus", asked)
    content = base64.b64decode(told(done, "zipFile"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return done[1], {name: archive.read(name) for name in archive.namelist()}


def types(kind, *members):
    names = "".join(f"<members>{one}</members>" for one in members)
    return f"<types>{names}<name>{kind}</name></types>"


def parts(text):
    """A file's elements in no order, blanks between them left out."""
    return sorted(ElementTree.canonicalize(one, strip_text=True) for one in pieces(text))


def pieces(text):
    return [ElementTree.tostring(one) for one in ElementTree.fromstring(text)]


def test_what_was_deployed_comes_back_as_it_came(admin, shipped):
    deploy(admin, shipped)
    files = dict(shipped)
    manifest = ElementTree.fromstring(files.pop("package.xml"))
    wanted = "".join(
        types(one.findtext(f"{NS}name"), *(each.text for each in one.iter(f"{NS}members")))
        for one in manifest.iter(f"{NS}types")
    )
    answer, found = retrieve(admin, wanted)
    assert list(answer.iter(f"{NS}messages")) == []
    del found["unpackaged/package.xml"]
    assert found.keys() == {f"unpackaged/{name}" for name in files}
    for name, text in files.items():
        assert parts(found[f"unpackaged/{name}"]) == parts(text), name


def test_it_can_be_deployed_to_another_org(soap, admin, new_org, shipped):
    deploy(admin, shipped)
    kinds = ("GlobalValueSet", "Layout", "CustomTab")
    wanted = types("CustomObject", "PRM_Registration__c") + "".join(
        types(kind, "*") for kind in kinds
    )
    wanted += types("CustomField", "Opportunity.PRM_Number__c")
    _, found = retrieve(admin, wanted)
    other = soap(new_org(OrgSettings(prepared=False)), "dana.admin@crm.example.com")
    deploy(other, {name.partition("/")[2]: text for name, text in found.items()})
    table = other.org.simulator.org.database.table("PRM_Registration__c")
    assert "Amount__c" in table.definition.fields


def test_what_somebody_made_in_setup_comes_as_it_is_read(soap, new_org):
    admin = soap(new_org(), "dana.admin@crm.example.com")
    _, found = retrieve(admin, types("CustomField", "PRM_Registration__c.Amount__c"))
    (field,) = ElementTree.fromstring(found["unpackaged/objects/PRM_Registration__c.object"])
    assert field.tag == f"{NS}fields"
    assert field.findtext(f"{NS}fullName") == "Amount__c"
    assert field.findtext(f"{NS}type") == "Number"


def test_what_there_is_not_is_told_and_the_rest_comes(admin, shipped):
    deploy(admin, shipped)
    wanted = types("Layout", "Account-Nope") + types("GlobalValueSet", "PRM_Sync_State")
    answer, found = retrieve(admin, wanted)
    (message,) = answer.iter(f"{NS}messages")
    problem = "Entity of type 'Layout' named 'Account-Nope' cannot be found"
    assert message.findtext(f"{NS}problem") == problem
    assert "unpackaged/globalValueSets/PRM_Sync_State.globalValueSet" in found


def test_a_deployment_that_is_only_checked_or_fails_leaves_nothing_to_retrieve(admin, shipped):
    content = base64.b64encode(zipped(shipped)).decode()
    options = "<DeployOptions><checkOnly>true</checkOnly></DeployOptions>"
    admin("deploy", f"<ZipFile>{content}</ZipFile>{options}")
    answer, found = retrieve(admin, types("Layout", "*") + types("GlobalValueSet", "*"))
    assert list(found) == ["unpackaged/package.xml"]
    assert list(answer.iter(f"{NS}fileProperties")) == []


def test_it_is_there_again_in_an_org_that_was_restored(admin, new_org, soap, shipped):
    deploy(admin, shipped)
    _, state = admin.org.call("GET", "/_simulator/state")
    again = new_org(OrgSettings(prepared=False))
    again.call("PUT", "/_simulator/state", state)
    other = soap(again, "dana.admin@crm.example.com")
    wanted = types("Layout", "*") + types("CustomObject", "PRM_Registration__c")
    assert retrieve(other, wanted)[1] == retrieve(admin, wanted)[1]


def test_who_is_no_administrator_retrieves_nothing(soap, org):
    service = soap(org, "integration@crm.example.com")
    status, answer = service("retrieve", types("Layout", "*"))
    assert status == 500
    assert "INSUFFICIENT_ACCESS" in "".join(answer.itertext())


def test_a_retrieval_that_there_is_not_is_told(admin):
    status, answer = admin(
        "checkRetrieveStatus", "<asyncProcessId>09S000000000009</asyncProcessId>"
    )
    assert status == 500
    assert "NOT_FOUND" in "".join(answer.itertext())
