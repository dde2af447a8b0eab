"""The connection's own options, checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from prmsync.connector.protocol import ConnectionSettings
from prmsync.errors import ConfigurationError, Finding
from prmsync_hubspot.auth import check_auth

RESERVE = 0.95
"""The part of the account's daily calls that may be in use by anyone; the rest is for people."""
_NEAR = 0.75


@dataclass(frozen=True, slots=True)
class Options:
    """`[connections.NAME.options]` of this connector; `call_share` is the connection's `share`."""

    call_share: float | None = None
    """The part (0..1) of the account's daily calls that one session may use; None: no bound."""
    look_back_seconds: float = 600.0
    """How far before its cursor a read begins; HubSpot's search lags behind its records."""
    archive_seconds: float = 300.0
    """From one look through the archived records to the next; deletions are found by it."""
    prefetch: bool = True
    """Fetch the next page in a background thread while the present one is worked on."""

    @classmethod
    def of(cls, settings: ConnectionSettings) -> Options:
        """Raises ConfigurationError with every wrong key."""
        check_auth(settings.name, settings.auth)
        known = {one.name: one for one in fields(cls)}
        wrong = [
            _finding(settings.name, name, value, known)
            for name, value in settings.options.items()
            if name not in known or not _fits(name, value)
        ]
        if wrong:
            raise ConfigurationError(
                f"connection {settings.name} has options that HubSpot cannot use", findings=wrong
            )
        return cls(**settings.options)


def near(name: str, names: Iterable[str], otherwise: str) -> str:
    """A hint with the nearest known name. Names of ours begin alike: that alone is not near."""
    found = get_close_matches(name, list(names), 1, _NEAR)
    return f'did you mean "{found[0]}"?' if found else otherwise


def _fits(name: str, value: Any) -> bool:
    if name == "prefetch":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value <= 1 if name == "call_share" else value >= 0


def _finding(connection: str, name: str, value: Any, known: Iterable[str]) -> Finding:
    where = f"[connections.{connection}] options.{name}"
    if name not in known:
        settable = [one for one in known if one != "call_share"]
        known_here = f"Known: {', '.join(settable)}."
        return Finding(
            where, "is no option of a HubSpot connection", near(name, settable, known_here)
        )
    wanted = {"prefetch": "true or false", "call_share": "a number above 0, up to 1"}
    return Finding(where, f"{value!r} is not {wanted.get(name, 'a number of seconds')}")
