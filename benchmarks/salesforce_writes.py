"""Changed opportunities into Salesforce, one way a process: WAY FOLDER BASE_URL COUNT.

`serial` is the least that anybody does: collections calls of 200 rows, one after the other, no look
before. `calls` is prmsync's: looks, then several collections calls together. `job` is what it does
with so many records where no setting is changed: looks, then one Bulk job.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import httpx
import orjson
from measured import figures
from world import search_here_last

from prmsync.connector.protocol import Change, ConnectionSettings, ManyWriter, ObjectSpec
from prmsync.connector.registry import plugin
from prmsync.service.runtime import runtime

FIELDS = ("PRM_Opportunity_Id__c", "Name", "Amount", "CloseDate", "StageName")
SPEC = ObjectSpec("opportunity", "Opportunity", FIELDS, "PRM_Opportunity_Id__c")
BATCH = 200


def signed_in(base_url: str) -> httpx.Client:
    client = httpx.Client(base_url=base_url, timeout=120, trust_env=False)
    form = {"grant_type": "client_credentials", **plugin("salesforce").simulator_auth()}
    answer = httpx.post(f"{base_url}/services/oauth2/token", data=form, trust_env=False)
    token = answer.json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def ids(base_url: str, count: int) -> list[str]:
    with signed_in(base_url) as client:
        soql = f"SELECT Id FROM Opportunity ORDER BY Id LIMIT {count}"
        page = client.get("/services/data/v68.0/query", params={"q": soql}).json()
        found = [row["Id"] for row in page["records"]]
        while not page["done"]:
            page = client.get(page["nextRecordsUrl"]).json()
            found += [row["Id"] for row in page["records"]]
    return found


def serial(base_url: str, known: list[str]) -> dict[str, Any]:
    calls = 0
    with signed_in(base_url) as client:
        for at in range(0, len(known), BATCH):
            records = [
                {"attributes": {"type": "Opportunity"}, "id": one, "Amount": 7.5}
                for one in known[at : at + BATCH]
            ]
            body = orjson.dumps({"allOrNone": False, "records": records})
            headers = {"content-type": "application/json"}
            path = "/services/data/v68.0/composite/sobjects"
            answer = client.patch(path, content=body, headers=headers).raise_for_status()
            if not all(row["success"] for row in answer.json()):
                raise SystemExit("a row was refused")
            calls += 1
    return {"calls": {"write": calls}}


def by_calls(base_url: str, known: list[str]) -> dict[str, Any]:
    return by_connector(base_url, known, {"bulk_writes": 0})


def by_job(base_url: str, known: list[str]) -> dict[str, Any]:
    return by_connector(base_url, known, {})


def by_connector(base_url: str, known: list[str], options: dict[str, Any]) -> dict[str, Any]:
    plug = plugin("salesforce")
    auth = dict(plug.simulator_auth())
    settings = ConnectionSettings("sf", base_url=base_url, auth=auth, options=options)
    with runtime(direct=True) as outside:
        connector = plug.connect(settings, outside)
        if not isinstance(connector, ManyWriter):
            raise TypeError("not the Salesforce connector")
        connector.describe("Opportunity")
        before = dict(connector.usage().calls)
        at_once = connector.rows_at_once()
        looking = 0.0
        for at in range(0, len(known), at_once):
            some = known[at : at + at_once]
            began = time.perf_counter()
            seen = connector.fetch(SPEC, some)
            looking += time.perf_counter() - began
            changes = [Change(one, {"Amount": "8.50"}, seen[one].version) for one in some]
            if any(result.error for result in connector.update(SPEC, changes)):
                raise SystemExit("a row was refused")
        calls = connector.usage().calls
    made = {kind: count - before.get(kind, 0) for kind, count in calls.items()}
    return {"calls": made, "looking": looking}


def main() -> None:
    search_here_last()
    way, _, base_url, count = sys.argv[1:]
    known = ids(base_url, int(count))
    work = {"serial": serial, "calls": by_calls, "job": by_job}[way]
    print(json.dumps(figures(lambda: work(base_url, known))))


if __name__ == "__main__":
    main()
