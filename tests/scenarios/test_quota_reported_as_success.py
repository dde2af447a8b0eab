"""Quota exhausted reported as success.

**In the field.** At two in the afternoon the day's API calls are used up. The sync stops where it
is and calls the run finished, because "the rest comes tomorrow". Half of the deals are of today,
half of last week; the forecast is drawn from both, and the status page is green.

**Known from.** airbytehq/airbyte#8690, airbytehq/airbyte#9499.

**prmsync** ends such a run as failed, with the limit's name and when it goes on. What was read is
stored, what was sent is known row by row, and the next run begins where this one stopped.
"""

from __future__ import annotations

from typing import Any

import orjson

from prmsync.connector.simulator.http import Request, Response
from prmsync.domain.values import Values
from prmsync.errors import QuotaError
from prmsync.store import runs
from prmsync.store.runs import Run
from rig import Crm, World

LIMIT: dict[str, tuple[int, Any]] = {
    "salesforce": (
        403,
        [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}],
    ),
    "hubspot": (429, {"status": "error", "policyName": "DAILY", "errorType": "RATE_LIMIT"}),
}
"""What each CRM answers when the day's calls are used up."""


def used_up(crm: Crm) -> Response:
    status, body = LIMIT[crm.connector]
    return Response(status, orjson.dumps(body), {"content-type": "application/json"})


def last_run(world: World) -> Run:
    with world.database.read() as connection:
        return runs.recent(connection, "crm")[0]


def run_once(world: World) -> str:
    """One run; returns its state, whether it said so itself or ended by the limit."""
    try:
        return str(world.sync("crm", release=True).state)
    except QuotaError:
        return last_run(world).state


def calls_of_an_idle_run(world: World, crm: Crm) -> int:
    """The calls of a day's run with nothing to do."""
    world.settle("crm")
    world.wait(86_400)
    made: list[Request] = []
    with crm.standing_before(lambda request: made.append(request), "."):
        run_once(world)
    return len(made)


def register(world: World, partner: str, count: int) -> None:
    for at in range(count):
        values: Values = {"number": f"DR-{at}", "partner": partner, "customer_name": "X"}
        world.insert("registration", values)


def test_a_limit_reached_while_reading_is_no_success(world: World, crm: Crm, deal: str) -> None:
    record = crm.id_of("opportunity", "Northwind firewall")
    world.wait(3600)
    crm.change("opportunity", record, customer_name="Northwind AG")
    with crm.standing_before(lambda _: used_up(crm), "query|search$"):
        assert run_once(world) == "stopped"
    assert "limit" in str(last_run(world).message).lower()
    world.wait(86_400)
    world.settle("crm")
    assert world.ours("opportunity", deal)["customer_name"] == "Northwind AG"


def test_a_limit_reached_between_two_streams_keeps_what_was_read(
    world: World, crm: Crm, deal: str
) -> None:
    """Partners were read, deals were not: the next run reads the deals, and partners once."""
    world.wait(3600)
    crm.change("partner", crm.id_of("partner", "Globex Corporation"), country="FR")
    crm.change("opportunity", crm.id_of("opportunity", "Northwind firewall"), source="web")

    def deals(request: Request) -> Response | None:
        asked = str(request.query.get("q", "")) + request.path
        of_deals = ("FROM Opportunity ", "0-3/search", "deals/search")
        return used_up(crm) if any(one in asked for one in of_deals) else None

    with crm.standing_before(deals, "query|search"):
        assert run_once(world) == "stopped"
    world.wait(86_400)
    world.settle("crm")
    (partner,) = world.all_ours("partner").values()
    (opportunity,) = world.all_ours("opportunity").values()
    assert (partner["country"], opportunity["source"]) == ("FR", "web")


def test_a_limit_reached_while_writing_is_no_success_and_loses_nothing(
    world: World, crm: Crm, partner: str
) -> None:
    register(world, partner, 5)
    world.edit("partner", partner, {"status": "suspended"})
    with crm.standing_before(lambda _: used_up(crm)):
        assert run_once(world) == "stopped"
    assert crm.rows("registration") == []
    world.wait(86_400)
    world.settle("crm")
    assert len(crm.rows("registration")) == 5


def test_a_limit_reached_between_two_batches_goes_on_with_the_second(
    world: World, crm: Crm, partner: str
) -> None:
    count = 250
    register(world, partner, count)
    sent: list[int] = []

    def second(_: Request) -> Response | None:
        sent.append(len(crm.rows("registration")))
        return used_up(crm) if sent[-1] else None

    with crm.standing_before(second):
        assert run_once(world) == "stopped"
    written = len(crm.rows("registration"))
    assert 0 < written < count
    world.wait(86_400)
    world.settle("crm")
    rows = crm.rows("registration")
    assert len(rows) == len({row[crm.words["number"]] for row in rows}) == count


def test_a_day_with_few_calls_is_used_by_several_runs_until_all_is_done(
    world: World, crm: Crm, partner: str
) -> None:
    """The CRM's own meter leaves two calls more than a run with nothing to do takes; each day's
    run gets further, and none is called a success before the last."""
    limit = calls_of_an_idle_run(world, crm) + 2
    register(world, partner, 450)
    world.edit("partner", partner, {"country": "FR"})
    states = []
    for _ in range(12):
        world.wait(86_400)
        left = [limit]

        def meter(_: Request, left: list[int] = left) -> Response | None:
            left[0] -= 1
            return used_up(crm) if left[0] < 0 else None

        with crm.standing_before(meter, "."):
            states.append(run_once(world))
        if states[-1] == "done":
            break
    assert states == ["stopped"] * (len(states) - 1) + ["done"]
    assert len(states) > 2
    assert len(crm.rows("registration")) == 450
    world.settle("crm")
    assert all(one.is_clean for one in world.verify("crm"))
