"""A portal in process: a clock and a wall clock that stand still until a test moves them."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.transport import HandlerTransport
from prmsync_hubspot.simulator import ACCESS_TOKEN, HubSpotSimulator, Settings

BASE = "http://hubspot.test"
START = datetime(2026, 11, 22, 9, 30, 0, 250_000, tzinfo=UTC)


class Portal:
    """A simulator with a client; `v3` and `dated` are the two spellings of one object's path."""

    def __init__(self, schema=None, data=None, settings=None, **more):
        self.wall = 0.0
        self.simulator = HubSpotSimulator(
            SimulatorOptions(now=lambda: START, data=data, schema=schema, seed=3),
            settings or Settings(),
            monotonic=lambda: self.wall,
            **more,
        )
        self.http = httpx.Client(
            transport=HandlerTransport({BASE: self.simulator.handle}),
            base_url=BASE,
            headers={"authorization": f"Bearer {ACCESS_TOKEN}"},
        )

    def get(self, path, **query):
        return self.http.get(path, params=query)

    def post(self, path, body):
        return self.http.post(path, json=body)

    def make(self, kind, /, **values):
        """A record's id."""
        answer = self.post(f"/crm/v3/objects/{kind}", {"properties": values})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()["id"]

    def read(self, kind, record_id, *properties, **query):
        query["properties"] = ",".join(properties)
        return self.get(f"/crm/v3/objects/{kind}/{record_id}", **query).json()

    def edit(self, kind, record_id, /, **values):
        """As a CRM user."""
        body = {"object": kind, "id": record_id, "values": values}
        answer = self.http.patch("/_simulator/records", json=body)
        assert answer.status_code == 200, answer.text

    def search(self, kind, *filters, **more):
        body = {"filterGroups": [{"filters": list(filters)}] if filters else [], **more}
        return self.post(f"/crm/v3/objects/{kind}/search", body)

    def found(self, kind, *filters, **more):
        """Ids that a search gives."""
        answer = self.search(kind, *filters, **more)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["results"]]

    def advance(self, seconds):
        self.http.post("/_simulator/clock", json={"advance_seconds": seconds})


@pytest.fixture
def new_portal():
    made = []

    def make(**options):
        made.append(Portal(**options))
        return made[-1]

    yield make
    for portal in made:
        portal.http.close()


@pytest.fixture
def portal(new_portal):
    return new_portal()
