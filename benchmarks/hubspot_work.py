"""One measured program on HubSpot deals with partners: WAY FOLDER BASE_URL [COUNT].

`floor` fetches the pages of deals and their associations, decodes them and upserts them into
SQLite; `load` is prmsync's first sync; `dlt` and `dlt-bare` are dlt's, with and without
associations; `update` syncs after COUNT opportunities were changed in the partner database.
"""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import peer
from measured import _fields, _hubspot_pages, database, figures, sync
from world import PARTNERS, READ_BATCH, partner, search_here_last

from prmsync.domain.values import PrmId
from prmsync.store import records


def partners_known(folder: Path) -> None:
    """The partners in the partner database, to be linked with their companies by domain."""
    store = database(folder)
    rows = [(PrmId(str(uuid.uuid4())), {**partner(n), "status": "active"}) for n in range(PARTNERS)]
    with store.begin() as connection:
        records.insert(connection, "partner", rows)
    store.close()


def load(folder: Path, base_url: str) -> dict[str, Any]:
    return sync("hubspot", folder, base_url)


def changed(folder: Path, count: int) -> None:
    """A number of the partner program's own on so many opportunities."""
    store = database(folder)
    with store.begin() as connection:
        some = records.ids(connection, "opportunity", "", count)
        rows = [(one, {"number": f"OP-{place:06d}"}) for place, one in enumerate(some)]
        records.update(connection, "opportunity", rows)
    store.close()


def floor(folder: Path, base_url: str) -> dict[str, Any]:
    fields = _fields("hubspot")
    target = sqlite3.connect(folder / f"floor-{uuid.uuid4()}.db")
    target.execute("PRAGMA journal_mode = WAL")
    columns = ", ".join(f"c{index}" for index in range(len(fields)))
    target.execute(f"CREATE TABLE deal (id TEXT PRIMARY KEY, {columns})")
    target.execute(
        "CREATE TABLE link (deal TEXT, company TEXT, type TEXT, PRIMARY KEY (deal, company, type))"
    )
    marks = ", ".join("?" * (len(fields) + 1))
    changes = ", ".join(f"c{index} = excluded.c{index}" for index in range(len(fields)))
    upsert = f"INSERT INTO deal VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}"
    known: list[str] = []
    links = 0
    with httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
        for page in _hubspot_pages(client, fields):
            with target:
                target.executemany(upsert, page)
            known += [row[0] for row in page]
        for page in _associations(client, known):
            with target:
                target.executemany("INSERT OR REPLACE INTO link VALUES (?, ?, ?)", page)
            links += len(page)
    target.close()
    return {"rows": len(known), "links": links}


def _associations(client: httpx.Client, ids: list[str]) -> Iterator[list[tuple[str, str, str]]]:
    for at in range(0, len(ids), READ_BATCH):
        body = {"inputs": [{"id": one} for one in ids[at : at + READ_BATCH]]}
        path = "/crm/associations/2026-09/deals/companies/batch/read"
        answer = client.post(path, json=body).raise_for_status()
        yield [
            (found["from"]["id"], str(end["toObjectId"]), str(kind["typeId"]))
            for found in orjson.loads(answer.content)["results"]
            for end in found["to"]
            for kind in end["associationTypes"]
            if kind["label"] == "Reseller"
        ]


def by_dlt(folder: Path, base_url: str, *, associations: bool) -> dict[str, Any]:
    """Nothing where dlt is not installed."""
    if importlib.util.find_spec("dlt") is None:
        return {}
    import dlt  # noqa: F401  # its import is not measured

    def work() -> dict[str, Any]:
        source = peer.hubspot_deals(base_url, _fields("hubspot"), associations=associations)
        peer.run(folder / f"associations-{associations}", source)
        return {}

    return figures(work)


def main() -> None:
    search_here_last()
    way, place, base_url, *more = sys.argv[1:]
    folder = Path(place)
    if way == "load":
        partners_known(folder)
        found = figures(lambda: load(folder, base_url))
    elif way == "update":
        changed(folder, int(more[0]))
        found = figures(lambda: load(folder, base_url))
    elif way == "floor":
        found = figures(lambda: floor(folder, base_url))
    else:
        found = by_dlt(folder, base_url, associations=way == "dlt")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
