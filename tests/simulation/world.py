"""One database, one Salesforce, one HubSpot, the engine between them, and a clock that only moves
when something happens. A *process* is one life of the engine: a crash ends it, the file stays."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from prmsync.connector.protocol import ConnectionSettings, Runtime, SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.transport import HandlerTransport, in_process_runtime
from prmsync.domain.merge import OnDelete, Policy, Writes
from prmsync.domain.values import PrmId, Values
from prmsync.mapping.keys import default_first
from prmsync.mapping.load import load_mappings
from prmsync.mapping.locate import where_mappings
from prmsync.mapping.model import StreamMapping
from prmsync.store import migrations, quota, records
from prmsync.store.database import Database, open_database
from prmsync.sync import running
from prmsync.sync.opening import open_session
from prmsync.sync.session import Session
from prmsync_hubspot.simulator import HubSpotSimulator
from prmsync_salesforce.simulator.app import SalesforceSimulator
from simulation.direct import DirectClient
from simulation.sides import CrmSide, Impossible, PrmSide
from simulation.wire import Wire, WiredCrm, WiredDatabase

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CONNECTORS = {"sf": "salesforce", "hs": "hubspot"}


@dataclass(frozen=True)
class Profile:
    """What an admin set up: streams in use and what the mapping says of deletions."""

    name: str
    streams: tuple[str, ...] = ("partner", "opportunity", "relation")
    on_delete: OnDelete = OnDelete.UNLINK

    def alter(self, mapping: StreamMapping) -> StreamMapping:
        if mapping.stream == "relation":
            return mapping
        return replace(mapping, on_delete=self.on_delete)


PROFILES = {
    one.name: one
    for one in (
        Profile("unlink"),
        Profile("propagate", on_delete=OnDelete.PROPAGATE),
        Profile("registrations", ("partner", "opportunity", "registration", "relation")),
    )
}


Edits = frozenset[tuple[str, str, str]]
"""What an admin has edited in a mapping: (stream, field, "gone" or a policy)."""


@cache
def mappings_of(profile: str, connector: str, edits: Edits = frozenset()) -> list[StreamMapping]:
    """The shipped mappings as the profile has them; the same objects each time."""
    chosen = PROFILES[profile]
    found = [chosen.alter(one) for one in _shipped(connector) if one.stream in chosen.streams]
    return [_edited(one, edits) for one in found]


@cache
def _shipped(connector: str) -> list[StreamMapping]:
    return load_mappings(where_mappings(connector))


def _edited(mapping: StreamMapping, edits: Edits) -> StreamMapping:
    fields, groups = dict(mapping.fields), dict(mapping.groups)
    for stream, name, what in edits:
        if stream != mapping.stream or name not in fields:
            continue
        group = next(key for key, one in groups.items() if one.members == (name,))
        if what == "gone":
            del fields[name], groups[group]
        else:
            policy = Policy(what)
            first = default_first(policy, groups[group].direction)  # no field here states another
            groups[group] = replace(groups[group], policy=policy, first=first)
    return replace(mapping, fields=fields, groups=groups)


class Home:
    """Where databases lie; each worker has a folder of its own in it."""

    folder = Path(tempfile.gettempdir())

    @classmethod
    def mine(cls) -> Path:
        place = cls.folder / f"histories-{os.getpid()}"
        place.mkdir(parents=True, exist_ok=True)
        return place


def _no_fsync(connection: Any, _record: object) -> None:
    # The crashes here are of processes: what the operating system was given stays.
    connection.execute("PRAGMA synchronous = OFF").close()


@cache
def engine_of(folder: Path) -> sa.Engine:
    """The worker's one engine: its compiled statements serve all histories. Its connections are
    closed whenever a process ends."""
    path = folder / "prm.db"
    migrations.create(f"sqlite:///{path}")
    engine = open_database(f"sqlite:///{path}").engine
    sa.event.listen(engine, "connect", _no_fsync)
    engine.dispose()
    shutil.copyfile(path, folder / "empty.db")
    return engine


@dataclass
class World:
    """`process` counts the engine's lives. All chance comes from `chance`."""

    profile: str
    chance: random.Random
    people: Callable[[Sequence[Mapping[str, Any]]], None]
    showed: Callable[[str, bytes], None]
    wrote: Callable[[str], None]
    at: datetime = START
    process: int = 1
    crms: dict[str, CrmSide] = field(default_factory=dict)
    edits: dict[str, Edits] = field(default_factory=dict)
    """Connection → what was edited in its mapping."""
    shares: dict[str, float] = field(default_factory=dict)
    """Connection → the part of the CRM's daily calls that it may use; none: any number."""

    def __post_init__(self) -> None:
        folder = Home.mine()
        self.path = folder / "prm.db"
        self.engine = engine_of(folder)
        self.wire = Wire(self.people, self.showed, self.wrote)
        self._runtimes: dict[str, Runtime] = {}
        self.lay_down(folder / "empty.db")
        self.database = Database(self.engine)
        """The people's own: no wire leads through it."""
        for name in CONNECTORS:
            self.take_in(name, self.simulated(name))

    def simulated(self, name: str) -> Any:
        options = SimulatorOptions(now=self.now)
        if CONNECTORS[name] == "hubspot":
            return HubSpotSimulator(options, monotonic=lambda: self.now().timestamp())
        return SalesforceSimulator(options)

    def take_in(self, name: str, simulator: Any) -> None:
        self.crms[name] = CrmSide(name, CONNECTORS[name], simulator)
        crm = WiredCrm(name, CONNECTORS[name], simulator, self.wire)
        handlers = {self.crms[name].url: crm.handle}
        runtime = in_process_runtime(handlers, self.now, self.wait)
        direct = DirectClient(HandlerTransport(handlers, self.wait))
        self._runtimes[name] = replace(runtime, http=direct)

    def lay_down(self, database: Path) -> None:
        """Put a database file in place of the one before."""
        self.engine.dispose()
        for ending in ("-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)
        shutil.copyfile(database, self.path)
        self.prm = PrmSide(str(self.path))

    def close(self) -> None:
        for runtime in self._runtimes.values():
            runtime.http.close()
            runtime.requests.close()
        self.prm.close()
        self.engine.dispose()

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    # --- the engine's process ----------------------------------------------------------------

    def _me(self) -> str:
        return f"simulated:{self.process}"

    def _is_gone(self, holder: str | None) -> bool:
        return holder not in (None, self._me()) and not self.wire.elsewhere

    def reborn(self) -> None:
        """The process is gone; the next one starts with nothing but the file. An idle connection
        holds none of the process's state; one that was in use goes with it."""
        pool: Any = self.engine.pool
        if pool.checkedout():
            self.engine.dispose()
        self.process += 1
        self.wire.dead = False

    def session(self, name: str) -> Session:
        crm = self.crms[name]
        known = plugin(crm.connector)
        options: dict[str, Any] = {"prefetch": False}
        made = 0
        if name in self.shares:
            options["call_share"] = self.shares[name]
            with self.database.read() as connection:
                made = quota.calls_made(connection, name, self.now())
        settings = ConnectionSettings(
            name,
            base_url=crm.url,
            auth=dict(known.simulator_auth()),
            options=options,
            calls_made=made,
        )
        running.this_process, running.is_gone = self._me, self._is_gone
        return open_session(
            WiredDatabase(self.engine, self.wire),
            name,
            known.connect(settings, self._runtimes[name]),
            connector_name=crm.connector,
            title=known.title,
            mappings=mappings_of(self.profile, crm.connector, self.edits.get(name, frozenset())),
            writes=Writes.BOTH,
            now=self.now,
            new_id=self.new_id,
            actor="scheduler",
        )

    # --- the partner database's own people ---------------------------------------------------

    def insert(self, stream: str, values: Values) -> str:
        prm_id = self.new_id()
        with self.database.begin() as connection:
            problems = records.insert(connection, stream, [(PrmId(prm_id), values)])
        if problems:
            raise Impossible(str(problems[0]))
        return prm_id

    def edit(self, stream: str, prm_id: str, values: Values) -> None:
        with self.database.begin() as connection:
            problems = records.update(connection, stream, [(PrmId(prm_id), values)])
        if problems:
            raise Impossible(str(problems[0]))

    def remove(self, stream: str, prm_id: str) -> None:
        """With the relations and links of registrations that name it, as a person does it."""
        with self.database.begin() as connection:
            if stream == "opportunity":
                self._loosen(connection, prm_id)
            problems = records.delete(connection, stream, [PrmId(prm_id)])
            if problems:
                raise Impossible(str(problems[0]))

    def _loosen(self, connection: sa.Connection, deal: str) -> None:
        ids = self.prm.ask("SELECT id FROM deal_partner WHERE opportunity = ?", deal)
        records.delete(connection, "relation", [PrmId(row[0]) for row in ids])
        named = self.prm.ask("SELECT id FROM registration WHERE opportunity = ?", deal)
        records.update(
            connection, "registration", [(PrmId(row[0]), {"opportunity": None}) for row in named]
        )

    def relation_id(self, deal: str, partner: str, role: str) -> str:
        text = "SELECT id FROM deal_partner WHERE opportunity = ? AND partner = ? AND role = ?"
        found = self.prm.ask(text, deal, partner, role)
        if not found:
            raise Impossible("there is no such relation")
        return str(found[0][0])
