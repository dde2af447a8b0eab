"""Calls to HubSpot: paced, authorised, judged, and their bodies read in one place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Protocol

import httpx
import orjson

from prmsync.connector.budget import CallBudget, CallKind
from prmsync.connector.calls import Calls
from prmsync.connector.protocol import Runtime
from prmsync.connector.retry import retry_after
from prmsync.errors import AuthError, ConnectorError, RetryableError
from prmsync_hubspot.errors import batch_error, http_error, unreadable
from prmsync_hubspot.limits import Limits

BASE_URL = "https://api.hubapi.com"
EXPIRED = frozenset({"401", "EXPIRED_AUTHENTICATION", "INVALID_AUTHENTICATION"})
"""Codes after which a new token may help."""
_TURN = "prmsync.turn"
"""When a request was let go, on the request itself."""
JSON = {"content-type": "application/json", "accept": "application/json"}


class Answer(NamedTuple):
    """A 2xx answer. `at` is the CRM's clock (the Date header), None where it is missing."""

    status: int
    data: dict[str, Any]
    at: datetime | None


class Tokens(Protocol):
    """What a session needs of its credentials."""

    def current(self) -> str:
        """A bearer token that should work now; signs in if need be."""

    def renew(self, refused: str) -> bool:
        """Get another token than the refused one; False where there is no way to."""

    def scopes(self) -> frozenset[str] | None:
        """What the token opens; None where that was not told with it."""


class Transport:
    """Paced calls with whatever headers they bring; see `Calls` for counts and repeats."""

    def __init__(self, runtime: Runtime, base_url: str, budget: CallBudget) -> None:
        self.budget = budget
        self._now = runtime.now
        self._base = base_url.rstrip("/")
        self._limits = Limits(runtime.now, runtime.sleep, budget)
        self._calls = Calls(
            runtime, self._judge, budget=budget, meter=self._meter, pacer=self._pace
        )

    def send(
        self,
        kind: CallKind,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A 2xx answer. Raises the error that the table has for any other."""
        return self._calls.send(
            kind, method, f"{self._base}{path}", params=params, content=content, headers=headers
        )

    def make_room(self, calls: int) -> None:
        """Wait until so many calls can go one right after the other."""
        self._limits.make_room(calls)

    def _pace(self, request: httpx.Request) -> None:
        request.extensions[_TURN] = self._limits.pace(search=_is_search(request))

    def _meter(self, response: httpx.Response) -> None:
        self._limits.answered(response.request.extensions[_TURN], response.headers)

    def _judge(self, response: httpx.Response, kind: CallKind) -> ConnectorError | None:
        if response.is_success:
            return None
        wait = retry_after(response.headers, self._now())
        error = http_error(response.status_code, _json(response), wait, kind)
        limited = response.status_code == httpx.codes.TOO_MANY_REQUESTS
        if limited and isinstance(error, RetryableError) and error.retry_after is not None:
            self._limits.refused(error.retry_after, search=_is_search(response.request))
        return error


def _is_search(request: httpx.Request) -> bool:
    return request.url.path.endswith("/search")


class Client:
    """Authorised calls with JSON bodies."""

    def __init__(self, transport: Transport, tokens: Tokens) -> None:
        self._transport = transport
        self._tokens = tokens

    @property
    def budget(self) -> CallBudget:
        return self._transport.budget

    def make_room(self, calls: int) -> None:
        """Wait until so many calls can go one right after the other."""
        self._transport.make_room(calls)

    def call(
        self,
        kind: CallKind,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        by_row: bool = False,
    ) -> Answer:
        """One call. A token that has expired is renewed once: HubSpot did nothing with it.

        What HubSpot refused of a batch (207) is raised, unless the caller settles its errors row
        by row (`by_row`). An answer without a body ends up empty for a write only: HubSpot sends
        none for what it has archived.
        """
        content = None if body is None else orjson.dumps(body)
        token = self._tokens.current()
        try:
            response = self._authorised(kind, method, path, params, content, token)
        except AuthError as error:
            if error.code not in EXPIRED or not self._tokens.renew(token):
                raise
            token = self._tokens.current()
            response = self._authorised(kind, method, path, params, content, token)
        answer = read_answer(response, kind)
        refused = answer.data.get("errors")
        if refused and not by_row:
            raise batch_error(refused)
        return answer

    def _authorised(
        self,
        kind: CallKind,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        content: bytes | None,
        token: str,
    ) -> httpx.Response:
        headers = {**JSON, "authorization": f"Bearer {token}"}
        return self._transport.send(
            kind, method, path, params=params, content=content, headers=headers
        )


def read_answer(response: httpx.Response, kind: CallKind) -> Answer:
    """The body of a 2xx answer, whatever 2xx it is: HubSpot has answered creates with 200, 201
    and 207. Without a JSON object it is an error, never silence; only a write may have none (204).
    """
    at = _date(response)
    if response.status_code == httpx.codes.NO_CONTENT and kind == "write":
        return Answer(response.status_code, {}, at)
    data = _json(response)
    if not isinstance(data, dict):
        raise unreadable(response.status_code, kind)
    return Answer(response.status_code, data, at)


def _json(response: httpx.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None


def _date(response: httpx.Response) -> datetime | None:
    try:
        found = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
