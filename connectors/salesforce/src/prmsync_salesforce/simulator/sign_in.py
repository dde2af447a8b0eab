"""Who may call: the OAuth endpoints, tokens that expire, and the daily limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.authorize import Authorize
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.identity import People, identity, user_info
from prmsync_salesforce.simulator.oauth import OAuth
from prmsync_salesforce.simulator.settings import OrgSettings
from prmsync_salesforce.simulator.tokens import Tokens

_DAY = timedelta(hours=24)
_USERINFO = "/services/oauth2/userinfo"


class SignIn:
    """Issues tokens to the one client app it knows, checks them, and counts calls."""

    def __init__(self, settings: OrgSettings, people: People, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._people = people
        self._now = now
        self.lifetime_seconds = settings.token_lifetime_seconds
        self._tokens = Tokens(people.org_id, lambda: self.lifetime_seconds, now)
        self._oauth = OAuth(settings, people, self._tokens, now)
        self._authorize = Authorize(settings, people, self._tokens, now)
        self._window_start: datetime | None = None
        self._used = 0

    def answer(self, request: Request) -> Response | None:
        """Answer the paths of sign-in and identity; None for all others."""
        path = request.path
        if path == "/services/oauth2/token":
            return self._oauth.token(request)
        if path == "/services/oauth2/authorize":
            return self._authorize.handle(request)
        if path == "/services/oauth2/revoke":
            return self._oauth.revoke(request)
        if path == _USERINFO or path.startswith("/id/"):
            return self._identity(request)
        return None

    def _identity(self, request: Request) -> Response:
        if not request.headers.get("authorization"):
            return Response(403, b"Missing_OAuth_Token")
        user_id = self._user(request)
        if user_id is None:
            return Response(403, b"Bad_OAuth_Token")
        if request.path == _USERINFO:
            return user_info(self._people, request, user_id, self._now())
        return identity(self._people, request, self._now())

    def check(self, request: Request) -> str:
        """The id of the user who calls. Raises INVALID_SESSION_ID without a token that is still
        good, or when its user was made inactive."""
        user_id = self._user(request)
        if user_id is None:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return user_id

    def user_of(self, token: str) -> str | None:
        """Whose token this is; None when it is no longer good."""
        user_id = self._tokens.user_of(token)
        return user_id if user_id is not None and self._people.active(user_id) else None

    def _user(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self.user_of(token.strip()) if scheme.lower() in ("bearer", "oauth") else None

    def control(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a test or an administrator does to the app: `certificate` (PEM) registers the key
        of the JWT bearer grant, `token_lifetime_seconds` holds for tokens issued from now on,
        `revoke` is "access", "refresh" or "all", `token_for` gives tokens of the user of this
        name, as the vendor's command line shows them. Raises ValueError."""
        problems = [f"unknown key {key!r}" for key in wanted if key not in _CONTROLS]
        revoke = wanted.get("revoke")
        if revoke not in (None, "access", "refresh", "all"):
            problems.append('revoke must be "access", "refresh" or "all"')
        if not isinstance(wanted.get("certificate", ""), str):
            problems.append("certificate must be text, PEM")
        if not isinstance(wanted.get("token_lifetime_seconds", 0), int | float):
            problems.append("token_lifetime_seconds must be a number")
        named = wanted.get("token_for")
        user_id = self._people.by_username(str(named)) if named is not None else None
        if named is not None and user_id is None:
            problems.append(f"no user is called {named}")
        if problems:
            raise ValueError("; ".join(problems))
        self._oauth.certificate = wanted.get("certificate", self._oauth.certificate)
        self.lifetime_seconds = wanted.get("token_lifetime_seconds", self.lifetime_seconds)
        if revoke in ("access", "all"):
            self._tokens.revoke_access()
        if revoke in ("refresh", "all"):
            self._tokens.revoke_refresh()
        if user_id is not None:
            access, refresh = self._tokens.issue(user_id), self._tokens.issue_refresh(user_id)
            return {**self.as_json(), "access_token": access, "refresh_token": refresh}
        return self.as_json()

    def as_json(self) -> Mapping[str, Any]:
        """The app and what it was given, without tokens."""
        return {
            **self._tokens.as_json(),
            "client_id": self._settings.client_id,
            "certificate": bool(self._oauth.certificate),
            "token_lifetime_seconds": self.lifetime_seconds,
        }

    def count(self) -> None:
        """One more call. Raises REQUEST_LIMIT_EXCEEDED when the day's calls are used up."""
        now = self._now()
        if self._window_start is None or now - self._window_start >= _DAY:
            self._window_start, self._used = now, 0
        if self._used >= self._settings.daily_api_limit:
            raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self._used += 1

    def usage_header(self) -> dict[str, str]:
        """`Sforce-Limit-Info`, which every answer carries."""
        limit = self._settings.daily_api_limit
        return {"Sforce-Limit-Info": f"api-usage={self._used}/{limit}"}

    def limits(self, used: Mapping[str, int]) -> dict[str, Any]:
        """The `/limits` answer; `used` of the other limits, by name."""
        most = self._settings.daily_api_limit
        return {
            "DailyApiRequests": {"Max": most, "Remaining": max(0, most - self._used)},
            **{
                name: {"Max": value, "Remaining": max(0, value - used.get(name, 0))}
                for name, value in _LIMITS.items()
            },
        }


_CONTROLS = ("certificate", "revoke", "token_for", "token_lifetime_seconds")
_LIMITS = {
    "DailyAsyncApexExecutions": 250000,
    "DailyBulkApiBatches": 15000,
    "DailyBulkV2QueryFileStorageMB": 976562,
    "DailyBulkV2QueryJobs": 10000,
    "DataStorageMB": 1024,
    "FileStorageMB": 1024,
    "MassEmail": 5000,
    "SingleEmail": 5000,
}
