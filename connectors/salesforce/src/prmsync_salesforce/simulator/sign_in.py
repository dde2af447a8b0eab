"""OAuth client credentials, tokens that expire, the daily limit, and who is signed in."""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.database import Row
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.settings import OrgSettings

_DAY = timedelta(hours=24)


class SignIn:
    """Issues tokens to the one client it knows, and checks them."""

    def __init__(
        self, settings: OrgSettings, org_id: str, user_id: str, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._org_id = org_id
        self._user_id = user_id
        self._now = now
        self._tokens: dict[str, datetime] = {}
        self._numbers = itertools.count(1)
        self._window_start: datetime | None = None
        self._used = 0

    def token(self, request: Request) -> Response:
        """Answer `/services/oauth2/token`."""
        form = parse_qs(request.body.decode("utf-8", "replace"))
        values = {**request.query, **form}
        grant = _first(values, "grant_type")
        if grant != "client_credentials":
            return _refused("unsupported_grant_type", "grant type not supported")
        basic = _basic(request.headers.get("authorization", ""))
        client_id, secret = basic or (
            _first(values, "client_id"),
            _first(values, "client_secret"),
        )
        if client_id != self._settings.client_id:
            return _refused("invalid_client_id", "client identifier invalid")
        if secret != self._settings.client_secret:
            return _refused("invalid_client", "invalid client credentials")
        return self._issued(request)

    def _issued(self, request: Request) -> Response:
        now = self._now()
        token = f"{self._org_id[:15]}!simulated.{next(self._numbers):08d}"
        lifetime = timedelta(seconds=self._settings.token_lifetime_seconds)
        self._tokens = {key: until for key, until in self._tokens.items() if until > now}
        self._tokens[token] = now + lifetime
        base = base_url(request)
        return json_response(
            200,
            {
                "access_token": token,
                "signature": "c2ltdWxhdGVk",
                "scope": "api",
                "instance_url": base,
                "id": f"{base}/id/{self._org_id}/{self._user_id}",
                "token_type": "Bearer",
                "issued_at": str(int(now.timestamp() * 1000)),
            },
        )

    def check(self, request: Request) -> None:
        """Raises INVALID_SESSION_ID without a token that is still good."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        until = self._tokens.get(token.strip())
        if scheme.lower() not in ("bearer", "oauth") or until is None or until <= self._now():
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def revoke_all(self) -> None:
        """Every token is invalid from now on."""
        self._tokens.clear()

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

    def limits(self) -> dict[str, Any]:
        """The `/limits` answer."""
        most = self._settings.daily_api_limit
        fixed = {"DailyBulkV2QueryJobs": 10000, "DailyBulkApiBatches": 15000}
        return {
            "DailyApiRequests": {"Max": most, "Remaining": max(0, most - self._used)},
            **{name: {"Max": value, "Remaining": value} for name, value in fixed.items()},
        }

    def user_info(self, request: Request, user: Row) -> dict[str, Any]:
        """The `/services/oauth2/userinfo` answer."""
        base = base_url(request)
        return {
            "sub": f"{base}/id/{self._org_id}/{self._user_id}",
            "user_id": self._user_id,
            "organization_id": self._org_id,
            "preferred_username": user.get("Username"),
            "nickname": user.get("Alias"),
            "name": user.get("Name"),
            "email": user.get("Email"),
            "email_verified": True,
            "given_name": user.get("FirstName"),
            "family_name": user.get("LastName"),
            "zoneinfo": user.get("TimeZoneSidKey"),
            "photos": {},
            "profile": f"{base}/{self._user_id}",
            "urls": {
                "rest": f"{base}/services/data/v{{version}}/",
                "sobjects": f"{base}/services/data/v{{version}}/sobjects/",
                "query": f"{base}/services/data/v{{version}}/query/",
            },
            "active": True,
            "user_type": "STANDARD",
            "language": user.get("LanguageLocaleKey"),
            "locale": user.get("LocaleSidKey"),
            "utcOffset": -28800000,
            "updated_at": user.get("LastModifiedDate"),
        }


def base_url(request: Request) -> str:
    """The address the caller used, which is the only one sure to reach the simulator."""
    scheme = request.headers.get("x-forwarded-proto", "http")
    return f"{scheme}://{request.headers.get('host', '127.0.0.1')}"


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret


def _first(values: dict[str, list[str]], name: str) -> str:
    return values.get(name, [""])[0]


def _refused(error: str, description: str) -> Response:
    return json_response(400, {"error": error, "error_description": description})
