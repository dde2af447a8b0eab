"""Bearer tokens: a service key or private app token as it is, or OAuth with a refresh token."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from prmsync.errors import AuthError, ConfigurationError, Finding

REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a key
AUTH_KEYS: Mapping[str, str] = {
    "token": "A service key (or the access token of a legacy private app); nothing else is needed",
    REFRESH_TOKEN: "OAuth: where prmsync connect keeps what a sign-in in the browser gave",
    "client_id": "OAuth: the app's client id",
    "client_secret": "OAuth: the app's client secret",
    "webhook_secret": "Webhooks: the client secret of the app that sends them, if it is another",
}
_OAUTH_KEYS = (REFRESH_TOKEN, "client_id", "client_secret")
_EARLY = timedelta(seconds=60)

Told = Mapping[str, Any]
"""HubSpot's answer to a token request."""


class FixedToken:
    """A token that does not change during the session."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        return self._token

    def renew(self, refused: str) -> bool:  # noqa: ARG002  the face of client.Tokens
        return False

    def scopes(self) -> frozenset[str] | None:
        """Not told with the token."""
        return None


class RefreshedToken:
    """Access tokens by refresh token, renewed a minute before they expire: each expiry is one
    sign-in, whichever thread meets it.

    `ask` redeems a refresh token. `keep` is told one that replaces the present one; without it an
    app that rotates them is refused, because the next sign-in would fail.
    """

    def __init__(
        self,
        refresh_token: str,
        ask: Callable[[str], Told],
        now: Callable[[], datetime],
        keep: Callable[[str, str], None] | None = None,
    ) -> None:
        self._refresh_token = refresh_token
        self._ask = ask
        self._now = now
        self._keep = keep
        self._lock = threading.Lock()
        self._token = ""
        self._expires: datetime | None = None
        self._scopes: frozenset[str] | None = None

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

    def scopes(self) -> frozenset[str] | None:
        """What the token opens; None where HubSpot did not tell."""
        self.current()
        return self._scopes

    def _take(self) -> None:
        told = self._ask(self._refresh_token)
        token = access_token(told)
        self._rotate(str(told.get(REFRESH_TOKEN) or ""))
        seconds = told.get("expires_in") or told.get("expiresIn")
        scopes = told.get("scopes")
        self._token = token
        self._scopes = frozenset(map(str, scopes)) if isinstance(scopes, list) else None
        self._expires = (
            self._now() + timedelta(seconds=seconds) if isinstance(seconds, int) else None
        )

    def _rotate(self, newest: str) -> None:
        if newest in ("", self._refresh_token):
            return
        if self._keep is None:
            raise AuthError(
                "HubSpot replaced the refresh token, and the new one cannot be kept",
                hint="Keep auth.refresh_token at file:PATH or keyring:SERVICE/NAME; then sign in "
                "again with prmsync connect.",
            )
        self._keep(REFRESH_TOKEN, newest)
        self._refresh_token = newest


def access_token(told: Told) -> str:
    """The access token of an answer. Raises AuthError where there is none."""
    token = told.get("access_token") or told.get("accessToken")
    if not isinstance(token, str) or not token:
        raise AuthError(
            "HubSpot's answer to the sign-in holds no access token",
            hint="check base_url and api_version",
        )
    return token


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
