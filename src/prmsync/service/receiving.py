"""Takes CRMs' webhooks: `POST /webhooks/CONNECTION`, proved, read for names, and let go.

Nothing of a delivery is kept but names of objects and ids, and nothing of it is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from prmsync.connector.hints import Delivery, Hint, HintReader
from prmsync.connector.protocol import ConnectionSettings
from prmsync.connector.registry import plugin
from prmsync.errors import AuthError, ConfigurationError, RejectedError
from prmsync.service.serving_hints import Hints
from prmsync.service.wiring import Application, connection_settings

PATH = "/webhooks"
LARGEST_BODY = 1_000_000
"""Bytes: HubSpot sends a hundred events at most in a call, each under a kilobyte or two."""
LONGEST_BODY = 10.0
"""Seconds in which a body must have arrived."""
MOST_CALLS = 32
_TELL_AGAIN = timedelta(minutes=10)

OnHints = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A connection whose CRM sends webhooks, with what they are proved by."""

    settings: ConnectionSettings
    reader: HintReader
    address: str
    secret: str


def sources(application: Application) -> dict[str, Source]:
    """Connections with a `webhook`. Raises ConfigurationError where one cannot take them."""
    found = {}
    for name, section in application.settings.connections.items():
        if section.webhook is None:
            continue
        known = plugin(section.connector)
        if not isinstance(known, HintReader):
            raise ConfigurationError(
                f"[connections.{name}] names a webhook, and prmsync takes none from {known.title}",
                hint="Take the key `webhook` away; a shorter schedule does as much.",
            )
        described = connection_settings(application.settings, name, application.environ)
        secret = known.webhook_secret(described)
        found[name] = Source(described, known, section.webhook, secret)
    return found


class Receiver:
    """Takes deliveries; `on_hints` is called for a connection after each one that was taken."""

    def __init__(
        self,
        known: Mapping[str, Source],
        hints: Hints,
        now: Callable[[], datetime],
        on_hints: OnHints,
    ) -> None:
        self._known = known
        self._hints = hints
        self._now = now
        self._on_hints = on_hints
        self._told: dict[str, datetime] = {}

    def application(self) -> Starlette:
        route = f"{PATH}/{{connection}}"
        return Starlette(routes=[Route(route, self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        name = request.path_params["connection"]
        source = self._known.get(name)
        if source is None:
            return Response(status_code=404)
        try:
            body = await asyncio.wait_for(_body(request), LONGEST_BODY)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408)
        if body is None:
            return self._refused(name, 413, "a webhook is larger than a megabyte", "", "TOO_LARGE")
        delivery = Delivery(request.method, source.address, _headers(request), body)
        try:
            found = self._read(source, delivery)
        except AuthError as error:
            return self._refused(name, 401, error.message, error.hint, error.code)
        except RejectedError as error:
            return self._refused(name, 400, error.message, error.hint, error.code)
        self._hints.add(name, found, self._now())
        if found:
            self._on_hints(name)
        return Response(status_code=204)

    def _read(self, source: Source, delivery: Delivery) -> Sequence[Hint]:
        return source.reader.hints(source.settings, source.secret, delivery, self._now())

    def _refused(self, name: str, status: int, says: str, hint: str, code: str | None) -> Response:
        """Counted each time, told once in a while: anybody may send anything here."""
        self._hints.refuse(name)
        now, key = self._now(), f"{name} {code}"
        if key not in self._told or now - self._told[key] >= _TELL_AGAIN:
            self._told[key] = now
            structlog.get_logger().warning(
                "webhook refused", connection=name, message=says, hint=hint, code=code
            )
        return Response(status_code=status)


async def _body(request: Request) -> bytes | None:
    """The whole body; None for one that is too large, as soon as that is known."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > LARGEST_BODY:
        return None
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
