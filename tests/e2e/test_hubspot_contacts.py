"""Partners that are people: HubSpot contacts without our key, and what is said of them to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.serve import serving
from prmsync.service.runtime import utc_now
from prmsync_hubspot.simulator import HubSpotSimulator
from prmsync_hubspot.simulator.definitions import Property

MAPPING = """\
version: 1
connector: hubspot
stream: partner
object: contacts
key: prm_partner_id
match: [domain]
create: {crm: true, prm: false}
fields:
  name: company
  domain: website
  partner_manager: {crm: email, transform: text}
"""
KEY_AT = "partner.yaml:5:6"
PARTNERS = """\
name,domain,partner_manager
Umbrella,umbrella.example,ann@umbrella.example
Soylent,soylent.example,roth@soylent.example
"""


@pytest.fixture
def portal() -> HubSpotSimulator:
    return HubSpotSimulator(SimulatorOptions(now=utc_now))


@pytest.fixture
def urls(portal: HubSpotSimulator) -> Iterator[dict[str, str]]:
    with serving(portal.handle) as url:
        yield {"hubspot": url, "salesforce": url}


@pytest.fixture
def key(portal: HubSpotSimulator) -> Property:
    """The key property of companies, to be given to contacts."""
    found: Property = portal.portal.find_type("companies").properties["prm_partner_id"]
    return found


@pytest.fixture
def people(acme: Any) -> Any:
    """Partners are contacts, and HubSpot knows one of them by an e-mail address alone."""
    folder: Path = acme.folder / "mappings/hubspot"
    for path in folder.iterdir():
        path.unlink()
    acme.write("mappings/hubspot/partner.yaml", MAPPING)
    acme.write("partners.csv", PARTNERS)
    acme.refused(0, "import", "partners.csv", "--as", "partner")
    return acme


def walk_in(people: Any) -> str:
    """A contact that somebody in HubSpot made; its id."""
    values = {"email": "ann@umbrella.example", "company": "Umbrella Corporation"}
    answer = httpx.post(
        f"{people.urls['hubspot']}/_simulator/records",
        json={"object": "contacts", "values": values},
        trust_env=False,
    )
    made: str = answer.raise_for_status().json()["id"]
    return made


def said(text: str) -> str:
    return " ".join(text.split())


def test_contacts_without_the_key_property_are_told_at_its_line_with_what_makes_it(
    people: Any,
) -> None:
    told = said(people.refused(2, "sync", "acme-hs", "--yes"))
    assert f"{KEY_AT} unknown field `prm_partner_id` on contacts" in told
    assert "prmsync provision plan acme-hs" in told
    assert "contacts.prm_partner_id" in said(people.run("doctor", "acme-hs").said)


def test_a_key_of_contacts_that_is_not_unique_is_told_with_what_to_do(
    people: Any, portal: HubSpotSimulator, key: Property
) -> None:
    portal.portal.find_type("contacts").add_property(replace(key, unique=False))
    told = said(people.refused(2, "sync", "acme-hs", "--yes"))
    assert f"{KEY_AT} key field `prm_partner_id` on contacts is not unique" in told
    planned = said(people.refused(1, "provision", "plan", "acme-hs"))
    assert "HubSpot decides about unique values only when a property is made" in planned


def test_a_contact_that_lacks_our_key_but_has_our_email_is_named_and_can_be_linked(
    people: Any, portal: HubSpotSimulator, key: Property
) -> None:
    portal.portal.find_type("contacts").add_property(key)
    there = walk_in(people)
    people.refused(1, "sync", "acme-hs", "--yes")
    told = said(people.refused(0, "parked", "list"))
    assert "partner Umbrella" in told
    assert f"https://app.hubspot.com/contacts/24681012/record/0-1/{there}" in told
    assert "link ours with that record (prmsync match)" in told
    assert "ann@umbrella.example" not in told

    people.refused(0, "match", "acme-hs", "--out", "pairs.csv")
    people.edit("pairs.csv", "\n,partner,", "\nyes,partner,")
    people.refused(0, "match", "acme-hs", "--apply", "pairs.csv")
    people.refused(0, "sync", "acme-hs", "--yes")
    assert json.loads(people.run("parked", "list", "--json").out) == []
    emails = [one["properties"]["email"] for one in people.records("hubspot", "contacts")]
    assert sorted(emails) == ["ann@umbrella.example", "roth@soylent.example"]
    (linked,) = (one for one in people.records("hubspot", "contacts") if one["id"] == there)
    assert len(linked["properties"]["prm_partner_id"]) == 36
