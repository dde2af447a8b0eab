"""One measured program on HubSpot deals with partners: WAY FOLDER BASE_URL [COUNT].

`floor` fetches the pages of deals and of their associations, decodes them and upserts them into
SQLite; `read` does so with what prmsync's connector gives; `load` is prmsync's first sync. `dlt`
loads deals with their associations into SQLite, `dlt-bare` without; `dlt-extract` ends when all is
read. `update` syncs after COUNT opportunities were changed in the partner database; `write` has the
connector look at COUNT deals, write them and look at their history, without the engine.
"""

from __future__ import annotations

import importlib
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
from measured import _fields, _hubspot_pages, database, figures, import_connector, opened, sync
from world import FIRST_DEAL, PARTNERS, READ_BATCH, partner, search_here_last

from prmsync.connector.protocol import Change, HistoryReader, ManyWriter, Sent
from prmsync.domain.values import PrmId
from prmsync.mapping.locate import where_mappings
from prmsync.store import records


def partners_known(folder: Path) -> None:
    """The partners in the partner database, to be linked with their companies by domain."""
    store = database(folder)
    rows = [(PrmId(str(uuid.uuid4())), {**partner(n), "status": "active"}) for n in range(PARTNERS)]
    with store.begin() as connection:
        records.insert(connection, "partner", rows)
    store.close()


def own_mappings(folder: Path) -> Path:
    """The shipped mappings, which also look at deals' history after an update."""
    mappings = folder / "mappings"
    mappings.mkdir(exist_ok=True)
    for path in where_mappings("hubspot"):
        text = path.read_text(encoding="utf-8")
        text = text.replace("stream: opportunity\n", "stream: opportunity\nguard: history\n")
        (mappings / path.name).write_text(text, encoding="utf-8")
    return mappings


def load(folder: Path, base_url: str) -> dict[str, Any]:
    return sync("hubspot", folder, base_url, own_mappings(folder))


def changed(folder: Path, count: int) -> None:
    """A number of the partner program's own on so many opportunities."""
    store = database(folder)
    with store.begin() as connection:
        some = records.ids(connection, "opportunity", "", count)
        rows = [(one, {"number": f"OP-{place:06d}"}) for place, one in enumerate(some)]
        records.update(connection, "opportunity", rows)
    store.close()


class Kept:
    """Deals and their associations in SQLite, upserted a page at a time."""

    def __init__(self, folder: Path, fields: int) -> None:
        self._target = sqlite3.connect(folder / f"kept-{uuid.uuid4()}.db")
        self._target.execute("PRAGMA journal_mode = WAL")
        columns = ", ".join(f"c{index}" for index in range(fields))
        self._target.execute(f"CREATE TABLE deal (id TEXT PRIMARY KEY, {columns})")
        self._target.execute("CREATE TABLE link (id TEXT PRIMARY KEY, deal, company, label)")
        marks = ", ".join("?" * (fields + 1))
        changes = ", ".join(f"c{index} = excluded.c{index}" for index in range(fields))
        self._deal = f"INSERT INTO deal VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}"
        self._link = (
            "INSERT INTO link VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET label = excluded.label"
        )
        self.rows = self.links = 0

    def deals(self, page: list[tuple[Any, ...]]) -> None:
        with self._target:
            self._target.executemany(self._deal, page)
        self.rows += len(page)

    def associations(self, page: list[tuple[Any, ...]]) -> None:
        with self._target:
            self._target.executemany(self._link, page)
        self.links += len(page)


def floor(folder: Path, base_url: str) -> dict[str, Any]:
    fields = _fields("hubspot")
    kept, known = Kept(folder, len(fields)), []
    with httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
        for page in _hubspot_pages(client, fields):
            kept.deals(page)
            known += [row[0] for row in page]
        for links in _associations(client, known):
            kept.associations(links)
    return {"rows": kept.rows, "links": kept.links}


