"""Serves a handler over HTTP on loopback, with the faults that only a socket can show."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from prmsync.connector.simulator.faults import InterruptedResponse
from prmsync.connector.simulator.http import Handler, Request, Response
from prmsync.connector.simulator.tls import TlsFiles
from prmsync.connector.simulator.tunnel import tunnel
from prmsync.errors import ConfigurationError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_TRANSPORT = "prmsync.transport"


class _DroppableProtocol(H11Protocol):
    """Hands its transport to the application, so that a fault can cut the connection."""

    def connection_made(  # type: ignore[override]  # uvicorn narrows asyncio's own signature
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


def _application(handler: Handler, latency_ms: int) -> Application:
    async def application(scope: Message, receive: Receive, send: Send) -> None:
        request = _request(scope, await _body(receive))
        response = handler(request)
        interrupted = response if isinstance(response, InterruptedResponse) else None
        delay = latency_ms + (interrupted.latency_ms if interrupted else 0)
        if delay:
            await asyncio.sleep(delay / 1000)
        if interrupted is not None and interrupted.drop:
            await _drop(scope, receive)
        else:
            await _reply(response, send)

    return application


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _request(scope: Message, body: bytes) -> Request:
    raw_path: bytes = scope["raw_path"]
    return Request(
        method=scope["method"],
        path=raw_path.decode("ascii"),
        query=parse_qs(scope["query_string"].decode("ascii"), keep_blank_values=True),
        headers={
            "x-forwarded-proto": scope["scheme"],
            **{name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        },
        body=body,
    )


async def _drop(scope: Message, receive: Receive) -> None:
    transport: asyncio.Transport = scope["state"][_TRANSPORT]
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _reply(response: Response, send: Send) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers.items()
    ]
    if response.status != 204:
        headers.append((b"content-length", str(len(response.body)).encode("ascii")))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _listen(port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only for sockets whose protocol is named; with it on,
    # every answer waits 40 ms for the client's delayed acknowledgement of its head.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on 127.0.0.1:{port}: {error}",
            hint="Choose another port, or stop the program that uses this one.",
        ) from error
    listener.listen(128)
    return listener


def _server(handler: Handler, latency_ms: int, tls: TlsFiles | None) -> uvicorn.Server:
    config = uvicorn.Config(
        _application(handler, latency_ms),
        http=_DroppableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,  # clients that poll every five seconds would meet closed connections
        date_header=False,  # the chassis dates answers by the simulated clock
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return uvicorn.Server(config)


def _url(listener: socket.socket, tls: TlsFiles | None) -> str:
    scheme = "https" if tls else "http"
    return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"


def serve(
    handler: Handler,
    port: int,
    latency_ms: int,
    ready: Callable[[str], None],
    tls: TlsFiles | None = None,
    proxy: int | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; `ready` gets the base URL once connections are taken.

    Port 0 takes a free one; with `tls` it is https, and `proxy` the port of a CONNECT proxy that
    leads every host here. Raises ConfigurationError when a port cannot be had.
    """
    listener = _listen(port)
    try:
        with (
            _sigterm_as_interrupt(),
            contextlib.suppress(KeyboardInterrupt),
            _led_here(proxy, listener),
        ):
            ready(_url(listener, tls))
            _server(handler, latency_ms, tls).run(sockets=[listener])
    finally:
        listener.close()


def _led_here(
    proxy: int | None, listener: socket.socket
) -> contextlib.AbstractContextManager[None]:
    if proxy is None:
        return contextlib.nullcontext()
    return tunnel(_listen(proxy), listener.getsockname()[1])


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """After its clean stop uvicorn raises the signal once more; SIGTERM must not kill then, or
    what the caller wants to do after serving would never happen."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def serving(
    handler: Handler, port: int = 0, latency_ms: int = 0, tls: TlsFiles | None = None
) -> Iterator[str]:
    """Serve in a thread while the block runs; gives the base URL."""
    listener = _listen(port)
    server = _server(handler, latency_ms, tls)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield _url(listener, tls)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
