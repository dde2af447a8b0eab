"""A CRM user's own edits and the whole state, for the chassis's control paths."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prmsync.connector.simulator.chassis import ControlError
from prmsync.connector.simulator.clock import SimulatorClock
from prmsync_salesforce.simulator.database import Table
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.ids import long_id
from prmsync_salesforce.simulator.org import Org, Writer
from prmsync_salesforce.simulator.query import QueryEngine
from prmsync_salesforce.simulator.seed import CRM_USER, load_records
from prmsync_salesforce.simulator.set_up import SetUp

_DERIVED = ("EntityDefinition", "FieldDefinition")
"""Records that follow from the schema."""


class Control:
    """Carries out control requests; see `RecordsControl`. `user` is a user's id, username or
    e-mail; None is an administrator who is not the integration."""

    def __init__(
        self, org: Org, queries: QueryEngine, clock: SimulatorClock, set_up: SetUp
    ) -> None:
        self._org = org
        self._queries = queries
        self._clock = clock
        self._set_up = set_up

    def list_records(self, object_name: str, record_id: str | None) -> list[dict[str, Any]]:
        table = self._table(object_name)
        if record_id is None:
            return [dict(row) for row in table.rows.values()]
        row = table.rows.get(long_id(record_id) or "")
        return [dict(row)] if row else []

    def write_as_user(
        self,
        object_name: str,
        record_id: str | None,
        values: Mapping[str, Any],
        user: str | None,
        stamp: datetime | None,
    ) -> str:
        table = self._table(object_name)
        writer = Writer(self._user(user), stamp, unbound=True)
        try:
            if record_id is None:
                return self._org.create(table, values, writer)
            full = long_id(record_id) or record_id
            self._org.update(table, full, values, writer)
            return full
        except ApiError as error:
            raise ControlError(f"{error.code}: {error.message}") from error

    def delete_as_user(self, object_name: str, record_id: str, user: str | None) -> None:
        table = self._table(object_name)
        writer = Writer(self._user(user), unbound=True)
        try:
            self._org.delete(table, long_id(record_id) or record_id, writer)
        except ApiError as error:
            raise ControlError(f"{error.code}: {error.message}") from error

    def merge_as_user(self, object_name: str, record_id: str, into: str, user: str | None) -> None:
        table = self._table(object_name)
        writer = Writer(self._user(user), unbound=True)
        try:
            self._org.merge(table, long_id(record_id) or record_id, long_id(into) or into, writer)
        except ApiError as error:
            raise ControlError(f"{error.code}: {error.message}") from error

    def dump(self) -> dict[str, Any]:
        database = self._org.database
        records = {
            name: list(table.rows.values())
            for name, table in database.tables.items()
            if name not in _DERIVED
        }
        return {
            "records": {name: rows for name, rows in records.items() if rows},
            "sequences": dict(database.sequences),
            "schema": self._org.deployed.dump(),
            "set_up": self._set_up.dump(),
            "clock_offset_seconds": self._clock.offset_seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        records = state.get("records")
        if not isinstance(records, dict):
            raise ControlError('the state needs "records": lists of records by object name')
        database = self._org.database
        self._org.deployed.restore(state.get("schema", {}))
        before = {name: dict(table.rows) for name, table in database.tables.items()}
        self._empty()
        try:
            load_records(self._org, records)
        except ValueError as error:
            self._empty()
            for name, rows in before.items():
                for row in rows.values():
                    database.tables[name].put(row)
            raise ControlError(str(error)) from error
        self._queries.forget()
        if "set_up" in state:
            self._set_up.restore(state["set_up"])
        database.sequences = dict(state.get("sequences", {}))
        wanted = float(state.get("clock_offset_seconds", 0))
        self._clock.advance(wanted - self._clock.offset_seconds)

    def _empty(self) -> None:
        for table in self._org.database.tables.values():
            for record_id in list(table.rows):
                table.remove(record_id)

    def _table(self, object_name: str) -> Table:
        table = self._org.database.table(object_name)
        if table is None:
            raise ControlError(f"unknown object {object_name}")
        return table

    def _user(self, name: str | None) -> str:
        if name is None:
            return CRM_USER
        users = self._table("User")
        full = long_id(name)
        if full in users.rows:
            return str(full)
        for row in users.live():
            if name.lower() in (str(row.get("Username")).lower(), str(row.get("Email")).lower()):
                return str(row["Id"])
        raise ControlError(f"no user {name}")
