"""A HubSpot portal on loopback or in process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import orjson

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.chassis import Chassis
from prmsync.connector.simulator.clock import SimulatorClock
from prmsync.connector.simulator.faults import Faults
from prmsync.connector.simulator.http import Handler, Request, Response
from prmsync_hubspot.simulator.access import Access, expired
from prmsync_hubspot.simulator.account_api import AccountApi
from prmsync_hubspot.simulator.associations_api import AssociationsApi
from prmsync_hubspot.simulator.batches_api import BatchesApi
from prmsync_hubspot.simulator.control import HubSpotRecords
from prmsync_hubspot.simulator.delivery import Delivery, Post, post
from prmsync_hubspot.simulator.flows_api import FlowsApi, control_flows
from prmsync_hubspot.simulator.limits import Limiter, too_many, too_many_searches
from prmsync_hubspot.simulator.limits_api import LimitsApi
from prmsync_hubspot.simulator.loading import load_data, load_schema
from prmsync_hubspot.simulator.oauth_api import OAuthApi
from prmsync_hubspot.simulator.objects_api import ObjectsApi
from prmsync_hubspot.simulator.pipelines_api import PipelinesApi
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import ApiError
from prmsync_hubspot.simulator.properties_api import PropertiesApi
from prmsync_hubspot.simulator.property_groups_api import PropertyGroupsApi
from prmsync_hubspot.simulator.routing import Call, Router, Target, require, target_of
from prmsync_hubspot.simulator.schemas_api import SchemasApi
from prmsync_hubspot.simulator.settings import Settings, parse_settings
from prmsync_hubspot.simulator.tokens import Grant
from prmsync_hubspot.simulator.writing import Writer

_JSON = "application/json;charset=utf-8"
_OPEN = Grant(frozenset())


class HubSpotSimulator:
    """A stateful portal; `handle` answers HubSpot's API and the control paths.

    `options.schema` may hold `settings`, which go over `settings`; `monotonic` (seconds) is what
    rate limits count by, `send` takes webhooks out. Raises ConfigurationError for a schema or data
    that is wrong.
    """

    def __init__(
        self,
        options: SimulatorOptions,
        settings: Settings | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        send: Post = post,
    ) -> None:
        clock, faults = SimulatorClock(options.now), Faults(options.seed)
        self.portal = Portal(clock, options.seed)
        self.portal.settings = settings or Settings()
        writer = Writer(self.portal)
        load_schema(self.portal, options.schema)
        load_data(self.portal, writer, options.data)
        self.access = Access(self.portal)
        self._limiter = Limiter(monotonic)
        self._router = _router(self.portal, writer, self.access, faults)
        self.chassis = Chassis(
            "hubspot",
            options,
            self._api,
            self._classify,
            HubSpotRecords(self.portal, writer),
            self._shaped,
            clock=clock,
            faults=faults,
            automations=writer.automations,
            controls={
                "flows": partial(control_flows, self.portal),
                "settings": self._settings,
                "sign_in": self.access.control,
                "webhooks": Delivery(self.portal, writer.webhooks, send).control,
            },
        )

    @property
    def handle(self) -> Handler:
        return self.chassis.handle

    @property
    def endpoints(self) -> frozenset[str]:
        """Names under which calls are counted."""
        return self._router.labels

    def _settings(self, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The control path `settings`: what it gets goes over what holds. Raises ValueError."""
        values, problems = parse_settings(body or {})
        if problems:
            raise ValueError("; ".join(problems))
        self.portal.settings = replace(self.portal.settings, **values)
        return asdict(self.portal.settings)

    def _classify(self, request: Request) -> str:
        target = target_of(request.path)
        found = self._router.find(request.method, target) if target else None
        return found[0].label if found else "unknown"

    def _api(self, request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            target = target_of(request.path)
            found = self._router.find(request.method, target) if target else None
            grant = self._admit(request, target, found is not None and found[0].label, headers)
            route, args = require(found)
            version = target.version if target else ""
            status, payload = route.handler(Call(request, version, args, grant))
        except ApiError as error:
            return self._refusal(error, headers)
        return self._response(status, payload, headers, self.portal.new_uuid())

    def _admit(
        self, request: Request, target: Target | None, label: object, headers: dict[str, str]
    ) -> Grant:
        """The token, then the limits; OAuth calls need neither."""
        if target is not None and target.family == "oauth":
            return _OPEN
        grant = self.access.grant(request.headers)
        search = label == "objects.search"
        headers.update(self._limiter.admit(self.portal.settings, search=search))
        return grant

    def _refusal(self, error: ApiError, headers: Mapping[str, str]) -> Response:
        correlation_id = self.portal.new_uuid()
        return self._response(
            error.status,
            error.body(correlation_id),
            {**headers, **error.headers},
            correlation_id,
        )

    def _response(
        self, status: int, payload: object, headers: Mapping[str, str], correlation_id: str
    ) -> Response:
        all_headers = {"X-HubSpot-Correlation-Id": correlation_id, **headers}
        if isinstance(payload, Response):
            return payload
        if payload is None:
            return Response(status, b"", all_headers)
        all_headers["Content-Type"] = _JSON
        return Response(status, orjson.dumps(payload), all_headers)

    def _shaped(self, status: int, code: str, message: str) -> Response:
        """A fault rule's error, HubSpot's way. 429 is the search's own body with the code
        RATE_LIMITS, otherwise the burst's (or the day's, with the code DAILY)."""
        if status == 429 and code == "RATE_LIMITS":
            error = too_many_searches({})
        elif status == 429:
            error = too_many(code or "TEN_SECONDLY_ROLLING", {})
        elif status == 401 and code in ("", "EXPIRED_AUTHENTICATION"):
            now = self.portal.now_ms()
            error = expired(now - 1000, now)
        else:
            text = message or "internal error"
            error = ApiError(status, text, code or None)
        if message:
            error.message = message
        return self._refusal(error, {})


def _router(portal: Portal, writer: Writer, access: Access, faults: Faults) -> Router:
    objects = ObjectsApi(portal, writer, faults)
    batches = BatchesApi(portal, writer, objects)
    associations, account = AssociationsApi(portal), AccountApi(portal)
    return Router(
        {
            "objects": [*batches.routes(), *associations.object_routes(), *objects.routes()],
            "associations": associations.routes(),
            "properties": [*PropertyGroupsApi(portal).routes(), *PropertiesApi(portal).routes()],
            "pipelines": PipelinesApi(portal).routes(),
            "schemas": SchemasApi(portal).routes(),
            "owners": account.owner_routes(),
            "account-info": account.account_routes(),
            "oauth": OAuthApi(portal, access).routes(),
            "limits": LimitsApi(portal).routes(),
            "automation": FlowsApi(portal, writer.automations).routes(),
        }
    )
