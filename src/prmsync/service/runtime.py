"""The outside world for one connector: HTTP clients with timeouts and small pools, and a clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import requests
import requests.adapters

from prmsync import __version__
from prmsync.connector.protocol import Runtime

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
CONNECTIONS = 12

_EVERYWHERE = ("all://", "http://", "https://")
_AGENT = {"User-Agent": f"prmsync/{__version__}"}


def utc_now() -> datetime:
    """The clock that everything below this layer is given."""
    return datetime.now(UTC)


@contextmanager
def runtime(
    *,
    direct: bool = False,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Runtime]:
    """Clients that are closed at the end. `direct` ignores proxies of the environment, which
    cannot reach this machine's own loopback address; its certificates hold all the same."""
    client = httpx.Client(
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        headers=_AGENT,
        mounts=dict.fromkeys(_EVERYWHERE) if direct else None,
    )
    pool = ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix="calls")
    with client, requests.Session() as session, pool:
        session.trust_env = not direct
        if direct:
            session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        session.headers.update(_AGENT)
        for scheme in ("http://", "https://"):
            session.mount(scheme, TimeoutAdapter())
        yield Runtime(http=client, requests=session, now=now, sleep=sleep, pool=pool)


class TimeoutAdapter(requests.adapters.HTTPAdapter):
    """Gives every request a time limit: vendor libraries often pass none."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=CONNECTIONS)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        limit = timeout or (CONNECT_SECONDS, ANSWER_SECONDS)
        return super().send(request, stream, limit, verify, cert, proxies)
