"""The clients of a connector that talks to this machine itself."""

from __future__ import annotations

import httpx
import pytest

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.serve import serving
from prmsync.connector.simulator.tls import tls_files
from prmsync.service.runtime import runtime


@pytest.fixture
def served(tmp_path, monkeypatch):
    """An https address on this machine, whose certificate the environment tells to trust."""
    files = tls_files(tmp_path)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(files.certificate))
    with serving(lambda _request: json_response(200, {"here": True}), tls=files) as url:
        yield url


def test_this_machine_is_reached_past_proxies_and_by_its_own_certificate(served):
    with runtime(direct=True) as outside:
        assert outside.http.get(served).json() == {"here": True}
        assert outside.requests.get(served, timeout=5).json() == {"here": True}


def test_a_certificate_that_nobody_trusts_is_refused(served, monkeypatch):
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name)
    with runtime(direct=True) as outside, pytest.raises(httpx.ConnectError):
        outside.http.get(served)
