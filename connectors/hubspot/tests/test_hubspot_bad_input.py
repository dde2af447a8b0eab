"""What admins and data do to a connection, and what is said of it, to whom and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from prmsync.connector.protocol import Change, Connector, NewRecord, ObjectSpec, SimulatorOptions
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.connector.testing import Bench, FakeClock
from prmsync.errors import AuthError, RejectedError, SchemaError
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.errors import row_error
from prmsync_hubspot.simulator import HubSpotSimulator

DEALS = ObjectSpec(
    "opportunity",
    "deals",
    ("prm_opportunity_id", "dealname", "amount", "dealstage", "deal_currency_code", "prm_source"),
    "prm_opportunity_id",
)
CONTACTS = ObjectSpec("contact", "contacts", ("email", "prm_contact_id"), "prm_contact_id")
NEW = {"dealname": "Firewalls", "dealstage": "appointmentscheduled"}


class Portal(Bench):
    """A bench whose simulator is at hand, for what an admin does in the set-up pages."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.simulator = HubSpotSimulator(SimulatorOptions(now=clock.now))
        base = "http://crm.test"
        runtime = in_process_runtime({base: self.simulator.handle}, clock.now, clock.sleep)
        super().__init__(PLUGIN, runtime, base, clock)

    def properties(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.simulator.portal.find_type(name).properties
        return found


@pytest.fixture
def portal() -> Iterator[Portal]:
    bench = Portal()
    with bench.runtime.http, bench.runtime.requests:
        yield bench


def refused(hubspot: Connector, **values: str | None) -> RejectedError:
    """The error of a new deal with these values."""
    (result,) = hubspot.create(DEALS, [NewRecord("key-1", {**NEW, **values})])
    assert isinstance(result.error, RejectedError)
    return result.error


def test_a_token_of_another_portal_names_both_and_touches_nothing(portal: Portal) -> None:
    hubspot = portal.connector(org="4711")
    before = portal.calls()
    with pytest.raises(AuthError, match=r"opens HubSpot account \d+, but .* pinned to 4711"):
        hubspot.create(DEALS, [NewRecord("key-1", NEW)])
    assert portal.calls() == before + 1


def test_a_stage_that_is_gone_leads_to_the_mappings_stages(portal: Portal) -> None:
    error = refused(portal.connector(), dealstage="deleted_stage")
    assert error.fields == ("dealstage",)
    assert "the stage was deleted" in error.hint
    assert "Pipelines" in error.hint


def test_a_type_that_changed_leads_to_the_check_that_says_so(portal: Portal) -> None:
    hubspot = portal.connector()
    hubspot.describe("deals")
    fields = portal.properties("deals")
    fields["prm_source"] = replace(fields["prm_source"], type="number", field_type="number")
    error = refused(hubspot, prm_source="partner portal")
    assert error.fields == ("prm_source",)
    assert "mapping check --live" in error.hint
    assert "partner portal" not in f"{error.message}{error.hint}{error.findings}"


def test_a_currency_that_the_account_has_not_leads_to_its_currencies(portal: Portal) -> None:
    error = refused(portal.connector(), amount="5", deal_currency_code="XOF")
    assert error.fields == ("deal_currency_code",)
    assert "Currency" in error.hint


def test_an_option_that_is_missing_leads_to_the_property(portal: Portal) -> None:
    spec = ObjectSpec(
        "partner", "companies", ("prm_partner_id", "name", "prm_types"), "prm_partner_id"
    )
    row = NewRecord("key-1", {"name": "A", "prm_types": "unicorn"})
    (result,) = portal.connector().create(spec, [row])
    assert isinstance(result.error, RejectedError)
    assert result.error.fields == ("prm_types",)
    assert "Settings > Properties" in result.error.hint


def test_an_object_without_the_key_property_says_which_is_missing(portal: Portal) -> None:
    with pytest.raises(SchemaError, match=r"contacts lack prm_contact_id") as caught:
        portal.connector().find(CONTACTS, ["key-1"])
    assert "create the property in HubSpot" in caught.value.hint


def test_a_key_that_is_not_unique_says_how_to_make_one_that_is(portal: Portal) -> None:
    key = portal.properties("deals")["prm_opportunity_id"]
    contacts = portal.simulator.portal.find_type("contacts")
    contacts.add_property(replace(key, name="prm_contact_id", unique=False))
    with pytest.raises(SchemaError, match="does not require unique values") as caught:
        portal.connector().create(CONTACTS, [NewRecord("key-1", {"email": "jo@acme.example"})])
    assert "only when a property is made" in caught.value.hint


def test_a_contact_that_carries_no_key_is_read_and_written_by_its_id(portal: Portal) -> None:
    key = portal.properties("deals")["prm_opportunity_id"]
    contacts = portal.simulator.portal.find_type("contacts")
    contacts.add_property(replace(key, name="prm_contact_id"))
    hubspot = portal.connector()
    walk_in = portal.user_creates("contacts", {"email": "jo@acme.example"})
    (page,) = hubspot.changes(CONTACTS, None)
    assert [(one.id, one.values["prm_contact_id"]) for one in page.records] == [(walk_in, None)]
    assert hubspot.find(CONTACTS, ["key-1"]) == {}
    (result,) = hubspot.update(CONTACTS, [Change(walk_in, {"prm_contact_id": "key-1"})])
    assert result.error is None
    assert hubspot.find(CONTACTS, ["key-1"])["key-1"].id == walk_in


def test_an_account_without_custom_objects_says_what_to_do_instead(portal: Portal) -> None:
    types = portal.simulator.portal.types
    for type_id in [one for one in types if one.startswith("2-")]:
        del types[type_id]
    with pytest.raises(SchemaError, match="no object prm_registration") as caught:
        portal.connector().describe("prm_registration")
    assert "only Enterprise plans" in caught.value.hint
    assert "standard object" in caught.value.hint


def test_a_value_that_another_record_holds_leads_to_that_record(portal: Portal) -> None:
    hubspot = portal.connector()
    account = hubspot.account()
    kept, other = hubspot.create(
        DEALS, [NewRecord("key-1", NEW), NewRecord("key-2", {**NEW, "dealname": "Other"})]
    )
    change = Change(str(other.id), {"prm_opportunity_id": "key-1"})
    (result,) = hubspot.update(DEALS, [change])
    assert isinstance(result.error, RejectedError)
    address = f"https://app.hubspot.com/contacts/{account.org_id}/record/0-3/{kept.id}"
    assert address in result.error.message


def test_a_holder_is_found_in_words_alone() -> None:
    told = {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 171591000198"}
    error = row_error(told, lambda record_id: f"https://crm.example/{record_id}")
    assert "record 171591000198 (https://crm.example/171591000198)" in error.message
