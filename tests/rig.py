"""A small world in process: a real database, the real engine, simulated CRMs without sockets."""

from __future__ import annotations

import re
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

import orjson
import pytest

from prmsync.connector.protocol import ConnectionSettings, SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.http import Request, Response
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

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


WORDS: dict[str, dict[str, Any]] = {
    "salesforce": {
        "partner": "Account",
        "opportunity": "Opportunity",
        "registration": "PRM_Registration__c",
        "id": "Id",
        "name": "Name",
        "country": "BillingCountryCode",
        "domain": "Website",
        "stage": "StageName",
        "close_date": "CloseDate",
        "amount": "Amount",
        "customer_name": "PRM_Customer_Name__c",
        "tier": "PRM_Tier__c",
        "partner_key": "PRM_Partner_Id__c",
        "opportunity_key": "PRM_Opportunity_Id__c",
        "number": "Name",
        "registration_amount": "Amount__c",
        "expected_close": "Expected_Close__c",
        "review_state": "Review_State__c",
        "negotiation": "Negotiation/Review",
        "proposal": "Proposal/Price Quote",
        "won": "Closed Won",
        "lost": "Closed Lost",
        "qualified": "Qualification",
        "day": "{}",
        "deal_name": "Name",
        "reseller": "VAR/Reseller",
        "distributor": "Distributor",
        "si": "System Integrator",
        "source": "PRM_Source__c",
        "customer_contact": "Customer_Contact__c",
        "registration_customer": "Customer_Name__c",
        "country_code": "BillingCountryCode",
    },
    "hubspot": {
        "partner": "companies",
        "opportunity": "deals",
        "registration": "prm_registration",
        "id": "id",
        "name": "name",
        "country": "country",
        "domain": "domain",
        "stage": "dealstage",
        "close_date": "closedate",
        "amount": "amount",
        "customer_name": "prm_customer_name",
        "tier": "prm_tier",
        "partner_key": "prm_partner_id",
        "opportunity_key": "prm_opportunity_id",
        "number": "number",
        "registration_amount": "amount",
        "expected_close": "expected_close",
        "review_state": "review_state",
        "negotiation": "contractsent",
        "proposal": "decisionmakerboughtin",
        "won": "closedwon",
        "lost": "closedlost",
        "qualified": "qualifiedtobuy",
        "day": "{}T12:00:00.000Z",
        "deal_name": "dealname",
        "reseller": "Reseller",
        "distributor": "Distributor",
        "si": "System integrator",
        "source": "prm_source",
        "customer_contact": "customer_contact",
        "registration_customer": "customer_name",
        "country_code": "country",
    },
}
"""Each CRM's words for the same things."""

NAMED = {"partner": "name", "opportunity": "deal_name", "registration": "number"}
"""Stream → the word for what people call its records."""

WRITE_PATHS = {
    "salesforce": r"composite/sobjects(/[^/]+/[^/]+)?$",
    "hubspot": r"batch/(upsert|update|create)$",
}
"""Where records are created and updated."""


Act = Callable[[Request], Response | None]
"""Does something, or answers in the CRM's place."""


@dataclass
class Before:
    """A simulator with somebody standing before some of its paths."""

    inner: Any
    path: re.Pattern[str]
    act: Act

    def handle(self, request: Request) -> Response:
        answer = self.act(request) if self.path.search(request.path) else None
        if answer is None:
            answer = self.inner.handle(request)
        return answer


