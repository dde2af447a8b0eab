"""Webhooks: what is taken for HubSpot's, what is made of events, and what a read does with it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hubspot.utils.signature import Signature

from prmsync.connector.hints import Delivery, Hint
from prmsync.connector.protocol import ConnectionSettings
from prmsync.errors import AuthError, ConfigurationError, RejectedError
from prmsync_hubspot import PLUGIN

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
ADDRESS = "https://prm.example.com/webhooks/acme-hs?from=hubspot"
SECRET = "7d000000-0000-4000-8000-000000000001"
SETTINGS = ConnectionSettings("hs", org="24681012", auth={"webhook_secret": SECRET})
EVENT = {
    "eventId": 1,
    "subscriptionId": 2,
    "portalId": 24681012,
    "appId": 3700421,
    "occurredAt": 1795410000000,
    "subscriptionType": "object.propertyChange",
    "attemptNumber": 0,
    "objectId": 51000000001,
    "objectTypeId": "0-3",
    "propertyName": "amount",
    "propertyValue": "9",
    "changeSource": "CRM_UI",
    "sourceId": "userId:61001",
}


def signed(body: bytes, at: datetime = NOW, address: str = ADDRESS) -> Delivery:
    """As HubSpot sends it, by the vendor's own library."""
    stamp = str(int(at.timestamp() * 1000))
    proof = Signature.get_signature(SECRET, body.decode("utf-8"), "v3", address, "POST", stamp)
    headers = {"x-hubspot-signature-v3": proof, "x-hubspot-request-timestamp": stamp}
    return Delivery("POST", address, headers, body)


def read(delivery: Delivery, settings: ConnectionSettings = SETTINGS) -> list[Hint]:
    return list(PLUGIN.hints(settings, SECRET, delivery, NOW))


def named(*events: dict[str, Any]) -> list[Hint]:
    return read(signed(orjson.dumps(list(events))))


def test_what_hubspot_signed_is_taken():
    assert named(EVENT) == [Hint("0-3", "51000000001")]


def test_an_address_is_signed_with_its_signs_decoded():
    """HubSpot decodes some signs of the address before it signs it."""
    plain, escaped = "https://x.example/a?b=(c):d", "https://x.example/a?b=%28c%29%3Ad"
    assert read(replace(signed(orjson.dumps([EVENT]), address=plain), address=escaped))


def test_the_vendors_own_check_takes_the_same(monkeypatch):
    delivery = signed(orjson.dumps([EVENT]), datetime.now(UTC))
    stamp = delivery.headers["x-hubspot-request-timestamp"]
    assert time.time() * 1000 - int(stamp) < 60_000
    assert Signature.is_valid(
        delivery.headers["x-hubspot-signature-v3"],
        SECRET,
        delivery.body.decode(),
        ADDRESS,
        "POST",
        "v3",
        stamp,
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"body": orjson.dumps([EVENT, EVENT])},
        {"address": ADDRESS.replace("acme-hs", "other")},
        {"method": "PUT"},
    ],
    ids=["body", "address", "method"],
)
def test_what_was_changed_on_the_way_is_refused(changed):
    with pytest.raises(AuthError, match="not proved to be HubSpot's") as refused:
        read(replace(signed(orjson.dumps([EVENT])), **changed))
    assert refused.value.code == "SIGNATURE"


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_a_delivery_that_is_not_of_now_is_refused(seconds):
    with pytest.raises(AuthError, match="five minutes") as refused:
        read(signed(orjson.dumps([EVENT]), NOW + timedelta(seconds=seconds)))
    assert refused.value.code == "TIMESTAMP"


def test_almost_five_minutes_are_taken():
    assert read(signed(orjson.dumps([EVENT]), NOW - timedelta(seconds=299)))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hubspot-request-timestamp": "1795410000000"},
        {"x-hubspot-request-timestamp": "soon", "x-hubspot-signature-v3": "x"},
        {"x-hubspot-request-timestamp": "9" * 40, "x-hubspot-signature-v3": "x"},
        {"x-hubspot-request-timestamp": "1795410000000", "x-hubspot-signature-v3": "ü"},
        {"x-hubspot-signature": "a" * 64, "x-hubspot-signature-version": "v1"},
    ],
)
def test_without_a_signature_of_version_3_it_is_refused(headers):
    with pytest.raises(AuthError):
        read(Delivery("POST", ADDRESS, headers, orjson.dumps([EVENT])))


