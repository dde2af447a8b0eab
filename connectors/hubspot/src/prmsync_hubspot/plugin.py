"""What the entry point names."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.protocol import ConnectionSettings, Runtime, SimulatorOptions
from prmsync.connector.sign_in import Attempt
from prmsync_hubspot import browser
from prmsync_hubspot.auth import AUTH_KEYS, REFRESH_TOKEN
from prmsync_hubspot.connector import HubSpotConnector
from prmsync_hubspot.simulator import ACCESS_TOKEN, HubSpotSimulator


class HubSpotPlugin:
    """`connector = "hubspot"`."""

    @property
    def name(self) -> str:
        return "hubspot"

    @property
    def title(self) -> str:
        return "HubSpot"

    @property
    def auth_keys(self) -> Mapping[str, str]:
        return AUTH_KEYS

    def connect(self, settings: ConnectionSettings, runtime: Runtime) -> HubSpotConnector:
        return HubSpotConnector(settings, runtime)

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

    def simulator(self, options: SimulatorOptions) -> HubSpotSimulator:
        return HubSpotSimulator(options)

    def simulator_auth(self) -> Mapping[str, str]:
        """A service key, which is what an admin makes; the simulator takes OAuth as well."""
        return {"token": ACCESS_TOKEN}
