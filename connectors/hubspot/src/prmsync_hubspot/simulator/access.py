"""Who may call: service keys, OAuth tokens that expire, and scopes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError
from prmsync_hubspot.simulator.settings import (
    ALL_SCOPES,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
)
from prmsync_hubspot.simulator.stamps import iso

APP_ID = "3700421"
APP_USER_ID = "61000"
_AUTH_URL = "https://developers.hubspot.com/docs/methods/auth/oauth-overview"
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(slots=True)
class Grant:
    """What a token opens. `expires` in milliseconds of the simulator's clock; None: never."""

    scopes: frozenset[str]
    expires: int | None = None

    def need(self, scope: str) -> None:
        """Raises ApiError 403 for a scope that was not granted."""
        if ALL_SCOPES not in self.scopes and scope not in self.scopes:
            raise missing_scopes([scope])


class Access:
    """Tokens of a portal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._issued: dict[str, Grant] = {}
        self._ended: dict[str, int] = {}

    def grant(self, headers: Mapping[str, str]) -> Grant:
        """What the bearer token opens. Raises ApiError 401 as HubSpot does."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        found = self._find(token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise ApiError(
                401,
                "Authentication credentials not found. This API supports OAuth 2.0 authentication"
                f" and you can find more details at {_AUTH_URL}",
                "INVALID_AUTHENTICATION",
            )
        now = self._portal.now_ms()
        if found.expires is not None and found.expires <= now:
            raise expired(found.expires, now)
        return found

    def _find(self, token: str) -> Grant | None:
        if token in self._issued:
            return self._issued[token]
        scopes = self._portal.settings.tokens.get(token)
        return None if scopes is None else Grant(frozenset(scopes), self._ended.get(token))

    def expire_all(self) -> None:
        """End all OAuth tokens now; a refresh gives a new one. Service keys stay."""
        for grant in self._issued.values():
            grant.expires = self._portal.now_ms()

    def revoke(self, token: str) -> None:
        """End a service key for good."""
        self._ended[token] = self._portal.now_ms()

    def refresh(self, form: Mapping[str, str]) -> JSON:
        """The OAuth token call. Raises ApiError 400 for credentials that are not ours."""
        if form.get("grant_type") not in ("refresh_token", "authorization_code"):
            raise _oauth_error("BAD_GRANT_TYPE", "missing or unknown grant type")
        if form.get("client_id") != CLIENT_ID:
            raise _oauth_error("BAD_CLIENT_ID", "missing or unknown client id")
        if form.get("client_secret") != CLIENT_SECRET:
            raise _oauth_error("BAD_CLIENT_SECRET", "missing or invalid client secret")
        if form["grant_type"] == "refresh_token" and form.get("refresh_token") != REFRESH_TOKEN:
            raise _oauth_error("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        if form["grant_type"] == "authorization_code" and not form.get("code"):
            raise _oauth_error("BAD_AUTH_CODE", "missing or unknown auth code")
        return self._issue()

    def _issue(self) -> JSON:
        seconds = self._portal.settings.token_seconds
        token = f"CO-{self._portal.new_uuid()}"
        expires = self._portal.now_ms() + seconds * 1000
        self._issued[token] = Grant(frozenset([ALL_SCOPES]), expires)
        return {
            "token_type": "bearer",
            "access_token": token,
            "refresh_token": REFRESH_TOKEN,
            "expires_in": seconds,
        }

    def describe(self, token: str) -> JSON:
        """What HubSpot tells of a token. Raises ApiError 404 for one that it does not know."""
        found = self._find(token)
        if found is None:
            raise ApiError(404, "access token is not known", "OBJECT_NOT_FOUND")
        left = 0 if found.expires is None else (found.expires - self._portal.now_ms()) // 1000
        return {
            "token": token,
            "user": "integration@example.com",
            "hub_domain": "simulated.example.com",
            "scopes": sorted(found.scopes),
            "hub_id": self._portal.account.portal_id,
            "app_id": int(APP_ID),
            "expires_in": left,
            "user_id": int(APP_USER_ID),
            "token_type": "access",
        }


def expired(at: int, now: int) -> ApiError:
    """401 for a token that has run out."""
    seconds = max((now - at) // 1000, 0)
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "second"))
    return ApiError(
        401,
        f"The OAuth token used to make this call expired {seconds // size} {unit}(s) ago.",
        "EXPIRED_AUTHENTICATION",
        extra={"context": {"expire time": [iso(at)]}},
    )


def missing_scopes(scopes: Iterable[str]) -> ApiError:
    """403 MISSING_SCOPES."""
    return ApiError(
        403,
        "One or more of the following scopes are required.",
        "MISSING_SCOPES",
        extra={
            "context": {
                "requiredGranularScopes": list(scopes),
                "links": ["https://developers.hubspot.com/scopes"],
            }
        },
    )


def _oauth_error(code: str, message: str) -> ApiError:
    return ApiError(400, message, None, extra={"status": code})
