"""A bare HubSpot account, from `init` over `provision` to a sync that settles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.serve import serving
from prmsync.service.runtime import utc_now

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "pat-of-the-admin"


@pytest.fixture
def settings() -> dict[str, Any]:
    """More settings of the account."""
    return {}


@pytest.fixture
def urls(settings: dict[str, Any]) -> Iterator[dict[str, str]]:
    """HubSpot as an admin gets it, and Salesforce as ever."""
    tokens = {**dict.fromkeys(plugin("hubspot").simulator_auth().values(), SERVICE), ADMIN: ["*"]}
    bare = {"replace": True, "settings": {"tokens": tokens, **settings}}
    schemas = {"salesforce": None, "hubspot": bare}
    with ExitStack() as stack:
        yield {
            crm: stack.enter_context(
                serving(plugin(crm).simulator(SimulatorOptions(now=utc_now, schema=schema)).handle)
            )
            for crm, schema in schemas.items()
        }


SERVICE = [
    *(
        f"crm.objects.{one}.{may}"
        for one in ("companies", "deals", "custom")
        for may in ("read", "write")
    ),
    *(f"crm.schemas.{one}.read" for one in ("companies", "deals", "custom")),
    "crm.objects.owners.read",
]
"""A service key that can change no schema."""


def apply(acme: Any, *more: str) -> Any:
    arguments = ("provision", "apply", "acme-hs", "--admin-token", "env:ADMIN_TOKEN", *more)
    return acme.run(*arguments, ADMIN_TOKEN=ADMIN)


def test_a_bare_account_is_provisioned_and_then_synced_with_the_shipped_mapping(
    acme: Any,
) -> None:
    said = acme.refused(2, "mapping", "check", "--connection", "acme-hs")
    assert "prm_registration" in said
    assert "parts missing" in acme.refused(2, "doctor", "acme-hs")

    made = apply(acme, "--yes")
    assert made.code == 0, made.said
    assert "Nothing else was changed." in made.out
    assert "Needs my decision" in made.out
    assert acme.run("doctor", "acme-hs").code == 0

    acme.write("partners.csv", "name,domain,tier\nGlobex,globex.example,Gold\n")
    acme.write(
        "registrations.csv",
        "number,partner,customer_name,product_lines,amount,currency,review_state\n"
        "DR-1,Globex,Northwind GmbH,firewall;backup,48000.00,EUR,submitted\n",
    )
    acme.write(
        "deals.csv",
        "number,name,partner,customer_name,stage,amount,currency,close_date\n"
        "OP-1,Northwind firewalls,Globex,Northwind GmbH,committed,9,EUR,2026-12-30\n",
    )
    for file, kind in (
        ("partners.csv", "partner"),
        ("registrations.csv", "registration"),
        ("deals.csv", "opportunity"),
    ):
        done = acme.run("import", file, "--as", kind)
        assert done.code == 0, done.said
    settle(acme)
    assert "Both sides are equal." in acme.run("verify", "acme-hs").out
    [registration] = acme.records("hubspot", "prm_registration")
    shown = registration["properties"]
    assert (shown["number"], shown["review_state"]) == ("DR-1", "submitted")
    [deal] = acme.records("hubspot", "deals")
    assert (deal["properties"]["pipeline"], deal["properties"]["dealstage"]) == (
        "default",
        "contractsent",
    )


def settle(acme: Any) -> None:
    """Sync and release what waits, until nothing is left to write."""
    for _ in range(5):
        done = acme.run("sync", "acme-hs")
        if "nothing to write" in done.out:
            return
        for run in json.loads(acme.run("runs", "list", "--json").out):
            if run["state"] == "waiting":
                assert acme.run("apply", str(run["id"]), "--yes").code == 0
    raise AssertionError(done.said)


class TestWithoutCustomObjects:
    """An account whose plan has none: registrations stand on their deals."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"custom_objects": False}

    def test_registrations_are_kept_on_their_deals(self, acme: Any) -> None:
        said = acme.refused(1, "provision", "plan", "acme-hs")
        assert "Without custom objects" in said
        example = ROOT / "docs" / "examples" / "hubspot-registration-on-deals.yaml"
        acme.write("mappings/hubspot/registration.yaml", example.read_text(encoding="utf-8"))
        made = apply(acme, "--yes")
        assert made.code == 0, made.said
        plain = " ".join(made.out.split())
        for whose in ("", " (registration)"):
            view = f"Deals: “Needs my decision{whose}” Partner sync decision{whose} is unknown, and"
            assert f"{view} Partner sync state{whose} is Needs decision" in plain
        acme.write("partners.csv", "name,domain\nGlobex,globex.example\n")
        acme.write(
            "deals.csv",
            "number,name,partner,customer_name,stage,amount,currency,close_date\n"
            "OP-1,Northwind firewalls,Globex,Northwind GmbH,committed,9,EUR,2026-12-30\n"
            "OP-2,Southwind firewalls,Globex,Southwind GmbH,committed,9,EUR,2026-12-30\n",
        )
        acme.write(
            "registrations.csv",
            "number,partner,opportunity,customer_name,amount,currency,review_state\n"
            "DR-1,Globex,OP-1,Northwind GmbH,9,EUR,approved\n"
            "DR-2,Globex,,Eastwind GmbH,9,EUR,submitted\n",
        )
        for file, kind in (
            ("partners.csv", "partner"),
            ("deals.csv", "opportunity"),
            ("registrations.csv", "registration"),
        ):
            done = acme.run("import", file, "--as", kind)
            assert done.code == 0, done.said
        settle(acme)
        settle(acme)
        shown = {
            one["properties"]["prm_number"]: one["properties"].get("prm_registration_number")
            for one in acme.records("hubspot", "deals")
        }
        assert shown == {"OP-1": "DR-1", "OP-2": None}
        [deal] = [
            one["properties"]
            for one in acme.records("hubspot", "deals")
            if one["properties"]["prm_number"] == "OP-1"
        ]
        assert deal["prm_registration_state"] == "approved"


