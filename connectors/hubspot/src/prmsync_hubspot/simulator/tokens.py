"""Access tokens, refresh tokens and codes of the one app that a portal knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import ApiError
from prmsync_hubspot.simulator.settings import ALL_SCOPES, REFRESH_TOKEN

CODE_MILLISECONDS = 600_000
"""RFC 6749 advises ten minutes at most; HubSpot's codes are short-lived too."""
_NAMES = ("contacts", "companies", "deals", "custom", "owners")
SCOPES = (
    "automation",
    *(f"crm.objects.{name}.{access}" for name in _NAMES for access in ("read", "write")),
    *(f"crm.schemas.{name}.{access}" for name in _NAMES[:-1] for access in ("read", "write")),
    "oauth",
)
"""What a token of an app with all scopes tells as its scopes."""


@dataclass(slots=True)
class Grant:
    """What a token opens. `expires` in milliseconds of the simulator's clock; None: never."""

    scopes: frozenset[str]
    expires: int | None = None

    def need(self, scope: str) -> None:
        """Raises ApiError 403 for a scope that was not granted."""
        if ALL_SCOPES not in self.scopes and scope not in self.scopes:
            raise missing_scopes([scope])

    @property
    def named(self) -> list[str]:
        """The scopes as HubSpot lists them."""
        return list(SCOPES) if ALL_SCOPES in self.scopes else sorted(self.scopes)


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code: what it grants, and what redeeming it must show."""

    scopes: frozenset[str]
    redirect_uri: str
    challenge: str | None
    until: int


class Tokens:
    """What was issued to the app, and the service keys of the settings, which never expire."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, frozenset[str]] = {
            REFRESH_TOKEN: frozenset(portal.settings.app_scopes)
        }
        self._codes: dict[str, Code] = {}
        self._ended_keys: dict[str, int] = {}

    def access(self, token: str) -> Grant | None:
        """What an access token opens, also one that has expired."""
        return self._access.get(token)

    def key(self, token: str) -> Grant | None:
        """What a service key opens, also one that was ended."""
        scopes = self._portal.settings.tokens.get(token)
        if scopes is None:
            return None
        return Grant(self.within_plan(frozenset(scopes)), self._ended_keys.get(token))

    def within_plan(self, scopes: frozenset[str]) -> frozenset[str]:
        """The scopes that the account's plan has."""
        if self._portal.settings.custom_objects:
            return scopes
        named = frozenset(SCOPES) if ALL_SCOPES in scopes else scopes
        return frozenset(scope for scope in named if ".custom." not in scope)

    def refreshing(self, token: str) -> frozenset[str] | None:
        """The scopes of a refresh token."""
        scopes = self._refresh.get(token)
        return None if scopes is None else self.within_plan(scopes)

    def issue_access(self, scopes: frozenset[str]) -> str:
        token = f"CO-{self._portal.new_uuid()}"
        expires = self._portal.now_ms() + self._portal.settings.token_seconds * 1000
        self._access[token] = Grant(scopes, expires)
        return token

    def issue_refresh(self, scopes: frozenset[str]) -> str:
        token = f"na1-{self._portal.new_uuid()}"
        self._refresh[token] = scopes
        return token

    def issue_code(self, scopes: frozenset[str], redirect_uri: str, challenge: str | None) -> str:
        text = f"na1-code-{self._portal.new_uuid()}"
        until = self._portal.now_ms() + CODE_MILLISECONDS
        self._codes[text] = Code(self.within_plan(scopes), redirect_uri, challenge, until)
        return text

    def redeem(self, text: str) -> Code | None:
        """The code, once, and only while it is fresh."""
        code = self._codes.pop(text, None)
        return code if code is not None and code.until > self._portal.now_ms() else None

    def revoke(self, token: str) -> bool:
        """Whether there was such an access or refresh token."""
        known = self._refresh.pop(token, None) or self._access.pop(token, None)
        return known is not None

    def expire_access(self) -> None:
        """End all access tokens of the app now; a refresh gives a new one."""
        for grant in self._access.values():
            grant.expires = self._portal.now_ms()

    def revoke_refresh(self) -> None:
        """As if a person had uninstalled the app."""
        self._refresh.clear()

    def end_key(self, token: str) -> None:
        """End a service key for good."""
        self._ended_keys[token] = self._portal.now_ms()

    def counts(self) -> dict[str, int]:
        """How many are good, of each kind."""
        now = self._portal.now_ms()
        good = [one for one in self._access.values() if one.expires is None or one.expires > now]
        return {"access_tokens": len(good), "refresh_tokens": len(self._refresh)}


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
