"""The clients of a connector that talks to this machine itself."""

from __future__ import annotations

import httpx
import pytest

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.serve import serving
from prmsync.connector.simulator.tls import tls_files
from prmsync.errors import ConfigurationError
from prmsync.service.runtime import runtime

VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


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


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("direct", [True, False])
def test_one_variable_is_enough_for_both_clients(served, monkeypatch, tmp_path, name, direct):
    for other in VARIABLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, str(tmp_path / "certificate.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with runtime(direct=direct) as outside:
        assert outside.http.get(served).json() == {"here": True}
        assert outside.requests.get(served, timeout=5).json() == {"here": True}


def test_a_folder_of_certificates_is_taken_too(served, monkeypatch, tmp_path):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    with runtime(direct=True) as outside, pytest.raises(httpx.ConnectError):
        outside.http.get(served)  # this one holds none under a name that TLS looks for


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_certificates_that_cannot_be_used_are_told_by_variable_and_path(
    monkeypatch, tmp_path, name
):
    for other in VARIABLES:
        monkeypatch.delenv(other, raising=False)
    text = tmp_path / "notes.txt"
    text.write_text("no certificate", encoding="utf-8")
    for path, why in ((tmp_path / "nope", "No such file"), (text, "no certificates in PEM")):
        monkeypatch.setenv(name, str(path))
        with pytest.raises(ConfigurationError, match=why) as caught, runtime():
            pass
        assert f"{name} names {path}" in caught.value.message
