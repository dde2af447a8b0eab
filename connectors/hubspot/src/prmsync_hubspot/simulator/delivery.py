"""Webhooks, second half: signing events and sending them, in order or not, once or more often."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import httpx
import orjson

from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON
from prmsync_hubspot.simulator.settings import CLIENT_SECRET
from prmsync_hubspot.simulator.webhooks import Webhooks

MOST_EVENTS = 100
MOST_ATTEMPTS = 10
TIMEOUT_SECONDS = 10.0
GATHER_SECONDS = 0.1
_ORDERS = ("in_turn", "reversed", "shuffled")
_DECODED = {
    f"%{ord(sign):02X}": sign
    for sign in ":/?@!$'()*,;"  # what HubSpot decodes in an address before it signs it
}

Post = Callable[[str, bytes, Mapping[str, str]], int]
"""(address, body, headers) → the status of the answer. Raises OSError where there is none."""


def post(address: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Over HTTP."""
    try:
        answer = httpx.post(
            address, content=body, headers=dict(headers), timeout=TIMEOUT_SECONDS, trust_env=False
        )
    except httpx.HTTPError as error:
        raise OSError(str(error)) from error
    return answer.status_code


@dataclass(frozen=True, slots=True)
class Manner:
    """How events are delivered. `times` sends every call so often; `age_seconds` dates it back;
    `signed` false spoils the signature; `keep` leaves the events there for another delivery."""

    order: str = "in_turn"
    times: int = 1
    age_seconds: int = 0
    signed: bool = True
    keep: bool = False

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Manner:
        """From the JSON of the control path. Raises ValueError naming the fault."""
        known = {one.name: one for one in fields(cls)}
        for name, value in raw.items():
            if name not in known or type(value) is not type(known[name].default):
                raise ValueError(f"deliver takes {', '.join(known)}, not {name} = {value!r}")
        if raw.get("order", "in_turn") not in _ORDERS:
            raise ValueError(f"order is one of {', '.join(_ORDERS)}")
        return cls(**raw)


def signature(address: str, body: bytes, timestamp: str) -> str:
    """X-HubSpot-Signature-v3: HMAC-SHA256 of method, decoded address, body and timestamp."""
    for code, sign in _DECODED.items():
        address = address.replace(code, sign)
    text = b"POST" + address.encode() + body + timestamp.encode()
    return base64.b64encode(
        hmac.new(CLIENT_SECRET.encode(), text, hashlib.sha256).digest()
    ).decode()


class Delivery:
    """The control path `webhooks`, and the thread that sends by itself if it is told to.

    `{"target": address, "subscriptions": [...], "automatic": true}` sets up;
    `{"deliver": {...}}` sends what waits (see `Manner`); `{"clear": true}` forgets everything.
    """

    def __init__(self, portal: Portal, webhooks: Webhooks, send: Post = post) -> None:
        self._portal = portal
        self._webhooks = webhooks
        self._send = send
        self._target = ""
        self._answers: list[int | str] = []
        self._stop: threading.Event | None = None

    def control(self, body: Mapping[str, Any] | None) -> JSON:
        """Raises ValueError for a body that it cannot use."""
        raw = dict(body or {})
        if raw.pop("clear", False):
            self._webhooks.clear()
            self._answers.clear()
        self._target = str(raw.pop("target", self._target))
        for one in raw.pop("subscriptions", []):
            self._webhooks.subscribe(one)
        automatic, deliver = raw.pop("automatic", None), raw.pop("deliver", None)
        if raw:
            raise ValueError(f"webhooks does not know {', '.join(raw)}")
        if not self._target and (automatic or deliver is not None):
            raise ValueError("webhooks has no target yet")
        if automatic is not None:
            self._automatic(bool(automatic))
        if deliver is not None:
            self._deliver(Manner() if deliver is True else Manner.of(deliver))
        return {
            **self._webhooks.as_json(),
            "target": self._target,
            "automatic": self._stop is not None,
            "answers": list(self._answers),
        }

    def _deliver(self, manner: Manner) -> bool:
        """Whether everything that waited was taken."""
        events = self._webhooks.take()
        if manner.order == "reversed":
            events.reverse()
        elif manner.order == "shuffled":
            self._portal.random.shuffle(events)
        refused: list[JSON] = []
        for start in range(0, len(events), MOST_EVENTS):
            part = events[start : start + MOST_EVENTS]
            if not self._call(part, manner):
                refused += [one for one in part if one["attemptNumber"] < MOST_ATTEMPTS]
        self._webhooks.give_back(events if manner.keep else refused, refused=not manner.keep)
        return not refused

    def _call(self, events: Sequence[JSON], manner: Manner) -> bool:
        body = orjson.dumps(events)
        timestamp = str(self._portal.now_ms() - manner.age_seconds * 1000)
        proof = signature(self._target, body if manner.signed else b"", timestamp)
        older = hashlib.sha256(CLIENT_SECRET.encode() + body).hexdigest()
        headers = {
            "content-type": "application/json",
            "user-agent": "HubSpot Connect 2.0 (simulated)",
            "x-hubspot-request-timestamp": timestamp,
            "x-hubspot-signature": older,
            "x-hubspot-signature-version": "v1",
            "x-hubspot-signature-v3": proof,
            "x-hubspot-timeout-millis": str(int(TIMEOUT_SECONDS * 1000)),
        }
        took = True
        for _ in range(manner.times):
            try:
                answer: int | str = self._send(self._target, body, headers)
            except OSError as error:
                answer = f"no answer: {error}"
            self._answers.append(answer)
            took = isinstance(answer, int) and 200 <= answer < 300
        return took

    def _automatic(self, wanted: bool) -> None:
        if self._stop is not None:
            self._stop.set()
            self._stop = None
        if wanted:
            self._stop = threading.Event()
            threading.Thread(target=self._run, args=(self._stop,), daemon=True).start()

    def _run(self, stop: threading.Event) -> None:
        """Send what comes, a little gathered; after a refusal wait longer each time."""
        pause = GATHER_SECONDS
        while not stop.is_set():
            if self._webhooks.wait(GATHER_SECONDS) and not stop.wait(pause):
                took = self._deliver(Manner())
                pause = GATHER_SECONDS if took else min(pause * 2, 30.0)
