"""The HubSpot connector meets the contract: in process in numbered and date-based API versions,
on a custom object and on deals, and over HTTP."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from hubspot_contract import deals, registrations
from prmsync.connector.testing import Bench, ConnectorContract, ContractCase
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN

OAUTH = {
    "refresh_token": REFRESH_TOKEN,
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
}


def signed_in_by_oauth(bench: Bench, api_version: str) -> Bench:
    bench.settings = dataclasses.replace(bench.settings, auth=OAUTH, api_version=api_version)
    return bench


@pytest.fixture
def case() -> ContractCase:
    return registrations()


@pytest.mark.parametrize("api_version", ["2026-09", "v3"])
class TestInProcess(ConnectorContract):
    @pytest.fixture
    def bench(self, api_version: str) -> Iterator[Bench]:
        with Bench.in_process(PLUGIN) as bench:
            yield signed_in_by_oauth(bench, api_version)


class TestDealsInProcess(ConnectorContract):
    @pytest.fixture
    def case(self) -> ContractCase:
        return deals()

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with Bench.in_process(PLUGIN) as bench:
            yield signed_in_by_oauth(bench, "2026-03")


class TestOverHttp(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with Bench.over_http(PLUGIN) as bench:
            yield signed_in_by_oauth(bench, "2026-09")