def _associations(client: httpx.Client, ids: list[str]) -> Iterator[list[tuple[str, ...]]]:
    for at in range(0, len(ids), READ_BATCH):
        body = {"inputs": [{"id": one} for one in ids[at : at + READ_BATCH]]}
        path = "/crm/associations/2026-09/deals/companies/batch/read"
        answer = client.post(path, json=body).raise_for_status()
        yield [
            (f"{deal}:{end['toObjectId']}", deal, str(end["toObjectId"]), kind["label"])
            for found in orjson.loads(answer.content)["results"]
            for deal in (found["from"]["id"],)
            for end in found["to"]
            for kind in end["associationTypes"]
            if kind["label"] == "Reseller"
        ]


def read(folder: Path, base_url: str) -> dict[str, Any]:
    with opened("hubspot", folder, base_url) as session:
        before = dict(session.connector.usage().calls)
        deals, relations = (session.streams[one].spec for one in ("opportunity", "relation"))
        kept = Kept(folder, len(deals.fields))
        for page in session.connector.changes(deals, None):
            kept.deals([(one.id, *map(one.values.get, deals.fields)) for one in page.records])
        for page in session.connector.changes(relations, None):
            rows = [(one.id, *map(one.values.get, relations.fields)) for one in page.records]
            kept.associations(rows)
        calls = session.connector.usage().calls
    made = {kind: count - before.get(kind, 0) for kind, count in calls.items()}
    return {"rows": kept.rows, "links": kept.links, "calls": made}


def write(folder: Path, base_url: str, count: int) -> dict[str, Any]:
    """The connector alone, as the engine drives it: look, update, look at the history."""
    mappings = own_mappings(folder)
    with opened("hubspot", folder, base_url, mappings) as session:
        spec, connector = session.streams["opportunity"].spec, session.connector
        if not (isinstance(connector, ManyWriter) and isinstance(connector, HistoryReader)):
            raise TypeError("not the HubSpot connector")
        before = dict(connector.usage().calls)
        at_once = connector.rows_at_once()
        known = [str(FIRST_DEAL + place) for place in range(count)]
        for at in range(0, count, at_once):
            some = known[at : at + at_once]
            seen = connector.fetch(spec, some)
            changes = [Change(one, {"prm_number": f"N-{one}"}, seen[one].version) for one in some]
            if any(result.error for result in connector.update(spec, changes)):
                raise SystemExit("a row was refused")
            sent = [Sent(one.id, one.values, seen[one.id].values, one.version) for one in changes]
            connector.replaced(spec, sent)
        calls = connector.usage().calls
    return {"calls": {kind: made - before.get(kind, 0) for kind, made in calls.items()}}


def by_dlt(
    folder: Path, base_url: str, *, associations: bool, only_extract: bool
) -> dict[str, Any]:
    """Nothing where dlt is not installed."""
    if importlib.util.find_spec("dlt") is None:
        return {}
    importlib.import_module("dlt")  # its import is not measured

    def work() -> dict[str, Any]:
        source = peer.hubspot_deals(base_url, _fields("hubspot"), associations=associations)
        name = f"dlt-{associations}-{only_extract}"
        peer.run(folder / name, source, only_extract=only_extract)
        return {}

    return figures(work)


def main() -> None:
    search_here_last()
    import_connector("hubspot")
    way, place, base_url, *more = sys.argv[1:]
    folder = Path(place)
    if way == "load":
        partners_known(folder)
        found = figures(lambda: load(folder, base_url))
    elif way == "update":
        changed(folder, int(more[0]))
        found = figures(lambda: load(folder, base_url))
    elif way == "read":
        database(folder).close()
        found = figures(lambda: read(folder, base_url))
    elif way == "write":
        found = figures(lambda: write(folder, base_url, int(more[0])))
    elif way == "floor":
        found = figures(lambda: floor(folder, base_url))
    else:
        options = {"associations": "bare" not in way, "only_extract": "extract" in way}
        found = by_dlt(folder, base_url, **options)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