@dataclass
class Crm:
    """One simulated CRM and the connection to it."""

    name: str
    connector: str
    simulator: Any
    base_url: str

    def control(self, method: str, what: str, body: object = None, **query: str) -> Any:
        """A call to the simulator's control paths."""
        response = self.simulator.handle(
            Request(
                method,
                f"/_simulator/{what}",
                {key: [value] for key, value in query.items()},
                {"host": "crm.example"},
                b"" if body is None else orjson.dumps(body),
            )
        )
        assert response.status < 300, response.body
        return orjson.loads(response.body) if response.body else None

    def records(self, object_name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", "records", object=object_name)["records"]
        return found

    def create(self, object_name: str, values: dict[str, Any]) -> str:
        made = self.control("POST", "records", {"object": object_name, "values": values})
        return str(made["id"])

    def edit(self, object_name: str, record_id: str, values: dict[str, Any]) -> None:
        self.control("PATCH", "records", {"object": object_name, "id": record_id, "values": values})

    def delete(self, object_name: str, record_id: str) -> None:
        self.control("DELETE", "records", object=object_name, id=record_id)

    @property
    def words(self) -> dict[str, Any]:
        return WORDS[self.connector]

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """Live records of a stream as flat dicts."""
        found = self.records(self.words[stream])
        return [{**one, **one.get("properties", {})} for one in found if not is_gone(one)]

    def row(self, stream: str, record_id: str) -> dict[str, Any]:
        return next(one for one in self.rows(stream) if one[self.words["id"]] == record_id)

    def only(self, stream: str) -> dict[str, Any]:
        rows = self.rows(stream)
        assert len(rows) == 1, rows
        return rows[0]

    def change(self, stream: str, record_id: str, **values: Any) -> None:
        """An edit as a CRM user; names and picklist values are ours, in this file's words."""
        named = {self.words.get(key, key): value for key, value in values.items()}
        self.edit(self.words[stream], record_id, named)

    def remove(self, stream: str, record_id: str) -> None:
        self.delete(self.words[stream], record_id)

    def merge(self, stream: str, record_id: str, into: str) -> None:
        """A CRM user merges a record into another one, which stays."""
        body = {"object": self.words[stream], "id": record_id, "into": into}
        self.control("POST", "merge", body)

    def relations(self) -> list[tuple[str, str, str, str]]:
        """(deal, partner, role, the CRM's id of the relation), roles in the CRM's own words."""
        if self.connector == "salesforce":
            return [
                (one["OpportunityId"], one["AccountToId"], one["Role"], one["Id"])
                for one in self.records("OpportunityPartner")
                if not is_gone(one)
            ]
        return [
            (one["from_id"], one["to_id"], one["label"], one["id"])
            for one in self.records("associations")
            if (one["from_object"], one["to_object"]) == ("0-3", "0-2")
            and one["category"] == "USER_DEFINED"
        ]

    def relate(self, deal: str, partner: str, role: str) -> str:
        """A relation made by a CRM user; `role` is in the CRM's own words."""
        if self.connector == "salesforce":
            values = {"OpportunityId": deal, "AccountToId": partner, "Role": role}
            return self.create("OpportunityPartner", values)
        ends = {"from_object": "deals", "from_id": deal, "to_object": "companies", "to_id": partner}
        return self.create("associations", {**ends, "label": role})

    def unrelate(self, relation_id: str) -> None:
        """A relation taken away by a CRM user."""
        salesforce = self.connector == "salesforce"
        self.delete("OpportunityPartner" if salesforce else "associations", relation_id)

    def calls(self) -> Any:
        return self.control("GET", "stats")

    def fault(self, **rule: Any) -> None:
        """Misbehave; without `path`, at writes of records. See the chassis's FaultRule."""
        self.control("POST", "faults", {"path": WRITE_PATHS[self.connector], **rule})

    def no_faults(self) -> None:
        self.control("DELETE", "faults")

    @contextmanager
    def standing_before(self, act: Act, path: str = "") -> Iterator[None]:
        """Somebody stands before the CRM and may do something first; without a path (a regular
        expression), before its writes of records."""
        inner = self.simulator
        self.simulator = Before(inner, re.compile(path or WRITE_PATHS[self.connector]), act)
        try:
            yield
        finally:
            self.simulator = inner

    def named(self, stream: str, name: str) -> dict[str, Any]:
        """The one live record that people call so."""
        word = self.words[NAMED[stream]]
        found = [one for one in self.rows(stream) if one[word] == name]
        assert len(found) == 1, (name, found)
        return found[0]

    def id_of(self, stream: str, name: str) -> str:
        return str(self.named(stream, name)[self.words["id"]])


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


def is_gone(record: dict[str, Any]) -> bool:
    return bool(record.get("IsDeleted") or record.get("archived"))


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


@pytest.fixture
def partner_values() -> Values:
    return dict(PARTNER)


@pytest.fixture
def rig() -> Any:
    """This module, for tests that stand something else in its place."""
    return sys.modules[World.__module__]
