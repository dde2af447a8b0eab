"""What a Salesforce org did since yesterday, as the person who can act reads it in the terminal:
in the org's own words, with the record's address. Each was also driven by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

import schema_edits
from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.serve import serving
from prmsync.service.runtime import utc_now
from prmsync.service.serving_run import Kind, run_connection
from prmsync.service.serving_stop import Stop
from prmsync.service.settings import load_settings
from prmsync.service.wiring import open_application
from prmsync_salesforce.simulator.app import SalesforceSimulator
from prmsync_salesforce.simulator.schema import FieldDefinition

PARTNERS = "name,domain,tier\nGlobex,globex.example,Gold\n"
FILED = "number,partner,customer_name,amount,currency\nDR-1,Globex,Northwind,100,EUR\n"
OWNERS = (
    "number,name,customer_name,product_lines,stage,amount,currency,close_date,owner\n"
    "OP-1,First,Northwind,firewall,qualified,9,EUR,2026-12-30,lee.gone@example.com\n"
    "OP-2,Second,Hooli,firewall,qualified,90,EUR,2026-12-30,dana.admin@example.com\n"
)
LEAD = """version: 1
connector: salesforce
stream: registration
object: Lead
key: PRM_Key__c
fields:
  number: LastName
  partner: {crm: PRM_Partner__c, policy: prm}
  customer_name: Company
