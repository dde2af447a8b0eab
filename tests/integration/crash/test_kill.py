"""`kill -9` of a sync at random moments, with people at work on both sides and replies lost.

A real `prmsync sync` process on a real database file, against a simulated CRM over HTTP. Every
edit is logged; in the end each is on both sides, or held, or a later edit stands in its place and
history tells of it. A failing seed is printed; PRMSYNC_KILL_SEEDS=1,2,3 runs others.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from prmsync.store import held, journal, links, records
from prmsync.store.database import Database, open_database
from prmsync.sync import run
from prmsync.sync.verify import verify

SEEDS = [int(one) for one in os.environ.get("PRMSYNC_KILL_SEEDS", "11").split(",")]
KILLS = 6
CALLS = {"salesforce": 18, "hubspot": 34}
"""Calls within which a sync is killed; a sync of a few edits takes about that many."""
PARTNERS, DEALS, REGISTRATIONS, RELATIONS = 30, 120, 120, 60
LATENCY_MS = 15
CONNECTION = "crm"
WRITES = "composite/sobjects$|composite/sobjects/[^/]+/|batch/(upsert|update|create)$"

Field = tuple[str, str, str]
"""(stream, what people call the record, field)"""


@dataclass
class Tripwire:
    """A simulator that tells when it has been called often enough."""

    inner: Any
    left: int = 0
    reached: threading.Event = field(default_factory=threading.Event)

    def handle(self, request: Request) -> Response:
        counted = not request.path.startswith("/_simulator/")
        try:
            answer: Response = self.inner.handle(request)
            return answer
        finally:
            if counted:
                self.left -= 1
                if self.left == 0:
                    self.reached.set()

    def arm(self, calls: int) -> None:
        self.reached.clear()
        self.left = calls


@dataclass
class Office:
    """People at work on both sides, and the log of what they did."""

    database: Database
    crm: Any
    chance: random.Random
    prm_ids: dict[tuple[str, str], str] = field(default_factory=dict)
    log: list[tuple[Field, str, str]] = field(default_factory=list)
    """(field, side, value) in order."""
    crm_made: list[str] = field(default_factory=list)

    def insert(self, stream: str, name: str, values: Values) -> str:
        record = f"{self.chance.getrandbits(128):032x}"
        record = "-".join((record[:8], record[8:12], record[12:16], record[16:20], record[20:]))
        with self.database.begin() as connection:
            problems = records.insert(connection, stream, [(PrmId(record), values)])
        assert not problems, problems
        self.prm_ids[stream, name] = record
        return record

    def edit_prm(self, stream: str, name: str, what: str, value: str) -> None:
        with self.database.begin() as connection:
            record = PrmId(self.prm_ids[stream, name])
            problems = records.update(connection, stream, [(record, {what: value})])
        assert not problems, problems
        self.log.append(((stream, name, what), "prm", value))

    def edit_crm(self, stream: str, name: str, what: str, value: str) -> None:
        row = self.in_crm(stream).get(name)
        if row is not None:
            word = self.word(stream, what)
            self.crm.edit(self.crm.words[stream], row[self.crm.words["id"]], {word: value})
            self.log.append(((stream, name, what), "crm", value))

    def in_crm(self, stream: str) -> dict[str, Any]:
        word = self.crm.words["number" if stream == "registration" else "deal_name"]
        return {row[word]: row for row in self.crm.rows(stream)}

    def word(self, stream: str, what: str) -> str:
        if stream == "registration" and what == "customer_name":
            what = "registration_customer"
        return str(self.crm.words[what])

    def work(self, turn: int) -> None:
        """A few minutes of everybody's day."""
        for _ in range(6):
            deal = f"Deal {self.chance.randrange(DEALS):03}"
            number = f"DR-{self.chance.randrange(REGISTRATIONS):03}"
            value = f"value {self.chance.randrange(10**6)}"
            what = self.chance.choice(["customer_name", "source"])
            self.edit_prm("opportunity", deal, what, f"{value} p")
            what = self.chance.choice(["customer_name", "customer_contact"])
            self.edit_prm("registration", number, what, f"{value} p")
        for _ in range(6):
            deal = f"Deal {self.chance.randrange(DEALS):03}"
            number = f"DR-{self.chance.randrange(REGISTRATIONS):03}"
            value = f"value {self.chance.randrange(10**6)}"
            what = self.chance.choice(["customer_name", "source"])
            self.edit_crm("opportunity", deal, what, f"{value} c")
            what = self.chance.choice(["customer_name", "customer_contact"])
            self.edit_crm("registration", number, what, f"{value} c")
        self.insert("opportunity", f"Late deal {turn}", deal_values(f"Late deal {turn}", None))
        self.crm_made.append(f"Crm deal {turn}")
        crm_deal(self.crm, f"Crm deal {turn}")


