"""Workflows (automation v4): what runs in the portal, for whoever looks before a first sync.

The automations of the control path run as workflows and are listed as such; `flows` of a schema,
and of the control path of that name, are listed only.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from prmsync.connector.simulator.automations import Automation, Automations
from prmsync_hubspot.simulator.answers import envelope
from prmsync_hubspot.simulator.batches_api import inputs_of
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError, bad_request, not_found
from prmsync_hubspot.simulator.routing import Call, Reply, Route
from prmsync_hubspot.simulator.stamps import iso

LARGEST_PAGE = 100
SET_PROPERTY = "0-5"
"""The action type that writes a property of the enrolled record."""
_FIRST_ID = 1_640_000_001
_LISTED = (
    "id",
    "isEnabled",
    "objectTypeId",
    "name",
    "uuid",
    "revisionId",
    "flowType",
    "createdAt",
    "updatedAt",
)


class FlowsApi:
    """`/automation/v4/flows` and `/automation/2026-09/flows`."""

    def __init__(self, portal: Portal, automations: Automations) -> None:
        self._portal = portal
        self._automations = automations

    def routes(self) -> list[Route]:
        return [
            Route("GET", "flows", "flows.list", self.list_flows),
            Route("GET", "flows/*", "flows.read", self.read_flow),
            Route("POST", "flows/batch/read", "flows.batch_read", self.batch_read),
        ]

    def list_flows(self, call: Call) -> Reply:
        call.grant.need("automation")
        limit, after = call.whole("limit", LARGEST_PAGE), call.whole("after", 0)
        if not 1 <= limit <= LARGEST_PAGE:
            raise bad_request(f"limit must be between 1 and {LARGEST_PAGE}, was {limit}")
        flows = self._all()
        page = flows[after : after + limit]
        answer: JSON = {"results": [{key: one[key] for key in _LISTED} for one in page]}
        if after + limit < len(flows):
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return 200, answer

    def read_flow(self, call: Call) -> Reply:
        call.grant.need("automation")
        for flow in self._all():
            if flow["id"] == call.args[0]:
                return 200, flow
        raise not_found(f"there is no workflow {call.args[0]}")

    def batch_read(self, call: Call) -> Reply:
        call.grant.need("automation")
        started, flows = self._portal.now_ms(), {one["id"]: one for one in self._all()}
        wanted = [str(item.get("flowId")) for item in inputs_of(call.json())]
        errors = [
            not_found(f"there is no workflow {one}").as_row({"flowId": [one]})
            for one in wanted
            if one not in flows
        ]
        found = [flows[one] for one in wanted if one in flows]
        body = envelope(found, errors, started, self._portal.now_ms())
        return (207 if errors else 200), body

    def _all(self) -> list[JSON]:
        own = [self._of(place, one) for place, one in enumerate(self._automations.all)]
        return [*self._portal.flows, *(flow for flow in own if flow is not None)]

    def _of(self, place: int, automation: Automation) -> JSON | None:
        kind = self._portal.find_type(automation.object)
        if kind is None:
            return None
        raw = {
            "id": str(_FIRST_ID + 1_000_000 + place),
            "name": f"Set {automation.field}",
            "objectTypeId": kind.type_id,
            "actions": [
                {
                    "actionId": "1",
                    "actionTypeId": SET_PROPERTY,
                    "actionTypeVersion": 0,
                    "fields": {
                        "property_name": automation.field,
                        "value": {"type": "STATIC_VALUE", "staticValue": automation.value},
                    },
                    "type": "SINGLE_CONNECTION",
                }
            ],
        }
        return flow_from_json(self._portal, raw)


def flow_from_json(portal: Portal, raw: Mapping[str, Any]) -> JSON:
    """A workflow as the API takes or shows it. Raises ValueError naming the fault."""
    name = raw.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("a workflow needs a name")
    try:
        kind = portal.type_named(str(raw.get("objectTypeId")))
    except ApiError as error:
        raise ValueError(f"workflow {name}: {error.message}") from error
    number = str(raw.get("id") or _FIRST_ID + len(portal.flows))
    return {
        "type": "CONTACT_FLOW" if kind.type_id == "0-1" else "PLATFORM_FLOW",
        "actions": [],
        **raw,
        "id": number,
        "name": name,
        "objectTypeId": kind.type_id,
        "isEnabled": bool(raw.get("isEnabled", True)),
        "flowType": str(raw.get("flowType") or "WORKFLOW"),
        "revisionId": str(raw.get("revisionId") or "1"),
        "uuid": str(raw.get("uuid") or uuid.uuid5(uuid.NAMESPACE_OID, number)),
        "createdAt": str(raw.get("createdAt") or iso(0)),
        "updatedAt": str(raw.get("updatedAt") or iso(0)),
    }


def control_flows(portal: Portal, body: Mapping[str, Any] | None) -> JSON:
    """The control path `flows`: adds the workflow that it gets. Raises ValueError."""
    if body is not None:
        portal.flows.append(flow_from_json(portal, body))
    return {"flows": portal.flows}
