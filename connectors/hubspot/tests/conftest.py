"""HubSpot's answers by hand: each test scripts what the API says and looks at what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
import requests

from prmsync.connector.protocol import ConnectionSettings, Runtime
from prmsync_hubspot import HubSpotConnector

NOW = datetime(2026, 11, 22, 19, 0, 0, tzinfo=UTC)
DATE = "Sun, 22 Nov 2026 19:00:00 GMT"


class ScriptedApi:
    """Answers by method and path ending, each list of answers in order, its last one for ever."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.now = NOW
        self._answers: dict[tuple[str, str], list[httpx.Response | Exception]] = {}

    def on(self, method: str, path: str, *answers: Any, status: int = 200, **headers: str) -> None:
        """JSON bodies become answers with `status`; responses and exceptions stay as they are."""
        told: list[httpx.Response | Exception] = []
        for one in answers:
            if isinstance(one, httpx.Response | Exception):
                told.append(one)
            else:
                told.append(httpx.Response(status, json=one, headers={"date": DATE, **headers}))
        self._answers[(method, path)] = told

    def asked(self, path: str) -> list[Any]:
        """Bodies (or queries) of the calls whose path ends so."""
        found = [one for one in self.requests if one.url.path.endswith(path)]
        return [orjson.loads(one.content) if one.content else dict(one.url.params) for one in found]

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        endings = sorted(self._answers, key=lambda key: -len(key[1]))
        for method, path in endings:
            if method == request.method and request.url.path.endswith(path):
                answers = self._answers[(method, path)]
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if isinstance(answer, Exception):
                    raise answer
                return httpx.Response(
                    answer.status_code, headers=answer.headers, content=answer.content
                )
        return httpx.Response(404, json={"status": "error", "message": "resource not found"})

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def api() -> ScriptedApi:
    return ScriptedApi()


Connect = Callable[..., HubSpotConnector]


@pytest.fixture
def runtime(api: ScriptedApi) -> Iterator[Runtime]:
    with (
        httpx.Client(transport=httpx.MockTransport(api.handle)) as client,
        requests.Session() as session,
    ):
        yield Runtime(http=client, requests=session, now=lambda: api.now, sleep=api.sleep)


@pytest.fixture
def connect(runtime: Runtime) -> Connect:
    """A connector on the scripted API; keyword arguments are those of ConnectionSettings."""

    def make(**settings: Any) -> HubSpotConnector:
        auth: Mapping[str, str] = settings.pop("auth", {"token": "pat-1"})
        return HubSpotConnector(ConnectionSettings("main", auth=auth, **settings), runtime)

    return make


def prop(name: str, kind: str = "string", shown: str = "text", **more: Any) -> dict[str, Any]:
    """A property definition as the API gives it."""
    return {"name": name, "label": name.title(), "type": kind, "fieldType": shown, **more}


@pytest.fixture
def deals(api: ScriptedApi) -> ScriptedApi:
    """The API with deals defined: a key, a name, an amount, a close date and a stage."""
    properties = [
        prop("prm_opportunity_id", hasUniqueValue=True),
        prop("dealname"),
        prop("amount", "number", "number"),
        prop("closedate", "datetime", "date"),
        prop("dealstage", "enumeration", "radio", externalOptions=True),
        prop("hs_merged_object_ids", "enumeration", "checkbox"),
        prop("hs_updated_by_user_id", "number", "number"),
    ]
    api.on("GET", "/properties/2026-09/deals", {"results": properties})
    api.on("GET", "/pipelines/2026-09/deals", {"results": []})
    return api
