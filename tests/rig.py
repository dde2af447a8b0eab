"""A small world in process: a real database, the real engine, simulated CRMs without sockets."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from prmsync.connector.protocol import ConnectionSettings, SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.domain.merge import Writes
from prmsync.domain.values import PrmId, Values
from prmsync.mapping.load import load_mappings
from prmsync.mapping.locate import where_mappings
from prmsync.mapping.model import StreamMapping
from prmsync.store import (
    brakes,
    held,
    journal,
    links,
    migrations,
    quota,
    records,
    streams,
    tallies,
)
from prmsync.store.database import Database, open_database
from prmsync.sync import run, undo
from prmsync.sync.opening import open_session
from prmsync.sync.running import Report
from prmsync.sync.session import Session
from prmsync.sync.verify import StreamReport, verify
from prmsync_hubspot.simulator import HubSpotSimulator
from prmsync_salesforce.simulator.app import SalesforceSimulator
from simulated_crm import WORDS, WRITE_PATHS, Crm, is_gone

__all__ = ["WORDS", "WRITE_PATHS", "Crm", "World", "is_gone"]

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@cache
def shipped(connector: str) -> list[StreamMapping]:
    """The shipped mappings; reading them takes longer than a small sync."""
    return load_mappings(where_mappings(connector))


def without(mapping: StreamMapping, name: str) -> StreamMapping:
    """The same mapping before somebody added a field to it."""
    if name not in mapping.fields:
        return mapping
    fields = {key: one for key, one in mapping.fields.items() if key != name}
    groups = {key: one for key, one in mapping.groups.items() if name not in one.members}
    match = tuple(one for one in mapping.match if name not in one)
    return replace(mapping, fields=fields, groups=groups, match=match)


@dataclass
class World:
    """Time stands still until `wait`; `sync` runs one connection once."""

    database: Database
    crms: dict[str, Crm]
    at: datetime = START
    alter: Callable[[StreamMapping], StreamMapping] = lambda mapping: mapping
    """What a test changes about the shipped mappings."""
    ids: Iterator[str] = field(default_factory=lambda: (str(uuid.uuid4()) for _ in iter(int, 1)))

    options: dict[str, Any] = field(default_factory=dict)
    """Options of every connection."""
    pool: Executor | None = None
    """Lets calls be under way together; None makes them one after the other."""

    def now(self) -> datetime:
        return self.at

    def calls_made(self, name: str) -> int:
        with self.database.read() as connection:
            return quota.calls_made(connection, name, self.now())

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    @contextmanager
    def session(
        self,
        name: str,
        writes: Writes = Writes.BOTH,
        *,
        only: str | None = None,
        while_paused: bool = False,
    ) -> Iterator[Session]:
        crm = self.crms[name]
        known = plugin(crm.connector)
        runtime = in_process_runtime({crm.base_url: crm.simulator.handle}, self.now, self.wait)
        settings = ConnectionSettings(
            name,
            base_url=crm.base_url,
            auth=dict(known.simulator_auth()),
            options={"prefetch": False, **self.options},
            calls_made=self.calls_made(name),
        )
        runtime = replace(runtime, pool=self.pool)
        with runtime.http, runtime.requests:
            yield open_session(
                self.database,
                name,
                known.connect(settings, runtime),
                connector_name=crm.connector,
                title=known.title,
                mappings=[self.alter(one) for one in shipped(crm.connector)],
                writes=writes,
                now=self.now,
                new_id=lambda: next(self.ids),
                actor="test",
                only=only,
                while_paused=while_paused,
            )

    def sync(
        self,
        name: str,
        *,
        release: bool = False,
        full: bool = False,
        writes: Writes = Writes.BOTH,
        only: str | None = None,
    ) -> Report:
        self.wait(2)
        with self.session(name, writes, only=only) as session:
            return run.sync(session, full=full, release=release)

    def undo(self, name: str, run_id: int, *, release: bool = True) -> Report:
        self.wait(2)
        with self.session(name) as session:
            return undo.undo(session, run_id, release=release)

    def settle(self, name: str, limit: int = 5) -> Report:
        """Sync until nothing is written."""
        for _ in range(limit):
            report = self.sync(name, release=True)
            if not any("/done" in key and "/base/" not in key for key in report.counts):
                return report
        raise AssertionError(f"{name} does not settle: {report.counts}")

    def insert(self, stream: str, values: Values) -> str:
        prm_id = next(self.ids)
        with self.database.begin() as connection:
            problems = records.insert(connection, stream, [(PrmId(prm_id), values)])
        assert not problems, problems
        return prm_id

    def edit(self, stream: str, prm_id: str, values: Values) -> None:
        with self.database.begin() as connection:
            problems = records.update(connection, stream, [(PrmId(prm_id), values)])
        assert not problems, problems

    def remove(self, stream: str, *prm_ids: str) -> None:
        with self.database.begin() as connection:
            problems = records.delete(connection, stream, [PrmId(one) for one in prm_ids])
        assert not problems, problems

    def ours(self, stream: str, prm_id: str) -> Values:
        with self.database.read() as connection:
            return records.read(connection, stream, [prm_id])[prm_id]

    def held(self) -> list[held.HeldItem]:
        """What waits for a person."""
        with self.database.read() as connection:
            return [item for _, item in held.waiting_items(connection)]

    def parked(self) -> list[held.ParkedItem]:
        """What the CRM refused."""
        with self.database.read() as connection:
            return [item for _, item in held.parked_items(connection)]

    def decide(self, take: str) -> None:
        """Answer the one question there is."""
        (item,) = self.held()
        with self.database.begin() as connection:
            held.decide(connection, item.id, take, "dana", self.now())

    def history(self, stream: str, prm_id: str) -> list[journal.Action]:
        """Done actions of one of our records, oldest first."""
        with self.database.read() as connection:
            ids = links.ids_of_record(connection, stream, prm_id)
            return [action for action, _, _ in journal.history(connection, ids)]

    def verify(self, name: str, *, repair: bool = False) -> list[StreamReport]:
        with self.session(name) as session:
            return verify(session, repair=repair)

    def all_ours(self, stream: str) -> dict[str, Values]:
        with self.database.read() as connection:
            ids = records.ids(connection, stream, "", 100_000)
            return records.read(connection, stream, ids)


def simulated(connector: str, world: World) -> Any:
    """A simulated CRM by the world's clock, rate limits included."""
    options = SimulatorOptions(now=world.now)
    if connector == "hubspot":
        return HubSpotSimulator(options, monotonic=lambda: world.now().timestamp())
    return SalesforceSimulator(options)


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    opened: list[Database] = []
    worlds: list[World] = []

    def make(url: str = f"sqlite:///{tmp_path / 'prm.db'}", **connections: str) -> World:
        migrations.create(url)
        database = open_database(url)
        opened.append(database)
        world = World(database, {})
        worlds.append(world)
        for name, connector in connections.items():
            simulator = simulated(connector, world)
            world.crms[name] = Crm(name, connector, simulator, f"http://{name}.example")
        return world

    yield make
    for world in worlds:
        if world.database.dialect == "sqlite":  # a schema on PostgreSQL is gone by now
            assert wrong_counters(world.database) == []
        world.database.close()
    for database in opened:
        database.close()


