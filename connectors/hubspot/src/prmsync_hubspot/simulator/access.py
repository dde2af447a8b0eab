"""Who may call: the bearer token of a request, and what an administrator does to tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import ApiError
from prmsync_hubspot.simulator.settings import CLIENT_ID
from prmsync_hubspot.simulator.stamps import iso
from prmsync_hubspot.simulator.tokens import Grant, Tokens

_AUTH_URL = "https://developers.hubspot.com/docs/methods/auth/oauth-overview"
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_REVOKE = ("access", "refresh", "keys", "all")


class Access:
    """Lets requests in."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self.tokens = Tokens(portal)

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
        return self.tokens.access(token) or self.tokens.key(token)

    def expire_all(self) -> None:
        """End all OAuth tokens now; a refresh gives a new one. Service keys stay."""
        self.tokens.expire_access()

    def revoke(self, token: str) -> None:
        """End a service key for good."""
        self.tokens.end_key(token)

    def control(self, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The control path `sign_in`: `{"revoke": "access"}` lets access tokens expire now,
        `"refresh"` is the app uninstalled, `"keys"` ends the service keys. Raises ValueError."""
        wanted = dict(body or {})
        revoke = wanted.pop("revoke", None)
        if wanted or revoke not in (None, *_REVOKE):
            raise ValueError(f'sign_in takes {{"revoke": one of {", ".join(_REVOKE)}}}')
        if revoke in ("access", "all"):
            self.tokens.expire_access()
        if revoke in ("refresh", "all"):
            self.tokens.revoke_refresh()
        if revoke in ("keys", "all"):
            for token in self._portal.settings.tokens:
                self.tokens.end_key(token)
        return {**self.tokens.counts(), "client_id": CLIENT_ID}


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
