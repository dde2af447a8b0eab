"""HubSpot for prmsync: the connector and the plug-in that the core finds by entry point."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.protocol import ConnectionSettings, Connector, Runtime
from prmsync_hubspot.auth import AUTH_KEYS
from prmsync_hubspot.connector import HubSpotConnector

__all__ = ["PLUGIN", "HubSpotConnector", "HubSpotPlugin"]


class HubSpotPlugin:
    """See `ConnectorPlugin`."""

    name = "hubspot"
    title = "HubSpot"
    auth_keys: Mapping[str, str] = AUTH_KEYS

    def connect(self, settings: ConnectionSettings, runtime: Runtime) -> Connector:
        return HubSpotConnector(settings, runtime)


PLUGIN = HubSpotPlugin()