def wrong_counters(database: Database) -> list[str]:
    """Counters that are not what a recount of their rows says; every test ends by asking."""
    wrong = []
    with database.read() as connection:
        for name in [one.name for one in streams.all_connections(connection)]:
            known = streams.streams_of(connection, name).values()
            kept = tallies.of_streams(connection, [one.id for one in known])
            for one in known:
                right = tallies.recount(connection, one.id)
                if kept[one.id] != right:
                    wrong.append(f"{name} {one.name}: {kept[one.id]}, rows say {right}")
            names = {one.id: one.name for one in known}
            held = brakes.waiting_cells(connection, names)
            if held != brakes.recount(connection, names):
                wrong.append(f"{name}: {held}, rows say {brakes.recount(connection, names)}")
    return wrong


@pytest.fixture(params=["salesforce", "hubspot"])
def world(request: pytest.FixtureRequest, make_world: Callable[..., World]) -> World:
    """One connection named `crm`, once for each CRM."""
    return make_world(crm=request.param)


@pytest.fixture
def crm(world: World) -> Crm:
    return world.crms["crm"]


PARTNER: Values = {
    "name": "Globex Corporation",
    "domain": "globex.example",
    "country": "DE",
    "types": "reseller",
    "status": "active",
}
OTHER_PARTNER: Values = {
    **PARTNER,
    "name": "Initech",
    "domain": "initech.example",
    "country": "FR",
}


@pytest.fixture
def partner_values() -> Values:
    return dict(PARTNER)


@pytest.fixture
def rig() -> Any:
    """This module, for tests that stand something else in its place."""
    return sys.modules[World.__module__]
