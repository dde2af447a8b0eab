"""The contract on a real test account: what a CRM user does goes through the vendor's own API, and
what only a simulator can do on demand is skipped, by name."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

import pytest

from prmsync.connector.protocol import ConnectionSettings, ConnectorPlugin, Runtime
from prmsync.connector.testing.bench import Bench, FakeClock

PATIENCE = 60.0
"""Seconds that a test on a real account may wait."""


class Hands(Protocol):
    """What a CRM user does in a test account, and how the tests' records go again."""

    def creates(self, object_name: str, values: Mapping[str, Any]) -> str:
        """Make a record; its id."""

    def edits(self, object_name: str, record_id: str, values: Mapping[str, Any]) -> None:
        """Change a record."""

    def deletes(self, object_name: str, record_id: str) -> None:
        """Delete or archive a record."""

    def merges(self, object_name: str, record_id: str, into: str) -> None:
        """Merge a record into another one, which stays."""

    def sweep(self) -> None:
        """Take away the records that tests made, of this run and of earlier ones."""


class LiveClock(FakeClock):
    """Real time; a wait that is too long skips the test."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(datetime.now(UTC))
        self._pass = sleep

    def now(self) -> datetime:
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        if seconds > PATIENCE:
            pytest.skip(f"on a real account this waits {seconds:.0f} s until no look-back reaches")
        self._pass(seconds)


class LiveBench(Bench):
    """A connector beside a real account. Only for accounts that are not in use: the connector must
    say that the environment is no production."""

    def __init__(
        self,
        plugin: ConnectorPlugin,
        runtime: Runtime,
        settings: ConnectionSettings,
        hands: Hands,
        clock: LiveClock,
    ) -> None:
        super().__init__(plugin, runtime, settings.base_url or "", clock)
        self.settings = dataclasses.replace(settings)
        self._hands = hands

    def check_for_tests(self) -> None:
        """Raises AssertionError for an account that people work in."""
        found = self.connector().account()
        if found.environment == "production":
            raise AssertionError(f"{found.org_id} is a production account: use a test account")

    def user_creates(self, object_name: str, values: Mapping[str, Any]) -> str:
        return self._hands.creates(object_name, values)

    def user_edits(
        self,
        object_name: str,
        record_id: str,
        values: Mapping[str, Any],
        *,
        stamp: datetime | None = None,
    ) -> None:
        if stamp is not None:
            self._only_simulated("late commit")
        self._hands.edits(object_name, record_id, values)

    def user_deletes(self, object_name: str, record_id: str) -> None:
        self._hands.deletes(object_name, record_id)

    def user_merges(self, object_name: str, record_id: str, into: str) -> None:
        self._hands.merges(object_name, record_id, into)

    def fault(self, **_rule: Any) -> None:
        self._only_simulated("fault")

    def calls(self) -> int:
        self._only_simulated("count of calls")

    def control(self, method: str, topic: str, *_more: Any, **_named: Any) -> Any:
        self._only_simulated(f"{method} {topic}")

    def _only_simulated(self, what: str) -> NoReturn:
        pytest.skip(f"a real account has no {what} on demand")
