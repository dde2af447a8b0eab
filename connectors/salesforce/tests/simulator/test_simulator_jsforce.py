"""jsforce, the JavaScript client, against the served simulator."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.serve import serving
from prmsync_salesforce.simulator.app import SalesforceSimulator

VERSION = "3.10.26"
SCRIPT = Path(__file__).with_name("jsforce_client.mjs")


def test_jsforce_signs_in_reads_writes_queries_and_runs_bulk_jobs(npm_folder, run_script):
    simulator = SalesforceSimulator(SimulatorOptions(now=lambda: datetime.now(UTC)))
    with serving(simulator.handle) as base:
        seen = run_script(SCRIPT, base, npm_folder("jsforce", VERSION))
    assert seen["identity"] == "integration@crm.example.com"
    assert seen["account"]["Website"] == "acme.example"
    assert seen["upserts"] == [True, True]
    assert (seen["created"], seen["queried"], seen["parent"]) == (2100, 2100, "Acme")
    assert seen["refused"] == "JSON_PARSER_ERROR"
    assert seen["bulk"][0] == 1
    assert seen["bulk"][1].startswith(
        "REQUIRED_FIELD_MISSING:Required fields are missing: [StageName"
    )
    assert [row["Name"] for row in seen["bulkQuery"]] == ["By bulk"]
    assert {"Account", "Opportunity"} <= set(seen["objects"])
    assert seen["fields"] > 30
    assert seen["deleted"] == [seen["expected"]]
    assert (seen["tooling"], seen["limit"]) == ("Account", 1_000_000)
