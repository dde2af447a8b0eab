"""What every simulator stands on: one lock, faults, call counts, a clock and the control paths.

Control paths, all JSON, never counted:

    GET|DELETE            /_simulator/stats
    GET|POST|DELETE       /_simulator/faults    one rule or a list, see `faults.FaultRule`
    GET|POST              /_simulator/clock     {"advance_seconds": n} or {"now": "ISO time"}
    GET                   /_simulator/records?object=O[&id=I]
    POST|PATCH            /_simulator/records   {object, id?, values, user?, stamp?}
    DELETE                /_simulator/records?object=O&id=I[&user=U]
    POST                  /_simulator/merge     {object, id, into, user?}, where the CRM merges
    GET|POST|DELETE       /_simulator/automations  one or a list, see `automations.Automation`
    GET|PUT               /_simulator/state     everything, to save and to restore
    GET|POST              /_simulator/TOPIC     the vendor's own, see `Control`
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Protocol, runtime_checkable

import orjson

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.automations import Automations, parse_automation
from prmsync.connector.simulator.clock import SimulatorClock
from prmsync.connector.simulator.faults import (
    FaultRule,
    Faults,
    InterruptedResponse,
    parse_rule,
)
from prmsync.connector.simulator.http import Handler, Request, Response
from prmsync.connector.simulator.stats import DROPPED, Stats

CONTROL = "/_simulator/"
JSON_HEADERS = {"content-type": "application/json;charset=UTF-8"}

_RECORD_KEYS = frozenset({"object", "id", "values", "user", "stamp"})

Control = Callable[[Mapping[str, Any] | None], Any]
"""A vendor's own control path: the JSON object that was posted, or None for GET → the JSON answer.
Raises ValueError for a body that it cannot use."""
ErrorShape = Callable[[int, str, str], Response]
"""(status, code, message) → the vendor's own error answer."""


class ControlError(ValueError):
    """A control request that cannot be carried out; the message is the answer's text."""


class RecordsControl(Protocol):
    """A CRM user's own edits, past the API, and the whole state. Methods raise ControlError."""

    def list_records(self, object_name: str, record_id: str | None) -> list[dict[str, Any]]:
        """Records as the API would show them, deleted ones included; all or the one named."""

    def write_as_user(
        self,
        object_name: str,
        record_id: str | None,
        values: Mapping[str, Any],
        user: str | None,
        stamp: datetime | None,
    ) -> str:
        """Create (no id) or change a record as `user`, None being some CRM user who is not the
        integration. `stamp` commits with that modified time instead of now (a late commit).
        Returns the record's id."""

    def delete_as_user(self, object_name: str, record_id: str, user: str | None) -> None:
        """Delete or archive a record as `user`."""

    def dump(self) -> dict[str, Any]:
        """Everything, as JSON objects."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Replace everything by what `dump` gave."""


@runtime_checkable
class MergeControl(Protocol):
    """What a RecordsControl may do besides: merge in the CRM's own pages."""

    def merge_as_user(self, object_name: str, record_id: str, into: str, user: str | None) -> None:
        """Merge the record into another one of its object. Raises ControlError."""


