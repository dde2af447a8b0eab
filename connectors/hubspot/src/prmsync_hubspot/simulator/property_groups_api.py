"""Property groups: list, read, create, rename, remove."""

from __future__ import annotations

from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError, bad_request, not_found
from prmsync_hubspot.simulator.properties_api import schema_of
from prmsync_hubspot.simulator.routing import Call, Reply, Route


class PropertyGroupsApi:
    """`/crm/v3/properties/{type}/groups` and `/crm/properties/2026-09/{type}/groups`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        """To be looked at before those of properties, of which "groups" could be one."""
        return [
            Route("GET", "*/groups", "properties.groups", self.groups),
            Route("POST", "*/groups", "properties.group_create", self.create_group),
            Route("GET", "*/groups/*", "properties.group_read", self.read_group),
            Route("PATCH", "*/groups/*", "properties.group_update", self.update_group),
            Route("DELETE", "*/groups/*", "properties.group_archive", self.archive_group),
        ]

    def groups(self, call: Call) -> Reply:
        kind = schema_of(self._portal, call, "read")
        return 200, {"results": [_group(kind, name) for name in kind.group_names]}

    def create_group(self, call: Call) -> Reply:
        kind, body = schema_of(self._portal, call, "write"), call.json()
        name = str(body.get("name") or "")
        if not name:
            raise bad_request("a property group needs a name")
        if name in kind.group_names:
            raise ApiError(409, f"a property group named '{name}' already exists", "CONFLICT")
        kind.groups[name] = str(body.get("label") or name)
        return 201, _group(kind, name)

    def read_group(self, call: Call) -> Reply:
        kind = schema_of(self._portal, call, "read")
        return 200, _group(kind, _known_group(kind, call.args[1]))

    def update_group(self, call: Call) -> Reply:
        kind = schema_of(self._portal, call, "write")
        name = _known_group(kind, call.args[1])
        kind.groups[name] = str(call.json().get("label") or kind.groups.get(name, name))
        return 200, _group(kind, name)

    def archive_group(self, call: Call) -> Reply:
        """Only an empty one."""
        kind = schema_of(self._portal, call, "write")
        name = _known_group(kind, call.args[1])
        if any(item.group == name for item in kind.properties.values()):
            raise bad_request(f"the property group '{name}' still has properties")
        del kind.groups[name]
        return 204, None


def _known_group(kind: ObjectType, name: str) -> str:
    if name not in kind.group_names:
        raise not_found(f"there is no property group {name} on {kind.shown_name}")
    return name


def _group(kind: ObjectType, name: str) -> JSON:
    label = kind.groups.get(name, name)
    return {"name": name, "label": label, "displayOrder": -1, "archived": False}
