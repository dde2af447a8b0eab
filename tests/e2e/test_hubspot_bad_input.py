"""What a HubSpot administrator is told, in a terminal, of an account that cannot be synced yet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.serve import serving
from prmsync.service.runtime import utc_now
from prmsync_hubspot.simulator import HubSpotSimulator, Settings

KEY = "pat-na1-of-little-use"
SCOPES = ("crm.objects.companies.read", "crm.objects.deals.read", "crm.schemas.deals.read")


@pytest.fixture
def portal() -> HubSpotSimulator:
    """An account with one service key, which opens little."""
    return HubSpotSimulator(SimulatorOptions(now=utc_now), Settings(tokens={KEY: SCOPES}))


@pytest.fixture
def urls(portal: HubSpotSimulator) -> Iterator[dict[str, str]]:
    with serving(portal.handle) as url:
        yield {"hubspot": url, "salesforce": url}


@pytest.fixture
def with_key(acme: Any, tmp_path: Path) -> Any:
    acme.write("simulator-credentials/hubspot-token", f"{KEY}\n")
    return acme


def test_all_missing_scopes_are_named_with_what_needs_them_before_anything_is_done(
    with_key: Any,
) -> None:
    said = " ".join(with_key.refused(2, "sync", "acme-hs", "--yes").split())
    for scope, use in (
        ("crm.objects.companies.write", "is needed to write companies"),
        ("crm.objects.deals.write", "is needed to write deals"),
        ("crm.objects.custom.write", "is needed to write prm_registration"),
        ("crm.objects.owners.read", "is needed to match owners by e-mail"),
    ):
        assert f"{scope} {use}" in said
    assert "crm.objects.companies.read" not in said
    assert "Service keys" in said
    assert KEY not in said


def test_doctor_names_a_missing_scope_once(with_key: Any) -> None:
    said = with_key.refused(2, "doctor", "acme-hs")
    assert said.count("crm.schemas.custom.read") == 1
    assert "the CRM     " not in said


def test_an_account_without_custom_objects_says_what_to_do_instead(
    with_key: Any, portal: HubSpotSimulator
) -> None:
    portal.portal.settings = Settings(tokens={KEY: ("*",)})
    for type_id in [one for one in portal.portal.types if one.startswith("2-")]:
        del portal.portal.types[type_id]
    said = " ".join(with_key.refused(2, "sync", "acme-hs", "--yes").split())
    assert "HubSpot has no object prm_registration" in said
    assert "only Enterprise plans have custom objects" in said
    assert "mappings/hubspot/registration.yaml" in said


def test_a_plan_that_cannot_be_made_is_kept_as_a_failed_plan(with_key: Any) -> None:
    with_key.refused(2, "plan", "acme-hs")
    (run,) = json.loads(with_key.run("runs", "list", "--json").out)
    assert (run["kind"], run["state"]) == ("plan", "failed")
    assert "scopes" in run["message"]
