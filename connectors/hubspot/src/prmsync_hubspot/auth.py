"""Bearer tokens: a service key or private app token as it is, or OAuth with a refresh token."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from prmsync.errors import AuthError, ConfigurationError, Finding

AUTH_KEYS: Mapping[str, str] = {
    "token": "A service key (or the access token of a legacy private app); nothing else is needed.",
    "refresh_token": "OAuth: the refresh token that signing in gave; needs client_id and _secret.",
    "client_id": "OAuth: the app's client id.",
    "client_secret": "OAuth: the app's client secret.",
}
_OAUTH_KEYS = ("refresh_token", "client_id", "client_secret")
_EARLY = timedelta(seconds=60)


class FixedToken:
    """A token that does not change during the session."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        return self._token

    def renew(self, refused: str) -> bool:  # noqa: ARG002  the face of client.Tokens
        return False


class RefreshedToken:
    """Access tokens by refresh token, renewed a minute before they expire. Shared by threads."""

    def __init__(
        self, sign_in: Callable[[], Mapping[str, Any]], now: Callable[[], datetime]
    ) -> None:
        self._sign_in = sign_in
        self._now = now
        self._lock = threading.Lock()
        self._token = ""
        self._expires: datetime | None = None

    def current(self) -> str:
        with self._lock:
            due = self._expires is not None and self._now() >= self._expires - _EARLY
            if not self._token or due:
                self._take()
            return self._token

    def renew(self, refused: str) -> bool:
        with self._lock:
            if self._token == refused:
                self._take()
            return True

    def _take(self) -> None:
        told = self._sign_in()
        token = told.get("access_token") or told.get("accessToken")
        if not isinstance(token, str) or not token:
            raise AuthError(
                "HubSpot's answer to the sign-in holds no access token",
                hint="check base_url and api_version",
            )
        seconds = told.get("expires_in") or told.get("expiresIn")
        self._token = token
        self._expires = (
            self._now() + timedelta(seconds=seconds) if isinstance(seconds, int) else None
        )


def check_auth(connection: str, auth: Mapping[str, str]) -> None:
    """Raises ConfigurationError unless there is a token or all three OAuth keys."""
    if auth.get("token"):
        return
    missing = [key for key in _OAUTH_KEYS if not auth.get(key)]
    if not missing:
        return
    where = f"[connections.{connection}.auth]"
    wanted = ["token"] if len(missing) == len(_OAUTH_KEYS) else missing
    raise ConfigurationError(
        f"{where} lacks {', '.join(wanted)}",
        hint="give a service key as token, or refresh_token, client_id and client_secret",
        findings=[Finding(f"{where} {key}", "missing", AUTH_KEYS[key]) for key in wanted],
    )