"""


@pytest.fixture
def org() -> SalesforceSimulator:
    return SalesforceSimulator(SimulatorOptions(now=utc_now))


@pytest.fixture
def urls(org: SalesforceSimulator) -> Iterator[dict[str, str]]:
    with (
        serving(org.handle) as salesforce,
        serving(plugin("hubspot").simulator(SimulatorOptions(now=utc_now)).handle) as hubspot,
    ):
        yield {"salesforce": salesforce, "hubspot": hubspot}


@pytest.fixture
def filled(acme: Any) -> Any:
    """A partner and a registration that no CRM knows yet."""
    acme.write("partners.csv", PARTNERS)
    acme.write("filed.csv", FILED)
    assert acme.run("import", "partners.csv", "--as", "partner").code == 0
    assert acme.run("import", "filed.csv", "--as", "registration").code == 0
    return acme


def control(acme: Any, path: str, body: dict[str, Any]) -> Any:
    answer = httpx.post(f"{acme.urls['salesforce']}/_simulator/{path}", json=body, trust_env=False)
    return answer.raise_for_status().json()


def said_in_one_line(text: str) -> str:
    return " ".join(text.split())


def parked(acme: Any, *arguments: str) -> str:
    return said_in_one_line(acme.run("parked", "list", *arguments).out)


def test_another_org_and_another_environment_are_told_by_name(filled: Any) -> None:
    for command in ("connect", "plan", "sync", "doctor"):
        said = said_in_one_line(
            filled.refused(
                2, command, "acme-sf", PRMSYNC_CONNECTIONS__ACME_SF__ORG="00D000000000001EAA"
            )
        )
        assert "signed in to Simulated Salesforce Org (org 00DgK0000000001UAA, production)" in said
        assert "pinned to org 00D000000000001EAA" in said
        assert "Nothing was read or written." in said
    both = {
        f"PRMSYNC_CONNECTIONS__{name}__ENVIRONMENT": "sandbox" for name in ("ACME_SF", "ACME_HS")
    }
    said = said_in_one_line(filled.refused(2, "sync", "acme-sf", **both))
    assert "which is a production org, but is pinned to sandbox" in said
    assert filled.records("salesforce", "Account") == []


def test_an_owner_who_left_is_told_with_the_users_address_and_both_ways_out(acme: Any) -> None:
    acme.write("opps.csv", OWNERS)
    assert acme.run("import", "opps.csv", "--as", "opportunity").code == 0
    acme.refused(1, "sync", "acme-sf", "--yes")
    (lee,) = (one for one in acme.records("salesforce", "User") if "lee.gone" in one["Username"])
    told = parked(acme)
    assert f"operation performed with inactive user [{lee['Id']}]" in told
    assert f"/lightning/r/User/{lee['Id']}/view" in told
    assert "owners: fallback:" in told
    assert "OP-2" not in told and told.count("INACTIVE_OWNER_OR_USER") == 1
    acme.edit("mappings/salesforce/opportunity.yaml", "version: 1", FALLBACK)
    assert acme.run("sync", "acme-sf", "--yes").code == 0
    assert len(acme.records("salesforce", "Opportunity")) == 2


FALLBACK = "version: 1\nowners: {fallback: dana.admin@example.com}"


def test_a_validation_rule_speaks_for_itself_with_the_records_address(acme: Any) -> None:
    acme.write("opps.csv", OWNERS.replace("lee.gone", "dana.admin"))
    assert acme.run("import", "opps.csv", "--as", "opportunity").code == 0
    assert acme.run("sync", "acme-sf", "--yes").code == 0
    rule = {"object": "Opportunity", "when": "Name = 'Big'", "message": "Ask Dana (ext. 214)."}
    control(acme, "validation_rules", {**rule, "field": "Name", "name": "No_Big_Deals"})
    acme.write("opps.csv", OWNERS.replace("lee.gone", "dana.admin").replace("Second", "Big"))
    assert acme.run("import", "opps.csv", "--as", "opportunity").code == 0
    acme.refused(1, "sync", "acme-sf", "--yes")
    told = parked(acme)
    (deal,) = (one for one in acme.records("salesforce", "Opportunity") if one["Name"] == "Second")
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION (Name): Ask Dana (ext. 214)." in told
    assert f"/lightning/r/Opportunity/{deal['Id']}/view" in told
    assert "No_Big_Deals" in acme.run("doctor", "acme-sf").out


def test_a_field_that_is_hidden_since_this_morning_is_not_taken_for_a_slip_of_the_pen(
    filled: Any,
) -> None:
    assert filled.run("sync", "acme-sf", "--yes").code == 0
    control(filled, "field_security", {"object": "PRM_Registration__c", "fields": ["Amount__c"]})
    filled.run("mapping", "check", "--live")
    said = said_in_one_line(filled.run("mapping", "check", "--live").said)
    assert "unknown field `Amount__c` on PRM_Registration__c" in said
    assert "the signed-in user may see `Amount__c`" in said
    assert "did you mean" not in said
    doctor = said_in_one_line(filled.refused(2, "doctor", "acme-sf"))
    assert "1 part missing: PRM_Registration__c.Amount__c" in doctor
    assert doctor.count("Amount__c") == 1


def test_a_hidden_amount_is_not_taken_for_a_reference_of_a_like_name(filled: Any) -> None:
    control(filled, "field_security", {"object": "Opportunity", "fields": ["Amount"]})
    said = said_in_one_line(filled.run("mapping", "check", "--live").said)
    assert "unknown field `Amount` on Opportunity" in said
    assert "that the signed-in user may see `Amount`" in said
    assert "AccountId" not in said


def test_a_field_that_is_required_since_this_morning_is_told_by_doctor_and_by_the_run(
    filled: Any, org: SalesforceSimulator
) -> None:
    assert filled.run("sync", "acme-sf", "--yes").code == 0
    setup = SimpleNamespace(
        connector="salesforce", words={"registration": "PRM_Registration__c"}, simulator=org
    )
    schema_edits.require(setup, "registration")
    filled.write("filed.csv", FILED + "DR-2,Globex,Hooli,5,EUR\n")
    assert filled.run("import", "filed.csv", "--as", "registration").code == 0
    told = "PRM_Registration__c requires `Region__c`, and nothing fills it on create"
    assert told in said_in_one_line(filled.refused(2, "doctor", "acme-sf"))
    filled.refused(2, "mapping", "check", "--live")
    # The schema is remembered for an hour: the org refuses, and the run looks at it again.
    filled.refused(1, "sync", "acme-sf", "--yes")
    assert told in said_in_one_line(filled.run("status").out)
    assert "give it a default in the CRM" in said_in_one_line(filled.run("status").out)
    assert len(filled.records("salesforce", "PRM_Registration__c")) == 1


def test_a_converted_lead_is_refused_with_its_address_and_what_went_on_in_its_place(
    filled: Any, org: SalesforceSimulator
) -> None:
    table = org.org.database.tables["Lead"]
    key = FieldDefinition("PRM_Key__c", "Key", "string", 36, unique=True, external_id=True)
    partner = replace(org.org.database.tables["Opportunity"].definition.fields["AccountId"])
    partner = replace(partner, name="PRM_Partner__c", relationship="Partner", children="Leads__r")
    fields = [*table.definition.fields.values(), key, partner]
    org.org.database.define(table.definition.copied(fields))
    filled.write("mappings/salesforce/registration.yaml", LEAD)
    assert filled.run("sync", "acme-sf", "--yes").code == 0
    (lead,) = filled.records("salesforce", "Lead")
    control(filled, "convert_lead", {"id": lead["Id"]})
    filled.write("filed.csv", FILED.replace("Northwind", "Northwind AG"))
    assert filled.run("import", "filed.csv", "--as", "registration").code == 0
    filled.refused(1, "sync", "acme-sf", "--yes")
    told = parked(filled)
    assert "CANNOT_UPDATE_CONVERTED_LEAD: cannot reference converted lead" in told
    assert "what it became goes on in its place" in told
    assert f"/lightning/r/Lead/{lead['Id']}/view" in told
    (lead,) = filled.records("salesforce", "Lead")
    heir = lead["ConvertedOpportunityId"]
    assert f"It went on as Opportunity {heir} (" in told
    assert f"/lightning/r/Opportunity/{heir}/view" in told


def test_an_org_without_the_fields_is_told_what_makes_them(filled: Any) -> None:
    filled.edit("mappings/salesforce/registration.yaml", "Reason__c", "Nowhere__c")
    said = said_in_one_line(filled.refused(2, "sync", "acme-sf", "--yes"))
    assert "unknown field `Nowhere__c` on PRM_Registration__c" in said
    assert said.endswith("can be made for you, by: prmsync provision plan acme-sf")


def test_an_object_that_the_service_user_may_not_see_is_told_with_who_can_grant_it(
    filled: Any, org: SalesforceSimulator
) -> None:
    org.org.access.need_grant("PRM_Registration__c", (), whole=True)
    said = said_in_one_line(filled.refused(2, "sync", "acme-sf", "--yes"))
    assert "Salesforce does not show the object PRM_Registration__c" in said
    assert "does a permission set let the integration user see it?" in said
    doctor = said_in_one_line(filled.refused(2, "doctor", "acme-sf"))
    assert "PRM_Registration__c" in doctor and "prmsync provision plan acme-sf" in doctor
    assert filled.records("salesforce", "Account") == []


def test_an_org_without_calls_stops_a_run_until_its_window_moves_before_it_began_too(
    filled: Any,
) -> None:
    refused = {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED"}
    refused["message"] = "TotalRequests Limit exceeded."
    assert filled.run("plan", "acme-sf").code == 0
    control(filled, "faults", {"path": "/services/data/", **refused})
    for command in ("sync", "plan"):
        said = said_in_one_line(filled.refused(1, command, "acme-sf"))
        assert "stopped by Salesforce: REQUEST_LIMIT_EXCEEDED" in said
        assert "TotalRequests Limit exceeded; goes on at 20" in said
    told = said_in_one_line(filled.run("status").out)
    assert "(plan) stopped" in told
    assert "TotalRequests Limit exceeded; goes on at 20" in told
    assert "the CRM's present window" in told


def test_the_service_waits_for_the_window_where_a_connection_cannot_even_be_opened(
    filled: Any,
) -> None:
    refused = {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED"}
    control(filled, "faults", {"path": "/services/data/", **refused})
    settings = load_settings(filled.folder / "prmsync.toml", filled.environ)
    with open_application(settings, sleep=lambda _: None, environ=filled.environ) as application:
        ended = run_connection(application, "acme-sf", Stop(), lambda: None)
    assert ended.kind is Kind.OUT_OF_CALLS
    assert ended.trouble is not None
    assert ended.trouble.retry_after == 3600
