"""HubSpot for prmsync: the connector and the plug-in that the core finds by entry point."""

from __future__ import annotations

from prmsync_hubspot.connector import HubSpotConnector
from prmsync_hubspot.plugin import HubSpotPlugin

__all__ = ["PLUGIN", "HubSpotConnector", "HubSpotPlugin"]

PLUGIN = HubSpotPlugin()
