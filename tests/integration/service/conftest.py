"""A folder as `prmsync init` makes it, CRMs over real HTTP, and the service as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.http import Handler, Request, Response
from prmsync.connector.simulator.serve import serving
from prmsync.domain.values import PrmId, Values
from prmsync.service.serving import STOP_SECONDS
from prmsync.store import migrations, records
from prmsync.store.database import Database, open_database
from prmsync.store.runs import Run, recent
from prmsync.store.tables import lease

# The shortest schedule of the settings spares CRMs; these are our own, and tests are in a hurry.
_MAIN = """
import sys
from datetime import timedelta
from prmsync.service import settings
settings._SHORTEST = timedelta(seconds=1)
from prmsync.cli import main
main.main()
"""
PATIENCE = 60.0
CONTROL = "/_simulator/"


@dataclass
class Gate:
    """Between the service and a CRM: while it is shut, calls that `holds` names wait."""

    handler: Handler
    holds: Callable[[Request], bool] = lambda _: False
    arrived: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self, request: Request) -> Response:
        if not request.path.startswith(CONTROL) and self.holds(request):
            self.arrived.set()
            self.opened.wait(PATIENCE)
        return self.handler(request)


@dataclass
class Crm:
    name: str
    connector: str
    gate: Gate
    url: str
    served: ExitStack

    @property
    def partners(self) -> str:
        return "Account" if self.connector == "salesforce" else "companies"

    def partner(self, named: str) -> dict[str, Any] | None:
        key = "Name" if self.connector == "salesforce" else "name"
        for one in self._control("GET", params={"object": self.partners})["records"]:
            row = {**one, **one.get("properties", {})}
            if row.get(key) == named:
                return row
        return None

    def rename(self, old: str, new: str) -> None:
        """A CRM user gives a partner another name."""
        row = self.partner(old)
        assert row is not None
        salesforce = self.connector == "salesforce"
        ident, key = (row["Id"], "Name") if salesforce else (row["id"], "name")
        self._control("PATCH", json={"object": self.partners, "id": ident, "values": {key: new}})

    def goes_down(self) -> None:
        self.served.close()

    def _control(self, method: str, **request: Any) -> Any:
        answer = httpx.request(
            method, f"{self.url}{CONTROL}records", trust_env=False, timeout=PATIENCE, **request
        )
        answer.raise_for_status()
        return answer.json()


class Service:
    """A `prmsync serve` of its own, with its log."""

    def __init__(self, folder: Path, *options: str, number: int = 0) -> None:
        self.log = folder / f"serve-{number}.log"
        with self.log.open("w", encoding="utf-8") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-c", _MAIN, "serve", *options],
                cwd=folder,
                stderr=stderr,
                stdout=subprocess.DEVNULL,
                env=environment(),
            )

    def lines(self, event: str | None = None, **fields: Any) -> list[dict[str, Any]]:
        """Log lines with this event and these fields; every line of the log is JSON."""
        text = self.log.read_text(encoding="utf-8")
        found = [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]
        return [
            one
            for one in found
            if event in (None, one["event"])
            and all(one.get(key) == value for key, value in fields.items())
        ]

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until `condition` holds while the service runs; what it gave."""
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8")
            time.sleep(0.05)
        return found

    def tells(self, event: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Wait for a log line; the one that makes up the count."""
        self.until(lambda: len(self.lines(event, **fields)) >= count)
        return self.lines(event, **fields)[count - 1]

    def health(self) -> tuple[int, dict[str, Any]]:
        answer = httpx.get(self.tells("started")["health"], trust_env=False, timeout=PATIENCE)
        return answer.status_code, answer.json()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """The exit code; what the service logged is shown where the test fails."""
        try:
            code = self.process.wait(STOP_SECONDS + PATIENCE)
        except subprocess.TimeoutExpired:
            # Where each of its threads stands goes to its log.
            self.process.send_signal(signal.SIGABRT)
            code = self.process.wait(PATIENCE)
        sys.stderr.write(self.log.read_text(encoding="utf-8"))
        return code


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PRMSYNC_")}
    return {**kept, **more}


@dataclass
class Place:
    """An installation: settings, database, CRMs, and the services that were started."""

    folder: Path
    url: str
    database: Database
    crms: dict[str, Crm]
    services: list[Service] = field(default_factory=list)

    def serve(self, *options: str) -> Service:
        service = Service(self.folder, *options, number=len(self.services))
        self.services.append(service)
        return service

    def prmsync(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", _MAIN, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment(),
            check=False,
        )

    def insert(self, stream: str, values: Values) -> str:
        prm_id = str(uuid.uuid4())
        with self.database.begin() as connection:
            assert not records.insert(connection, stream, [(PrmId(prm_id), values)])
        return prm_id

    def ours(self, stream: str, prm_id: str) -> Values:
        with self.database.read() as connection:
            return records.read(connection, stream, [prm_id])[prm_id]

    def holders(self) -> dict[str, str | None]:
        """Who holds which lease."""
        with self.database.read() as connection:
            return {row.name: row.holder for row in connection.execute(sa.select(lease))}

    def last_run(self, name: str) -> Run:
        with self.database.read() as connection:
            return recent(connection, name, limit=1)[0]


_CONNECTION = """
[connections.{name}]
connector = "{connector}"
schedule = "{schedule}"
base_url = "{url}"
"""


@pytest.fixture
def make_place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Place]]:
    made: list[Place] = []

    def make(*, url: str | None = None, schedule: str = "1s", **connectors: str) -> Place:
        text = '[service]\nhealth = "127.0.0.1:0"\n'
        crms = {}
        for name, connector in connectors.items():
            crms[name] = crm = _served(name, connector)
            text += _CONNECTION.format(
                name=name, connector=connector, url=crm.url, schedule=schedule
            )
            for key, value in plugin(connector).simulator_auth().items():
                (tmp_path / f"{connector}-{key}").write_text(value, encoding="utf-8")
                text += f'auth.{key} = "file:{connector}-{key}"\n'
        address = url or f"sqlite:///{tmp_path / 'prmsync.db'}"
        (tmp_path / "url").write_text(address, encoding="utf-8")
        (tmp_path / "prmsync.toml").write_text(
            f'[database]\nurl = "file:url"\n{text}', encoding="utf-8"
        )
        migrations.create(address)
        place = Place(tmp_path, address, open_database(address), crms)
        made.append(place)
        return place

    yield make
    for place in made:
        for crm in place.crms.values():
            crm.gate.opened.set()
        for service in place.services:
            if service.process.poll() is None:
                service.process.kill()
                service.process.wait(PATIENCE)
        place.database.close()
        for crm in place.crms.values():
            crm.served.close()


def _served(name: str, connector: str) -> Crm:
    simulator = plugin(connector).simulator(SimulatorOptions(now=lambda: datetime.now(UTC)))
    gate = Gate(simulator.handle)
    served = ExitStack()
    url = served.enter_context(serving(gate))
    return Crm(name, connector, gate, url, served)


GLOBEX: Values = {
    "name": "Globex",
    "domain": "globex.example",
    "country": "DE",
    "types": "reseller",
    "status": "active",
}


@pytest.fixture
def globex() -> Values:
    return dict(GLOBEX)
