"""A record whose reference lost its record in the CRM: only the reference waits."""

from __future__ import annotations

from typing import Any

from prmsync.domain.values import Values
from prmsync.sync import run


def test_other_edits_do_not_wait_for_a_partner_that_was_deleted_in_the_crm(
    world: Any, crm: Any, partner_values: Values
) -> None:
    """A registration must have a partner to be made, and it has been made long ago."""
    partner = world.insert("partner", partner_values)
    filed = {"number": "DR-1", "partner": partner, "customer_name": "Northwind"}
    registration = world.insert("registration", filed)
    world.settle("crm")
    crm.remove("partner", crm.only("partner")[crm.words["id"]])
    world.wait(700)
    with world.session("crm") as session:
        run.sync(session, full=True, release=True)
    world.edit("registration", registration, {"expected_close": "2027-04-08"})
    world.settle("crm")
    word = "Expected_Close__c" if crm.connector == "salesforce" else "expected_close"
    assert crm.only("registration")[word] == "2027-04-08"
    assert world.ours("registration", registration)["partner"] == partner