def deal_values(name: str, partner: str | None) -> Values:
    return {
        "name": name,
        "number": f"OP-{name}",
        "partner": partner,
        "stage": "qualified",
        "amount": "1000.00",
        "currency": "EUR",
        "close_date": "2026-12-20",
        "customer_name": f"Customer of {name}",
    }


def crm_deal(crm: Any, name: str) -> None:
    words = crm.words
    values = {
        words["deal_name"]: name,
        words["stage"]: words["qualified"],
        words["close_date"]: words["day"].format("2026-11-30"),
    }
    crm.create(words["opportunity"], values)


def fill(office: Office) -> None:
    """The program as it is before the first sync; ten partners are accounts already."""
    partners = [
        office.insert(
            "partner",
            f"Partner {at:03}",
            {
                "name": f"Partner {at:03}",
                "domain": f"partner{at}.example",
                "country": "DE",
                "types": "reseller",
                "status": "active",
            },
        )
        for at in range(PARTNERS)
    ]
    words = office.crm.words
    for at in range(10):
        account = {words["name"]: f"Partner {at:03}", words["domain"]: f"partner{at}.example"}
        office.crm.create(words["partner"], account)
    for at in range(DEALS):
        name = f"Deal {at:03}"
        office.insert("opportunity", name, deal_values(name, partners[at % PARTNERS]))
    for at in range(REGISTRATIONS):
        deal = office.prm_ids["opportunity", f"Deal {at:03}"]
        name = f"DR-{at:03}"
        values: Values = {
            "number": name,
            "partner": partners[at % PARTNERS],
            "opportunity": deal,
            "customer_name": f"Customer {at}",
        }
        office.insert("registration", name, values)
    for at in range(RELATIONS):
        ends: Values = {
            "opportunity": office.prm_ids["opportunity", f"Deal {at:03}"],
            "partner": partners[at % PARTNERS],
            "role": "reseller",
        }
        office.insert("relation", f"relation {at}", ends)


@contextmanager
def installed(folder: Path, connector: str, database: str) -> Iterator[tuple[Path, Tripwire, str]]:
    """A set-up folder on this database, whose one connection leads to a simulator that is being
    served."""
    wire = Tripwire(plugin(connector).simulator(SimulatorOptions(now=utc_now)))
    initialise(folder, simulators=True)
    with serving(wire.handle, latency_ms=LATENCY_MS) as url:
        text = (folder / "prmsync.toml").read_text()
        head, *blocks = re.split(r"(?m)^(?=\[connections\.)", text)
        (block,) = [one for one in blocks if f'connector = "{connector}"' in one]
        block = re.sub(r"\[connections\.[^\]]+\]", f"[connections.{CONNECTION}]", block)
        block = re.sub(r'base_url = "[^"]+"', f'base_url = "{url}"', block)
        head = head.replace('"sqlite:///prmsync.db"', '"file:database-url"')
        (folder / "database-url").write_text(database)
        (folder / "prmsync.toml").write_text(head + block)
        initialise(folder, simulators=True)  # the database of these settings
        yield folder, wire, url


