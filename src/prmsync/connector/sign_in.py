"""Signing in with a browser: the part that is the same for every CRM (RFC 6749, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from prmsync.connector.protocol import ConnectionSettings, Runtime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in under way. `state` proves that the browser's answer belongs to it, `verifier`
    that the code is redeemed by whoever asked for it; both are random text of 43 characters."""

    redirect_uri: str
    state: str
    verifier: str = field(repr=False)

    @property
    def challenge(self) -> str:
        """What the address may show of the verifier: its SHA-256 hash, base64url."""
        return challenge_of(self.verifier)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode("utf-8")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@runtime_checkable
class BrowserSignIn(Protocol):
    """What a `ConnectorPlugin` has besides where people can sign in with a browser."""

    @property
    def kept_key(self) -> str:
        """The key of `auth` that says where the result is kept, e.g. "refresh_token"."""

    def sign_in_address(self, settings: ConnectionSettings, attempt: Attempt) -> str:
        """The page that a person opens. `settings.auth` lacks `kept_key`. Raises
        ConfigurationError for settings that cannot be used."""

    def redeem(
        self,
        settings: ConnectionSettings,
        runtime: Runtime,
        attempt: Attempt,
        answer: Mapping[str, str],
    ) -> str:
        """What is to be kept, for the query that the browser came back with; its `state` has been
        checked. Raises AuthError, also where the person refused."""
