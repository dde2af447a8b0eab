"""Webhooks: proved by HubSpot's signature of version 3, and read for the records that they name.

Events come in any order, more than once, and sometimes not at all; of their contents only object
types and ids are taken. Source: HubSpot's "Validating requests" and "Webhooks API guide".
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hubspot.utils.signature import Signature

from prmsync.connector.hints import Delivery, Hint
from prmsync.connector.protocol import ConnectionSettings
from prmsync.errors import AuthError, ConfigurationError, RejectedError
from prmsync_hubspot.objects import standard_type

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - the name of a key
SIGNATURE = "x-hubspot-signature-v3"
TIMESTAMP = "x-hubspot-request-timestamp"
LONGEST_AGE = timedelta(minutes=5)
_DECODED = {f"%{ord(sign):02X}": sign for sign in ":/?@!$'()*,;"}
"""What HubSpot decodes in an address before it signs it."""
_GENERIC = "object"
_LONGEST_ID = 20
_IDS = ("objectId", "newObjectId", "primaryObjectId")
_ENDS = (("fromObjectTypeId", "fromObjectId"), ("toObjectTypeId", "toObjectId"))


def secret_of(settings: ConnectionSettings) -> str:
    """The app's client secret: of the app that signs in, or of another that only sends."""
    found = settings.auth.get(WEBHOOK_SECRET) or settings.auth.get("client_secret")
    if not found:
        raise ConfigurationError(
            f"[connections.{settings.name}] takes webhooks and lacks auth.{WEBHOOK_SECRET}",
            hint="It is the client secret of the HubSpot app that sends them; give a reference.",
        )
    return found


def read_hints(
    settings: ConnectionSettings, secret: str, delivery: Delivery, now: datetime
) -> list[Hint]:
    """See `HintReader.hints`. Events of another account than the pinned one are left out."""
    _prove(secret, delivery, now)
    try:
        events = orjson.loads(delivery.body)
    except orjson.JSONDecodeError:
        raise _unreadable() from None
    if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
        raise _unreadable()
    named = (
        hint
        for one in events
        if settings.org in (None, str(one.get("portalId"))) and not _is_ours(one)
        for hint in _named(one)
    )
    return list(dict.fromkeys(named))


def _prove(secret: str, delivery: Delivery, now: datetime) -> None:
    """The vendor's library makes the signature; it looks at the machine's clock itself, and takes
    moments of the future, so the time is looked at here."""
    timestamp = delivery.headers.get(TIMESTAMP, "")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > _LONGEST_ID:
        raise _unproved("it carries no time", "NO_TIMESTAMP")
    if abs(now - _moment(int(timestamp))) > LONGEST_AGE:
        raise _unproved("its time is more than five minutes off", "TIMESTAMP")
    try:
        body = delivery.body.decode("utf-8")
    except UnicodeDecodeError:
        raise _unreadable() from None
    wanted: str = Signature.get_signature(
        secret, body, "v3", _decoded(delivery.address), delivery.method, timestamp
    )
    given = delivery.headers.get(SIGNATURE, "")
    if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
        raise _unproved("its signature is not that of our secret and address", "SIGNATURE")


def _decoded(address: str) -> str:
    for code, sign in _DECODED.items():
        address = address.replace(code, sign).replace(code.lower(), sign)
    return address


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)


def _unproved(why: str, code: str) -> AuthError:
    return AuthError(
        f"a webhook is not proved to be HubSpot's: {why}",
        hint="Is `webhook` the very address that the app in HubSpot names, and the secret that "
        "app's client secret? Is this machine's clock right?",
        code=code,
    )


def _unreadable() -> RejectedError:
    return RejectedError(
        "a webhook holds no list of events", hint="Is it HubSpot that sends it?", code="NOT_JSON"
    )


def _is_ours(event: Mapping[str, Any]) -> bool:
    """Written by the app that sends the event: where we sign in as this app, by ourselves."""
    source = event.get("changeSource") == "INTEGRATION"
    return source and str(event.get("sourceId")) == str(event.get("appId"))


def _named(event: Mapping[str, Any]) -> Iterator[Hint]:
    """The records of one event. Events of the older subscriptions name the object in their type
    (`deal.propertyChange`), others by its type id."""
    prefix = str(event.get("subscriptionType") or "").partition(".")[0]
    told = event.get("objectTypeId") if prefix == _GENERIC else standard_type(prefix)
    for key in _IDS:
        yield from _hint(told, event.get(key))
    merged = event.get("mergedObjectIds")
    for one in merged if isinstance(merged, list) else ():
        yield from _hint(told, one)
    for kind, key in _ENDS:
        yield from _hint(event.get(kind), event.get(key))


def _hint(kind: object, record_id: object) -> Iterator[Hint]:
    text = str(record_id)
    known = isinstance(kind, str) and kind.replace("-", "").isdigit()
    if known and text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID:
        yield Hint(str(kind), text)


class Hinted:
    """Hints that wait for the next read of each object, by object type id."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[str]] = {}

    def take_in(self, hints: Sequence[Hint]) -> None:
        for one in hints:
            self._waiting.setdefault(one.object, []).append(one.id)

    def of(self, type_id: str) -> list[str]:
        """Each id once. Several streams may read one object: they stay for all of a session."""
        return list(dict.fromkeys(self._waiting.get(type_id, ())))
