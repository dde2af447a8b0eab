"""@hubspot/api-client, HubSpot's JavaScript client, against the served simulator."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.serve import serving
from prmsync_hubspot.simulator import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    HubSpotSimulator,
    Settings,
)
from prmsync_hubspot.simulator.delivery import signature

PACKAGE, VERSION = "@hubspot/api-client", "14.0.1"
SCRIPT = Path(__file__).with_name("hubspot_client.mjs")
SENT_TO = "https://prm.example.com/webhooks/hubspot"


def credentials():
    now = str(int(datetime.now(UTC).timestamp() * 1000))
    webhook = {
        "url": SENT_TO,
        "requestBody": "[]",
        "timestamp": int(now),
        "signature": signature(SENT_TO, b"[]", now),
    }
    return {
        "accessToken": ACCESS_TOKEN,
        "clientId": CLIENT_ID,
        "clientSecret": CLIENT_SECRET,
        "refreshToken": REFRESH_TOKEN,
        "webhook": webhook,
    }


def test_it_signs_in_reads_writes_searches_associates_and_repeats(npm_folder, run_script):
    simulator = HubSpotSimulator(SimulatorOptions(now=lambda: datetime.now(UTC)), Settings())
    with serving(simulator.handle) as base:
        folder = npm_folder(PACKAGE, VERSION)
        seen = run_script(SCRIPT, base, folder, json.dumps(credentials()))
    assert seen["tokenOf"] == 24681012
    assert seen["company"] == ["Acme Ltd", None, True]
    assert seen["history"] == ["Acme Ltd", "Acme"]
    assert (seen["upserted"], seen["all"]) == (100, 100)
    assert seen["partly"] == [99, 1, {"objectWriteTraceId": ["0"], "ids": ["k-0"]}]
    assert seen["found"] == ["Deal 99", "Deal 98"]
    labels, none = seen["associations"]
    assert [label for label in labels if label] == ["Primary", "Reseller"]
    assert none == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert seen["created"] == [[200, None], [409, "CONFLICT"], "made"]
    assert seen["repeated"] == 1
    assert simulator.chassis.stats.calls("objects.search", status=429) == 1
    assert seen["properties"] > 30
    assert seen["stages"][0] == "Appointment Scheduled"
    assert seen["schemas"] == ["prm_registration"]
    assert (seen["owners"], seen["dated"]) == (4, 2)
    assert seen["signature"] is True
