"""A client whose calls go straight to the handlers: no connection, no cookies, no redirects.

What httpx does for a real network takes longer than what the simulators do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import httpx


@lru_cache(maxsize=1024)
def _parsed(url: str, query: str) -> httpx.URL:
    return httpx.URL(f"{url}?{query}" if query else url)


class DirectClient(httpx.Client):
    """As far as the connectors use one: `build_request` and `send`."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        super().__init__(transport=transport)
        self._straight = transport

    def build_request(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        content: Any = None,
        params: Any = None,
        headers: Any = None,
        **_options: Any,
    ) -> httpx.Request:
        target = _parsed(str(url), urlencode(params) if params else "")
        return httpx.Request(method, target, headers=headers, content=content)

    def send(self, request: httpx.Request, **_options: Any) -> httpx.Response:
        response = self._straight.handle_request(request)
        response.request = request
        return response
