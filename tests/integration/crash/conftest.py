"""The sync tests' small world, kept and put back, with a fuse in every wire that leads out."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import rig
from prmsync.connector.simulator.http import Request, Response
from prmsync.store import held
from prmsync.store.database import Database, open_database
from prmsync.store.tables import lease
from prmsync.sync.verify import verify

NAMED = {"partner": "name", "opportunity": "deal_name", "registration": "number"}
"""Stream → the word for what people call its records."""
DEAD = 99_999_999
"""No process has this id."""
_READING = ("/batch/read", "/search", "/oauth", "/query")


class PowerCut(BaseException):
    """Nothing after it has any effect."""


@dataclass
class Fuse:
    """Counts lasting effects and cuts the power before the one numbered `at`."""

    at: int = -1
    count: int = 0
    blown: bool = False

    def effect(self) -> None:
        self.alive()
        if self.count == self.at:
            self.blown = True
            raise PowerCut
        self.count += 1

    def alive(self) -> None:
        if self.blown:
            raise PowerCut


class FusedDatabase(Database):
    """A database whose commits go through a fuse."""

    def __init__(self, engine: sa.Engine, fuse: Fuse) -> None:
        super().__init__(engine)
        self.fuse = fuse

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        self.fuse.alive()
        with super().begin() as connection:
            rows: Any = connection.connection.dbapi_connection
            before = rows.total_changes
            yield connection
            if rows.total_changes - before > 1:
                self.fuse.effect()
            else:  # only the lease was renewed
                self.fuse.alive()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        self.fuse.alive()
        with super().read() as connection:
            yield connection


@dataclass
class FusedCrm:
    """A simulated CRM behind a fuse; reading it has no lasting effect."""

    inner: Any
    fuse: Fuse

    def handle(self, request: Request) -> Response:
        if reads(request):
            self.fuse.alive()
        else:
            self.fuse.effect()
        answer: Response = self.inner.handle(request)
        return answer


def reads(request: Request) -> bool:
    if request.method == "GET" or any(part in request.path for part in _READING):
        return True
    # Salesforce: composites of GETs, and retrieves, which name fields instead of records.
    return request.method == "POST" and (
        request.path.endswith("/composite") or b'"fields":[' in request.body
    )


@dataclass
class Story:
    """One world whose state can be kept and put back; `ids` names what the story is about."""

    world: Any
    folder: Path
    ids: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def crm(self) -> Any:
        return self.world.crms["crm"]

    def keep(self, name: str) -> None:
        self.world.database.close()
        with (
            closing(sqlite3.connect(self.folder / "prm.db")) as source,
            closing(sqlite3.connect(self.folder / f"{name}.kept")) as target,
        ):
            source.backup(target)
        self.kept[name] = self.crm.control("GET", "state")

    def put_back(self, name: str) -> None:
        self.world.database.close()
        for ending in ("-wal", "-shm"):
            (self.folder / f"prm.db{ending}").unlink(missing_ok=True)
        shutil.copyfile(self.folder / f"{name}.kept", self.folder / "prm.db")
        # Time itself is not put back: rate limits and tokens would come from the future.
        self.world.wait(60)
        self.crm.control("PUT", "state", self.kept[name])
        self.open()

    def open(self, fuse: Fuse | None = None) -> None:
        """A fresh process: nothing of the one before is in memory."""
        self.world.database.close()
        opened = open_database(f"sqlite:///{self.folder / 'prm.db'}", check=False)
        self.world.database = opened if fuse is None else FusedDatabase(opened.engine, fuse)

    def sync_cut_at(self, at: int) -> Fuse:
        """One sync whose power is cut before effect `at`; the process is gone after it."""
        return self.cut_at(at, lambda: self.world.sync("crm", release=True))

    def cut_at(self, at: int, work: Callable[[], object]) -> Fuse:
        """Work whose power is cut before effect `at`; the process is gone after it."""
        fuse, simulator = Fuse(at), self.crm.simulator
        self.open(fuse)
        self.crm.simulator = FusedCrm(simulator, fuse)
        try:
            with suppress(PowerCut):
                work()
        finally:
            self.crm.simulator = simulator
        self.open()
        with self.world.database.begin() as connection:
            holder = connection.execute(sa.select(lease.c.holder)).scalar_one_or_none()
            if holder is not None:  # this test's own process only played the dead one
                host = holder.rpartition(":")[0]
                connection.execute(lease.update().values(holder=f"{host}:{DEAD}"))
        return fuse

    def held(self) -> list[tuple[str, str, str, Any, Any]]:
        """What waits for a person, by names that are the same in every telling."""
        named = self.names()
        with self.world.database.read() as connection:
            found = held.waiting_items(connection)
        return sorted(
            (
                (row.stream, named.get(str(row.prm_id), "?"), item.group, item.prm, item.crm)
                for row, item in found
            ),
            key=repr,
        )

    def names(self) -> dict[str, str]:
        """Ids of both sides → what people call the record."""
        named: dict[str, str] = {}
        for stream in NAMED:
            for prm_id, values in self.world.all_ours(stream).items():
                named[prm_id] = str(values.get("number") or values["name"])
            for row in self.crm.rows(stream):
                word = self.crm.words[NAMED[stream]]
                named[str(row[self.crm.words["id"]])] = str(row[word])
        return named

    def ours(self) -> dict[str, list[tuple[Any, ...]]]:
        """The whole partner database, ids replaced by names."""
        named = self.names()
        return {
            stream: sorted(
                (
                    tuple((key, named.get(str(value), value)) for key, value in sorted(row.items()))
                    for row in self.world.all_ours(stream).values()
                ),
                key=repr,
            )
            for stream in ("partner", "opportunity", "registration", "relation")
        }

    def theirs(self) -> dict[str, list[Any]]:
        """Everything mapped in the CRM, ids replaced by names."""
        named = self.names()
        shown: dict[str, list[Any]] = {}
        for mapping in rig.shipped(self.crm.connector):
            if mapping.stream == "relation":
                continue
            fields = sorted({one.crm for one in mapping.fields.values()})
            shown[mapping.stream] = sorted(
                (
                    [(name, named.get(str(row.get(name)), row.get(name))) for name in fields]
                    for row in self.crm.rows(mapping.stream)
                ),
                key=repr,
            )
        shown["relation"] = sorted(
            (named[deal], named[partner], role) for deal, partner, role, _ in self.crm.relations()
        )
        return shown

    def verify(self) -> None:
        with self.world.session("crm") as session:
            for report in verify(session):
                assert report.is_clean, report


@pytest.fixture(params=["salesforce", "hubspot"])
def story(request: pytest.FixtureRequest, make_world: Callable[..., Any], tmp_path: Path) -> Story:
    return Story(make_world(crm=request.param), tmp_path)
