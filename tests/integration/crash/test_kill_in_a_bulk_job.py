"""`kill -9` of a sync in the middle of a Bulk job: nothing is lost, nothing comes twice.

A real `prmsync sync` process against a simulated Salesforce over HTTP, killed by the simulator
right when a call of the job arrives, or when it has been carried out.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.http import Request, Response
from prmsync.connector.simulator.serve import serving
from prmsync.domain.values import PrmId, Values
from prmsync.service.runtime import utc_now
from prmsync.service.settings import load_settings
from prmsync.service.setup import initialise
from prmsync.service.syncing import session_on
from prmsync.service.wiring import open_application
from prmsync.store import records
from prmsync.store.database import Database, open_database
from prmsync.sync import run
from prmsync.sync.verify import verify

COUNT, THRESHOLD = 60, 20
STREAM = "registration"
MOMENTS = {
    "before the job is made": ("POST", r"/jobs/ingest$", False),
    "the job is made": ("POST", r"/jobs/ingest$", True),
    "the rows are uploaded": ("PUT", r"/batches$", True),
    "the job is about to be closed": ("PATCH", r"/jobs/ingest/\w+$", False),
    "the job is closed and not yet at work": ("PATCH", r"/jobs/ingest/\w+$", True),
    "the job has ended": ("GET", r"/successfulResults$", False),
    "half of the results are fetched": ("GET", r"/failedResults$", True),
    "the job is about to be deleted": ("DELETE", r"/jobs/ingest/\w+$", False),
}
IN_BETWEEN = [
    "the rows are uploaded",
    "the job is closed and not yet at work",
    "half of the results are fetched",
]
Moment = tuple[str, str, bool]


class Executioner:
    """A simulator that kills the process whose call it answers."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._moment: Moment | None = None
        self._victim: subprocess.Popen[bytes] | None = None

    def arm(self, moment: Moment, victim: subprocess.Popen[bytes]) -> None:
        self._victim, self._moment = victim, moment

    def handle(self, request: Request) -> Response:
        if self._moment is not None and self._victim is not None:
            method, path, carried_out = self._moment
            if request.method == method and re.search(path, request.path):
                self._moment = None
                if carried_out:
                    self._inner.handle(request)
                self._victim.send_signal(signal.SIGKILL)
                self._victim.wait()
                return Response(503)
        answer: Response = self._inner.handle(request)
        return answer


@dataclass
class Place:
    """A set-up folder; its connection writes more than THRESHOLD rows by jobs."""

    folder: Path
    database: Database
    simulator: Executioner
    crm: Any

    def sync_killed_when(self, moment: Moment) -> int:
        command = [str(Path(sys.executable).parent / "prmsync"), "sync", "--yes"]
        process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.simulator.arm(moment, process)
        return process.wait(120)

    def settle(self) -> None:
        """Sync until nothing is written, then compare both sides."""
        with open_application(load_settings(self.folder / "prmsync.toml", {}), environ={}) as app:
            for _ in range(8):
                with session_on(app, "crm") as session:
                    report = run.sync(session, release=True)
                if not report.counts and not report.message and not report.calls.get("write"):
                    break
            else:
                raise AssertionError(f"it does not settle: {report}")
            with session_on(app, "crm") as session:
                assert [one for one in verify(session) if not one.is_clean] == []

    def insert(self, stream: str, rows: list[tuple[PrmId, Values]]) -> None:
        with self.database.begin() as connection:
            assert not records.insert(connection, stream, rows)

    def edit(self, rows: list[tuple[PrmId, Values]]) -> None:
        with self.database.begin() as connection:
            assert not records.update(connection, STREAM, rows)

    def delete(self, ids: list[PrmId]) -> None:
        with self.database.begin() as connection:
            assert not records.delete(connection, STREAM, ids)

    def ours(self) -> dict[str, Values]:
        with self.database.read() as connection:
            ids = records.ids(connection, STREAM, "", 1000)
            return {
                str(row["number"]): row for row in records.read(connection, STREAM, ids).values()
            }

    def theirs(self) -> dict[str, dict[str, Any]]:
        rows = self.crm.rows(STREAM)
        twice = [name for name, n in Counter(row["Name"] for row in rows).items() if n > 1]
        assert twice == []
        return {row["Name"]: row for row in rows}


