"""Both sides as rows of databases: what a run of the engine costs without any CRM's own time.

One opportunity is synced with the simulated Salesforce; it is the pattern from which SQL makes as
many linked ones as are wanted, on both sides. `RowsCrm` then stands in the connector's place and
reads and writes the CRM's rows in an SQLite file.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.connector.protocol import (
    Change,
    ConnectionSettings,
    Connector,
    NewRecord,
    ObjectSpec,
    Page,
    Record,
    SimulatorOptions,
    Usage,
    WriteResult,
)
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.domain.merge import Writes
from prmsync.domain.values import PrmId, Values
from prmsync.mapping.load import load_mappings
from prmsync.mapping.locate import where_mappings
from prmsync.store import migrations, records
from prmsync.store.database import Database, open_database
from prmsync.sync import run
from prmsync.sync.opening import open_session
from prmsync.sync.session import Session

NAME, STREAM = "measured", "opportunity"
BASE_URL = "http://crm.example"
PAGE = 2000
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
_SERIES = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s "
    "WHERE n < {last})",
    "postgresql": "WITH s AS (SELECT generate_series({first}, {last}) AS n)",
}
_KEY = "printf('%08d-0000-4000-8000-000000000000', n)"
_PG_KEY = "lpad(n::text, 8, '0') || '-0000-4000-8000-000000000000'"


@dataclass
class RowsCrm:
    """The simulator's account and schema; all records of opportunities are rows of `file`."""

    inner: Connector
    file: Path
    fields: tuple[str, ...]
    calls: Counter[str] = field(default_factory=Counter)
    batch_size: int = 200

    def account(self) -> Any:
        return self.inner.account()

    def describe(self, object_name: str) -> Any:
        return self.inner.describe(object_name)

    def people(self) -> Any:
        return self.inner.people()

    def changes(self, spec: ObjectSpec, cursor: str | None) -> Iterator[Page]:
        """Everything, or the rows that were changed since."""
        self.calls["read"] += 1
        if spec.stream != STREAM:
            yield Page([], cursor="0")
            return
        where = "" if cursor is None else " WHERE changed > 0"
        with self._open() as rows:
            found = rows.execute(f"SELECT * FROM deal{where}")
            while page := found.fetchmany(PAGE):
                self.calls["read"] += 1
                yield Page([self._record(one) for one in page])
        yield Page([], cursor="0")

    def fetch(self, spec: ObjectSpec, ids: Sequence[str]) -> dict[str, Record]:
        found: dict[str, Record] = {}
        with self._open() as rows:
            for start in range(0, len(ids), self.batch_size):
                self.calls["guard"] += 1
                wanted = orjson.dumps(list(ids[start : start + self.batch_size])).decode()
                statement = "SELECT * FROM deal WHERE id IN (SELECT value FROM json_each(?))"
                found.update(
                    (one[0], self._record(one)) for one in rows.execute(statement, [wanted])
                )
        return found

    def find(self, spec: ObjectSpec, keys: Sequence[str]) -> dict[str, Record]:
        self.calls["guard"] += 1
        with self._open() as rows:
            statement = f"SELECT * FROM deal WHERE {spec.key} IN (SELECT value FROM json_each(?))"
            found = rows.execute(statement, [orjson.dumps(list(keys)).decode()])
            records = [self._record(one) for one in found]
        return {str(one.values[str(spec.key)]): one for one in records}

    def create(self, spec: ObjectSpec, rows: Sequence[NewRecord]) -> list[WriteResult]:
        self.calls["write"] += 1
        with self._open() as file, file:
            for one in rows:
                values = [one.values.get(name) for name in self.fields]
                marks = ", ".join("?" * (len(values) + 3))
                file.execute(f"INSERT INTO deal VALUES ({marks})", [one.key, "", 1, *values])
        return [WriteResult(one.key, created=True) for one in rows]

    def update(self, spec: ObjectSpec, rows: Sequence[Change]) -> list[WriteResult]:
        self.calls["write"] += 1
        with self._open() as file, file:
            for one in rows:
                names = ", ".join(f"{name} = ?" for name in one.values)
                statement = f"UPDATE deal SET {names} WHERE id = ?"
                file.execute(statement, [*one.values.values(), one.id])
        return [WriteResult(one.id) for one in rows]

    def delete(self, spec: ObjectSpec, ids: Sequence[str]) -> list[WriteResult]:
        self.calls["write"] += 1
        with self._open() as file, file:
            file.executemany("DELETE FROM deal WHERE id = ?", [(one,) for one in ids])
        return [WriteResult(one) for one in ids]

    def usage(self) -> Usage:
        return Usage(self.calls)

    def record_url(self, object_name: str, record_id: str) -> str | None:
        return None

    def close(self) -> None:
        self.inner.close()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        rows = sqlite3.connect(self.file)
        try:
            yield rows
        finally:
            rows.close()

    def _record(self, row: Sequence[Any]) -> Record:
        return Record(row[0], row[1], dict(zip(self.fields, row[3:], strict=True)))


@contextmanager
def simulated(now: datetime = NOW) -> Iterator[Connector]:
    """A connector to a fresh simulated Salesforce in this process."""
    known = plugin("salesforce")
    simulator = known.simulator(SimulatorOptions(now=lambda: now))
    runtime = in_process_runtime({BASE_URL: simulator.handle}, lambda: now, lambda _: None)
    settings = ConnectionSettings(
        NAME, base_url=BASE_URL, auth=dict(known.simulator_auth()), options={"prefetch": False}
    )
    with runtime.http, runtime.requests:
        yield known.connect(settings, runtime)


