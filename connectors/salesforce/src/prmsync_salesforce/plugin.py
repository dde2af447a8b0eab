"""What the entry point names."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.protocol import ConnectionSettings, Runtime, SimulatorOptions
from prmsync_salesforce.connector import SalesforceConnector
from prmsync_salesforce.options import AUTH_KEYS
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

    def simulator(self, options: SimulatorOptions) -> SalesforceSimulator:
        return SalesforceSimulator(options)

    def simulator_auth(self) -> Mapping[str, str]:
        org = OrgSettings()
        return {"client_id": org.client_id, "client_secret": org.client_secret}