@pytest.fixture
def place(tmp_path: Path, rig: Any) -> Iterator[Place]:
    options = SimulatorOptions(now=utc_now, schema={"settings": {"bulk_looks": 0}})
    simulator = Executioner(plugin("salesforce").simulator(options))
    with serving(simulator.handle) as url, _installed(tmp_path, url) as database:
        crm = rig.Crm("crm", "salesforce", simulator, url)
        place = Place(tmp_path, database, simulator, crm)
        place.insert("partner", [(_id(0), {"name": "Globex", "status": "active"})])
        yield place


@contextmanager
def _installed(folder: Path, url: str) -> Iterator[Database]:
    initialise(folder, simulators=True)
    text = (folder / "prmsync.toml").read_text()
    head, *blocks = re.split(r"(?m)^(?=\[connections\.)", text)
    (block,) = [one for one in blocks if 'connector = "salesforce"' in one]
    block = re.sub(r"\[connections\.[^\]]+\]", "[connections.crm]", block)
    block = re.sub(r'base_url = "[^"]+"', f'base_url = "{url}"', block)
    block = block.replace(".crm]", f".crm]\noptions = {{bulk_writes = {THRESHOLD}}}", 1)
    (folder / "prmsync.toml").write_text(head + block)
    mapping = next(folder.rglob("salesforce/registration.yaml"))
    mapping.write_text(mapping.read_text() + "\non_delete: propagate\n")
    database = open_database(f"sqlite:///{folder / 'prmsync.db'}")
    try:
        yield database
    finally:
        database.close()


def _id(number: int) -> PrmId:
    return PrmId(f"{number:08d}-0000-4000-8000-000000000000")


def _rows() -> list[tuple[PrmId, Values]]:
    return [
        (
            _id(at),
            {"number": f"DR-{at:03}", "partner": _id(0), "customer_name": f"Customer {at}"},
        )
        for at in range(1, COUNT + 1)
    ]


@pytest.mark.parametrize("moment", MOMENTS)
def test_records_made_by_a_killed_job_are_there_once(place: Place, moment: str) -> None:
    place.insert(STREAM, _rows())
    assert place.sync_killed_when(MOMENTS[moment]) == -signal.SIGKILL
    place.edit([(_id(7), {"customer_name": "Newer"})])
    place.settle()
    there = place.theirs()
    assert sorted(there) == [f"DR-{at:03}" for at in range(1, COUNT + 1)]
    assert there["DR-007"]["Customer_Name__c"] == "Newer"


@pytest.mark.parametrize("moment", IN_BETWEEN)
def test_edits_sent_by_a_killed_job_arrive_and_none_is_lost(place: Place, moment: str) -> None:
    place.insert(STREAM, _rows())
    place.settle()
    edits: list[tuple[PrmId, Values]] = [
        (_id(at), {"customer_name": f"Renamed {at}"}) for at in range(1, COUNT + 1)
    ]
    place.edit(edits)
    assert place.sync_killed_when(MOMENTS[moment]) == -signal.SIGKILL
    place.edit([(_id(7), {"customer_name": "Newer"})])
    record = place.theirs()["DR-009"]["Id"]
    place.crm.edit("PRM_Registration__c", record, {"Customer_Contact__c": "dana@customer.example"})
    place.settle()
    expected = {f"DR-{at:03}": f"Renamed {at}" for at in range(1, COUNT + 1)} | {"DR-007": "Newer"}
    assert {name: row["Customer_Name__c"] for name, row in place.theirs().items()} == expected
    ours = place.ours()
    assert {name: row["customer_name"] for name, row in ours.items()} == expected
    assert ours["DR-009"]["customer_contact"] == "dana@customer.example"


@pytest.mark.parametrize("moment", IN_BETWEEN)
def test_deletions_of_a_killed_job_happen_and_touch_no_other_record(
    place: Place, moment: str
) -> None:
    place.insert(STREAM, _rows())
    place.settle()
    place.delete([_id(at) for at in range(1, COUNT - 5)])
    assert place.sync_killed_when(MOMENTS[moment]) == -signal.SIGKILL
    place.settle()
    left = [f"DR-{at:03}" for at in range(COUNT - 5, COUNT + 1)]
    assert sorted(place.theirs()) == left
    assert sorted(place.ours()) == left
