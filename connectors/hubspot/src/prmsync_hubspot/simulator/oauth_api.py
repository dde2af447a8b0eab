"""OAuth: tokens by code and refresh token, what a token is, and ending one.

Three generations of paths: `/oauth/v1/token` with the token's metadata by address (until
2027-02-16), `/oauth/v3/token` and the date-based `/oauth/2026-09/token`, which take everything in
the body. A legacy private app's token is told by `/oauth/v2/private-apps/get/access-token-info`.
"""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.sign_in import challenge_of
from prmsync.connector.simulator.browser import body_form, form_of
from prmsync_hubspot.simulator.access import Access
from prmsync_hubspot.simulator.actor import APP_ID, APP_USER_ID
from prmsync_hubspot.simulator.consent import Consent
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError
from prmsync_hubspot.simulator.routing import AUTHORIZE, Call, Reply, Route
from prmsync_hubspot.simulator.settings import CLIENT_ID, CLIENT_SECRET
from prmsync_hubspot.simulator.tokens import Grant

_DOMAIN = "simulated.example.com"
_USER = "integration@example.com"


class OAuthApi:
    """`/oauth/…`, open without a token."""

    def __init__(self, portal: Portal, access: Access) -> None:
        self._portal = portal
        self._tokens = access.tokens
        self._consent = Consent(portal, access.tokens)

    def routes(self) -> list[Route]:
        v1, v3 = ("v1",), ("v3",)
        return [
            Route("GET", AUTHORIZE, "oauth.authorize", self.authorize),
            Route("POST", AUTHORIZE, "oauth.authorize", self.authorize),
            Route("POST", "token", "oauth.token", self.token, ("v1", "v3")),
            Route("POST", "token/introspect", "oauth.token_info", self.introspect, v3),
            Route("POST", "token/revoke", "oauth.revoke", self.revoke, v3),
            Route("GET", "access-tokens/*", "oauth.token_info", self.token_info, v1, dated=False),
            Route("GET", "refresh-tokens/*", "oauth.refresh_info", self.refresh_info, v1, False),
            Route("DELETE", "refresh-tokens/*", "oauth.revoke", self.uninstall, v1, dated=False),
            Route(
                "POST",
                "private-apps/get/access-token-info",
                "oauth.key_info",
                self.key_info,
                ("v2",),
                dated=False,
            ),
        ]

    def authorize(self, call: Call) -> Reply:
        answer = self._consent.answer(call.request)
        return answer.status, answer

    def token(self, call: Call) -> Reply:
        form = form_of(call.request) if call.version == "v1" else body_form(call.request)
        kind = form.get("grant_type")
        if kind not in ("refresh_token", "authorization_code"):
            raise _refused("BAD_GRANT_TYPE", "unsupported_grant_type", "unknown grant type")
        _check_client(form)
        if kind == "refresh_token":
            refresh = form.get("refresh_token", "")
            scopes = self._tokens.refreshing(refresh)
            if scopes is None:
                told = "refresh token is invalid, expired or revoked"
                raise _refused("BAD_REFRESH_TOKEN", "invalid_grant", told)
            return 200, self._issued(scopes, refresh)
        scopes = self._redeemed(form)
        return 200, self._issued(scopes, self._tokens.issue_refresh(scopes))

    def _redeemed(self, form: Mapping[str, str]) -> frozenset[str]:
        code = self._tokens.redeem(form.get("code", ""))
        if code is None:
            raise _refused("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code")
        if form.get("redirect_uri") != code.redirect_uri:
            raise _refused("BAD_REDIRECT_URI", "invalid_grant", "missing or invalid redirect uri")
        proved = challenge_of(form.get("code_verifier", ""))
        if code.challenge not in (None, proved):
            raise _refused("BAD_CODE_VERIFIER", "invalid_grant", "invalid code verifier")
        return code.scopes

    def _issued(self, scopes: frozenset[str], refresh: str) -> JSON:
        return {
            "token_type": "bearer",
            "refresh_token": refresh,
            "hub_id": self._portal.account.portal_id,
            "scopes": Grant(scopes).named,
            "access_token": self._tokens.issue_access(scopes),
            "expires_in": self._portal.settings.token_seconds,
        }

    def introspect(self, call: Call) -> Reply:
        """`{"active": false}` for a token that is not known or has run out."""
        form = body_form(call.request)
        _check_client(form)
        token = form.get("token", "")
        grant = self._tokens.access(token)
        if grant is not None and self._seconds(grant) > 0:
            told = {**self._described(grant.named), **self._access_part(token, grant)}
            return 200, {"active": True, "token_use": "access_token", **told}
        scopes = self._tokens.refreshing(token)
        if scopes is not None:
            told = {**self._described(Grant(scopes).named), **_refresh_part(token)}
            return 200, {"active": True, "token_use": "refresh_token", **told}
        return 200, {"active": False}

    def revoke(self, call: Call) -> Reply:
        """200 whether or not there was such a token (RFC 7009)."""
        form = body_form(call.request)
        _check_client(form)
        self._tokens.revoke(form.get("token", ""))
        return 200, {}

    def token_info(self, call: Call) -> Reply:
        token = call.args[0]
        grant = self._tokens.access(token)
        if grant is None or self._seconds(grant) <= 0:
            raise ApiError(404, "access token is not known", "OBJECT_NOT_FOUND")
        return 200, {**self._described(grant.named), **self._access_part(token, grant)}

    def refresh_info(self, call: Call) -> Reply:
        scopes = self._tokens.refreshing(call.args[0])
        if scopes is None:
            raise ApiError(404, "refresh token is not known", "OBJECT_NOT_FOUND")
        return 200, {**self._described(Grant(scopes).named), **_refresh_part(call.args[0])}

    def uninstall(self, call: Call) -> Reply:
        self._tokens.revoke(call.args[0])
        return 204, None

    def key_info(self, call: Call) -> Reply:
        """What a service key (or a legacy private app's token) is."""
        grant = self._tokens.key(str(call.json().get("tokenKey")))
        if grant is None or grant.expires is not None:
            raise ApiError(404, "access token is not known", "OBJECT_NOT_FOUND")
        return 200, {
            "userId": int(APP_USER_ID),
            "hubId": self._portal.account.portal_id,
            "appId": int(APP_ID),
            "scopes": grant.named,
        }

    def _described(self, scopes: list[str]) -> JSON:
        return {
            "hub_id": self._portal.account.portal_id,
            "user_id": int(APP_USER_ID),
            "scopes": scopes,
            "user": _USER,
            "hub_domain": _DOMAIN,
        }

    def _access_part(self, token: str, grant: Grant) -> JSON:
        return {
            "token": token,
            "token_type": "access",
            "app_id": int(APP_ID),
            "expires_in": self._seconds(grant),
        }

    def _seconds(self, grant: Grant) -> int:
        return ((grant.expires or 0) - self._portal.now_ms()) // 1000


def _refresh_part(token: str) -> JSON:
    return {"token": token, "token_type": "refresh", "client_id": CLIENT_ID}


def _check_client(form: Mapping[str, str]) -> None:
    if form.get("client_id") != CLIENT_ID:
        raise _refused("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id")
    if form.get("client_secret") != CLIENT_SECRET:
        raise _refused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret")


def _refused(status: str, error: str, told: str) -> ApiError:
    """400 in RFC 6749's words and, beside them, in the older ones that HubSpot keeps."""
    extra = {"status": status, "error": error, "error_description": told}
    return ApiError(400, told, None, extra=extra)
