"""Access tokens, refresh tokens and authorization codes of a simulated org."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

CODE_LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code: whom it is for, and what redeeming it must show."""

    user_id: str
    redirect_uri: str
    challenge: str | None
    scope: str
    until: datetime


class Tokens:
    """What was issued, by the simulated clock. Everything may be revoked at once."""

    def __init__(
        self, org_id: str, lifetime_seconds: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        self._prefix = f"{org_id[:15]}!simulated."
        self._lifetime = lifetime_seconds
        self._now = now
        self._access: dict[str, tuple[str, datetime]] = {}
        self._refresh: dict[str, str] = {}
        self._codes: dict[str, Code] = {}
        self._numbers = itertools.count(1)

    def issue(self, user_id: str) -> str:
        """A new access token of this user."""
        now = self._now()
        token = f"{self._prefix}{next(self._numbers):08d}"
        self._access = {key: one for key, one in self._access.items() if one[1] > now}
        self._access[token] = user_id, now + timedelta(seconds=self._lifetime())
        return token

    def issue_refresh(self, user_id: str) -> str:
        """A new refresh token; it lives until it is revoked."""
        token = f"5Aep861.simulated.{next(self._numbers):08d}"
        self._refresh[token] = user_id
        return token

    def issue_code(self, code: Code) -> str:
        """A new authorization code."""
        text = f"aPrx.simulated.{next(self._numbers):08d}"
        self._codes[text] = code
        return text

    def user_of(self, access_token: str) -> str | None:
        """Whose access token this is; None when it is unknown, expired or revoked."""
        found = self._access.get(access_token)
        return found[0] if found is not None and found[1] > self._now() else None

    def refreshing(self, refresh_token: str) -> str | None:
        """Whose refresh token this is."""
        return self._refresh.get(refresh_token)

    def redeem(self, text: str) -> Code | None:
        """The code, once, and only while it is fresh."""
        code = self._codes.pop(text, None)
        return code if code is not None and code.until > self._now() else None

    def revoke(self, token: str) -> bool:
        """Whether there was such an access or refresh token."""
        known = self._refresh.pop(token, None) or self._access.pop(token, None)
        return known is not None

    def revoke_access(self) -> None:
        """Every access token is invalid from now on."""
        self._access.clear()

    def revoke_refresh(self) -> None:
        """Every refresh token is invalid from now on."""
        self._refresh.clear()

    def as_json(self) -> Mapping[str, Any]:
        """How many there are of each kind."""
        now = self._now()
        good = [until for _, until in self._access.values() if until > now]
        return {"access_tokens": len(good), "refresh_tokens": len(self._refresh)}
