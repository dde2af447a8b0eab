from __future__ import annotations

import signal
import subprocess
import sys

import httpx
import pytest

from prmsync.connector.simulator.serve import serve, serving
from prmsync.errors import ConfigurationError


def test_real_calls_reach_the_handler_with_query_headers_and_raw_path(notebook):
    with serving(notebook.handle) as base, httpx.Client(base_url=base) as client:
        assert client.post("/notes", content=b"one").json() == {"count": 1}
        answer = client.get("/notes/a%2Fb?x=1&x=2&empty=", headers={"X-Kind": "k"})
        assert answer.json() == ["one"]
        assert client.delete("/notes").status_code == 204
        assert client.get("/notes").json() == []
        client.get("/notes/a%2Fb?x=1&x=2&empty=", headers={"X-Kind": "k"})
    request = notebook.last_request
    assert request.path == "/notes/a%2Fb"
    assert request.query == {"x": ["1", "2"], "empty": [""]}
    assert request.headers["x-kind"] == "k"
    assert request.headers["host"] in base


def test_a_dropped_reply_cuts_the_connection_after_the_commit(notebook):
    with serving(notebook.handle) as base, httpx.Client(base_url=base) as client:
        client.post("/_simulator/faults", json={"method": "POST", "drop": True, "times": 1})
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/notes", content=b"lost?")
        assert client.get("/notes").json() == ["lost?"]
        calls = client.get("/_simulator/stats").json()["calls"]
    assert {"endpoint": "notes", "method": "POST", "status": 0, "count": 1} in calls


def test_latency_longer_than_the_clients_patience_still_commits(notebook):
    with serving(notebook.handle) as base, httpx.Client(base_url=base) as client:
        client.post("/_simulator/faults", json={"method": "POST", "latency_ms": 500, "times": 1})
        with pytest.raises(httpx.ReadTimeout):
            client.post("/notes", content=b"slow", timeout=0.1)
        assert client.get("/notes").json() == ["slow"]


def test_a_port_that_is_taken_is_a_clear_error(notebook):
    with serving(notebook.handle) as base:
        port = int(base.rsplit(":", 1)[1])
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}"):
            serve(notebook.handle, port, 0, lambda url: None)


SERVER = """
from prmsync.connector.simulator.http import Response
from prmsync.connector.simulator.serve import serve
serve(lambda request: Response(200, b"hello"), 0, 0, lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_serving_and_the_caller_goes_on(number):
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        assert httpx.get(url).text == "hello"
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)
    assert (rest.strip(), process.returncode) == ("stopped", 0)


def test_answers_are_dated_by_the_simulated_clock(notebook):
    with serving(notebook.handle) as base, httpx.Client(base_url=base) as client:
        client.post("/_simulator/clock", json={"advance_seconds": 61})
        answer = client.get("/notes")
    assert answer.headers.get_list("date") == ["Sun, 01 Mar 2026 12:01:01 GMT"]
