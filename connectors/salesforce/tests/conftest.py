"""A bench on the simulator, and an org that answers by script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import requests
from requests.adapters import BaseAdapter

from prmsync.connector.protocol import ConnectionSettings, Runtime
from prmsync.connector.testing import Bench
from prmsync_salesforce import PLUGIN
from prmsync_salesforce.provision.package import Parts
from prmsync_salesforce.provision.source import PEOPLE_SET, SERVICE_SET, source

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
BASE = "https://acme.my.salesforce.com"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench.in_process(PLUGIN) as bench:
        yield bench


@pytest.fixture
def everything() -> Callable[..., Parts]:
    """All parts that ship, but for those that are named."""
    found = source()
    parts: dict[str, Any] = {
        "objects": found.objects,
        "fields": found.fields,
        "list_views": tuple(found.list_views),
        "value_sets": tuple(found.value_sets),
        "layouts": tuple(found.layouts),
        "tabs": tuple(found.tabs),
        "permission_sets": (SERVICE_SET, PEOPLE_SET),
        "present_objects": frozenset({"Account", "Opportunity"}),
    }
    return lambda **changed: Parts(**{**parts, **changed})


class SignInAdapter(BaseAdapter):
    """Answers token requests by script; the last answer goes on for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[int, Any]] = []
        self.sent: list[requests.PreparedRequest] = []
        self.timeouts: list[Any] = []

    def send(self, request, timeout=None, **_):
        self.sent.append(request)
        self.timeouts.append(timeout)
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(body, Exception):
            raise body
        answer = requests.Response()
        answer.status_code = status
        answer.url = request.url
        answer._content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        answer.headers["Date"] = "Sun, 22 Nov 2026 09:00:00 GMT"
        return answer

    def close(self) -> None:
        """Nothing is open."""


def token_answer(name: str = "one") -> tuple[int, dict[str, str]]:
    return 200, {
        "access_token": f"token-{name}",
        "instance_url": BASE,
        "id": "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA",
        "issued_at": str(int(NOW.timestamp() * 1000)),
    }


class ScriptedOrg:
    """An org whose REST answers come from a function, and whose sign-in from a list."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.sign_in = SignInAdapter()
        self.sign_in.answers.append(token_answer())

        def handle(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return answer(request)

        session = requests.Session()
        session.mount("https://", self.sign_in)
        session.mount("http://", self.sign_in)
        self.runtime = Runtime(
            http=httpx.Client(transport=httpx.MockTransport(handle)),
            requests=session,
            now=lambda: NOW,
            sleep=self.slept.append,
        )
        self.settings = ConnectionSettings(
            name="sf",
            base_url=BASE,
            auth={"client_id": "an-id", "client_secret": "a-secret"},
            options={"prefetch": False},
        )


@pytest.fixture
def scripted() -> type[ScriptedOrg]:
    return ScriptedOrg


@pytest.fixture
def token() -> Callable[..., tuple[int, dict[str, str]]]:
    return token_answer
