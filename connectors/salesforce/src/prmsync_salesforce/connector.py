"""One signed-in Salesforce org, as `prmsync.connector.protocol.Connector` has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from math import ceil

from prmsync.connector.budget import CallBudget
from prmsync.connector.expected import Expected
from prmsync.connector.prefetch import prefetched
from prmsync.connector.protocol import (
    Change,
    ConnectionSettings,
    NewRecord,
    ObjectSpec,
    Page,
    PastValues,
    Record,
    Runtime,
    Usage,
    WriteResult,
)
from prmsync.connector.provisioning import Automations
from prmsync.connector.schema import Account, ObjectSchema, Person
from prmsync_salesforce import bulk_ingest, conditional, past, reading
from prmsync_salesforce.auth import Tokens
from prmsync_salesforce.client import Client
from prmsync_salesforce.lanes import Lanes
from prmsync_salesforce.links import record_url
from prmsync_salesforce.options import RESERVE, Options
from prmsync_salesforce.provision.automations import read_automations
from prmsync_salesforce.provision.twin import saved_schema
from prmsync_salesforce.rows import RowPlan
from prmsync_salesforce.session import Session
from prmsync_salesforce.writing import BATCH_SIZE, Writer, takes_jobs

_Read = tuple[ObjectSpec, str | None]
"""A stream and the cursor from which it is read."""

BULK_AT_ONCE = 10_000
"""Rows of one job: what is unknown after a crash stays within bounds."""


ROUNDS = 3
"""Calls go in lanes, not in step: each lane takes its next batch at once, so that none waits for
the slowest. More rounds would let more time pass between the look at a record and its write."""


class SalesforceConnector:
    """Shared by threads. Signs in on first use; every method first makes sure of the pinned org."""

    def __init__(self, settings: ConnectionSettings, runtime: Runtime) -> None:
        """Raises ConfigurationError for settings that cannot be used, every problem named."""
        self._options = Options.of(settings)
        self._budget = CallBudget(RESERVE, self._options.call_share, settings.calls_made)
        tokens = Tokens(
            self._options.base_url, self._options.grant, runtime, self._budget, settings.keep
        )
        self._client = Client(tokens, runtime, self._budget, self._options.api_version)
        self._session = Session(self._client, settings, self._options.api_version)
        self._sleep = runtime.sleep
        self._ahead = runtime.pool if self._options.prefetch else None
        self._expected: Expected[_Read, reading.RawPage] = Expected(self._ahead)
        # Jobs are for whoever has the time to wait; what runs one call after the other has not.
        self._bulk_rows = self._options.bulk_writes if runtime.pool is not None else 0
        self._settled = False
        self._ways: list[str] = []
        self._lanes = Lanes(runtime.pool, runtime.sleep)
        self._plans: dict[ObjectSpec, RowPlan] = {}

    @property
    def batch_size(self) -> int:
        return BATCH_SIZE

    def rows_at_once(self) -> int:
        if self._bulk_rows:
            return BULK_AT_ONCE
        together = self.batch_size * self._lanes.most
        return together * ROUNDS if together > self.batch_size else together

    def write_calls(self, spec: ObjectSpec, op: str, count: int) -> int:
        if op == "update" and spec.strict:
            return ceil(count / conditional.PARTS)
        return self._calls(count, by_job=self._takes_jobs(spec))

    def look_calls(self, count: int) -> int:
        at_once = self.rows_at_once()
        whole, rest = divmod(count, at_once)
        return whole * ceil(at_once / reading.RETRIEVE_LIMIT) + ceil(rest / reading.RETRIEVE_LIMIT)

    def calls_saved(self, spec: ObjectSpec, op: str, count: int) -> int:
        by_job = self._takes_jobs(spec) and not (op == "update" and spec.strict)
        return self._calls(count, by_job=False) - self._calls(count, by_job=by_job)

    def _takes_jobs(self, spec: ObjectSpec) -> bool:
        return self._bulk_rows > 0 and takes_jobs(spec)

    def _calls(self, count: int, *, by_job: bool) -> int:
        jobs, rest = divmod(count, BULK_AT_ONCE) if by_job else (0, count)
        if by_job and rest > self._bulk_rows:
            jobs, rest = jobs + 1, 0
        return jobs * bulk_ingest.CALLS + ceil(rest / self.batch_size)

    def settle(self) -> None:
        if self._bulk_rows and not self._settled:
            self._session.account()
            bulk_ingest.settle_earlier(self._client, self._sleep)
            self._settled = True

    def account(self) -> Account:
        return self._session.account()

    def describe(self, object_name: str) -> ObjectSchema:
        return self._session.schema(object_name)

    def forget_schema(self) -> None:
        self._session.forget_schemas()
        self._plans.clear()
        self._expected.forget()

    def people_at_hand(self) -> bool:
        return self._session.people_at_hand()

    def people(self) -> Sequence[Person]:
        return self._session.people()

    def expect(self, reads: Sequence[tuple[ObjectSpec, str | None]]) -> None:
        self._expected.begin({read: partial(self._raw, *read) for read in reads})

    def changes(self, spec: ObjectSpec, cursor: str | None) -> Iterator[Page]:
        plan = self._plan(spec)
        raw = self._expected.taken((spec, cursor), partial(self._raw, spec, cursor))
        for rows, reached in prefetched(raw) if self._options.prefetch else raw:
            yield reading.page(plan, rows, reached)

    def _raw(self, spec: ObjectSpec, cursor: str | None) -> Iterator[reading.RawPage]:
        plan, bulk_rows = self._plan(spec), self._options.bulk_rows
        return reading.Changes(
            self._client, plan, cursor, self._sleep, bulk_rows, self._ahead, self._ways.append
        ).raw_pages()

    def ways_of_reading(self) -> Sequence[str]:
        return tuple(self._ways)

    def fetch(self, spec: ObjectSpec, ids: Sequence[str]) -> dict[str, Record]:
        return reading.fetch(self._client, self._plan(spec), ids, self._lanes)

    def past(self, spec: ObjectSpec, ids: Sequence[str], fields: Sequence[str]) -> list[PastValues]:
        return past.past(self._client, self._plan(spec), ids, fields)

    def find(self, spec: ObjectSpec, keys: Sequence[str]) -> dict[str, Record]:
        return reading.find(self._client, self._plan(spec), keys)

    def listed(self, spec: ObjectSpec, after: str) -> Page:
        return reading.listed(self._client, self._plan(spec), after)

    def keyed(self, specs: Sequence[ObjectSpec]) -> list[list[Record]]:
        return reading.keyed(self._client, [self._plan(spec) for spec in specs])

    def create(self, spec: ObjectSpec, rows: Sequence[NewRecord]) -> list[WriteResult]:
        return self._told(self._writer(spec, rows).create(rows)) if rows else []

    def update(self, spec: ObjectSpec, rows: Sequence[Change]) -> list[WriteResult]:
        return self._told(self._writer(spec, rows).update(rows)) if rows else []

    def delete(self, spec: ObjectSpec, ids: Sequence[str]) -> list[WriteResult]:
        return self._told(self._writer(spec, ids).delete(ids)) if ids else []

    def _told(self, results: list[WriteResult]) -> list[WriteResult]:
        if any(one.error is not None and one.error.code == bulk_ingest.LOST for one in results):
            self._settled = False
        return results

    def _writer(self, spec: ObjectSpec, rows: Sequence[object]) -> Writer:
        most = self.rows_at_once()
        if len(rows) > most:
            raise ValueError(f"{len(rows)} rows in one write; at most {most}")
        plan = self._plan(spec)
        self.settle()
        return Writer(self._client, plan, self._lanes, self._sleep, self._bulk_rows)

    def automations(self, objects: Sequence[str]) -> Automations:
        self._session.account()
        return read_automations(self._client, objects)

    def saved_schema(self, objects: Sequence[str]) -> Mapping[str, object]:
        return saved_schema(self._client, self._session.account(), objects)

    def crm_time(self) -> datetime | None:
        self._session.account()
        return self._client.signed_in_at

    @property
    def client(self) -> Client:
        """The session's own client, for what acts beside the sync in the same org."""
        return self._client

    @property
    def api_version(self) -> str:
        return self._options.api_version

    def usage(self) -> Usage:
        return self._budget.usage()

    def record_url(self, object_name: str, record_id: str) -> str | None:
        return record_url(self._options.base_url, object_name, record_id)

    def close(self) -> None:
        """Nothing to give back: the clients belong to whoever made the runtime."""

    def _plan(self, spec: ObjectSpec) -> RowPlan:
        if spec not in self._plans:
            self._plans[spec] = RowPlan(spec, self._session.schema(spec.object))
        return self._plans[spec]
