from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
import requests

from prmsync.connector.simulator.transport import in_process_runtime

BASE = "http://notes.test:81"


@pytest.fixture
def slept():
    return []


@pytest.fixture
def runtime(notebook, slept):
    runtime = in_process_runtime(
        {BASE: notebook.handle}, lambda: datetime(2026, 3, 1, tzinfo=UTC), slept.append
    )
    yield runtime
    runtime.http.close()
    runtime.requests.close()


def test_httpx_and_requests_reach_the_same_handler(runtime, notebook):
    assert runtime.http.post(f"{BASE}/notes", content=b"one").status_code == 201
    answer = runtime.requests.post(f"{BASE}/notes", data="zwei ü".encode(), timeout=5)
    assert (answer.status_code, answer.json()) == (201, {"count": 2})
    assert runtime.requests.get(f"{BASE}/notes", timeout=5).json() == ["one", "zwei ü"]
    assert notebook.last_request.headers["host"] == "notes.test:81"
    assert runtime.http.delete(f"{BASE}/notes").content == b""


def test_https_reaches_the_handler_too_and_is_told_apart(runtime, notebook):
    runtime.http.get("https://notes.test:81/notes?a=1")
    assert notebook.last_request.headers["x-forwarded-proto"] == "https"
    assert notebook.last_request.query == {"a": ["1"]}


def test_a_dropped_reply_is_a_read_timeout_after_the_commit(runtime, notebook):
    runtime.http.post(f"{BASE}/_simulator/faults", json={"path": "^/notes", "drop": True})
    with pytest.raises(httpx.ReadTimeout):
        runtime.http.post(f"{BASE}/notes", content=b"one")
    with pytest.raises(requests.ReadTimeout):
        runtime.requests.post(f"{BASE}/notes", data=b"two", timeout=5)
    assert notebook.notes == ["one", "two"]


def test_an_unknown_host_refuses_the_connection(runtime):
    with pytest.raises(httpx.ConnectError):
        runtime.http.get("http://elsewhere.test/")
    with pytest.raises(requests.ConnectionError):
        runtime.requests.get("http://elsewhere.test/", timeout=5)


def test_latency_goes_through_the_sleep_that_was_passed_in(runtime, slept):
    runtime.http.post(f"{BASE}/_simulator/faults", json={"path": "notes$", "latency_ms": 250})
    runtime.http.get(f"{BASE}/notes")
    assert slept == [0.25]
