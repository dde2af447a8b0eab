"""What the entry point names."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.protocol import ConnectionSettings, Runtime, SimulatorOptions
from prmsync.connector.sign_in import Attempt
from prmsync_salesforce import browser
from prmsync_salesforce.connector import SalesforceConnector
from prmsync_salesforce.grants import AUTH_KEYS, REFRESH_TOKEN
from prmsync_salesforce.simulator.app import SalesforceSimulator
from prmsync_salesforce.simulator.settings import OrgSettings


class SalesforcePlugin:
    """`connector = "salesforce"`."""

    @property
    def name(self) -> str:
        return "salesforce"

    @property
    def title(self) -> str:
        return "Salesforce"

    @property
    def auth_keys(self) -> Mapping[str, str]:
        return AUTH_KEYS

    def connect(self, settings: ConnectionSettings, runtime: Runtime) -> SalesforceConnector:
        return SalesforceConnector(settings, runtime)

    @property
    def kept_key(self) -> str:
        return REFRESH_TOKEN

    def sign_in_address(self, settings: ConnectionSettings, attempt: Attempt) -> str:
        return browser.sign_in_address(settings, attempt)

    def redeem(
        self,
        settings: ConnectionSettings,
        runtime: Runtime,
        attempt: Attempt,
        answer: Mapping[str, str],
    ) -> str:
        return browser.redeem(settings, runtime, attempt, answer)

    def simulator(self, options: SimulatorOptions) -> SalesforceSimulator:
        return SalesforceSimulator(options)

    def simulator_auth(self) -> Mapping[str, str]:
        org = OrgSettings()
        return {"client_id": org.client_id, "client_secret": org.client_secret}