def session(database: Database, connector: Any, now: datetime) -> Session:
    """A session as any run has it."""
    known = plugin("salesforce")
    return open_session(
        database,
        NAME,
        connector,
        connector_name="salesforce",
        title=known.title,
        mappings=load_mappings(where_mappings("salesforce")),
        writes=Writes.BOTH,
        now=lambda: now,
        new_id=lambda: str(uuid.uuid4()),
        actor="benchmark",
    )


def pattern(url: str, file: Path) -> tuple[str, ...]:
    """Make the database and one synced opportunity in it, and the CRM's table with the record.

    Returns the CRM's field names in the table's order.
    """
    migrations.create(url)
    database = open_database(url)
    partner, deal = (PrmId(str(uuid.uuid4())) for _ in range(2))
    values: Values = {
        "name": "Deal 0",
        "number": "OP-0",
        "partner": partner,
        "customer_name": "Customer of 0",
        "customer_domain": "customer.example",
        "customer_country": "DE",
        "product_lines": "firewall",
        "source": "fair",
        "amount": "48000.00",
        "currency": "EUR",
        "stage": "qualified",
        "close_date": "2026-12-20",
    }
    with database.begin() as connection:
        named: Values = {"name": "Globex", "domain": "globex.example", "status": "active"}
        assert not records.insert(connection, "partner", [(partner, named)])
        assert not records.insert(connection, STREAM, [(deal, values)])
    with simulated() as connector:
        for turn in range(4):
            one = session(database, connector, NOW + timedelta(minutes=turn))
            run.sync(one, release=True)
        spec = one.streams[STREAM].spec
        with database.read() as connection:
            statement = sa.text("SELECT crm_id FROM link WHERE prm_id = :deal")
            crm_id = str(connection.execute(statement, {"deal": deal}).scalar_one())
        record = connector.fetch(spec, [crm_id])[crm_id]
    database.close()
    _table(file, spec.fields, record)
    return spec.fields


def _table(file: Path, fields: Sequence[str], record: Record) -> None:
    rows = sqlite3.connect(file)
    columns = ", ".join(fields)
    with rows:
        rows.execute(f"CREATE TABLE deal (id TEXT PRIMARY KEY, version, changed, {columns})")
        marks = ", ".join("?" * (len(fields) + 3))
        told = [record.values.get(name) for name in fields]
        # SQLite has no booleans; both spellings are read alike.
        values = [str(one).lower() if isinstance(one, bool) else one for one in told]
        rows.execute(f"INSERT INTO deal VALUES ({marks})", [record.id, record.version, 0, *values])
    rows.close()


def grow(url: str, file: Path | None, first: int, last: int) -> None:
    """Make linked opportunities with the numbers `first` to `last` by SQL; with `file` also their
    records on both sides, else only the links."""
    engine = sa.create_engine(open_database(url).engine.url)
    with engine.begin() as connection:
        _grow_ours(connection, first, last, with_records=file is not None)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE"))
    engine.dispose()
    if file is not None:
        _grow_theirs(file, first, last)


def _grow_ours(connection: sa.Connection, first: int, last: int, *, with_records: bool) -> None:
    dialect = connection.dialect.name
    series = _SERIES[dialect].format(first=first, last=last)
    key = _PG_KEY if dialect == "postgresql" else _KEY
    pattern_id = "(SELECT prm_id FROM link l JOIN stream t ON t.id = l.stream_id"
    pattern_id += f" WHERE t.name = '{STREAM}' ORDER BY l.id LIMIT 1)"
    if with_records:
        columns = [one.name for one in records.PRM_TABLES[STREAM].columns]
        new = {"id": key, "name": "'Deal ' || n", "number": "'OP-' || n"}
        taken = ", ".join(new.get(name, name) for name in columns)
        insert = f"INSERT INTO opportunity ({', '.join(columns)}) {series} SELECT {taken} "
        insert += f"FROM s, opportunity WHERE id = {pattern_id}"
        connection.execute(sa.text(insert))
        connection.execute(sa.text("DELETE FROM change_log"))
    names = "prm_id, crm_id, stream_id, state, base, seen, crm_version, crm_modified_by, dirty"
    base = "replace(replace(base, 'Deal 0', 'Deal ' || n), 'OP-0', 'OP-' || n)"
    seen = f"replace(seen, prm_id, {key})"
    insert = f"INSERT INTO link ({names}) {series} SELECT {key}, 'crm-' || n, stream_id, state, "
    insert += f"{base}, {seen}, crm_version, crm_modified_by, 0 FROM s, link "
    insert += f"WHERE prm_id = {pattern_id}"
    connection.execute(sa.text(insert))
    counted = "(SELECT count(*) FROM link WHERE stream_id = stream.id AND state = 'live')"
    connection.execute(sa.text(f"UPDATE stream SET linked = {counted}"))
    if dialect == "sqlite" and with_records:
        log = "(SELECT seq FROM sqlite_sequence WHERE name = 'change_log')"
        connection.execute(sa.text(f"UPDATE stream SET prm_cursor = {log}"))


def _grow_theirs(file: Path, first: int, last: int) -> None:
    rows = sqlite3.connect(file)
    columns = [row[1] for row in rows.execute("PRAGMA table_info(deal)")]
    new = {
        "id": "'crm-' || n",
        "Name": "'Deal ' || n",
        "PRM_Number__c": "'OP-' || n",
        "PRM_Opportunity_Id__c": _KEY,
    }
    taken = ", ".join(new.get(name, name) for name in columns)
    series = _SERIES["sqlite"].format(first=first, last=last)
    with rows:
        # Names of our own tables and mapping.
        rows.execute(
            f"INSERT INTO deal ({', '.join(columns)}) {series} SELECT {taken} "
            "FROM s, (SELECT * FROM deal LIMIT 1)"
        )
    rows.close()
