from __future__ import annotations

import ssl
import stat

import httpx
import pytest

from prmsync.connector.simulator.serve import serving
from prmsync.connector.simulator.tls import tls_files
from prmsync.errors import ConfigurationError


def test_a_simulator_is_reached_over_https_with_its_own_certificate(notebook, tmp_path):
    files = tls_files(tmp_path / "pair")
    with serving(notebook.handle, tls=files) as base:
        assert base.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=files.certificate)
        answer = httpx.get(f"{base}/_simulator/stats", verify=trusted)
        assert answer.json()["total"] == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(base, verify=ssl.create_default_context())


def test_the_pair_is_made_once_and_the_key_is_nobody_else_s(tmp_path):
    first = tls_files(tmp_path)
    written = first.certificate.read_bytes()
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600
    assert tls_files(tmp_path) == first
    assert first.certificate.read_bytes() == written


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigurationError, match="cannot hold a certificate"):
        tls_files(blocked / "pair")


def test_a_certificate_that_lacks_a_name_is_not_taken_for_one_that_has_it(tmp_path):
    tls_files(tmp_path)
    with pytest.raises(ConfigurationError, match=r"not made out to api\.vendor\.example"):
        tls_files(tmp_path, ["localhost", "api.vendor.example"])
    assert tls_files(tmp_path, ["localhost"])
    (tmp_path / "certificate.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match="not made out to"):
        tls_files(tmp_path)
