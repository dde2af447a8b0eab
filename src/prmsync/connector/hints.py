"""What a CRM calls to tell us of a change (a webhook), and what is made of it.

A hint is never believed: it makes a run come sooner and names records to read again, by their id,
past any search index. Events may be lost, repeated or out of order; nothing depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from prmsync.connector.protocol import ConnectionSettings


class Hint(NamedTuple):
    """A record that may have changed: the CRM's own name of its object, and its id."""

    object: str
    id: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of a CRM's. `address` is the one that the CRM was given, headers are by their
    names in lower case."""

    method: str
    address: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@runtime_checkable
class HintReader(Protocol):
    """What a plugin is besides where its CRM sends webhooks."""

    def webhook_secret(self, settings: ConnectionSettings) -> str:
        """What deliveries are signed with. Raises ConfigurationError where it is missing."""

    def hints(
        self, settings: ConnectionSettings, secret: str, delivery: Delivery, now: datetime
    ) -> Sequence[Hint]:
        """The records that a delivery names, what we wrote ourselves left out. Raises AuthError
        for one that is not proved to be the CRM's, or not of now; RejectedError for one that
        cannot be read. Messages hold nothing of what was sent."""


@runtime_checkable
class HintTaker(Protocol):
    """What a connector has besides where it can read named records before all others."""

    def take_hints(self, hints: Sequence[Hint]) -> None:
        """The next read of changes of each stream has these records as they are now, too."""
