"""The simulated Salesforce org: paths to resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.chassis import Chassis, json_response
from prmsync.connector.simulator.clock import SimulatorClock
from prmsync.connector.simulator.http import Request, Response
from prmsync.errors import ConfigurationError
from prmsync_salesforce.simulator.call import Call
from prmsync_salesforce.simulator.classify import DATA_PATH, classify
from prmsync_salesforce.simulator.control import Control
from prmsync_salesforce.simulator.database import Database
from prmsync_salesforce.simulator.failure import ApiError, no_resource
from prmsync_salesforce.simulator.identity import People
from prmsync_salesforce.simulator.metadata.deploy import Deployments
from prmsync_salesforce.simulator.metadata.soap import MetadataSoap
from prmsync_salesforce.simulator.org import Org, Writer
from prmsync_salesforce.simulator.query import QueryEngine
from prmsync_salesforce.simulator.resources import Resources
from prmsync_salesforce.simulator.seed import (
    CRM_USER,
    INTEGRATION_USER,
    ORG_ID,
    load_records,
    seed,
)
from prmsync_salesforce.simulator.set_up import SetUp
from prmsync_salesforce.simulator.settings import OrgSettings, parse_settings
from prmsync_salesforce.simulator.sign_in import SignIn
from prmsync_salesforce.simulator.starting_schema import check_keys, starting_schema

VERSIONS = tuple(range(41, 69))
_SEASONS = ("Winter", "Spring", "Summer")
_MAX_URI = 16_384


class SalesforceSimulator:
    """One simulated org. `handle` answers the REST API and `/_simulator/…`.

    `--schema` JSON: one describe answer, or `{"objects": [describe, …]}` (each replaces the
    object of its name or adds one), with optional `"settings"` (see `OrgSettings`),
    `"lists"` (records of its own stages, roles, record types and currencies by object) and the
    lists of `set_up.KEYS`. `--data` JSON: `{"Account": [{…}], …}`, or what the control path
    `state` gave. Raises ConfigurationError when either cannot be used.
    """

    def __init__(self, options: SimulatorOptions, settings: OrgSettings | None = None) -> None:
        schema = options.schema or {}
        try:
            check_keys(schema)
            self.settings = settings or parse_settings(schema.get("settings", {}))
            self._build(options, schema)
        except (ValueError, KeyError, TypeError, ApiError) as error:
            raise ConfigurationError(
                f"the simulated org cannot be set up: {error}",
                hint="--schema takes saved describe answers, --data records by object name.",
            ) from error

    def _build(self, options: SimulatorOptions, schema: Mapping[str, Any]) -> None:
        clock = SimulatorClock(options.now)
        database = Database(starting_schema(self.settings, schema))
        self.org = Org(database, clock.now)
        self.org.tracked = self.settings.tracked_fields
        seed(self.org, self.settings, schema.get("lists"))
        set_up = SetUp(self.org)
        set_up.take(schema)
        self.queries = QueryEngine(database, clock.now, self.settings.locator_lifetime_seconds)
        people = People(database, ORG_ID, INTEGRATION_USER, CRM_USER)
        self.sign_in = SignIn(self.settings, people, clock.now)
        control = Control(self.org, self.queries, clock, set_up)
        if options.data and "records" in options.data:
            control.restore(options.data)
        elif options.data:
            load_records(self.org, options.data)
        deployments = Deployments(self.org)
        self._soap = MetadataSoap(self.org, deployments, self.sign_in.user_of)
        self._resources = Resources(
            self.org, self.settings, self.queries, self.sign_in, deployments, self._data
        )
        self.chassis = Chassis(
            "salesforce",
            options,
            self._api,
            classify,
            control,
            self._error,
            clock=clock,
            automations=self.org.automations,
            controls={"sign_in": self._control_sign_in, **set_up.controls()},
        )

    def _control_sign_in(self, body: Mapping[str, Any] | None) -> Any:
        return self.sign_in.as_json() if body is None else self.sign_in.control(body)

    def handle(self, request: Request) -> Response:
        """Answer one request. The vendor's CLI doubles the path's first slash."""
        if request.path.startswith("//"):
            request = replace(request, path="/" + request.path.lstrip("/"))
        return self.chassis.handle(request)

    def _api(self, request: Request) -> Response:
        try:
            response = self._routed(request)
        except ApiError as error:
            response = json_response(error.status, error.as_answer())
        headers = {**response.headers, **self.sign_in.usage_header()}
        return Response(response.status, response.body, headers)

    def _error(self, status: int, code: str, message: str) -> Response:
        default_code, default_message = _FAULTS.get(status, ("UNKNOWN_EXCEPTION", "fault"))
        error = ApiError(status, code or default_code, message or default_message)
        return json_response(status, error.as_answer())

    def _routed(self, request: Request) -> Response:
        path = request.path
        signing_in = self.sign_in.answer(request)
        if signing_in is not None:
            return signing_in
        if path.rstrip("/") == "/services/data":
            return json_response(200, [_version(number) for number in VERSIONS])
        if path.startswith("/services/Soap/m/"):
            self.sign_in.count()
            return self._soap.handle(request)
        user_id = self.sign_in.check(request)
        self.sign_in.count()
        _check_length(request)
        return self._data(request, user_id)

    def _data(self, request: Request, user_id: str) -> Response:
        match = DATA_PATH.match(request.path)
        if match is None:
            raise no_resource()
        version, rest = match.groups()
        segments = tuple(unquote(part) for part in (rest or "").strip("/").split("/"))
        allowed, assigns = _allows_duplicates(request), _assigns(request)
        writer = Writer(user_id, allow_duplicates=allowed, assigns=assigns)
        return self._resources.handle(
            Call(request, version, segments, writer, self.chassis.faults, self.org)
        )


def _allows_duplicates(request: Request) -> bool:
    header = request.headers.get("sforce-duplicate-rule-header", "")
    return "allowsave=true" in header.replace(" ", "").lower()


def _assigns(request: Request) -> bool:
    """Assignment rules hold for every call that does not say otherwise."""
    return request.headers.get("sforce-auto-assign", "").strip().lower() != "false"


_FAULTS = {
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    404: ("NOT_FOUND", "The requested resource does not exist"),
    400: ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
    500: ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
    503: ("SERVER_UNAVAILABLE", "The server is temporarily unavailable"),
}
"""What a fault rule answers with when it names only a status."""


def _version(number: int) -> dict[str, str]:
    season = _SEASONS[(number - 68) % 3]
    year = 27 + (number - 68) // 3
    return {
        "label": f"{season} '{year}",
        "url": f"/services/data/v{number}.0",
        "version": f"{number}.0",
    }


def _check_length(request: Request) -> None:
    length = len(request.path) + sum(
        len(key) + len(value) + 2 for key, values in request.query.items() for value in values
    )
    if length > _MAX_URI:
        raise ApiError(414, "URI_TOO_LONG", f"The URI is longer than {_MAX_URI} characters")
