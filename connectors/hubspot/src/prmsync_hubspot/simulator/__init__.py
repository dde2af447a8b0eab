"""A simulated HubSpot portal: stateful, with HubSpot's limits, refusals and traps."""

from prmsync_hubspot.simulator.settings import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    Settings,
)
from prmsync_hubspot.simulator.simulator import HubSpotSimulator

__all__ = [
    "ACCESS_TOKEN",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "REFRESH_TOKEN",
    "HubSpotSimulator",
    "Settings",
]
