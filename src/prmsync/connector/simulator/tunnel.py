"""A proxy on loopback that leads every CONNECT to the simulator, whatever host was meant.

So clients that know only the vendor's own addresses reach it unchanged, by HTTPS_PROXY.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

_HEAD = 16_384
"""Bytes of a request's head at most."""
_PATIENCE = 10.0
"""Seconds to wait for a request's head."""


@contextlib.contextmanager
def tunnel(listener: socket.socket, port: int) -> Iterator[None]:
    """Lead what connects to `listener` to `port` of this machine while the block runs."""
    thread = threading.Thread(target=_accept, args=(listener, port), daemon=True)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # nobody may be connected: then it is closed already
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _accept(listener: socket.socket, port: int) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the listener was closed: this is the end
        threading.Thread(target=_lead, args=(client, port), daemon=True).start()


def _lead(client: socket.socket, port: int) -> None:
    with client, contextlib.suppress(OSError):
        client.settimeout(_PATIENCE)
        if not _head(client).startswith(b"CONNECT "):
            client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nallow: CONNECT\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as simulator:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            client.settimeout(None)
            back = threading.Thread(target=_pump, args=(simulator, client), daemon=True)
            back.start()
            _pump(client, simulator)
            back.join()


def _head(client: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD:
        part = client.recv(_HEAD)
        if not part:
            break
        head += part
    return head


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side is gone
        while part := source.recv(65_536):
            target.sendall(part)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
