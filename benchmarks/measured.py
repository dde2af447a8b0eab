"""One measured program in a process of its own: WHAT CRM FOLDER BASE_URL [key=value …]."""

from __future__ import annotations

import importlib
import importlib.util
import json
import resource
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import peer
from world import search_here_last

from prmsync.connector.protocol import ConnectionSettings
from prmsync.connector.registry import plugin
from prmsync.domain.merge import Writes
from prmsync.domain.values import PrmId
from prmsync.mapping.load import load_mappings
from prmsync.mapping.locate import where_mappings
from prmsync.service.ids import new_id
from prmsync.service.memory import settle_collector
from prmsync.service.runtime import runtime, utc_now
from prmsync.store import migrations, records
from prmsync.store.database import Database, open_database
from prmsync.sync import run
from prmsync.sync.opening import open_session
from prmsync.sync.session import Session

NAME = "measured"


def figures(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return {
        **found,
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def database(folder: Path) -> Database:
    path = folder / "prmsync.db"
    url = f"sqlite:///{path}"
    if not path.exists():
        migrations.create(url)
    return open_database(url)


def import_connector(crm: str) -> None:
    """Load the connector and what its vendor's library loads when it is first used: imports are
    not measured. Makes no call."""
    known = plugin(crm)
    settings = ConnectionSettings(
        "imports", base_url="http://crm.invalid", auth=dict(known.simulator_auth())
    )
    with runtime(direct=True) as outside:
        known.connect(settings, outside).close()


@contextmanager
def opened(
    crm: str, folder: Path, base_url: str, mappings: Path | None = None
) -> Iterator[Session]:
    """The shipped mappings, or those of a folder, between the partner database and the CRM."""
    store, known = database(folder), plugin(crm)
    with runtime(direct=True) as outside:
        settings = ConnectionSettings(NAME, base_url=base_url, auth=dict(known.simulator_auth()))
        session = open_session(
            store,
            NAME,
            known.connect(settings, outside),
            connector_name=crm,
            title=known.title,
            mappings=load_mappings(where_mappings(mappings or crm)),
            writes=Writes.BOTH,
            now=utc_now,
            new_id=new_id,
            actor="benchmark",
        )
        settle_collector()
        yield session
        session.connector.close()
    store.close()


def sync(crm: str, folder: Path, base_url: str, mappings: Path | None = None) -> dict[str, Any]:
    """One run of the engine, base, journal and history on, brakes released."""
    with opened(crm, folder, base_url, mappings) as session:
        report = run.sync(session, release=True)
    return {"state": str(report.state), "counts": report.counts, "calls": report.calls}


def fill(folder: Path, size: int) -> None:
    """A partner with `size` registrations in the partner database."""
    store = database(folder)
    partner = PrmId(str(uuid.uuid4()))
    rows = [
        (
            PrmId(str(uuid.uuid4())),
            {
                "number": f"DR-{number:06d}",
                "partner": partner,
                "customer_name": f"Customer {number % 5000}",
                "customer_domain": f"customer{number % 5000}.example",
                "customer_country": "DE",
                "product_lines": "firewall",
                "amount": f"{1000 + number}.00",
                "currency": "EUR",
                "expected_close": "2026-12-20",
                "review_state": "submitted",
            },
        )
        for number in range(size)
    ]
    with store.begin() as connection:
        records.insert(connection, "partner", [(partner, {"name": "Globex", "status": "active"})])
        records.insert(connection, "registration", rows)
    store.close()


def _fields(crm: str) -> list[str]:
    """The CRM fields that the shipped mapping of opportunities reads."""
    return next(
        [one.crm for one in mapping.fields.values()]
        for mapping in load_mappings(where_mappings(crm))
        if mapping.stream == "opportunity"
    )


def floor(crm: str, folder: Path, base_url: str) -> dict[str, Any]:
    """The least work for the same rows: fetch, decode, upsert."""
    fields = _fields(crm)
    target = sqlite3.connect(folder / f"floor-{uuid.uuid4()}.db")
    target.execute("PRAGMA journal_mode = WAL")
    columns = ", ".join(f"c{index}" for index in range(len(fields)))
    target.execute(f"CREATE TABLE deal (id TEXT PRIMARY KEY, {columns})")
    marks = ", ".join("?" * (len(fields) + 1))
    changes = ", ".join(f"c{index} = excluded.c{index}" for index in range(len(fields)))
    upsert = f"INSERT INTO deal VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}"
    count = 0
    with httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
        for page in _PAGES[crm](client, fields):
            with target:
                target.executemany(upsert, page)
            count += len(page)
    target.close()
    return {"rows": count}


def _salesforce_pages(client: httpx.Client, fields: list[str]) -> Iterator[list[tuple[Any, ...]]]:
    auth = plugin("salesforce").simulator_auth()
    form = {"grant_type": "client_credentials", **auth}
    token = client.post("/services/oauth2/token", data=form).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    soql = f"SELECT Id, {', '.join(fields)} FROM Opportunity"
    answer = client.get("/services/data/v68.0/query", params={"q": soql})
    while True:
        page = orjson.loads(answer.raise_for_status().content)
        yield [(row["Id"], *(row[name] for name in fields)) for row in page["records"]]
        if page["done"]:
            return
        answer = client.get(page["nextRecordsUrl"])


def _hubspot_pages(client: httpx.Client, fields: list[str]) -> Iterator[list[tuple[Any, ...]]]:
    client.headers["Authorization"] = f"Bearer {plugin('hubspot').simulator_auth()['token']}"
    query = {"limit": "100", "properties": ",".join(fields)}
    while True:
        answer = client.get("/crm/objects/2026-09/deals", params=query)
        page = orjson.loads(answer.raise_for_status().content)
        yield [
            (row["id"], *(row["properties"].get(name) for name in fields))
            for row in page["results"]
        ]
        if "paging" not in page:
            return
        query["after"] = page["paging"]["next"]["after"]


_PAGES = {"salesforce": _salesforce_pages, "hubspot": _hubspot_pages}


def dlt_load(crm: str, folder: Path, base_url: str) -> dict[str, Any]:
    """The same rows through dlt's pipeline into SQLite; nothing where dlt is not installed."""
    if importlib.util.find_spec("dlt") is None:
        return {}
    importlib.import_module("dlt")  # its import is not measured

    def work() -> dict[str, Any]:
        peer.load(crm, folder, base_url, _fields(crm))
        return {}

    return figures(work)


def main() -> None:
    search_here_last()
    what, crm, place, base_url, *more = sys.argv[1:]
    folder, options = Path(place), dict(one.split("=", 1) for one in more)
    import_connector(crm)
    if what == "dlt":
        found = dlt_load(crm, folder, base_url)
    elif what == "floor":
        found = figures(lambda: floor(crm, folder, base_url))
    else:
        if what == "registrations":
            fill(folder, int(options["size"]))
        database(folder).close()  # as `prmsync init` has made it before any sync
        found = figures(lambda: sync(crm, folder, base_url))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
