"""Webhooks out: what is told of which change, how it is signed, and deliveries that go wrong."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import httpx
import orjson
import pytest
from hubspot.utils.signature import Signature

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.http import Response
from prmsync.connector.simulator.serve import serving
from prmsync_hubspot.simulator import ACCESS_TOKEN, CLIENT_SECRET, HubSpotSimulator
from prmsync_hubspot.simulator.delivery import signature

TARGET = "https://prm.example.com/webhooks/hubspot"
ALL = [
    {"type": f"object.{event}", "object": "deals"}
    for event in ("creation", "deletion", "restore", "merge", "propertyChange", "associationChange")
]


class Receiver:
    """Takes what is sent; `answers` are the statuses, in turn, then 204."""

    def __init__(self):
        self.calls = []
        self.answers = []

    def __call__(self, address, body, headers):
        self.calls.append((address, body, dict(headers)))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def events(self):
        return [event for _, body, _ in self.calls for event in orjson.loads(body)]


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def hooked(new_portal, receiver):
    """A portal that tells everything of deals."""
    portal = new_portal(send=receiver)
    portal.post("/_simulator/webhooks", {"target": TARGET, "subscriptions": ALL})
    return portal


def deliver(portal, **manner):
    answer = portal.post("/_simulator/webhooks", {"deliver": manner or True})
    assert answer.status_code == 200, answer.text
    return answer.json()


def kinds(events):
    return [event["subscriptionType"].partition(".")[2] for event in events]


def test_a_record_is_told_from_its_making_to_its_end(hooked, receiver):
    one = hooked.make("deals", dealname="One", amount="5")
    hooked.http.patch(f"/crm/v3/objects/deals/{one}", json={"properties": {"amount": "6"}})
    hooked.http.patch(f"/crm/v3/objects/deals/{one}", json={"properties": {"amount": "6"}})
    hooked.http.delete(f"/crm/v3/objects/deals/{one}")
    hooked.edit("deals", one, archived=False)
    deliver(hooked)
    told = receiver.events
    assert kinds(told) == [
        "creation",
        *["propertyChange"] * 2,
        "propertyChange",
        "deletion",
        "restore",
    ]
    assert {event["objectId"] for event in told} == {int(one)}
    assert {event["objectTypeId"] for event in told} == {"0-3"}
    change = told[3]
    assert (change["propertyName"], change["propertyValue"]) == ("amount", "6")
    assert (change["changeSource"], told[-1]["changeSource"]) == ("INTEGRATION", "CRM_UI")
    assert change["occurredAt"] == 1795339800250


def test_a_subscription_takes_only_its_object_event_and_property(new_portal, receiver):
    portal = new_portal(send=receiver)
    wanted = [
        {"type": "object.propertyChange", "object": "0-3", "property": "amount"},
        {"type": "company.creation"},
    ]
    portal.post("/_simulator/webhooks", {"target": TARGET, "subscriptions": wanted})
    portal.make("deals", dealname="One", amount="5")
    portal.make("companies", name="Acme")
    portal.make("contacts", email="a@example.com")
    deliver(portal)
    change, made = receiver.events
    assert (change["subscriptionType"], change["propertyName"]) == (
        "object.propertyChange",
        "amount",
    )
    assert made["subscriptionType"] == "company.creation"
    assert "objectTypeId" not in made


def test_both_directions_of_an_association_are_told(new_portal, receiver):
    portal = new_portal(send=receiver)
    wanted = [
        {"type": "object.associationChange", "object": name} for name in ("deals", "companies")
    ]
    portal.post("/_simulator/webhooks", {"target": TARGET, "subscriptions": wanted})
    deal, company = portal.make("deals", dealname="One"), portal.make("companies", name="A")
    spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}]
    path = f"/crm/v4/objects/deals/{deal}/associations/companies/{company}"
    portal.http.put(path, json=spec)
    portal.http.put(path, json=spec)
    portal.http.delete(path)
    deliver(portal)
    told = [
        (
            event["fromObjectTypeId"],
            event["associationTypeId"],
            event["associationRemoved"],
            event["isPrimaryAssociation"],
        )
        for event in receiver.events
    ]
    assert sorted(told) == sorted(
        (one, number, removed, number in (5, 6))
        for one, numbers in (("0-3", (341, 5)), ("0-2", (342, 6)))
        for number in numbers
        for removed in (False, True)
    )
    assert {"objectId", "sourceId"}.isdisjoint(receiver.events[0])


@pytest.mark.parametrize("new_id", [False, True])
def test_a_merge_tells_all_ids(hooked, receiver, new_id):
    hooked.post("/_simulator/settings", {"merge_new_id": new_id})
    kept, lost = hooked.make("deals", dealname="K"), hooked.make("deals", dealname="L")
    answer = hooked.post(
        "/crm/v3/objects/deals/merge", {"primaryObjectId": kept, "objectIdToMerge": lost}
    )
    deliver(hooked)
    (merge,) = [event for event in receiver.events if event["subscriptionType"] == "object.merge"]
    assert (merge["primaryObjectId"], merge["mergedObjectIds"]) == (int(kept), [int(lost)])
    assert merge["newObjectId"] == int(answer.json()["id"])
    assert (merge["newObjectId"] != int(kept)) is new_id


def test_hubspots_own_client_accepts_the_signature():
    body, address = b'[{"eventId":1}]', "https://prm.example.com/hooks?to=a%3Ab&x=%20"
    now = str(int(datetime.now(UTC).timestamp() * 1000))
    proof = signature(address, body, now)
    decoded = "https://prm.example.com/hooks?to=a:b&x=%20"
    assert Signature.is_valid(
        proof,
        CLIENT_SECRET,
        body.decode(),
        decoded,
        "POST",
        "v3",
        now,
    )


def test_every_call_carries_both_signatures_and_its_time(hooked, receiver):
    hooked.make("deals", dealname="One")
    deliver(hooked)
    address, body, headers = receiver.calls[0]
    assert address == TARGET
    stamp = headers["x-hubspot-request-timestamp"]
    assert stamp == "1795339800250"
    assert headers["x-hubspot-signature-v3"] == signature(TARGET, body, stamp)
    older = Signature.get_signature(CLIENT_SECRET, body.decode(), "v1")
    assert headers["x-hubspot-signature"] == older


def test_an_old_or_spoiled_signature_on_demand(hooked, receiver):
    hooked.make("deals", dealname="One")
    deliver(hooked, age_seconds=301, keep=True)
    deliver(hooked, signed=False)
    (_, old, headers), (_, body, spoiled) = receiver.calls
    assert headers["x-hubspot-request-timestamp"] == "1795339499250"
    assert old == body
    stamp = spoiled["x-hubspot-request-timestamp"]
    assert spoiled["x-hubspot-signature-v3"] != signature(TARGET, body, stamp)


def test_events_come_repeated_and_out_of_order_on_demand(hooked, receiver):
    for number in range(3):
        hooked.make("deals", dealname=f"D{number}")
    deliver(hooked, keep=True)
    right = receiver.events
    deliver(hooked, order="reversed", times=2, keep=True)
    assert receiver.events[len(right) :] == right[::-1] * 2
    receiver.calls.clear()
    deliver(hooked, order="shuffled")
    shuffled = receiver.events
    assert shuffled != right
    assert sorted(shuffled, key=right.index) == right
    assert deliver(hooked)["waiting"] == []


def test_more_than_a_hundred_events_take_more_than_one_call(hooked, receiver):
    for number in range(70):
        hooked.make("deals", dealname=f"D{number}")
    deliver(hooked)
    assert [len(orjson.loads(body)) for _, body, _ in receiver.calls] == [100, 40]


def test_what_was_not_taken_is_sent_again_and_counted(hooked, receiver):
    receiver.answers = [503, OSError("refused")]
    hooked.make("deals")
    for _ in range(3):
        told = deliver(hooked)
    assert [event["attemptNumber"] for event in receiver.events] == [0, 1, 2]
    assert told["answers"] == [503, "no answer: refused", 204]
    assert told["waiting"] == []
    receiver.answers = [500] * 20
    hooked.make("deals")
    for _ in range(20):
        deliver(hooked)
    assert len(receiver.calls) == 3 + 11


def test_without_subscriptions_nothing_waits_and_clear_forgets(hooked, receiver):
    hooked.make("deals", dealname="One")
    cleared = hooked.post("/_simulator/webhooks", {"clear": True}).json()
    assert (cleared["subscriptions"], cleared["waiting"]) == ([], [])
    hooked.make("deals", dealname="Two")
    deliver(hooked)
    assert receiver.calls == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"subscriptions": [{"type": "deal.removal"}]}, "creation, deletion"),
        ({"subscriptions": [{"type": "object.creation", "object": "delas"}]}, "delas"),
        ({"subscriptions": [{"type": "deal.creation", "objekt": 1}]}, "objekt"),
        ({"deliver": {"order": "sideways"}}, "in_turn, reversed, shuffled"),
        ({"deliver": {"times": "2"}}, "times = '2'"),
        ({"delivery": True}, "does not know delivery"),
    ],
)
def test_what_the_control_path_cannot_use_is_named(hooked, body, told):
    answer = hooked.post("/_simulator/webhooks", body)
    assert answer.status_code == 400
    assert told in answer.json()["message"]


@pytest.mark.parametrize("body", [{"deliver": True}, {"automatic": True}])
def test_a_delivery_needs_a_target(portal, body):
    assert "no target" in portal.post("/_simulator/webhooks", body).json()["message"]


def test_a_restored_state_still_tells_of_associations(hooked, receiver):
    deal, company = hooked.make("deals"), hooked.make("companies", name="A")
    deliver(hooked)
    hooked.http.put("/_simulator/state", json=hooked.get("/_simulator/state").json())
    receiver.calls.clear()
    values = {"from_object": "deals", "from_id": deal, "to_object": "companies", "to_id": company}
    hooked.post("/_simulator/records", {"object": "associations", "values": values})
    deliver(hooked)
    assert set(kinds(receiver.events)) == {"associationChange"}
    assert receiver.events[0]["changeSource"] == "CRM_UI"


def test_a_served_simulator_sends_by_itself_until_it_is_told_to_stop():
    took, seen = threading.Event(), []

    def receive(request):
        seen.extend(orjson.loads(request.body))
        took.set()
        return Response(204)

    simulator = HubSpotSimulator(SimulatorOptions(now=lambda: datetime.now(UTC)))
    with serving(receive) as target, serving(simulator.handle) as base:
        headers = {"authorization": f"Bearer {ACCESS_TOKEN}"}
        with httpx.Client(base_url=base, headers=headers, trust_env=False) as client:
            setup = {"target": target, "subscriptions": ALL, "automatic": True}
            assert client.post("/_simulator/webhooks", json=setup).json()["automatic"]
            client.post("/crm/v3/objects/deals", json={"properties": {"dealname": "One"}})
            assert took.wait(10)
            stopped = client.post("/_simulator/webhooks", json={"automatic": False}).json()
    assert stopped["automatic"] is False
    assert kinds(seen) == ["creation", "propertyChange"]
