"""A web address on this machine at which a browser's sign-in ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic
from urllib.parse import parse_qs, urlsplit

from prmsync.errors import ConfigurationError, StateError

PORT = 8791
_PATH = "/callback"
_DONE = "The sign-in has arrived. You can close this page and go back to the terminal."
_NOT_OURS = "This does not belong to the sign-in that prmsync waits for."


def redirect_uri(port: int = PORT) -> str:
    """The address, which the CRM's app must name among its callback URLs."""
    return f"http://localhost:{port}{_PATH}"


class LoopBack:
    """Waits for one answer that `accepts`; any other is told that it is not ours."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.port = int(server.server_address[1])

    def wait(self, accepts: Callable[[Mapping[str, str]], bool], seconds: float) -> dict[str, str]:
        """The query of the answer. Raises StateError when none came in time."""
        self._server.accepts = accepts
        until = monotonic() + seconds
        while self._server.answer is None:
            left = until - monotonic()
            if left <= 0:
                raise StateError(
                    f"nobody signed in within {seconds / 60:.0f} minutes",
                    hint="Run prmsync connect once more. On a machine without a browser: "
                    "prmsync connect NAME --no-browser",
                )
            self._server.timeout = left
            self._server.handle_request()
        return self._server.answer


@contextmanager
def listening(port: int = PORT) -> Iterator[LoopBack]:
    """Listens on this machine only. Raises ConfigurationError when the port is taken."""
    try:
        server = _Server(("127.0.0.1", port), _Handler)
    except OSError as error:
        raise ConfigurationError(
            f"port {port} of this machine cannot be listened on: {error.strerror}",
            hint="Name another with --port, and add its address to the app's callback URLs.",
        ) from error
    with server:
        yield LoopBack(server)


class _Server(HTTPServer):
    answer: dict[str, str] | None = None
    accepts: Callable[[Mapping[str, str]], bool]

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a page that was closed before it was answered is nobody's concern."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        answer = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path != _PATH or not self.server.accepts(answer):
            self._say(404, _NOT_OURS)
            return
        self.server.answer = answer
        self._say(200, _DONE)

    def _say(self, status: int, text: str) -> None:
        body = f"<!doctype html><title>prmsync</title><p>{text}</p>\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the line would hold the code."""
