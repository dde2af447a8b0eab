"""The benchmarks' CRMs: a simulator process, and believable opportunities for it to hold."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import orjson

OBJECTS = {"salesforce": "Opportunity", "hubspot": "deals"}
PARTNERS = 200
READ_BATCH = 1000
"""Deals whose associations HubSpot tells in one call."""
FIRST_COMPANY, FIRST_DEAL = 29_000_000_001, 51_000_000_001
_STAGES = {
    "salesforce": ("Prospecting", "Qualification", "Needs Analysis", "Closed Won"),
    "hubspot": ("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "closedwon"),
}
# The rate limits of a real portal would be what is measured: the benchmark lifts them.
_NO_LIMITS = {"settings": {"burst_limit": 1_000_000, "daily_limit": 0, "search_per_second": 0}}


def search_here_last() -> None:
    """To be called before a connector is loaded: hubspot.py in this folder would hide the vendor's
    package of that name."""
    here = str(Path(__file__).parent)
    sys.path.sort(key=lambda one: one == here)


def opportunities_file(crm: str, count: int, folder: Path) -> Path:
    """Write `count` opportunities as the simulator's `--data` and return the path."""
    path = folder / f"{crm}.json"
    rows = [_opportunity(crm, number) for number in range(count)]
    path.write_bytes(orjson.dumps({OBJECTS[crm]: rows}))
    return path


def deals_with_partners_file(count: int, partners: int, folder: Path) -> Path:
    """Write HubSpot deals, each associated with one of the partners' companies as its reseller."""
    path = folder / "hubspot.json"
    companies = [
        {"id": str(FIRST_COMPANY + place), "properties": partner(place)}
        for place in range(partners)
    ]
    deals = [
        {"id": str(FIRST_DEAL + place), "properties": _opportunity("hubspot", place)}
        for place in range(count)
    ]
    links = [
        {
            "from": {"object": "deals", "id": str(FIRST_DEAL + place)},
            "to": {"object": "companies", "id": str(FIRST_COMPANY + place % partners)},
            "label": "Reseller",
        }
        for place in range(count)
    ]
    path.write_bytes(orjson.dumps({"companies": companies, "deals": deals, "associations": links}))
    return path


def partner(place: int) -> dict[str, str]:
    """A partner's company; the partner database knows it by its domain."""
    return {"name": f"Partner {place}", "domain": f"partner{place}.example", "country": "DE"}


def _opportunity(crm: str, number: int) -> dict[str, Any]:
    stage, day = _STAGES[crm][number % 4], f"2026-12-{1 + number % 28:02d}"
    customer = number % 5000
    ours = {
        "Customer_Name": f"Customer {customer}",
        "Customer_Domain": f"customer{customer}.example",
        "Customer_Country": "DE",
        "Product_Lines": "firewall",
    }
    if crm == "salesforce":
        return {
            "Name": f"Deal {number}",
            "StageName": stage,
            "CloseDate": day,
            "Amount": 1000 + number,
            "CurrencyIsoCode": "EUR",
            **{f"PRM_{name}__c": value for name, value in ours.items()},
        }
    return {
        "dealname": f"Deal {number}",
        "dealstage": stage,
        "pipeline": "default",
        "closedate": f"{day}T12:00:00.000Z",
        "amount": str(1000 + number),
        "deal_currency_code": "EUR",
        **{f"prm_{name.lower()}": value for name, value in ours.items()},
    }


class SimulatorProcess:
    """`prmsync simulator` on a free port, stopped at the end."""

    def __init__(
        self, crm: str, folder: Path, data: Path | None = None, latency_ms: int = 0
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "prmsync.cli.main", "simulator", crm, "--port", str(port)]
        command += ["--latency-ms", str(latency_ms)]
        if data is not None:
            command += ["--data", str(data)]
        if crm == "hubspot":
            schema = folder / "schema.json"
            schema.write_bytes(orjson.dumps(_NO_LIMITS))
            command += ["--schema", str(schema)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def __enter__(self) -> SimulatorProcess:
        for _ in range(600):
            try:
                httpx.get(f"{self.base_url}/_simulator/clock", trust_env=False)
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return self
        raise SystemExit("the simulator does not start")

    def advance(self, seconds: int) -> None:
        """Let the CRM's clock move on."""
        body = {"advance_seconds": seconds}
        httpx.post(
            f"{self.base_url}/_simulator/clock", json=body, trust_env=False
        ).raise_for_status()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(30)