def json_response(status: int, payload: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; `payload` is rendered with orjson."""
    return Response(status, orjson.dumps(payload), {**JSON_HEADERS, **(headers or {})})


def _plain_error(status: int, code: str, message: str) -> Response:
    return json_response(status, {"error": code, "message": message})


class Chassis:
    """Wraps a vendor API in the lock, the faults and the counts, and answers control paths.

    `api` is called under the lock. `classify` names the endpoint class a call is counted under.
    `error_shape` renders a fault rule's status, code and message the vendor's way.
    """

    def __init__(
        self,
        name: str,
        options: SimulatorOptions,
        api: Handler,
        classify: Callable[[Request], str],
        records: RecordsControl,
        error_shape: ErrorShape = _plain_error,
        *,
        clock: SimulatorClock | None = None,
        faults: Faults | None = None,
        stats: Stats | None = None,
        automations: Automations | None = None,
        controls: Mapping[str, Control] | None = None,
    ) -> None:
        self.name = name
        self.clock = clock or SimulatorClock(options.now)
        self.faults = faults or Faults(options.seed)
        self.stats = stats or Stats()
        self.automations = automations or Automations()
        self._api = api
        self._classify = classify
        self._records = records
        self._error_shape = error_shape
        self._controls = dict(controls or {})
        self._lock = threading.RLock()

    def handle(self, request: Request) -> Response:
        """Answer one request, dated by the simulated clock. May give an `InterruptedResponse`,
        which a transport carries out."""
        with self._lock:
            if request.path.startswith(CONTROL):
                return self._control(request)
            response = self._with_faults(request)
            dropped = isinstance(response, InterruptedResponse) and response.drop
            status = DROPPED if dropped else response.status
            self.stats.call(self._classify(request), request.method, status)
            return replace(response, headers={**response.headers, "date": self._date()})

    def _date(self) -> str:
        return format_datetime(self.clock.now().astimezone(UTC), usegmt=True)

    def _with_faults(self, request: Request) -> Response:
        rules = self.faults.for_request(request)
        if not rules:
            return self._api(request)
        breaking = next((rule for rule in rules if rule.drop or rule.status is not None), None)
        latency = sum(rule.latency_ms for rule in rules)
        response = Response(503)
        if breaking is None or breaking.commits:
            response = self._api(request)
        if breaking is not None and breaking.status is not None:
            response = self._faulty(breaking, breaking.status)
        return InterruptedResponse(
            response.status,
            response.body,
            response.headers,
            drop=breaking is not None and breaking.drop,
            latency_ms=latency,
        )

    def _faulty(self, rule: FaultRule, status: int) -> Response:
        if rule.body is not None:
            return json_response(status, rule.body, rule.headers)
        shaped = self._error_shape(status, rule.code or "", rule.message or "")
        return Response(shaped.status, shaped.body, {**shaped.headers, **rule.headers})

    def _control(self, request: Request) -> Response:
        topic = request.path[len(CONTROL) :]
        routes: dict[str, Callable[[Request], Any]] = {
            "stats": self._control_stats,
            "faults": self._control_faults,
            "automations": self._control_automations,
            "clock": self._control_clock,
            "records": self._control_records,
            "merge": self._control_merge,
            "state": self._control_state,
            **dict.fromkeys(self._controls, self._control_own),
        }
        if topic not in routes:
            return _plain_error(404, "unknown", f"no control path {topic}; known: {sorted(routes)}")
        try:
            return json_response(200, routes[topic](request))
        except ControlError as error:
            return _plain_error(400, "bad_request", str(error))

    def _control_own(self, request: Request) -> Any:
        _allow(request, "GET", "POST")
        control = self._controls[request.path[len(CONTROL) :]]
        body = _object(request) if request.method == "POST" else None
        try:
            return control(body)
        except ValueError as error:
            raise ControlError(str(error)) from error

    def _control_stats(self, request: Request) -> Any:
        _allow(request, "GET", "DELETE")
        if request.method == "DELETE":
            self.stats.reset()
        return self.stats.as_json()

    def _control_faults(self, request: Request) -> Any:
        _allow(request, "GET", "POST", "DELETE")
        if request.method == "DELETE":
            self.faults.clear()
        if request.method == "POST":
            raw = _json(request)
            try:
                parsed = [parse_rule(rule) for rule in (raw if isinstance(raw, list) else [raw])]
            except (ValueError, TypeError, AttributeError) as error:
                raise ControlError(f"fault rule: {error}") from error
            for rule in parsed:
                self.faults.add(rule)
        return {"faults": self.faults.rules()}

    def _control_automations(self, request: Request) -> Any:
        _allow(request, "GET", "POST", "DELETE")
        if request.method == "DELETE":
            self.automations.clear()
        if request.method == "POST":
            raw = _json(request)
            try:
                wanted = [
                    parse_automation(one) for one in (raw if isinstance(raw, list) else [raw])
                ]
            except (ValueError, TypeError, AttributeError) as error:
                raise ControlError(f"automation: {error}") from error
            for one in wanted:
                self.automations.add(one)
        return {"automations": self.automations.as_json()}

    def _control_clock(self, request: Request) -> Any:
        _allow(request, "GET", "POST")
        if request.method == "POST":
            body = _object(request)
            if isinstance(body.get("advance_seconds"), int | float):
                self.clock.advance(body["advance_seconds"])
            elif "now" in body:
                self.clock.set(_moment(body["now"]))
            else:
                raise ControlError('clock takes {"advance_seconds": n} or {"now": "ISO time"}')
        return {"now": self.clock.now().isoformat(), "offset_seconds": self.clock.offset_seconds}

    def _control_records(self, request: Request) -> Any:
        _allow(request, "GET", "POST", "PATCH", "DELETE")
        if request.method == "GET":
            object_name = _parameter(request, "object")
            record_id = request.query.get("id", [None])[0]
            found = self._records.list_records(object_name, record_id)
            return {"object": object_name, "count": len(found), "records": found}
        if request.method == "DELETE":
            object_name, record_id = _parameter(request, "object"), _parameter(request, "id")
            user = request.query.get("user", [None])[0]
            self._records.delete_as_user(object_name, record_id, user)
            return {"id": record_id}
        return {"id": self._write_record(_object(request), creating=request.method == "POST")}

    def _write_record(self, body: Mapping[str, Any], *, creating: bool) -> str:
        if strange := sorted(body.keys() - _RECORD_KEYS):
            raise ControlError(
                f"unknown: {', '.join(strange)}; known: {', '.join(sorted(_RECORD_KEYS))}, "
                'and what is to change stands in "values"'
            )
        object_name, record_id, values = body.get("object"), body.get("id"), body.get("values")
        if not isinstance(object_name, str) or not isinstance(values, dict):
            raise ControlError('a record needs "object" (text) and "values" (an object)')
        if not creating and not isinstance(record_id, str):
            raise ControlError('a change needs the record\'s "id"')
        stamp = None if body.get("stamp") is None else _moment(body["stamp"])
        return self._records.write_as_user(object_name, record_id, values, body.get("user"), stamp)

    def _control_merge(self, request: Request) -> Any:
        _allow(request, "POST")
        if not isinstance(self._records, MergeControl):
            raise ControlError(f"{self.name} merges through its API, not here")
        body = _object(request)
        names = [body.get(key) for key in ("object", "id", "into")]
        if not all(isinstance(name, str) for name in names):
            raise ControlError('a merge needs "object", "id" and "into" (texts)')
        object_name, record_id, into = map(str, names)
        self._records.merge_as_user(object_name, record_id, into, body.get("user"))
        return {"id": into}

    def _control_state(self, request: Request) -> Any:
        _allow(request, "GET", "PUT")
        if request.method == "PUT":
            self._records.restore(_object(request))
            return {"restored": True}
        return self._records.dump()


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise ControlError(f"{request.path} takes {', '.join(methods)}, not {request.method}")


def _json(request: Request) -> Any:
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise ControlError(f"the body is not JSON: {error}") from error


def _object(request: Request) -> dict[str, Any]:
    body = _json(request)
    if not isinstance(body, dict):
        raise ControlError("the body must be a JSON object")
    return body


def _parameter(request: Request, name: str) -> str:
    values = request.query.get(name)
    if not values:
        raise ControlError(f"the query needs {name}=")
    return values[0]


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ControlError(f"not an ISO time: {text}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
