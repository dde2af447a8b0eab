"""The OAuth endpoints: four grants, revoking, and the page on which a person says yes.

Refusals carry Salesforce's own `error` and `error_description`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from prmsync.connector.sign_in import challenge_of
from prmsync.connector.simulator.browser import form_of
from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.identity import People, base_url
from prmsync_salesforce.simulator.settings import OrgSettings
from prmsync_salesforce.simulator.tokens import Tokens

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LOGIN_HOSTS = frozenset({"https://login.salesforce.com", "https://test.salesforce.com"})
_NO_STORE = {"cache-control": "no-cache, no-store"}


class Refused(Exception):
    """A token request that is refused."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description

    def answer(self) -> Response:
        body = {"error": self.error, "error_description": self.description}
        return json_response(400, body, _NO_STORE)


class OAuth:
    """Answers `/services/oauth2/token` and `/services/oauth2/revoke` for the one client app.

    `certificate` is the PEM public key or certificate that was registered with the app; it
    verifies the assertions of the JWT bearer grant.
    """

    def __init__(
        self, settings: OrgSettings, people: People, tokens: Tokens, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._people = people
        self._tokens = tokens
        self._now = now
        self.certificate = settings.certificate

    def token(self, request: Request) -> Response:
        """Answer a token request."""
        values = form_of(request)
        grants: Mapping[str, Callable[[Request, Mapping[str, str]], dict[str, Any]]] = {
            "client_credentials": self._client_credentials,
            JWT_BEARER: self._jwt_bearer,
            "authorization_code": self._authorization_code,
            "refresh_token": self._refresh,
        }
        try:
            if request.method != "POST":
                raise Refused("invalid_request", "must use HTTP POST")
            grant = grants.get(values.get("grant_type", ""))
            if grant is None:
                raise Refused("unsupported_grant_type", "grant type not supported")
            return json_response(200, grant(request, values), _NO_STORE)
        except Refused as refused:
            return refused.answer()

    def revoke(self, request: Request) -> Response:
        """Answer `/services/oauth2/revoke`."""
        if self._tokens.revoke(form_of(request).get("token", "")):
            return Response(200)
        return Refused("invalid_token", "invalid token").answer()

    def _client_credentials(self, request: Request, values: Mapping[str, str]) -> dict[str, Any]:
        self._check_client(request, values, secret_needed=True)
        return self._issued(request, self._people.integration_user, "api")

    def _jwt_bearer(self, request: Request, values: Mapping[str, str]) -> dict[str, Any]:
        claims = self._claims(values.get("assertion", ""))
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if not _LOGIN_HOSTS.union({base_url(request)}).intersection(map(str, audiences)):
            raise Refused("invalid_grant", "audience is invalid")
        user_id = self._people.by_username(str(claims.get("sub")))
        if user_id is None:
            raise Refused("invalid_grant", "user hasn't approved this consumer")
        return self._issued(request, user_id, "api")

    def _claims(self, assertion: str) -> dict[str, Any]:
        """The signed claims; the times in them are judged by the simulated clock."""
        try:
            issuer = jwt.decode(assertion, options={"verify_signature": False}).get("iss")
        except jwt.InvalidTokenError:
            raise Refused("invalid_grant", "invalid assertion") from None
        if issuer != self._settings.client_id:
            raise Refused("invalid_client_id", "client identifier invalid")
        try:
            claims = jwt.decode(
                assertion,
                _public_key(self.certificate),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_aud": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError):
            raise Refused("invalid_grant", "invalid assertion") from None
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or expires <= self._now().timestamp():
            raise Refused("invalid_grant", "expired authorization code")
        return dict(claims)

    def _authorization_code(self, request: Request, values: Mapping[str, str]) -> dict[str, Any]:
        self._check_client(request, values, secret_needed=False)
        code = self._tokens.redeem(values.get("code", ""))
        if code is None:
            raise Refused("invalid_grant", "expired authorization code")
        if values.get("redirect_uri") != code.redirect_uri:
            raise Refused("redirect_uri_mismatch", "redirect_uri must match configuration")
        if code.challenge is None and not self._secret_given(request, values):
            raise Refused("invalid_client", "invalid client credentials")
        verifier = values.get("code_verifier", "")
        if code.challenge is not None and challenge_of(verifier) != code.challenge:
            raise Refused("invalid_grant", "invalid code verifier")
        answer = self._issued(request, code.user_id, code.scope)
        if {"refresh_token", "offline_access"} & set(code.scope.split()):
            answer["refresh_token"] = self._tokens.issue_refresh(code.user_id)
        return answer

    def _refresh(self, request: Request, values: Mapping[str, str]) -> dict[str, Any]:
        self._check_client(request, values, secret_needed=False)
        token = values.get("refresh_token", "")
        user_id = self._tokens.refreshing(token)
        if user_id is None:
            raise Refused("invalid_grant", "expired access/refresh token")
        answer = self._issued(request, user_id, "refresh_token api")
        if self._settings.rotate_refresh_tokens:
            self._tokens.revoke(token)
            answer["refresh_token"] = self._tokens.issue_refresh(user_id)
        return answer

    def _check_client(
        self, request: Request, values: Mapping[str, str], *, secret_needed: bool
    ) -> None:
        client_id, secret = _client(request, values)
        if client_id != self._settings.client_id:
            raise Refused("invalid_client_id", "client identifier invalid")
        if (secret or secret_needed) and secret != self._settings.client_secret:
            raise Refused("invalid_client", "invalid client credentials")

    def _secret_given(self, request: Request, values: Mapping[str, str]) -> bool:
        return _client(request, values)[1] == self._settings.client_secret

    def _issued(self, request: Request, user_id: str, scope: str) -> dict[str, Any]:
        if not self._people.active(user_id):
            raise Refused("inactive_user", "user is inactive")
        base = base_url(request)
        return {
            "access_token": self._tokens.issue(user_id),
            "signature": "c2ltdWxhdGVk",
            "scope": scope,
            "instance_url": base,
            "id": f"{base}/id/{self._people.org_id}/{user_id}",
            "token_type": "Bearer",
            "issued_at": str(int(self._now().timestamp() * 1000)),
        }


def _client(request: Request, values: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return values.get("client_id", ""), values.get("client_secret", "")
    try:
        pair = base64.b64decode(encoded).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client_id, _, secret = pair.partition(":")
    return client_id, secret


def _public_key(pem: str) -> Any:
    """The key in a PEM certificate or public key. Raises ValueError."""
    if "BEGIN CERTIFICATE" in pem:
        return load_pem_x509_certificate(pem.encode()).public_key()
    return load_pem_public_key(pem.encode())
