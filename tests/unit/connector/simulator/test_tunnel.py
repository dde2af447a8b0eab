"""The proxy through which clients that know only the vendor's addresses reach a simulator."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from prmsync.connector.simulator.serve import serving
from prmsync.connector.simulator.tls import tls_files
from prmsync.connector.simulator.tunnel import tunnel

HOST = "login.vendor.example"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def address_of(listener: socket.socket) -> tuple[str, int]:
    return ("127.0.0.1", listener.getsockname()[1])


def test_every_host_leads_to_the_simulator(notebook, tmp_path, listener):
    files = tls_files(tmp_path, [HOST])
    proxy = f"http://127.0.0.1:{address_of(listener)[1]}"
    trusted = ssl.create_default_context(cafile=files.certificate)
    with (
        serving(notebook.handle, tls=files) as base,
        tunnel(listener, urlsplit(base).port),
        httpx.Client(proxy=proxy, verify=trusted, trust_env=False) as client,
    ):
        for _ in range(3):
            assert client.get(f"https://{HOST}/_simulator/stats").json()["total"] == 0
        with pytest.raises(httpx.ConnectError):  # its certificate is not made out to this one
            client.get("https://other.vendor.example/_simulator/stats")


def test_what_is_no_connect_is_refused(listener):
    with tunnel(listener, 1), socket.create_connection(address_of(listener)) as client:
        client.sendall(b"GET http://vendor.example/ HTTP/1.1\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 405 ")


def test_a_client_that_says_nothing_or_half_a_head_harms_nobody(notebook, tmp_path, listener):
    files = tls_files(tmp_path, [HOST])
    with (
        serving(notebook.handle, tls=files) as base,
        tunnel(listener, urlsplit(base).port),
    ):
        for said in (b"", b"CONNECT half"):
            with socket.create_connection(address_of(listener)) as client:
                client.sendall(said)
        trusted = ssl.create_default_context(cafile=files.certificate)
        proxy = f"http://127.0.0.1:{address_of(listener)[1]}"
        with httpx.Client(proxy=proxy, verify=trusted, trust_env=False) as client:
            assert client.get(f"https://{HOST}/_simulator/stats").status_code == 200


def test_the_proxy_ends_with_its_block(listener):
    address = address_of(listener)
    with tunnel(listener, 1):
        pass
    with pytest.raises(OSError):
        socket.create_connection(address, timeout=2)
