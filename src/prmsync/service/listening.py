"""A small HTTP server of the service, in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from prmsync.errors import ConfigurationError


@contextlib.contextmanager
def answering(
    address: tuple[str, int] | None, app: Starlette, *, key: str, most: int | None = None
) -> Iterator[str]:
    """Answer in a thread while the block runs; gives the URL without a path, or "" without an
    address. `key` is the one of [service] that names the address; with `most` so many calls are
    under way together, and one more is answered 503.

    Port 0 takes a free one. Raises ConfigurationError when the address cannot be had.
    """
    if address is None:
        yield ""
        return
    listener = _listen(*address, key)
    server = _server(app, most)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name=f"prmsync-{key}", daemon=True
    )
    thread.start()
    try:
        yield _url(listener)
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()


def _server(app: Starlette, most: int | None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=most,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int, key: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot answer at {host}:{port}: {error.strerror or error}",
            hint=f"Another service may run. Change [service] {key} (HOST:PORT, or off).",
        ) from error
    listener.listen(16)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
