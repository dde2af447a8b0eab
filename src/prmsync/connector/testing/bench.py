"""A connector beside its simulator, in process or over HTTP, with the controls a test needs."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import requests

from prmsync.connector.protocol import (
    ConnectionSettings,
    Connector,
    ConnectorPlugin,
    Runtime,
    SimulatorOptions,
)
from prmsync.connector.simulator.serve import serving
from prmsync.connector.simulator.transport import in_process_runtime


class FakeClock:
    """A clock that stands still unless somebody sleeps or moves it."""

    def __init__(self, start: datetime = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class Bench:
    """Makes connectors, and plays the CRM's own users, its clock and its bad days."""

    def __init__(
        self, plugin: ConnectorPlugin, runtime: Runtime, base_url: str, clock: FakeClock
    ) -> None:
        self.plugin = plugin
        self.runtime = runtime
        self.clock = clock
        self.settings = ConnectionSettings(
            name="bench", base_url=base_url, auth=dict(plugin.simulator_auth())
        )

    @classmethod
    @contextlib.contextmanager
    def in_process(
        cls, plugin: ConnectorPlugin, schema: Mapping[str, Any] | None = None
    ) -> Iterator[Bench]:
        """A fresh simulator, plain or with a saved schema, that is called without sockets."""
        clock, base_url = FakeClock(), "http://crm.test"
        simulator = plugin.simulator(SimulatorOptions(now=clock.now, schema=schema))
        runtime = in_process_runtime({base_url: simulator.handle}, clock.now, clock.sleep)
        with runtime.http, runtime.requests:
            yield cls(plugin, runtime, base_url, clock)

    @classmethod
    @contextlib.contextmanager
    def over_http(cls, plugin: ConnectorPlugin) -> Iterator[Bench]:
        """A fresh simulator behind a real socket."""
        clock = FakeClock()
        simulator = plugin.simulator(SimulatorOptions(now=clock.now))
        with (
            serving(simulator.handle) as base_url,
            httpx.Client(trust_env=False) as client,
            requests.Session() as session,
        ):
            session.trust_env = False
            runtime = Runtime(http=client, requests=session, now=clock.now, sleep=clock.sleep)
            yield cls(plugin, runtime, base_url, clock)

    def connector(self, **changed: Any) -> Connector:
        """A new session; `changed` replaces settings (org, environment, base_url, auth …)."""
        return self.plugin.connect(dataclasses.replace(self.settings, **changed), self.runtime)

    def user_creates(self, object_name: str, values: Mapping[str, Any]) -> str:
        """A CRM user makes a record by hand; `values` are in the CRM's own form."""
        body = {"object": object_name, "values": dict(values)}
        return str(self.control("POST", "records", body)["id"])

    def user_edits(
        self,
        object_name: str,
        record_id: str,
        values: Mapping[str, Any],
        *,
        stamp: datetime | None = None,
    ) -> None:
        """A CRM user edits a record; `stamp` makes it a commit that comes late."""
        body: dict[str, Any] = {"object": object_name, "id": record_id, "values": dict(values)}
        if stamp is not None:
            body["stamp"] = stamp.isoformat()
        self.control("PATCH", "records", body)

    def user_deletes(self, object_name: str, record_id: str) -> None:
        self.control("DELETE", "records", params={"object": object_name, "id": record_id})

    def user_merges(self, object_name: str, record_id: str, into: str) -> None:
        """A CRM user merges a record into another one, which stays."""
        self.control("POST", "merge", {"object": object_name, "id": record_id, "into": into})

    def fault(self, **rule: Any) -> None:
        """Add a fault rule, see `prmsync.connector.simulator.faults.FaultRule`."""
        self.control("POST", "faults", rule)

    def mend(self) -> None:
        """Remove all faults."""
        self.control("DELETE", "faults")

    def calls(self) -> int:
        """Calls that the simulator answered so far."""
        return int(self.control("GET", "stats")["total"])

    def control(
        self,
        method: str,
        topic: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """One call of the simulator's control paths. Raises AssertionError where it is refused."""
        url = f"{self.settings.base_url}/_simulator/{topic}"
        answer = self.runtime.http.request(method, url, json=body, params=params)
        if answer.status_code != 200:
            raise AssertionError(f"the simulator refused {method} {topic}: {answer.text}")
        return answer.json()
