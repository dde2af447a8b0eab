"""`prmsync doctor`: what it looks at, what it says of what is wrong, and a twin to rehearse on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.serve import serving
from prmsync.service.runtime import utc_now


def levels(acme: Any, *arguments: str, **environ: str) -> dict[tuple[str | None, str], str]:
    done = acme.run("doctor", "--json", *arguments, **environ)
    assert done.code in (0, 2), done.said
    return {
        (one["connection"], told["topic"]): told["level"]
        for one in json.loads(done.out)
        for told in one["told"]
    }


def test_one_connection_is_called_one(acme: Any) -> None:
    path = acme.folder / "prmsync.toml"
    kept, _, gone = path.read_text().partition("[connections.acme-sf]")
    assert "[connections.acme-hs]" in kept and gone
    path.write_text(kept)
    alone = type(acme)(acme.folder, {"hubspot": acme.urls["hubspot"]})
    assert "prmsync.toml, 1 connection database" in " ".join(alone.run("doctor").out.split())


def put(acme: Any, name: str, **values: Any) -> None:
    body = {"object": name, "values": values}
    url = f"{acme.urls['salesforce']}/_simulator/records"
    httpx.post(url, json=body, trust_env=False).raise_for_status()


def test_a_folder_in_order_has_no_problems(acme: Any) -> None:
    done = acme.run("doctor")
    assert done.code == 0, done.said
    assert "No problems." in done.out
    found = levels(acme)
    for topic in ("settings", "database", "mappings"):
        assert found[None, topic] == "fine"
    for name in ("acme-sf", "acme-hs"):
        assert found[name, "sign-in"] == found[name, "schema"] == "fine"
    assert found["acme-sf", "clock"] == found["acme-sf", "quota"] == "fine"


def test_an_org_that_is_not_pinned_is_noted_with_the_line_to_add(acme: Any) -> None:
    done = acme.run("doctor", "acme-sf")
    assert 'Add to [connections.acme-sf]: org = "00D' in done.out
    assert levels(acme, "acme-sf")["acme-sf", "org"] == "note"


def test_every_broken_part_is_named_and_the_others_are_still_looked_at(acme: Any) -> None:
    acme.edit("simulator-credentials/salesforce-client_secret", "simulator-secret", "wrong")
    (acme.folder / "prmsync.db").write_bytes(b"not a database")
    acme.edit("mappings/hubspot/partner.yaml", "stream: partner", "stream: partnr")
    found = levels(acme)
    assert found[None, "database"] == "problem"
    assert found[None, "mappings"] == "problem"
    assert found["acme-sf", "sign-in"] == "problem"
    assert found["acme-hs", "sign-in"] == "fine"
    said = acme.refused(2, "doctor")
    assert "invalid client credentials" in said
    assert "partner.yaml" in said
    assert "wrong" not in said.split("invalid client")[1].splitlines()[0]


def test_a_damaged_page_of_the_database_is_a_problem(acme: Any) -> None:
    path = acme.folder / "prmsync.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\x00\xff" * 256 + whole[8704:])
    assert levels(acme, "acme-hs")[None, "database"] == "problem"
    assert "restore it from a backup" in acme.refused(2, "doctor", "acme-hs")


def test_a_field_that_is_gone_is_a_problem_that_names_the_command(acme: Any) -> None:
    mapping = "mappings/salesforce/opportunity.yaml"
    acme.edit(mapping, "PRM_Source__c", "Deal_Origin__c")
    said = acme.refused(2, "doctor", "acme-sf")
    assert "Opportunity.Deal_Origin__c" in said
    assert "prmsync provision plan acme-sf" in said


def test_each_thing_that_does_not_fit_is_told_once(acme: Any) -> None:
    mapping = "mappings/salesforce/opportunity.yaml"
    acme.edit(mapping, "number: {crm: PRM_Number__c", "number: {crm: NextStepp")
    acme.edit(mapping, "loss_reason: PRM_Loss_Reason__c", "loss_reason: IsWon")
    said = acme.refused(2, "doctor", "acme-sf")
    assert said.count("unknown field `NextStepp`") == 1
    assert "did you mean `NextStep`?" in said
    assert said.count("IsWon") == 1
    assert "2 problems." in said


def test_what_acts_on_written_objects_is_named_with_its_remedy(acme: Any) -> None:
    put(
        acme,
        "ValidationRule",
        ValidationName="Future",
        ErrorMessage="The close date must be in the future",
        EntityDefinitionId="Opportunity",
        Active=True,
    )
    put(
        acme,
        "ValidationRule",
        ValidationName="Off",
        ErrorMessage="never",
        EntityDefinitionId="Opportunity",
        Active=False,
    )
    put(acme, "ApexTrigger", Name="AccountTrigger", TableEnumOrId="Account", Status="Active")
    put(acme, "AssignmentRule", Name="Desk", SobjectType="Account", Active=True)
    put(acme, "ProcessDefinition", Name="Big deals", TableEnumOrId="Opportunity", State="Active")
    put(acme, "ApexTrigger", Name="CaseTrigger", TableEnumOrId="Case", Status="Active")
    done = acme.run("doctor", "acme-sf")
    assert done.code == 0, done.said
    assert "Active in the CRM on what is written: 4" in done.out
    assert "The close date must be in the future" in done.out
    assert "prmsync parked list" in done.out
    for name in ("AccountTrigger", "Desk", "Big deals"):
        assert name in done.out
    assert "CaseTrigger" not in done.out
    assert "never" not in done.out


def test_a_plan_names_what_acts_on_the_records_that_it_writes(acme: Any) -> None:
    flow = {"ApiName": "By_Region", "Label": "Owner by region", "IsActive": True}
    put(acme, "FlowDefinitionView", TriggerObjectOrEventId="Account", **flow)
    put(acme, "FlowDefinitionView", TriggerObjectOrEventId="Opportunity", **flow)
    nothing = acme.run("plan", "acme-sf")
    assert "Acts on" not in nothing.out
    acme.write("partners.csv", "name,domain\nGlobex,globex.example\n")
    assert acme.run("import", "partners.csv", "--as", "partner").code == 0
    plan = acme.run("plan", "acme-sf")
    assert plan.code == 0, plan.said
    assert "Acts on Account: flow “Owner by region”" in plan.out
    assert "What they do: prmsync doctor acme-sf" in plan.out
    assert "Acts on Opportunity" not in plan.out


def test_a_plan_is_shown_also_where_nobody_tells_what_acts(acme: Any) -> None:
    acme.write("partners.csv", "name,domain\nGlobex,globex.example\n")
    assert acme.run("import", "partners.csv", "--as", "partner").code == 0
    refusal = {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit"}
    acme.fault("salesforce", {"path": "/process/", **refusal})
    plan = acme.run("plan", "acme-sf")
    assert plan.code == 0, plan.said
    assert "could not be read" in plan.out
    assert "Do exactly this: prmsync apply" in plan.out


def test_what_may_not_be_read_is_said(acme: Any) -> None:
    acme.fault("salesforce", {"path": "/process/", "status": 403, "code": "INSUFFICIENT_ACCESS"})
    done = acme.run("doctor", "acme-sf")
    assert done.code == 0, done.said
    assert "workflow rules  could not be read" in done.out
    assert "View Setup and Configuration" in done.out


def test_a_calls_share_that_is_used_up_is_said_by_the_crm(acme: Any) -> None:
    acme.fault("salesforce", {"path": "/services/data", "status": 403})
    said = acme.refused(2, "doctor", "acme-sf")
    assert "REQUEST_LIMIT_EXCEEDED" in said


def test_the_saved_schema_makes_a_twin_that_the_same_mapping_fits(acme: Any) -> None:
    put(acme, "Account", Name="A customer's name")
    done = acme.run("doctor", "acme-sf", "--save-schema", "org.json")
    assert done.code == 0, done.said
    text = Path(acme.folder / "org.json").read_text(encoding="utf-8")
    assert "A customer's name" not in text
    assert len(json.loads(text)["lists"]["OpportunityStage"]) == 10
    twin = plugin("salesforce").simulator(SimulatorOptions(now=utc_now, schema=json.loads(text)))
    with serving(twin.handle) as url:
        base = {"PRMSYNC_CONNECTIONS__ACME_SF__BASE_URL": url}
        assert acme.run("mapping", "check", "--connection", "acme-sf", **base).code == 0
        assert levels(acme, "acme-sf", **base)["acme-sf", "schema"] == "fine"


def test_a_schema_is_saved_of_one_connection(acme: Any) -> None:
    assert "Name it" in acme.refused(2, "doctor", "--save-schema", "org.json")
