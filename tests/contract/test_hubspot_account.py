"""The contract on a real HubSpot test account, when its token is in the environment:

    PRMSYNC_TEST_HUBSPOT_TOKEN=… pytest tests/contract/test_hubspot_account.py

The account must be a sandbox or a developer test account, provisioned for the shipped mappings
(`prmsync provision apply`). What the tests make there they archive again. Without a token the
contract runs on a simulator that is treated as such an account: by its API alone.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
import requests

from hubspot_contract import registrations
from hubspot_hands import HubSpotHands
from prmsync.connector.protocol import ConnectionSettings, Runtime, SimulatorOptions
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.connector.testing import ConnectorContract, ContractCase
from prmsync.connector.testing.live import LiveBench, LiveClock
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.simulator import ACCESS_TOKEN, HubSpotSimulator, Settings

TOKEN = "PRMSYNC_TEST_HUBSPOT_TOKEN"
ADDRESS = "https://api.hubapi.com"
INDEX_LAG = 20.0
"""Seconds until HubSpot's search index shows a write, nearly always."""
OBJECTS = {
    "prm_registration": "prm_registration_id",
    "deals": "prm_opportunity_id",
    "companies": "prm_partner_id",
}


@contextmanager
def outside(clock: LiveClock) -> Iterator[Runtime]:
    with httpx.Client(timeout=60) as client, requests.Session() as session:
        yield Runtime(http=client, requests=session, now=clock.now, sleep=clock.advance)


@contextmanager
def live(runtime: Runtime, base_url: str, token: str, clock: LiveClock) -> Iterator[LiveBench]:
    """The bench of a test account, swept before and after."""
    hands = HubSpotHands(runtime.http, base_url, token, OBJECTS)
    settings = ConnectionSettings("account", base_url=base_url, auth={"token": token})
    bench = LiveBench(PLUGIN, runtime, settings, hands, clock)
    bench.check_for_tests()
    hands.sweep()
    yield bench
    hands.sweep()


@contextmanager
def treated_as_account(account_type: str) -> Iterator[LiveBench]:
    """A simulator, of which nothing but HubSpot's own API is used."""
    schema = {"account": {"accountType": account_type}}
    simulator = HubSpotSimulator(
        SimulatorOptions(now=lambda: datetime.now(UTC), schema=schema),
        Settings(burst_limit=0, index_lag_seconds=INDEX_LAG - 1),
    )
    clock = LiveClock(simulator.chassis.clock.advance)
    runtime = in_process_runtime({ADDRESS: simulator.handle}, clock.now, clock.advance)
    with runtime.http, runtime.requests, live(runtime, ADDRESS, ACCESS_TOKEN, clock) as bench:
        yield bench


@pytest.fixture
def case() -> ContractCase:
    return dataclasses.replace(registrations(), settle=INDEX_LAG)


class TestAccount(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[LiveBench]:
        token, clock = os.environ.get(TOKEN), LiveClock()
        if not token:
            with treated_as_account("DEVELOPER_TEST") as bench:
                yield bench
            return
        with outside(clock) as runtime, live(runtime, ADDRESS, token, clock) as bench:
            yield bench

    def test_who_edited_a_record_is_told_apart_from_ourselves(self, *_fixtures: object) -> None:
        pytest.skip("with one token nobody else edits in the account")


def test_it_was_a_real_account() -> None:
    if not os.environ.get(TOKEN):
        pytest.skip(f"no token of a real HubSpot test account: {TOKEN} is not set")


def test_a_production_account_is_not_tested_on() -> None:
    with pytest.raises(AssertionError, match="production"), treated_as_account("STANDARD"):
        pass
