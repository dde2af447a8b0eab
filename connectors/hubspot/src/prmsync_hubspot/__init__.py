"""HubSpot for prmsync: the connector and the plug-in that the core finds by entry point."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.protocol import (
    ConnectionSettings,
    Connector,
    Runtime,
    Simulator,
    SimulatorOptions,
)
from prmsync_hubspot.auth import AUTH_KEYS
from prmsync_hubspot.connector import HubSpotConnector
from prmsync_hubspot.simulator import ACCESS_TOKEN, HubSpotSimulator

__all__ = ["PLUGIN", "HubSpotConnector", "HubSpotPlugin"]


class HubSpotPlugin:
    """See `ConnectorPlugin`."""

    name = "hubspot"
    title = "HubSpot"
    auth_keys: Mapping[str, str] = AUTH_KEYS

    def connect(self, settings: ConnectionSettings, runtime: Runtime) -> Connector:
        return HubSpotConnector(settings, runtime)

    def simulator(self, options: SimulatorOptions) -> Simulator:
        return HubSpotSimulator(options)

    def simulator_auth(self) -> Mapping[str, str]:
        """A service key, which is what an admin makes; the simulator takes OAuth as well."""
        return {"token": ACCESS_TOKEN}


PLUGIN = HubSpotPlugin()
