"""What people are told, in a terminal, when a HubSpot account is not what it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.serve import serving
from prmsync.service.runtime import utc_now
from prmsync_hubspot.simulator import ACCESS_TOKEN, HubSpotSimulator

PARTNERS = "name,domain,country,tier,types\nGlobex,globex.example,DE,Gold,{types}\n"
DEALS = (
    "number,name,partner,stage,amount,currency,source\nOP-1,Deal A,Globex,{stage},10,EUR,{source}\n"
)


@pytest.fixture
def urls() -> Iterator[dict[str, str]]:
    portal = HubSpotSimulator(SimulatorOptions(now=utc_now))
    with serving(portal.handle) as url:
        yield {"hubspot": url, "salesforce": url}


class Admin:
    """HubSpot's set-up pages, by its API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def does(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        headers = {"authorization": f"Bearer {ACCESS_TOKEN}"}
        with httpx.Client(base_url=self._url, headers=headers, trust_env=False) as client:
            client.request(method, f"/crm/v3/{path}", json=body).raise_for_status()


@pytest.fixture
def admin(urls: dict[str, str]) -> Admin:
    return Admin(urls["hubspot"])


@pytest.fixture
def synced(acme: Any) -> Any:
    """A partner and a deal that are in both databases."""
    give(acme, types="reseller", stage="prospect", source="")
    done(acme, "sync", "acme-hs", "--yes")
    return acme


def give(acme: Any, **words: str) -> None:
    """Edits in the partner database, as an import brings them."""
    acme.write("partners.csv", PARTNERS.format(types=words.get("types", "reseller")))
    told = {"stage": "prospect", "source": "", **words}
    acme.write("deals.csv", DEALS.format(**told))
    done(acme, "import", "partners.csv", "--as", "partner")
    done(acme, "import", "deals.csv", "--as", "opportunity")


def done(acme: Any, *arguments: str) -> str:
    """A command that must end well; what it said."""
    told: str = acme.refused(0, *arguments)
    return told


def said(text: str) -> str:
    return " ".join(text.split())


def live(acme: Any) -> str:
    return said(acme.run("mapping", "check", "--live").said)


def test_a_token_of_another_account_names_both_and_nothing_is_touched(acme: Any) -> None:
    told = acme.refused(2, "sync", "acme-hs", "--yes", PRMSYNC_CONNECTIONS__ACME_HS__ORG="12345678")
    assert "opens HubSpot account 24681012, but the connection is pinned to 12345678" in told
    assert acme.records("hubspot", "companies") == []


def test_a_stage_that_was_renamed_pauses_the_stage_and_names_both(
    synced: Any, admin: Admin
) -> None:
    path = "pipelines/deals/default/stages/qualifiedtobuy"
    admin.does("PATCH", path, {"label": "Really qualified"})
    assert "opportunity.yaml" in live(synced)
    told = said(synced.refused(1, "sync", "acme-hs", "--yes"))
    assert "paused: opportunity: progress: no stage `Qualified to buy` in pipeline" in told
    assert "the rest goes on" in told
    status = said(done(synced, "status"))
    assert "Really qualified. Write its present label into the mapping" in status


def test_a_stage_that_was_deleted_pauses_the_stage_until_it_is_there_again(
    synced: Any, admin: Admin
) -> None:
    admin.does("DELETE", "pipelines/deals/default/stages/contractsent")
    assert "no stage `Contract sent`" in live(synced)
    give(synced, stage="qualified")
    assert "no stage `Contract sent`" in synced.refused(1, "sync", "acme-hs", "--yes")
    (deal,) = synced.records("hubspot", "deals")
    assert deal["properties"]["dealstage"] == "appointmentscheduled"
    again = {"label": "Contract Sent", "displayOrder": 5, "metadata": {"probability": "0.9"}}
    admin.does("POST", "pipelines/deals/default/stages", again)
    done(synced, "sync", "acme-hs", "--yes")
    (deal,) = synced.records("hubspot", "deals")
    assert deal["properties"]["dealstage"] == "qualifiedtobuy"


def test_a_property_of_another_type_pauses_its_field_and_refuses_nothing_for_good(
    synced: Any, admin: Admin
) -> None:
    admin.does("PATCH", "properties/deals/prm_source", {"type": "number", "fieldType": "number"})
    give(synced, source="web")
    told = said(synced.refused(1, "sync", "acme-hs", "--yes"))
    assert "paused: opportunity: source: `prm_source` is a number field" in told
    assert "some records were refused; none of them is left on the list" in told
    assert "what was refused for a paused field alone is not listed" in told
    assert "parked list" not in told
    assert "Nothing is refused." in done(synced, "parked", "list")
    admin.does("PATCH", "properties/deals/prm_source", {"type": "string", "fieldType": "text"})
    done(synced, "sync", "acme-hs", "--yes")
    (deal,) = synced.records("hubspot", "deals")
    assert deal["properties"]["prm_source"] == "web"


def test_an_option_that_is_missing_is_named_with_its_property(synced: Any, admin: Admin) -> None:
    only = {"options": [{"label": "Reseller", "value": "reseller"}]}
    admin.does("PATCH", "properties/companies/prm_types", only)
    give(synced, types="distributor")
    told = said(synced.refused(1, "sync", "acme-hs", "--yes"))
    assert "`distributor` is not in the restricted picklist `prm_types`" in told
    assert "add it to the CRM's picklist" in live(synced)


def test_an_object_without_its_key_property_pauses_its_records_and_what_refers_to_them(
    synced: Any, admin: Admin
) -> None:
    admin.does("DELETE", "properties/companies/prm_partner_id")
    assert "unknown field `prm_partner_id` on companies" in live(synced)
    told = said(synced.refused(1, "sync", "acme-hs", "--yes"))
    assert "paused: partner: unknown field `prm_partner_id` on companies" in told
    assert "`partner` refers to partner records, which are paused" in told
