"""simple-salesforce itself against the served simulator."""

from __future__ import annotations

import io
import zipfile

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceGeneralError, SalesforceResourceNotFound

from prmsync.connector.simulator.serve import serving


class PlainHttp(HTTPAdapter):
    """simple-salesforce insists on https; loopback is served without TLS."""

    def send(self, request, *args, **kwargs):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


@pytest.fixture
def salesforce(org):
    with serving(org.simulator.handle) as base, requests.Session() as session:
        session.mount("https://", PlainHttp())
        form = {
            "grant_type": "client_credentials",
            "client_id": org.simulator.settings.client_id,
            "client_secret": org.simulator.settings.client_secret,
        }
        token = session.post(f"{base}/services/oauth2/token", data=form, timeout=5).json()
        assert token["instance_url"] == base
        yield Salesforce(
            instance_url=base.replace("http:", "https:"),
            session_id=token["access_token"],
            session=session,
            version="68.0",
        )


def test_simple_salesforce_reads_and_writes_records(salesforce):
    made = salesforce.Account.create({"Name": "Acme"})
    assert made["success"] is True
    assert salesforce.Account.update(made["id"], {"Website": "acme.example"}) == 204
    assert salesforce.Account.get(made["id"])["Website"] == "acme.example"
    assert salesforce.Account.upsert("PRM_Partner_Id__c/k1", {"Name": "By key"}) == 201
    assert salesforce.Account.get_by_custom_id("PRM_Partner_Id__c", "k1")["Name"] == "By key"
    assert salesforce.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Account.get(made["id"])
    salesforce.limits()
    assert salesforce.api_usage["api-usage"].used == 8


def test_simple_salesforce_queries_describes_and_uses_collections(salesforce):
    records = [
        {"attributes": {"type": "Account"}, "Name": f"A{n}", "PRM_Partner_Id__c": str(n)}
        for n in range(200)
    ]
    for start in range(0, 2400, 200):
        batch = [{**row, "PRM_Partner_Id__c": f"{start}-{row['Name']}"} for row in records]
        answer = salesforce.restful(
            "composite/sobjects/Account/PRM_Partner_Id__c", method="PATCH", json={"records": batch}
        )
        assert all(row["created"] for row in answer)
    everything = salesforce.query_all("SELECT Id, Name FROM Account")
    assert (everything["totalSize"], len(everything["records"])) == (2400, 2400)
    names = {field["name"] for field in salesforce.Opportunity.describe()["fields"]}
    assert {"StageName", "PRM_Opportunity_Id__c"} <= names
    assert len(salesforce.describe()["sobjects"]) >= 10
    assert salesforce.limits()["DailyApiRequests"]["Remaining"] > 0


_NS = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
_FIELD = (
    "<fields><fullName>Soap__c</fullName><label>Soap</label><length>20</length>"
    "<type>Text</type></fields>"
)


def package(field):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(
            "package.xml",
            f"<Package {_NS}><types><members>Account.Soap__c</members><name>CustomField</name>"
            "</types><version>68.0</version></Package>",
        )
        archive.writestr("objects/Account.object", f"<CustomObject {_NS}>{field}</CustomObject>")
    return content


def deploy(salesforce, field):
    job = salesforce.deploy(package(field), sandbox=False)
    salesforce.checkDeployStatus(job["asyncId"])
    return salesforce.checkDeployStatus(job["asyncId"])


def test_simple_salesforce_deploys_metadata_over_soap(org, salesforce):
    with pytest.raises(SalesforceGeneralError, match="INSUFFICIENT_ACCESS"):
        deploy(salesforce, _FIELD)
    [admin] = org.ids("SELECT Id FROM User WHERE Alias = 'dana.adm'")
    [profile] = org.ids("SELECT Id FROM Profile WHERE Name = 'System Administrator'")
    [me] = org.ids("SELECT Id FROM User WHERE Alias = 'integrat'")
    assert admin != me
    change = {"object": "User", "id": me, "values": {"ProfileId": profile}}
    org.call("PATCH", "/_simulator/records", change)
    done = deploy(salesforce, _FIELD)
    assert done["state"] == "Succeeded"
    assert done["deployment_detail"]["deployed_count"] == "1"
    failed = deploy(salesforce, _FIELD.replace("20", "999"))
    assert failed["state"] == "Failed"
    assert failed["deployment_detail"]["errors"][0]["message"].startswith("The length")


def test_simple_salesforce_runs_bulk_jobs(salesforce):
    rows = [
        {
            "PRM_Opportunity_Id__c": f"k{number}",
            "Name": f"Deal {number}" if number else "",
            "StageName": "Prospecting",
            "CloseDate": "2026-12-01",
        }
        for number in range(3)
    ]
    [done] = salesforce.bulk2.Opportunity.upsert(
        records=rows, external_id_field="PRM_Opportunity_Id__c", batch_size=200, wait=0
    )
    assert (done["numberRecordsTotal"], done["numberRecordsFailed"]) == (3, 1)
    failed = salesforce.bulk2.Opportunity.get_failed_records(done["job_id"])
    assert "REQUIRED_FIELD_MISSING" in failed
    pages = list(salesforce.bulk2.Opportunity.query("SELECT Name FROM Opportunity", wait=0))
    assert pages == ['"Name"\n"Deal 1"\n"Deal 2"\n']
