"""hubspot-sdk, HubSpot's new Python client (an early version), against the served simulator."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.serve import serving
from prmsync_hubspot.simulator import ACCESS_TOKEN, HubSpotSimulator, Settings

PACKAGE, VERSION = "hubspot-sdk", "0.1.0a9"
SCRIPT = Path(__file__).with_name("hubspot_sdk_client.py")


def test_it_reads_writes_searches_associates_and_gets_typed_errors(pip_folder, run_python):
    simulator = HubSpotSimulator(SimulatorOptions(now=lambda: datetime.now(UTC)), Settings())
    folder = pip_folder(PACKAGE, VERSION)
    with serving(simulator.handle) as base:
        seen = run_python(SCRIPT, folder, base, ACCESS_TOKEN)
    assert seen == {
        "company": "Acme Ltd",
        "history": ["Acme Ltd", "Acme"],
        "gone": "OBJECT_NOT_FOUND",
        "made": 100,
        "listed": 100,
        "found": ["Deal 7"],
        "partly": [207, 99, {"objectWriteTraceId": ["0"], "ids": ["k-0"]}],
        "left": 60,
        "labels": ["Primary", "Reseller"],
        "taken": "CONFLICT",
        "owners": 4,
        "stage": "Appointment Scheduled",
        "unique": True,
    }