def test_provisioning_again_makes_nothing(acme: Any) -> None:
    assert apply(acme, "--yes").code == 0
    again = json.loads(apply(acme, "--json").out)
    assert (again["steps"], again["findings"], again["complete"]) == ([], [], True)
    plan = acme.run("provision", "plan", "acme-hs")
    assert "Nothing is missing." in plan.out


def test_nothing_is_made_without_a_yes(acme: Any) -> None:
    done = apply(acme)
    assert done.code == 1
    assert "Nothing was made" in done.err
    assert not json.loads(acme.run("provision", "plan", "acme-hs", "--json").out)["complete"]


def test_the_admins_token_is_written_nowhere(acme: Any) -> None:
    done = apply(acme, "--yes")
    assert ADMIN not in done.said
    files = [path for path in acme.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if ADMIN.encode() in path.read_bytes()]


def test_active_workflows_are_named_with_what_they_set(acme: Any) -> None:
    rule = {"object": "deals", "field": "amount", "does": "set", "value": "1"}
    answer = httpx.post(
        f"{acme.urls['hubspot']}/_simulator/automations", json=rule, trust_env=False
    )
    answer.raise_for_status()
    hidden = acme.run("provision", "plan", "acme-hs")
    assert "scope automation" in hidden.out
    plan = acme.run("provision", "plan", "acme-hs", "--admin-token", "env:T", T=ADMIN)
    assert "Set amount" in plan.out
    assert "sets amount" in plan.out
    assert "workflow: may change properties" in plan.out


def test_the_saved_schema_makes_a_twin_that_the_same_mapping_fits(acme: Any) -> None:
    assert apply(acme, "--yes").code == 0
    company = {"object": "companies", "values": {"name": "A customer's name"}}
    url = f"{acme.urls['hubspot']}/_simulator/records"
    httpx.post(url, json=company, trust_env=False).raise_for_status()
    done = acme.run("doctor", "acme-hs", "--save-schema", "portal.json")
    assert done.code == 0, done.said
    text = Path(acme.folder / "portal.json").read_text(encoding="utf-8")
    assert "A customer's name" not in text
    twin = plugin("hubspot").simulator(SimulatorOptions(now=utc_now, schema=json.loads(text)))
    with serving(twin.handle) as twin_url:
        base = {"PRMSYNC_CONNECTIONS__ACME_HS__BASE_URL": twin_url}
        assert acme.run("mapping", "check", "--connection", "acme-hs", **base).code == 0
        assert acme.run("doctor", "acme-hs", **base).code == 0
        plan = acme.run("provision", "plan", "acme-hs", **base)
        assert "Nothing is missing." in plan.out
