"""The three ways to a token: client credentials, a signed assertion (JWT), a refresh token.

Which one is meant shows in the credentials that are given. Sources: help articles "OAuth 2.0
Client Credentials Flow", "OAuth 2.0 JWT Bearer Flow" and "OAuth 2.0 Refresh Token Flow".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from prmsync.errors import Finding

REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a key
AUTH_KEYS: Mapping[str, str] = {
    "client_id": "Consumer key of the external client app",
    "client_secret": "Consumer secret of the app; not needed with private_key",
    "username": "With private_key: the user to sign in as",
    "private_key": "JWT bearer flow: the RSA key in PEM form whose certificate the app has",
    REFRESH_TOKEN: "Where prmsync connect keeps what a sign-in in the browser gave",
}

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE = timedelta(minutes=3)
"""How long an assertion is good: Salesforce takes five minutes at most, by its own clock."""


class Grant(Protocol):
    """What is posted for a token."""

    @property
    def hints(self) -> Mapping[str, str]:
        """What to do about an OAuth error of this flow, where the general hint does not fit."""

    def form(self, now: datetime, /) -> dict[str, str]:
        """The form of the token request; `now` is aware UTC."""

    def headers(self) -> dict[str, str]:
        """Headers of the token request."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The app's own user."""

    client_id: str
    client_secret: str = field(repr=False)

    @property
    def hints(self) -> Mapping[str, str]:
        return {}

    def form(self, _now: datetime, /) -> dict[str, str]:
        return {"grant_type": "client_credentials"}

    def headers(self) -> dict[str, str]:
        pair = f"{self.client_id}:{self.client_secret}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """A user who was authorised for the app before; `key` signs, `audience` is login or test."""

    client_id: str
    username: str
    audience: str
    key: RSAPrivateKey = field(repr=False)

    @property
    def hints(self) -> Mapping[str, str]:
        return {
            "invalid_grant": "Is username spelt as in Setup, the user pre-authorised for the app "
            "(Policies, “Admin approved users”), the certificate of private_key the app's, "
            "environment right, and this machine's clock?",
            "invalid_client": "Upload the certificate of private_key to the app.",
            "unsupported_grant_type": "Enable the JWT bearer flow in the app.",
        }

    def form(self, now: datetime, /) -> dict[str, str]:
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": self.audience,
            "exp": int((now + _LIFE).timestamp()),
        }
        return {
            "grant_type": JWT_BEARER,
            "assertion": jwt.encode(claims, self.key, algorithm="RS256"),
        }

    def headers(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The user who once signed in with the browser."""

    client_id: str
    token: str = field(repr=False)
    client_secret: str = field(default="", repr=False)

    @property
    def hints(self) -> Mapping[str, str]:
        again = "The sign-in was revoked or has expired: sign in again with prmsync connect."
        return {
            "invalid_grant": again,
            "unsupported_grant_type": "Enable the refresh token scope (refresh_token) in the app.",
        }

    def form(self, _now: datetime, /) -> dict[str, str]:
        form = {
            "grant_type": REFRESH_TOKEN,
            REFRESH_TOKEN: self.token,
            "client_id": self.client_id,
        }
        return form | ({"client_secret": self.client_secret} if self.client_secret else {})

    def headers(self) -> dict[str, str]:
        return {}


def audience(environment: str | None) -> str:
    """Whom an assertion is for."""
    return f"https://{'test' if environment == 'sandbox' else 'login'}.salesforce.com"


def grant_of(auth: Mapping[str, str], environment: str | None) -> Grant | list[Finding]:
    """The grant that the credentials are for, or all that is wrong with them."""
    findings = [
        Finding(f"auth.{key}", "is not known", f"Known: {', '.join(AUTH_KEYS)}.")
        for key in auth
        if key not in AUTH_KEYS
    ]
    needed = _needed(auth)
    findings += [
        Finding(f"auth.{key}", "is missing", f"{AUTH_KEYS[key]}.")
        for key in needed
        if not auth.get(key)
    ]
    if auth.get("private_key") and auth.get(REFRESH_TOKEN):
        findings.append(
            Finding("auth", "holds a private_key and a refresh_token", "Keep the one you use.")
        )
    key = _rsa_key(auth["private_key"]) if auth.get("private_key") else None
    if isinstance(key, Finding):
        findings.append(key)
    if findings:
        return findings
    if isinstance(key, RSAPrivateKey):
        return JwtBearer(auth["client_id"], auth["username"], audience(environment), key)
    if auth.get(REFRESH_TOKEN):
        return RefreshToken(auth["client_id"], auth[REFRESH_TOKEN], auth.get("client_secret", ""))
    return ClientCredentials(auth["client_id"], auth["client_secret"])


def _needed(auth: Mapping[str, str]) -> tuple[str, ...]:
    if auth.get("private_key") or auth.get("username"):
        return ("client_id", "username", "private_key")
    if REFRESH_TOKEN in auth:
        return ("client_id", REFRESH_TOKEN)
    return ("client_id", "client_secret")


def _rsa_key(pem: str) -> RSAPrivateKey | Finding:
    hint = "Make one: openssl req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.crt"
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        return Finding("auth.private_key", "is locked with a pass phrase", f"{hint}.")
    except (ValueError, UnsupportedAlgorithm):
        return Finding("auth.private_key", "is not a key in PEM form", f"{hint}.")
    if not isinstance(key, RSAPrivateKey):
        return Finding("auth.private_key", "is not an RSA key", f"{hint}.")
    return key
