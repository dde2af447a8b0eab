"""A bare Salesforce org, from `init` over `provision` to a sync that settles."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.serve import serving
from prmsync.service import admin_sign_in
from prmsync.service.loop_back import redirect_uri
from prmsync.service.runtime import utc_now
from prmsync.service.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "dana.admin@crm.example.com"


@pytest.fixture
def schemas() -> dict[str, Any]:
    """Salesforce as an admin gets it, and HubSpot as ever."""
    return {"salesforce": {"settings": {"prepared": False}}, "hubspot": None}


@pytest.fixture
def urls(schemas: dict[str, Any]) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        yield {
            crm: stack.enter_context(
                serving(plugin(crm).simulator(SimulatorOptions(now=utc_now, schema=schema)).handle)
            )
            for crm, schema in schemas.items()
        }


def allowed(address: str, who: str) -> str:
    """What the browser does: a person is chosen and allows the app; where it then goes."""
    form = {"username": who, "decision": "allow"}
    answer = httpx.post(address, data=form, trust_env=False)
    return str(answer.headers["location"])


@pytest.fixture
def admin_token(acme: Any) -> str:
    """An admin's access token, as the vendor's command line would show it."""
    environ = {
        **acme.environ,
        "PRMSYNC_CONNECTIONS__ACME_SF__BASE_URL": acme.urls["salesforce"],
    }
    settings = load_settings(acme.folder / "prmsync.toml", environ)
    begun = admin_sign_in.begin(settings, "acme-sf", redirect_uri(), environ)
    back = parse_qs(urlsplit(allowed(begun.address, ADMIN)).query)
    answer = {key: values[0] for key, values in back.items()}
    return admin_sign_in.finish(begun, answer).token


def apply(acme: Any, token: str, *more: str) -> Any:
    arguments = ("provision", "apply", "acme-sf", "--admin-token", "env:ADMIN_TOKEN", *more)
    return acme.run(*arguments, ADMIN_TOKEN=token)


def test_a_bare_org_is_provisioned_and_then_synced_with_the_shipped_mapping(
    acme: Any, admin_token: str
) -> None:
    said = acme.refused(2, "mapping", "check", "--connection", "acme-sf")
    assert "PRM_Registration__c" in said

    made = apply(acme, admin_token, "--yes")
    assert made.code == 0, made.said
    assert "Made: 84. Nothing else was changed." in made.out

    acme.write("partners.csv", "name,domain\nGlobex,globex.example\n")
    acme.write(
        "deals.csv",
        "number,partner,customer_name,product_lines,amount,currency,review_state\n"
        "DR-1,Globex,Northwind GmbH,firewall;backup,48000.00,EUR,submitted\n",
    )
    assert acme.run("import", "partners.csv", "--as", "partner").code == 0
    assert acme.run("import", "deals.csv", "--as", "registration").code == 0
    assert acme.run("mapping", "check", "--connection", "acme-sf").code == 0
    assert acme.run("sync", "acme-sf").code == 3
    done = acme.run("apply", "1", "--yes")
    assert done.code == 0, done.said
    settled = acme.run("sync", "acme-sf")
    assert "nothing to write" in settled.out
    assert "Both sides are equal." in acme.run("verify", "acme-sf").out
    [deal] = acme.records("salesforce", "PRM_Registration__c")
    assert (deal["Name"], deal["Customer_Name__c"], deal["Amount__c"]) == (
        "DR-1",
        "Northwind GmbH",
        48000,
    )
    assert set(deal["Product_Lines__c"].split(";")) == {"backup", "firewall"}


def test_provisioning_again_makes_nothing(acme: Any, admin_token: str) -> None:
    assert apply(acme, admin_token, "--yes").code == 0
    again = apply(acme, admin_token, "--json")
    assert again.code == 0, again.said
    assert json.loads(again.out) == {
        "steps": [],
        "findings": [],
        "not_shown": [],
        "by_hand": [],
        "present": 77,
        "complete": True,
    }
    plan = acme.run("provision", "plan", "acme-sf")
    assert "Nothing is missing." in plan.out


class TestWithoutPartnerObjects:
    """An org of an edition, or with settings, that has no Partners of opportunities."""

    @pytest.fixture
    def schemas(self) -> dict[str, Any]:
        bare = {"prepared": False, "partner_objects": False}
        return {"salesforce": {"settings": bare}, "hubspot": None}

    def test_relations_are_records_of_our_own_object(self, acme: Any, admin_token: str) -> None:
        said = acme.refused(1, "provision", "plan", "acme-sf")
        assert "PRM_Opportunity_Partner__c" in said
        example = ROOT / "docs" / "examples" / "salesforce-relation-without-partners.yaml"
        acme.write("mappings/salesforce/relation.yaml", example.read_text(encoding="utf-8"))
        made = apply(acme, admin_token, "--yes")
        assert made.code == 0, made.said
        acme.write("partners.csv", "name,domain\nGlobex,globex.example\n")
        assert acme.run("import", "partners.csv", "--as", "partner").code == 0
        assert acme.run("sync", "acme-sf").code == 3
        assert acme.run("apply", "1", "--yes").code == 0
        [account] = acme.records("salesforce", "Account")
        deal = put(acme, "Opportunity", Name="A deal", StageName="Prospecting", **CLOSES)
        relation = {"Opportunity__c": deal, "Account__c": account["Id"], "Role__c": "Distributor"}
        put(acme, "PRM_Opportunity_Partner__c", **relation)
        settle(acme)
        verified = json.loads(acme.run("verify", "acme-sf", "--json").out)["acme-sf"]
        found = {one["stream"]: one for one in verified}
        assert found["relation"]["equal"] == found["relation"]["prm_records"] == 1


def settle(acme: Any) -> None:
    """Sync and release what waits, until nothing is left to write."""
    for _ in range(4):
        done = acme.run("sync", "acme-sf")
        if "nothing to write" in done.out:
            return
        for run in json.loads(acme.run("runs", "list", "--json").out):
            if run["state"] == "waiting":
                assert acme.run("apply", str(run["id"]), "--yes").code == 0
    raise AssertionError(done.said)


CLOSES = {"CloseDate": "2027-03-31"}


def put(acme: Any, name: str, **values: Any) -> str:
    """A record that a person makes in Salesforce; its id."""
    answer = httpx.post(
        f"{acme.urls['salesforce']}/_simulator/records",
        json={"object": name, "values": values},
        trust_env=False,
    )
    return str(answer.raise_for_status().json()["id"])


def test_an_assignment_that_was_taken_away_is_told_by_doctor_and_made_again(
    acme: Any, admin_token: str
) -> None:
    assert apply(acme, admin_token, "--yes").code == 0
    assert acme.run("doctor", "acme-sf").code == 0
    [given] = acme.records("salesforce", "PermissionSetAssignment")
    httpx.delete(
        f"{acme.urls['salesforce']}/_simulator/records",
        params={"object": "PermissionSetAssignment", "id": given["Id"]},
        trust_env=False,
    ).raise_for_status()
    said = acme.refused(2, "doctor", "acme-sf")
    assert "permissions are missing: PRM_Sync_Service" in said
    again = apply(acme, admin_token, "--yes")
    assert "Made: 1. Nothing else was changed." in again.out
    assert acme.run("doctor", "acme-sf").code == 0


def test_nothing_is_made_without_a_yes(acme: Any, admin_token: str) -> None:
    done = apply(acme, admin_token)
    assert done.code == 1
    assert "Nothing was made" in done.err
    facts = json.loads(acme.run("provision", "plan", "acme-sf", "--json").out)
    assert len(facts["steps"]) == 84
    assert facts["complete"] is False


def test_the_admins_token_is_written_nowhere(acme: Any, admin_token: str) -> None:
    done = apply(acme, admin_token, "--yes")
    assert admin_token not in done.said
    files = [path for path in acme.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if admin_token.encode() in path.read_bytes()]


def test_a_token_in_the_command_itself_is_refused(acme: Any) -> None:
    arguments = ("provision", "apply", "acme-sf", "--admin-token", "00D0!secret", "--yes")
    said = acme.refused(2, *arguments)
    assert "must not stand in the command" in said
    assert "00D0!secret" not in said


def test_an_admin_signs_in_with_the_browser(acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[threading.Thread] = []

    def open_page(address: str) -> bool:
        def person() -> None:
            httpx.get(allowed(address, ADMIN), trust_env=False)

        opened.append(threading.Thread(target=person))
        opened[0].start()
        return True

    monkeypatch.setattr("webbrowser.open", open_page)
    done = acme.run("provision", "apply", "acme-sf", "--yes", "--port", "8797")
    opened[0].join(timeout=10)
    assert done.code == 0, done.said
    assert "Made: 84" in done.out


def test_an_admin_signs_in_with_a_browser_elsewhere(
    acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = admin_sign_in.begin
    addresses: list[str] = []

    def noting(*arguments: Any) -> Any:
        begun = begin(*arguments)
        addresses.append(begun.address)
        return begun

    monkeypatch.setattr(admin_sign_in, "begin", noting)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: allowed(addresses[0], ADMIN))
    done = acme.run("provision", "apply", "acme-sf", "--yes", "--no-browser")
    assert done.code == 0, done.said
    assert addresses[0] in done.err
    assert "Made: 84" in done.out


def test_a_plan_names_what_acts_on_written_objects_and_what_it_means(acme: Any) -> None:
    put(
        acme,
        "FlowDefinitionView",
        ApiName="Deal_Owner",
        Label="Deal owner by region",
        TriggerType="RecordAfterSave",
        TriggerObjectOrEventId="Opportunity",
        IsActive=True,
    )
    rule = {"DeveloperName": "D", "MasterLabel": "Same name", "SobjectType": "Account"}
    put(acme, "DuplicateRule", **rule, IsActive=True)
    put(acme, "WorkflowRule", Name="Tell the desk", TableEnumOrId="Opportunity")
    plan = acme.run("provision", "plan", "acme-sf")
    assert "Active in the CRM on what is written: 3" in plan.out
    assert "Deal owner by region" in plan.out
    assert "flow: may change fields that were just written." in plan.out
    assert "duplicate rule: refuses a record that looks like another." in plan.out
    facts = json.loads(acme.run("provision", "plan", "acme-sf", "--json").out)
    assert {one["kind"] for one in facts["automations"]} == {
        "flow",
        "duplicate rule",
        "workflow rule",
    }
    assert facts["unread"] == []


def test_the_page_for_admins_names_the_folder_with_the_metadata() -> None:
    page = (ROOT / "docs" / "crm-admin.md").read_text(encoding="utf-8")
    assert "connectors/salesforce/metadata" in page
    assert (ROOT / "connectors/salesforce/metadata/sfdx-project.json").is_file()
