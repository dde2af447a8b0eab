"""One call to a CRM over httpx: counted, bounded in time, judged, repeated where that is safe.

Each concern is a function or object of its own; `Calls` puts them in their order:

    retried( budget.spend → pacer → answered( httpx ) → meter → judge )
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import httpx

from prmsync.connector.budget import CallBudget, CallKind
from prmsync.connector.protocol import Runtime
from prmsync.connector.retry import DEFAULT_POLICY, RetryPolicy, retried
from prmsync.errors import ConnectorError, OutcomeUnknownError, RetryableError

Judge = Callable[[httpx.Response, CallKind], ConnectorError | None]
"""The connector's own reading of an answer: None takes it. A RetryableError says that the CRM did
nothing; for a write that may have been done it must be an OutcomeUnknownError."""

Pacer = Callable[[httpx.Request], None]
"""Waits before each attempt of a call until it may go."""

Meter = Callable[[httpx.Response], None]
"""Sees every answer, refused ones too: for the CRM's own usage headers."""

TIMEOUT = httpx.Timeout(120.0, connect=10.0, pool=60.0)
"""Seconds: a page of 2,000 wide rows may take a while, a connection may not."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Calls:
    """Calls of one session. `write` calls are sent once unless the CRM said that it did nothing;
    all others are safe and may be repeated after any failure on the way. Shared by threads."""

    def __init__(
        self,
        runtime: Runtime,
        judge: Judge,
        *,
        budget: CallBudget | None = None,
        meter: Meter | None = None,
        pacer: Pacer | None = None,
        policy: RetryPolicy = DEFAULT_POLICY,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self.budget = budget or CallBudget()
        self._runtime = runtime
        self._judge = judge
        self._meter = meter
        self._pacer = pacer
        self._policy = policy
        self._timeout = timeout

    def send(
        self,
        kind: CallKind,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer that `judge` took. Raises what `judge` gave, RetryableError when the CRM
        could not be reached, OutcomeUnknownError when a write got no answer, QuotaError when the
        budget is used up."""
        request = self._runtime.http.build_request(
            method, url, params=params, content=content, headers=headers, timeout=self._timeout
        )
        return retried(lambda: self._once(kind, request), self._runtime.sleep, self._policy)

    def _once(self, kind: CallKind, request: httpx.Request) -> httpx.Response:
        self.budget.spend(kind)
        if self._pacer is not None:
            self._pacer(request)
        response = answered(self._runtime.http, request, safe=kind != "write")
        if self._meter is not None:
            self._meter(response)
        error = self._judge(response, kind)
        if error is not None:
            raise error
        return response


def answered(client: httpx.Client, request: httpx.Request, *, safe: bool) -> httpx.Response:
    """Send once; failures on the way become RetryableError, or OutcomeUnknownError for a call
    that is not safe and may have arrived."""
    try:
        return client.send(request)
    except _NEVER_SENT as error:
        raise unreachable(error, str(request.url)) from error
    except httpx.RequestError as error:
        if safe:
            raise RetryableError(
                f"no answer from {_place(str(request.url))}: {_kind(error)}",
                hint="The network or the CRM is slow or unsteady; the next run tries again.",
            ) from error
        raise OutcomeUnknownError(
            f"no answer from {_place(str(request.url))} to a write: {_kind(error)}",
            hint="It may have been written; it is read back before anything is sent again.",
        ) from error


def unreachable(error: BaseException, url: str) -> RetryableError:
    """The error for a call that never left, with what an admin should look at. `error` is what
    httpx or requests raised."""
    place = _place(url)
    if _caused_by(error, socket.gaierror):
        return RetryableError(
            f"the host of {place} is not known",
            hint="Is base_url spelt right, and does this machine reach the internet?",
        )
    if _caused_by(error, ssl.SSLError):
        return RetryableError(
            f"no trusted TLS connection to {place}",
            hint="Is base_url right (http or https)? Where a proxy opens TLS, let the environment "
            "variable SSL_CERT_FILE name a file with its certificate.",
        )
    return RetryableError(
        f"nothing answers at {place}",
        hint=f"Is base_url right? Nothing listens at {place}, or a firewall is in the way.",
    )


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether `kind` is anywhere in the chain; urllib3 keeps causes in `reason` and `args`."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        if isinstance(one, kind):
            return True
        seen.add(id(one))
        related = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting += [item for item in related if isinstance(item, BaseException)]
    return False


def _place(url: str) -> str:
    """Scheme, host and port: a path or query may hold a customer's data."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")


def _kind(error: httpx.RequestError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "timed out"
    return "the connection broke"