def sync_and_kill(folder: Path, wire: Tripwire, chance: random.Random, calls: int) -> int:
    """Start a sync and end it by SIGKILL within so many calls; returns how it ended."""
    wire.arm(chance.randrange(3, calls))
    command = [str(Path(sys.executable).parent / "prmsync"), "sync", "--yes"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not wire.reached.wait(0.05) and process.poll() is None:
            pass
        time.sleep(chance.random() * 0.06)
        process.send_signal(signal.SIGKILL)
    return process.returncode


def settle(folder: Path) -> tuple[Any, list[Any]]:
    """Sync until nothing is written; returns the last run's report and both sides' comparison."""
    with open_application(load_settings(folder / "prmsync.toml", {}), environ={}) as app:
        for _ in range(8):
            with session_on(app, CONNECTION) as session:
                report = run.sync(session, release=True)
            if not report.counts and not report.message:
                break
        with session_on(app, CONNECTION) as session:
            return report, verify(session)


def unaccounted(office: Office) -> list[str]:
    """Edits that are neither on both sides, nor held, nor told of by history."""
    last: dict[Field, dict[str, str]] = {}
    for where, side, value in office.log:
        last.setdefault(where, {})[side] = value
    waiting, told = _held_values(office), _history_values(office)
    found = []
    for (stream, name, what), edits in last.items():
        with office.database.read() as connection:
            record = office.prm_ids[stream, name]
            ours = records.read(connection, stream, [record])[record][what]
        theirs = office.in_crm(stream)[name][office.word(stream, what)]
        for side, value in edits.items():
            stands = ours == theirs == value
            held_here = value in waiting.get((stream, record), ())
            replaced = len(edits) == 2 and ours == theirs and value in told.get(record, ())
            if not (stands or held_here or replaced):
                found.append(f"{side} {stream} {name} {what}: {value!r}; {ours!r} / {theirs!r}")
    return found


def _held_values(office: Office) -> dict[tuple[str, str], set[Any]]:
    with office.database.read() as connection:
        return {
            (row.stream, row.prm_id): {*(item.prm or ()), *(item.crm or ())}
            for row, item in held.waiting_items(connection)
        }


def _history_values(office: Office) -> dict[str, set[Any]]:
    told: dict[str, set[Any]] = {}
    with office.database.read() as connection:
        for (stream, _), record in office.prm_ids.items():
            ids = links.ids_of_record(connection, stream, record)
            for action, _, _ in journal.history(connection, ids):
                told.setdefault(record, set()).update(*action.fields.values())
    return told


def duplicates(office: Office) -> list[str]:
    """Names that some side has twice, and keys that two CRM records carry."""
    found = []
    for stream in ("opportunity", "registration"):
        rows = office.crm.rows(stream)
        word = office.crm.words["number" if stream == "registration" else "deal_name"]
        names = Counter(row[word] for row in rows)
        found += [f"CRM {stream} {name}" for name, count in names.items() if count > 1]
        what = "number" if stream == "registration" else "name"
        with office.database.read() as connection:
            ids = records.ids(connection, stream, "", 100_000)
            ours = Counter(row[what] for row in records.read(connection, stream, ids).values())
        found += [f"our {stream} {name}" for name, count in ours.items() if count > 1]
        found += [f"{stream} {name} is on one side" for name in names.keys() ^ ours.keys()]
    partners = Counter(row[office.crm.words["name"]] for row in office.crm.rows("partner"))
    found += [f"CRM partner {name}" for name, count in partners.items() if count > 1]
    pairs = Counter(one[:3] for one in office.crm.relations())
    found += [f"CRM relation {pair}" for pair, count in pairs.items() if count > 1]
    if len(pairs) != RELATIONS:
        found.append(f"{len(pairs)} relations instead of {RELATIONS}")
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("connector", ["salesforce", "hubspot"])
def test_killed_syncs_lose_no_edit_and_make_no_duplicate(
    connector: str, seed: int, tmp_path: Path, rig: Any, database_url: str
) -> None:
    chance = random.Random(seed)
    with installed(tmp_path, connector, database_url) as (folder, wire, url):
        database = open_database(database_url)
        try:
            crm = rig.Crm(CONNECTION, connector, wire, url)
            office = Office(database, crm, chance)
            fill(office)
            lost = {"path": WRITES, "drop": True, "every_nth": 6, "times": 3}
            crm.control("POST", "faults", lost)
            ended: list[int] = []
            for turn in range(3 * KILLS):
                killed = ended.count(-signal.SIGKILL)
                if turn >= KILLS and killed >= 2:
                    break
                # A sync that ended before its moment came: the next one is killed sooner.
                calls = max(5, CALLS[connector] // (1 + len(ended) - killed))
                ended.append(sync_and_kill(folder, wire, chance, calls))
                office.work(turn)
            crm.control("DELETE", "faults")
            report, compared = settle(folder)
            again = f"PRMSYNC_KILL_SEEDS={seed}"
            assert ended.count(-signal.SIGKILL) >= 2, ended
            assert report.counts == {}, again
            assert report.calls.get("write", 0) == 0, again
            assert duplicates(office) == [], again
            assert unaccounted(office) == [], again
            assert [one for one in compared if not one.is_clean] == [], again
        finally:
            database.close()
