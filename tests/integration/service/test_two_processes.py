"""Two processes on one connection cannot both commit, whichever of them sleeps or wakes when.

Real processes on a real database of each kind, a CRM over HTTP. The CRM knows no token, so what a
process had sent before it lost the connection may still arrive: at most that one batch.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from prmsync.connector.simulator.http import Request, Response
from prmsync.connector.simulator.serve import serving
from prmsync.domain.values import Values
from prmsync.store.tables import action, lease, run

PATIENCE = 60.0
PARTNERS = 5


@dataclass
class Slow:
    """One process's way to the CRM: its first write is done at once and answered when it may."""

    inner: Callable[[Request], Response]
    url: str = ""
    arrived: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    writes: int = 0
    calls: int = 0

    def __call__(self, request: Request) -> Response:
        answer = self.inner(request)
        if request.path.startswith("/_simulator/"):
            return answer
        self.calls += 1
        if _is_write(request):
            self.writes += 1
            if self.writes == 1:
                self.arrived.set()
                self.answered.wait(PATIENCE)
        return answer


def _is_write(request: Request) -> bool:
    if "/composite/sobjects" in request.path:
        return b'"fields":[' not in request.body
    return request.path.endswith(("batch/upsert", "batch/update", "batch/create"))


@pytest.fixture(params=["salesforce", "hubspot"])
def place(
    make_place: Any, database_url: str, request: pytest.FixtureRequest, globex: Values
) -> Any:
    """Five partners that the CRM does not have yet."""
    made = make_place(url=database_url, schedule="10s", crm=request.param)
    for at in range(PARTNERS):
        named = {"name": f"Partner {at}", "domain": f"partner{at}.example"}
        made.insert("partner", {**globex, **named})
    return made


@pytest.fixture
def slow(place: Any) -> Iterator[Slow]:
    way = Slow(place.crms["crm"].gate)
    with serving(way) as way.url:  # a server of its own: one answers a call after the other
        yield way
        way.answered.set()


@pytest.fixture
def sleeper(place: Any, slow: Slow) -> Iterator[subprocess.Popen[str]]:
    """A `prmsync sync --yes` that waits for the answer to its first write."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PRMSYNC_")}
    with subprocess.Popen(
        [sys.executable, "-m", "prmsync.cli.main", "sync", "crm", "--yes"],
        cwd=place.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**kept, "PRMSYNC_CONNECTIONS__CRM__BASE_URL": slow.url},
    ) as process:
        try:
            assert slow.arrived.wait(PATIENCE)
            yield process
        finally:
            slow.answered.set()
            process.kill()


def let_the_lease_run_out(place: Any) -> None:
    """As if the lease's time had passed while its holder slept."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    with place.database.begin() as connection:
        connection.execute(lease.update().where(lease.c.name == "crm").values(until=past))


def outcomes(place: Any) -> list[tuple[str, str, str]]:
    """(side, op, state) of every row of the journal, in order."""
    with place.database.read() as connection:
        rows = connection.execute(
            sa.select(action.c.side, action.c.op, action.c.state).order_by(action.c.id)
        )
        return [tuple(row) for row in rows]


def runs(place: Any) -> list[tuple[str, str | None]]:
    with place.database.read() as connection:
        rows = connection.execute(sa.select(run.c.state, run.c.message).order_by(run.c.id))
        return [(row.state, row.message) for row in rows]


def in_crm(place: Any) -> list[str]:
    crm = place.crms["crm"]
    found = [crm.partner(f"Partner {at}") for at in range(PARTNERS)]
    rows = crm._control("GET", params={"object": crm.partners})["records"]
    assert len(rows) == PARTNERS, rows
    return [row["Name" if crm.connector == "salesforce" else "name"] for row in found if row]


def test_the_second_process_is_turned_away_while_the_first_one_writes(
    place: Any, slow: Slow, sleeper: subprocess.Popen[str]
) -> None:
    before = outcomes(place)
    second = place.prmsync("sync", "crm", "--yes")
    assert second.returncode == 1
    assert "crm is being synced by another process" in second.stderr
    assert outcomes(place) == before
    slow.answered.set()
    said, _ = sleeper.communicate(timeout=PATIENCE)
    assert sleeper.returncode == 0, said
    assert len(in_crm(place)) == PARTNERS
    assert place.prmsync("verify", "crm").returncode == 0


def test_a_process_that_slept_through_its_lease_commits_nothing_when_it_wakes(
    place: Any, slow: Slow, sleeper: subprocess.Popen[str]
) -> None:
    sleeper.send_signal(signal.SIGSTOP)
    assert ("crm", "create", "sent") in outcomes(place)
    assert place.prmsync("sync", "crm").returncode == 1  # its lease still holds
    let_the_lease_run_out(place)
    taken = place.prmsync("sync", "crm", "--yes")
    assert taken.returncode == 0, taken.stderr
    stored, made, calls = outcomes(place), runs(place), slow.calls
    assert "sent" not in [state for _, _, state in stored]
    slow.answered.set()
    sleeper.send_signal(signal.SIGCONT)
    said, _ = sleeper.communicate(timeout=PATIENCE)
    assert sleeper.returncode == 1, said
    assert "another process took crm over" in " ".join(said.split())
    assert (outcomes(place), runs(place)) == (stored, made)  # it committed nothing
    assert (slow.calls, slow.writes) == (calls, 1)  # nor sent any more
    assert made[0][0] == "failed" and "interrupted" in str(made[0][1])
    assert len(in_crm(place)) == PARTNERS
    assert place.prmsync("sync", "crm").returncode == 0
    assert place.prmsync("verify", "crm").returncode == 0


def test_what_a_killed_process_had_sent_is_read_again_by_key_and_not_sent_twice(
    place: Any, slow: Slow, sleeper: subprocess.Popen[str]
) -> None:
    sleeper.kill()
    sleeper.wait(PATIENCE)
    taken = place.prmsync("sync", "crm", "--yes")  # its process is gone: no lease to wait for
    assert taken.returncode == 0, taken.stderr
    states = [row for row in outcomes(place) if row[:2] == ("crm", "create")]
    assert states == [("crm", "create", "done")] * PARTNERS
    assert len(in_crm(place)) == PARTNERS
