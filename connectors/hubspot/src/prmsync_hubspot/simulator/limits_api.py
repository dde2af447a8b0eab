"""`/crm/v3/limits/…`: how much of what an account's plan allows is in use."""

from __future__ import annotations

from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.routing import Call, Reply, Route

MOST_CUSTOM_OBJECTS = 10


class LimitsApi:
    """Custom objects; the other limits are not simulated. Any token may ask."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        return [Route("GET", "custom-object-types", "limits.custom_objects", self.custom_objects)]

    def custom_objects(self, _call: Call) -> Reply:
        limit = MOST_CUSTOM_OBJECTS if self._portal.settings.custom_objects else 0
        usage = sum(kind.custom for kind in self._portal.types.values())
        percentage = round(100 * usage / limit, 2) if limit else 0.0
        return 200, {"limit": limit, "usage": usage, "percentage": percentage}
