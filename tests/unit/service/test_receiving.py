"""Webhooks over real HTTP: what is taken, what is refused, and that nothing sent is told."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from hubspot.utils.signature import Signature
from structlog.testing import capture_logs

from prmsync.connector.hints import Hint
from prmsync.connector.protocol import ConnectionSettings
from prmsync.connector.registry import plugin
from prmsync.service import listening
from prmsync.service.receiving import LARGEST_BODY, MOST_CALLS, Receiver, Source
from prmsync.service.serving_hints import MOST_RECORDS, Hints

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
ADDRESS = "https://prm.example.com/webhooks/hs"
SECRET = "7d000000-0000-4000-8000-000000000001"
EVENT = {
    "portalId": 1,
    "subscriptionType": "object.propertyChange",
    "objectTypeId": "0-3",
    "objectId": 5,
    "propertyValue": "dana@customer.example",
}


class Ground:
    """A receiver that listens, and what it handed on."""

    def __init__(self) -> None:
        self.hints = Hints(["hs"])
        self.sooner: list[str] = []
        self.now = NOW
        known = {
            "hs": Source(
                ConnectionSettings("hs", auth={"client_secret": SECRET}),
                plugin("hubspot"),
                ADDRESS,
                SECRET,
            )
        }
        self.receiver = Receiver(known, self.hints, lambda: self.now, self.sooner.append)
        self.url = ""

    def send(self, body: bytes, *, path: str = "/webhooks/hs", good: bool = True) -> int:
        stamp = str(int(self.now.timestamp() * 1000))
        proof = Signature.get_signature(SECRET, body.decode(), "v3", ADDRESS, "POST", stamp)
        headers = {
            "X-HubSpot-Signature-v3": proof if good else "no",
            "X-HubSpot-Request-Timestamp": stamp,
        }
        return httpx.post(
            self.url + path, content=body, headers=headers, trust_env=False
        ).status_code


@pytest.fixture
def ground() -> Iterator[Ground]:
    made = Ground()
    app = made.receiver.application()
    with listening.answering(("127.0.0.1", 0), app, key="webhooks", most=MOST_CALLS) as url:
        made.url = url
        yield made


def test_a_signed_delivery_names_records_and_brings_the_run_forward(ground: Ground) -> None:
    assert ground.send(orjson.dumps([EVENT])) == 204
    assert ground.sooner == ["hs"]
    assert ground.hints.take("hs") == [Hint("0-3", "5")]
    assert ground.hints.take("hs") == []


def test_a_delivery_that_names_nothing_changes_nothing(ground: Ground) -> None:
    assert ground.send(b"[]") == 204
    assert ground.sooner == []


@pytest.mark.parametrize(
    ("path", "status"), [("/webhooks/other", 404), ("/", 404), ("/webhooks/hs/more", 404)]
)
def test_other_paths_are_not_there(ground: Ground, path: str, status: int) -> None:
    assert ground.send(b"[]", path=path) == status


def test_only_post_is_taken(ground: Ground) -> None:
    assert httpx.get(f"{ground.url}/webhooks/hs", trust_env=False).status_code == 405


def test_what_is_not_proved_is_refused_counted_and_told_once(ground: Ground) -> None:
    with capture_logs() as log:
        for _ in range(20):
            assert ground.send(orjson.dumps([EVENT]), good=False) == 401
    assert ground.sooner == []
    assert ground.hints.take("hs") == []
    assert ground.hints.told("hs") == (0, 20, None)
    (line,) = log
    assert (line["event"], line["code"]) == ("webhook refused", "SIGNATURE")
    assert "dana@customer.example" not in str(log)
    ground.now += timedelta(minutes=11)
    with capture_logs() as later:
        ground.send(b"[]", good=False)
    assert len(later) == 1


def test_what_cannot_be_read_is_refused(ground: Ground) -> None:
    assert ground.send(b"{}") == 400


def test_a_body_that_is_too_large_is_not_read(ground: Ground) -> None:
    assert ground.send(b" " * (LARGEST_BODY + 1)) == 413
    parts = urlsplit(ground.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    told = iter([b" " * 600_000, b" " * 600_000])
    connection.request("POST", "/webhooks/hs", body=told, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    assert ground.hints.told("hs") == (0, 2, None)


def test_names_are_kept_up_to_a_bound_and_each_once(ground: Ground) -> None:
    for start in range(0, MOST_RECORDS + 500, 100):
        events = [{**EVENT, "objectId": number} for number in range(start, start + 100)]
        assert ground.send(orjson.dumps(events)) == 204
        assert ground.send(orjson.dumps(events)) == 204
    assert len(ground.hints.take("hs")) == MOST_RECORDS


def test_what_a_run_could_not_use_is_there_for_the_next(ground: Ground) -> None:
    ground.send(orjson.dumps([EVENT]))
    taken = ground.hints.take("hs")
    ground.hints.give_back("hs", taken)
    assert ground.hints.take("hs") == taken
