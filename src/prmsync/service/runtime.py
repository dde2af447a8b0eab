"""The outside world for one connector: HTTP clients with timeouts and small pools, and a clock."""

from __future__ import annotations

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
from prmsync.service.trust import trusted

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
    cannot reach this machine's own loopback address; its certificates hold all the same.

    Raises ConfigurationError where the environment names certificates that cannot be read.
    """
    trust = trusted()
    client = httpx.Client(
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        headers=_AGENT,
        verify=trust.context,
        mounts=dict.fromkeys(_EVERYWHERE) if direct else None,
    )
    pool = ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix="calls")
    with client, requests.Session() as session, pool:
        session.trust_env = not direct
        session.headers.update(_AGENT)
        for scheme in ("http://", "https://"):
            session.mount(scheme, TimeoutAdapter(trust.bundle))
        yield Runtime(http=client, requests=session, now=now, sleep=sleep, pool=pool)


class TimeoutAdapter(requests.adapters.HTTPAdapter):
    """Gives every request a time limit, for vendor libraries often pass none, and the same
    certificates to trust as other calls have."""

    def __init__(self, bundle: str | bool = True) -> None:
        super().__init__(pool_maxsize=CONNECTIONS)
        self._bundle = bundle

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
        return super().send(request, stream, limit, verify and self._bundle, cert, proxies)