def test_the_secret_of_another_app_proves_nothing():
    with pytest.raises(AuthError):
        PLUGIN.hints(SETTINGS, "another", signed(orjson.dumps([EVENT])), NOW)


@pytest.mark.parametrize("body", [b"{}", b"not json", b'["text"]', b"null"])
def test_what_is_no_list_of_events_cannot_be_read(body):
    with pytest.raises(RejectedError, match="no list of events"):
        read(signed(body))


def test_a_body_that_is_no_text_is_refused_without_a_traceback():
    with pytest.raises(RejectedError):
        read(Delivery("POST", ADDRESS, signed(b"[]").headers, b"\xff\xfe"))


def test_repeated_and_unordered_events_name_a_record_once():
    older = {**EVENT, "occurredAt": 1, "attemptNumber": 4}
    assert named(EVENT, older, EVENT) == [Hint("0-3", "51000000001")]


def test_a_merge_names_all_records_of_it():
    merge = {
        **EVENT,
        "subscriptionType": "object.merge",
        "newObjectId": 4,
        "primaryObjectId": 1,
        "mergedObjectIds": [2, 3],
    }
    assert [one.id for one in named(merge)] == ["51000000001", "4", "1", "2", "3"]


def test_an_association_names_both_ends():
    change = {
        "portalId": 24681012,
        "subscriptionType": "object.associationChange",
        "changeSource": "CRM_UI",
        "fromObjectTypeId": "0-3",
        "fromObjectId": 1,
        "toObjectTypeId": "0-2",
        "toObjectId": 2,
    }
    assert named(change) == [Hint("0-3", "1"), Hint("0-2", "2")]


def test_the_older_subscriptions_name_the_object_in_their_type():
    older = {key: value for key, value in EVENT.items() if key != "objectTypeId"}
    assert named({**older, "subscriptionType": "company.creation"}) == [Hint("0-2", "51000000001")]
    assert named({**older, "subscriptionType": "conversation.creation"}) == []


def test_what_our_own_app_wrote_is_no_news():
    ours = {**EVENT, "changeSource": "INTEGRATION", "sourceId": "3700421"}
    others = {**EVENT, "changeSource": "INTEGRATION", "sourceId": "77", "objectId": 5}
    assert named(ours, others) == [Hint("0-3", "5")]


def test_events_of_another_account_are_left_out():
    assert named({**EVENT, "portalId": 1}) == []


@pytest.mark.parametrize("odd", ["", "12/../3", "x" * 30, "9" * 21, None, {"a": 1}, "²"])
def test_an_id_that_is_none_is_left_out(odd):
    assert named({**EVENT, "objectId": odd}) == []


@pytest.mark.parametrize("odd", [None, 3, "deals/../", {"a": 1}])
def test_an_object_that_is_none_is_left_out(odd):
    assert named({**EVENT, "objectTypeId": odd}) == []


def test_the_secret_is_that_of_the_app_that_signs_in_unless_another_sends():
    app = ConnectionSettings("hs", auth={"client_secret": "a"})
    both = ConnectionSettings("hs", auth={"client_secret": "a", "webhook_secret": "b"})
    assert PLUGIN.webhook_secret(app) == "a"
    assert PLUGIN.webhook_secret(both) == "b"
    with pytest.raises(ConfigurationError, match="webhook_secret"):
        PLUGIN.webhook_secret(ConnectionSettings("hs", auth={"token": "pat"}))


def test_refusals_hold_nothing_of_what_was_sent():
    secret = {**EVENT, "propertyValue": "dana@customer.example"}
    with pytest.raises(AuthError) as refused:
        read(replace(signed(b"[]"), body=orjson.dumps([secret])))
    assert "dana@customer.example" not in str(refused.value) + refused.value.hint
