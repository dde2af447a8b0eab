"""What a CRM does to writes: lost replies, refusals, limits, edits in between. Nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from prmsync.connector.simulator.http import Request, Response
from prmsync.domain.values import Values
from prmsync.errors import AuthError, ConnectorError
from prmsync.store import held, journal, links
from prmsync.store.journal import ActionState
from prmsync.sync.apply_crm import apply_crm
from prmsync.sync.not_taken import NOT_TAKEN
from prmsync.sync.observe import observe
from prmsync.sync.plan import Plan
from prmsync.sync.planning import plan_streams
from prmsync.sync.running import holding, start

WRITES = {
    "salesforce": r"composite/sobjects(/[^/]+/[^/]+)?$",
    "hubspot": r"batch/(upsert|update|create)$",
}


def registration(partner: str, number: str, **values: Any) -> Values:
    return {"number": number, "partner": partner, "customer_name": f"{number} GmbH", **values}


@pytest.fixture
def partner(world: Any, partner_values: Values) -> str:
    """A partner that both sides have."""
    made = str(world.insert("partner", partner_values))
    world.settle("crm")
    return made


@dataclass
class Between:
    """A simulator with somebody standing before its writes."""

    inner: Any
    act: Callable[[Request], Request | Response | None]
    """Says nothing, passes on another request, or answers instead."""

    def handle(self, request: Request) -> Response:
        said = self.act(request) if is_write(request) else None
        if isinstance(said, Response):
            return said
        answer: Response = self.inner.handle(said or request)
        return answer


def is_write(request: Request) -> bool:
    if request.path.startswith("/_simulator/"):
        return False
    if "/composite/sobjects" in request.path:
        return b'"fields":[' not in request.body
    return request.path.endswith(("batch/upsert", "batch/update", "batch/create", "batch/archive"))


def fault(crm: Any, **rule: Any) -> None:
    crm.control("POST", "faults", {"path": WRITES[crm.connector], **rule})


def waiting(world: Any) -> list[Any]:
    with world.database.read() as connection:
        return [item for _, item in held.waiting_items(connection)]


def parked(world: Any) -> list[Any]:
    with world.database.read() as connection:
        return [item for _, item in held.parked_items(connection)]


def numbers(crm: Any) -> list[str]:
    return sorted(str(row[crm.words["number"]]) for row in crm.rows("registration"))


def filed(crm: Any, number: str) -> dict[str, Any]:
    word = crm.words["number"]
    return next(row for row in crm.rows("registration") if row[word] == number)


def test_a_create_whose_reply_was_lost_makes_no_second_record(
    world: Any, crm: Any, partner: str
) -> None:
    for number in ("DR-1", "DR-2"):
        world.insert("registration", registration(partner, number))
    fault(crm, drop=True, times=1)
    first = world.sync("crm", release=True)
    assert first.state == "failed"
    world.settle("crm")
    assert numbers(crm) == ["DR-1", "DR-2"]


def test_a_create_that_was_lost_on_its_way_is_made_once(world: Any, crm: Any, partner: str) -> None:
    world.insert("registration", registration(partner, "DR-1"))
    fault(crm, drop=True, commit=False, times=1)
    world.sync("crm", release=True)
    assert numbers(crm) == []
    world.settle("crm")
    assert numbers(crm) == ["DR-1"]


def test_an_update_whose_reply_was_lost_stands_once_in_history(
    world: Any, crm: Any, partner: str
) -> None:
    made = world.insert("registration", registration(partner, "DR-1"))
    world.settle("crm")
    world.edit("registration", made, {"customer_name": "Renamed GmbH"})
    fault(crm, drop=True, times=1)
    world.sync("crm", release=True)
    world.settle("crm")
    word = crm.words["registration_customer"]
    assert filed(crm, "DR-1")[word] == "Renamed GmbH"
    with world.database.read() as connection:
        ids = links.ids_of_record(connection, "registration", made)
        done = [one for one, _, _ in journal.history(connection, ids) if one.op == "update"]
    assert [one.fields["customer_name"] for one in done] == [("DR-1 GmbH", "Renamed GmbH")]


def test_an_edit_made_while_the_reply_was_lost_is_merged_with_what_was_written(
    world: Any, crm: Any, partner: str
) -> None:
    made = world.insert("registration", registration(partner, "DR-1"))
    fault(crm, drop=True, times=1)
    world.sync("crm", release=True)
    world.edit("registration", made, {"customer_name": "Later GmbH"})
    crm.change("registration", filed(crm, "DR-1")[crm.words["id"]], customer_contact="c@x.example")
    world.settle("crm")
    row = filed(crm, "DR-1")
    assert row[crm.words["registration_customer"]] == "Later GmbH"
    ours = world.ours("registration", made)
    shown = {ours["customer_contact"], *(item.crm[0] for item in waiting(world))}
    assert "c@x.example" in shown


def test_of_an_update_without_an_answer_each_field_is_looked_at_for_itself(
    world: Any, crm: Any, partner: str
) -> None:
    """Somebody in the CRM edits one field of it, somebody here takes the other one back."""
    made = world.insert("registration", registration(partner, "DR-1"))
    world.settle("crm")
    ours = {"customer_name": "Ours GmbH", "customer_contact": "ours@x.example"}
    world.edit("registration", made, ours)
    fault(crm, drop=True, times=1)
    simulator, done = crm.simulator, []

    class After:
        """Somebody edits the name as soon as it was written."""

        def handle(self, request: Request) -> Response:
            try:
                answer: Response = simulator.handle(request)
            finally:
                if is_write(request) and not done:
                    done.append(True)
                    number = filed(crm, "DR-1")[crm.words["id"]]
                    crm.change("registration", number, registration_customer="Theirs GmbH")
            return answer

    crm.simulator = After()
    world.sync("crm", release=True)
    crm.simulator = simulator
    world.edit("registration", made, {"customer_contact": None})
    world.settle("crm")
    row = filed(crm, "DR-1")
    assert world.ours("registration", made)["customer_contact"] is None
    assert not row.get(crm.words["customer_contact"])
    (item,) = waiting(world)
    assert (item.prm[0], item.crm[0]) == ("Ours GmbH", "Theirs GmbH")


def test_one_refused_row_waits_and_the_others_are_written(
    world: Any, crm: Any, partner: str
) -> None:
    made = {
        number: world.insert("registration", registration(partner, number))
        for number in ("DR-1", "DR-2", "DR-3")
    }
    code = "FIELD_CUSTOM_VALIDATION_EXCEPTION" if crm.connector == "salesforce" else None
    rule = {"record": f"DR-2|{made['DR-2']}", "status": 400, "message": "not on a Sunday"}
    fault(crm, **rule, **({"code": code} if code else {}))
    report = world.sync("crm", release=True)
    assert report.state == "failed"
    assert numbers(crm) == ["DR-1", "DR-3"]
    (item,) = parked(world)
    assert "not on a Sunday" in item.message
    again = world.sync("crm", release=True)
    assert again.calls.get("write", 0) == 0
    crm.control("DELETE", "faults")
    assert world.sync("crm", release=True).calls.get("write", 0) == 0
    world.edit("registration", made["DR-2"], {"customer_name": "Weekday GmbH"})
    world.settle("crm")
    assert numbers(crm) == ["DR-1", "DR-2", "DR-3"]
    assert parked(world) == []


def test_a_batch_that_is_refused_whole_is_halved_until_the_bad_row_is_alone(
    world: Any, crm: Any, partner: str
) -> None:
    for at in range(7):
        world.insert("registration", registration(partner, f"DR-{at}"))

    body: Any = [{"message": "malformed", "errorCode": "JSON_PARSER_ERROR"}]
    if crm.connector == "hubspot":
        body = {"status": "error", "message": "bad", "category": "VALIDATION_ERROR"}

    def refuse(request: Request) -> Response | None:
        if b"DR-4" not in request.body:
            return None
        return Response(400, orjson.dumps(body), {"content-type": "application/json"})

    simulator = crm.simulator
    crm.simulator = Between(simulator, refuse)
    world.sync("crm", release=True)
    crm.simulator = simulator
    assert numbers(crm) == [f"DR-{at}" for at in range(7) if at != 4]
    assert len(parked(world)) == 1


@pytest.mark.parametrize("kind", ["auth", "quota"])
def test_a_run_that_must_stop_leaves_the_rest_for_the_next(
    world: Any, crm: Any, partner: str, kind: str
) -> None:
    for number in ("DR-1", "DR-2"):
        world.insert("registration", registration(partner, number))
    if crm.connector == "salesforce":
        status, code = (
            (401, "INVALID_SESSION_ID") if kind == "auth" else (403, "REQUEST_LIMIT_EXCEEDED")
        )
        body: Any = [{"message": "TotalRequests Limit exceeded.", "errorCode": code}]
    else:
        status = 401 if kind == "auth" else 429
        body = {"status": "error", "message": "no", "category": "INVALID_AUTHENTICATION"}
        if kind == "quota":
            body = {
                "status": "error",
                "message": "limit",
                "errorType": "RATE_LIMIT",
                "policyName": "DAILY",
            }
    fault(crm, status=status, body=body)
    stopped: Any = None
    try:
        stopped = world.sync("crm", release=True)
    except ConnectorError as error:
        stopped = error
    wanted = "stopped" if kind == "quota" else "failed"
    assert isinstance(stopped, AuthError) or stopped.state == wanted
    assert numbers(crm) == []
    crm.control("DELETE", "faults")
    world.wait(3600)
    world.settle("crm")
    assert numbers(crm) == ["DR-1", "DR-2"]


# The token of HubSpot's private app does not expire.
@pytest.mark.parametrize("world", ["salesforce"], indirect=True)
def test_a_token_that_expires_within_a_run_is_not_seen(world: Any, crm: Any, partner: str) -> None:
    world.insert("registration", registration(partner, "DR-1"))
    body = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    fault(crm, status=401, body=body, times=1)
    assert world.sync("crm", release=True).state == "done"
    assert numbers(crm) == ["DR-1"]


def test_an_edit_between_our_read_and_our_write_is_not_overwritten(
    world: Any, crm: Any, partner: str
) -> None:
    """The guard reads the record right before the batch leaves."""
    made = world.insert("registration", registration(partner, "DR-1"))
    world.settle("crm")
    world.edit("registration", made, {"customer_name": "Ours GmbH"})
    record = filed(crm, "DR-1")[crm.words["id"]]
    with world.session("crm") as session:
        with holding(session):
            observe(session)
        crm.change("registration", record, registration_customer="Theirs GmbH")
        plan_and_apply(session)
    world.settle("crm")
    (item,) = waiting(world)
    assert (item.prm[0], item.crm[0]) == ("Ours GmbH", "Theirs GmbH")
    assert filed(crm, "DR-1")[crm.words["registration_customer"]] == "Theirs GmbH"


def plan_and_apply(session: Any) -> None:
    """The rest of a run after its reading."""
    with holding(session):
        made = Plan(start(session, "sync"))
        plan_streams(session, made, keep_dirty=False, release=True)
        apply_crm(session, made.run_id, [ActionState.PLANNED])


def ignoring(crm: Any, word: str) -> Between:
    """A CRM that acknowledges updates and keeps the old value of one field."""

    def strip(request: Request) -> Request | None:
        if request.path.endswith("batch/upsert") or "/PRM_Registration_Id__c" in request.path:
            return None
        body = orjson.loads(request.body) if request.body else {}
        for row in [*body.get("records", ()), *body.get("inputs", ())]:
            row.pop(word, None)
            row.get("properties", {}).pop(word, None)
        return Request(
            request.method, request.path, request.query, request.headers, orjson.dumps(body)
        )

    return Between(crm.simulator, strip)


def test_a_value_that_the_crm_acknowledged_and_did_not_take_is_held(
    world: Any, crm: Any, partner: str
) -> None:
    made = world.insert(
        "registration", registration(partner, "DR-1", customer_contact="a@x.example")
    )
    world.settle("crm")
    crm.change("registration", filed(crm, "DR-1")[crm.words["id"]], expected_close="2027-01-01")
    world.settle("crm")
    simulator = crm.simulator
    crm.simulator = ignoring(crm, crm.words["customer_contact"])
    world.edit("registration", made, {"customer_contact": "b@x.example", "reason": None})
    world.edit("registration", made, {"customer_name": "Touched GmbH"})
    for _ in range(4):
        world.sync("crm", release=True)
    assert world.ours("registration", made)["customer_contact"] == "b@x.example"
    (item,) = waiting(world)
    assert (item.kind, item.prm, item.crm) == (NOT_TAKEN, ("b@x.example",), ("a@x.example",))
    with world.database.begin() as connection:
        held.decide(connection, item.id, "crm", "dana", world.now())
    world.settle("crm")
    assert world.ours("registration", made)["customer_contact"] == "a@x.example"
    crm.simulator = simulator
    assert waiting(world) == []


def test_a_person_who_puts_an_old_value_back_is_believed(
    world: Any, crm: Any, partner: str
) -> None:
    made = world.insert(
        "registration", registration(partner, "DR-1", customer_contact="a@x.example")
    )
    world.settle("crm")
    world.edit("registration", made, {"customer_contact": "b@x.example"})
    world.settle("crm")
    record = filed(crm, "DR-1")[crm.words["id"]]
    crm.change("registration", record, customer_contact="a@x.example")
    world.settle("crm")
    assert world.ours("registration", made)["customer_contact"] == "a@x.example"
    assert waiting(world) == []


def test_what_the_crm_owns_to_itself_is_not_put_back_for_ever(
    world: Any, crm: Any, partner: str
) -> None:
    """A lock on a field of ours: written once, then held, never written again and again."""
    made = world.insert("registration", registration(partner, "DR-1", review_state="draft"))
    world.settle("crm")
    simulator = crm.simulator
    crm.simulator = ignoring(crm, crm.words["review_state"])
    world.edit("registration", made, {"review_state": "submitted"})
    for _ in range(4):
        report = world.sync("crm", release=True)
    assert report.calls.get("write", 0) == 0
    assert [item.kind for item in waiting(world)] == [NOT_TAKEN]
    assert world.ours("registration", made)["review_state"] == "submitted"
    crm.simulator = simulator
