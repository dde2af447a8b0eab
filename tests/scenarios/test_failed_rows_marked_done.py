"""Failed rows marked done.

**In the field.** The CRM answers a batch with HTTP 200 (Salesforce) or 207 (HubSpot), and inside it
some rows have failed: a validation rule, a missing value, a locked record. A sync that looks at the
status alone calls the run a success and never sends those rows again. A partner's registration is
approved here and stays "submitted" in the CRM, and nobody is told.

**Known from.** SFDO-Tooling/CumulusCI#367, forcedotcom/SalesforceMobileSDK-iOS#2831,
Multiwoven/multiwoven#923.

**prmsync** reads every row's own answer. A run with a failed row is never reported as a success;
the row is parked with the CRM's words (or tried again, where that helps), the others are written,
and only what was acknowledged counts as known by both sides.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from prmsync.connector.simulator.http import Request, Response
from prmsync.domain.values import Values
from rig import Crm, World

REFUSED = {
    "salesforce": {"status": 400, "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION"},
    "hubspot": {"status": 400},
}
FAILING_FOR_NOW = {
    "salesforce": {"status": 400, "code": "UNABLE_TO_LOCK_ROW"},
    "hubspot": {"status": 500, "code": "INTERNAL_ERROR"},
}


def register(world: World, partner: str, number: str) -> str:
    values: Values = {"number": number, "partner": partner, "customer_name": f"{number} GmbH"}
    return world.insert("registration", values)


def refuse(crm: Crm, *names: str) -> None:
    """Rows that show one of these texts are refused; the batch is answered all the same."""
    crm.fault(**REFUSED[crm.connector], record="|".join(names), message="not on a Sunday")


def numbers(crm: Crm) -> list[str]:
    return sorted(str(row[crm.words["number"]]) for row in crm.rows("registration"))


def test_a_batch_with_a_failed_row_is_no_success(world: World, crm: Crm, partner: str) -> None:
    ids = [register(world, partner, f"DR-{at}") for at in range(4)]
    refuse(crm, "DR-2", ids[2])
    report = world.sync("crm", release=True)
    assert report.state == "failed"
    assert numbers(crm) == ["DR-0", "DR-1", "DR-3"]
    (item,) = world.parked()
    assert "not on a Sunday" in item.message


def test_a_refused_update_is_not_taken_for_known(world: World, crm: Crm, registration: str) -> None:
    """The CRM still shows the old value: that is no edit of a person, and undoes nothing."""
    refuse(crm, "Northwind AG")
    world.edit("registration", registration, {"customer_name": "Northwind AG"})
    assert world.sync("crm").state == "failed"
    crm.no_faults()
    for _ in range(3):
        world.wait(3600)
        world.sync("crm")
    assert world.ours("registration", registration)["customer_name"] == "Northwind AG"
    assert len(world.parked()) == 1
    differ = {one.stream: one.explained for one in world.verify("crm")}
    assert differ["registration"] == {"refused by the CRM": 1}


def test_a_refused_row_goes_as_soon_as_its_content_is_another(
    world: World, crm: Crm, registration: str
) -> None:
    refuse(crm, "Northwind AG")
    world.edit("registration", registration, {"customer_name": "Northwind AG"})
    world.sync("crm")
    world.edit("registration", registration, {"customer_name": "Northwind SE"})
    world.settle("crm")
    word = crm.words["registration_customer"]
    assert crm.only("registration")[word] == "Northwind SE"
    assert world.parked() == []


def test_a_row_that_failed_for_now_is_sent_again_by_the_next_run(
    world: World, crm: Crm, partner: str
) -> None:
    ids = [register(world, partner, f"DR-{at}") for at in range(4)]
    rule: dict[str, Any] = dict(FAILING_FOR_NOW[crm.connector])
    # All through the run: a lock that ends sooner is waited for by the connector itself.
    crm.fault(**rule, record=f"DR-2|{ids[2]}")
    assert world.sync("crm", release=True).state == "failed"
    crm.no_faults()
    world.settle("crm")
    assert numbers(crm) == ["DR-0", "DR-1", "DR-2", "DR-3"]
    assert world.parked() == []


def test_what_refers_to_a_refused_record_waits_for_it(
    world: World, crm: Crm, partner_values: Values
) -> None:
    """The registration of a partner that the CRM refuses is not sent without its partner."""
    partner = world.insert("partner", partner_values)
    registration = register(world, partner, "DR-1")
    refuse(crm, partner)
    assert world.sync("crm", release=True).state == "failed"
    assert crm.rows("registration") == []
    crm.no_faults()
    world.edit("partner", partner, {"name": "Globex AG"})
    world.settle("crm")
    assert len(crm.rows("partner")) == 1
    assert numbers(crm) == ["DR-1"]
    assert world.ours("registration", registration)["partner"] == partner


@pytest.mark.parametrize("at", [0, 3, 6])
def test_a_batch_refused_whole_costs_only_its_bad_row(
    world: World, crm: Crm, partner: str, at: int
) -> None:
    """Some answers refuse a batch because of one row; it is halved until that row is alone."""
    for number in range(7):
        register(world, partner, f"DR-{number}")
    body: Any = [{"message": "malformed", "errorCode": "JSON_PARSER_ERROR"}]
    if crm.connector == "hubspot":
        body = {"status": "error", "message": "bad", "category": "VALIDATION_ERROR"}

    def refuse_whole(request: Request) -> Response | None:
        if f"DR-{at}".encode() not in request.body:
            return None
        return Response(400, orjson.dumps(body), {"content-type": "application/json"})

    with crm.standing_before(refuse_whole):
        report = world.sync("crm", release=True)
    assert report.state == "failed"
    assert numbers(crm) == [f"DR-{number}" for number in range(7) if number != at]
    assert len(world.parked()) == 1
