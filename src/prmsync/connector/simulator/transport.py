"""Calls a handler in process, without sockets, from httpx and from requests.

Handlers are found by host and port; the scheme is not looked at, so a client that insists on
https reaches a simulator named http. A host without a handler is a refused connection.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from prmsync.connector.protocol import Runtime
from prmsync.connector.simulator.faults import InterruptedResponse
from prmsync.connector.simulator.http import Handler, Request, Response

_LOST = "the simulator lost the reply"


class _Router:
    """Host and port → handler."""

    def __init__(self, handlers: Mapping[str, Handler], sleep: Callable[[float], None]) -> None:
        self._handlers = {urlsplit(base).netloc.lower(): item for base, item in handlers.items()}
        self._sleep = sleep

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Raises LookupError for an unknown host and EOFError for a reply that was lost."""
        parts = urlsplit(url)
        handler = self._handlers[parts.netloc.lower()]
        request = Request(
            method=method,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers={
                "host": parts.netloc,
                "x-forwarded-proto": parts.scheme,
                **{name.lower(): value for name, value in headers.items()},
            },
            body=body,
        )
        response = handler(request)
        if isinstance(response, InterruptedResponse):
            if response.latency_ms:
                self._sleep(response.latency_ms / 1000)
            if response.drop:
                raise EOFError(_LOST)
        return response


def _no_sleep(_seconds: float) -> None:
    """In process, latency costs nothing unless a sleep is passed in."""


class HandlerTransport(httpx.BaseTransport):
    """An httpx transport over handlers by base URL.

    A lost reply raises `httpx.ReadTimeout`, an unknown host `httpx.ConnectError`.
    """

    def __init__(
        self, handlers: Mapping[str, Handler], sleep: Callable[[float], None] = _no_sleep
    ) -> None:
        self._router = _Router(handlers, sleep)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        try:
            response = self._router.answer(
                request.method, str(request.url), dict(request.headers), body
            )
        except LookupError as error:
            raise httpx.ConnectError("no simulator has this address", request=request) from error
        except EOFError as error:
            raise httpx.ReadTimeout(_LOST, request=request) from error
        return httpx.Response(
            response.status, headers=dict(response.headers), content=response.body
        )


class HandlerAdapter(BaseAdapter):
    """A requests adapter over handlers by base URL.

    A lost reply raises `requests.ReadTimeout`, an unknown host `requests.ConnectionError`.
    """

    def __init__(
        self, handlers: Mapping[str, Handler], sleep: Callable[[float], None] = _no_sleep
    ) -> None:
        super().__init__()
        self._router = _Router(handlers, sleep)
        self._builder = HTTPAdapter()

    def send(
        self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any
    ) -> requests.Response:
        """Stream, timeout, verify, cert and proxies mean nothing in process."""
        body = request.body or b""
        content = body.encode("utf-8") if isinstance(body, str) else bytes(body)
        try:
            response = self._router.answer(
                request.method or "GET", request.url or "", dict(request.headers), content
            )
        except LookupError as error:
            raise requests.ConnectionError(
                "no simulator has this address", request=request
            ) from error
        except EOFError as error:
            raise requests.ReadTimeout(_LOST, request=request) from error
        raw = urllib3.HTTPResponse(
            body=io.BytesIO(response.body),
            headers=dict(response.headers),
            status=response.status,
            preload_content=False,
        )
        return self._builder.build_response(request, raw)

    def close(self) -> None:
        self._builder.close()


def in_process_runtime(
    handlers_by_base_url: Mapping[str, Handler],
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> Runtime:
    """A connector's runtime whose calls reach the handlers; the caller closes its two clients."""
    session = requests.Session()
    adapter = HandlerAdapter(handlers_by_base_url, sleep)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    client = httpx.Client(transport=HandlerTransport(handlers_by_base_url, sleep))
    return Runtime(http=client, requests=session, now=now, sleep=sleep)
