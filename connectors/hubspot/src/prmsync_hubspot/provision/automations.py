"""Names the workflows that act on written objects, from the automation API (v4 flows).

The API lists workflows and their steps. It tells nothing of other automation: pipeline
automation, sync apps, and calculated properties act as well. Source: HubSpot's "Workflows API".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prmsync.connector.provisioning import Automation, Automations
from prmsync.errors import AuthError, Finding, RejectedError, SchemaError
from prmsync_hubspot.catalog import Catalog
from prmsync_hubspot.client import Client
from prmsync_hubspot.paths import FLOWS, Paths
from prmsync_hubspot.vendor import next_after, results

_PAGE = 100
_SHOWN = 6
_SET_PROPERTY = "0-5"
"""HubSpot's own action that sets a property of the record."""
_UNREAD = (
    "Give the service key (or app) the scope automation to have them listed, or look in "
    "Automation > Workflows."
)
_REWRITES = (
    "may change properties that were just written",
    "A property that it puts back is held after three times: leave out what prmsync changed from "
    "its enrolment, or give the property to the CRM in the mapping (policy: crm).",
)


class FlowReader:
    """Asks for an account's workflows."""

    def __init__(self, client: Client, paths: Paths, catalog: Catalog) -> None:
        self._client = client
        self._paths = paths
        self._catalog = catalog

    def read(self, objects: Sequence[str]) -> Automations:
        """Everything active on these objects, object by object. Raises ConnectorError for
        anything but a missing right."""
        try:
            names = self._named(objects)
            flows = [
                one
                for one in self._flows()
                if one.get("isEnabled") and str(one.get("objectTypeId")) in names
            ]
            whole = self._whole(flows)
        except (AuthError, RejectedError, SchemaError) as error:
            return Automations((), (Finding("workflows", error.message, _UNREAD),))
        found = [_automation(one, whole.get(str(one["id"]), {}), names) for one in flows]
        order = list(names.values())
        found.sort(key=lambda one: (order.index(one.object), one.name))
        return Automations(tuple(found))

    def _named(self, objects: Sequence[str]) -> dict[str, str]:
        """Object type id → the name in the mapping; what is not there has no workflows."""
        named = {}
        for name in objects:
            try:
                named[self._catalog.type(name).type_id] = name
            except (SchemaError, AuthError):
                continue  # told as missing, or not shown, where the schema is looked at
        return named

    def _flows(self) -> Iterator[dict[str, Any]]:
        after: str | None = None
        while True:
            params = {"limit": str(_PAGE)} | ({"after": after} if after else {})
            data = self._client.call("metadata", "GET", self._paths.path(FLOWS), params=params).data
            yield from results(data)
            after = next_after(data)
            if after is None:
                return

    def _whole(self, flows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Workflows with their steps, by id."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(flows), _PAGE):
            some = flows[start : start + _PAGE]
            inputs = [{"type": "FLOW_ID", "flowId": str(one["id"])} for one in some]
            path = self._paths.path(FLOWS, "batch", "read")
            data = self._client.call("metadata", "POST", path, body={"inputs": inputs}).data
            found |= {str(one["id"]): one for one in results(data)}
        return found


def _automation(
    flow: Mapping[str, Any], whole: Mapping[str, Any], names: Mapping[str, str]
) -> Automation:
    return Automation(
        names[str(flow["objectTypeId"])],
        "workflow",
        str(flow.get("name") or f"workflow {flow['id']}"),
        _detail(whole),
        *_REWRITES,
        where=f"Automation > Workflows > {flow.get('name') or flow['id']}",
    )


def _detail(whole: Mapping[str, Any]) -> str:
    written = dict.fromkeys(
        str((step.get("fields") or {}).get("property_name"))
        for step in whole.get("actions") or ()
        if step.get("actionTypeId") == _SET_PROPERTY
    )
    names = [one for one in written if one != "None"]
    if not names:
        return "sets no property by a step of its own" if whole else "its steps were not told"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"sets {', '.join(names[:_SHOWN])}{more}"
