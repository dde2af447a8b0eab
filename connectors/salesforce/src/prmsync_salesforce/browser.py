"""Sign-in with the browser: the OAuth web server flow with PKCE, which gives a refresh token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from prmsync.connector.protocol import ConnectionSettings, Runtime
from prmsync.connector.sign_in import Attempt
from prmsync.errors import AuthError
from prmsync_salesforce.auth import Token, ask
from prmsync_salesforce.errors import sign_in_error
from prmsync_salesforce.grants import REFRESH_TOKEN
from prmsync_salesforce.options import Options

SCOPES = "api refresh_token"
ONE_TIME_SCOPE = "api"
_SCOPE_HINT = "Give the external client app the scopes “api” and “refresh_token, offline_access”."


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code from the browser, good once and for a few minutes."""

    client_id: str
    client_secret: str = field(repr=False)
    code: str = field(repr=False)
    attempt: Attempt

    @property
    def hints(self) -> Mapping[str, str]:
        callback = f"Add {self.attempt.redirect_uri} to the app's callback URLs."
        return {
            "invalid_grant": "The code is used up or too old: run prmsync connect once more.",
            "redirect_uri_mismatch": callback,
            "invalid_client": "Check client_secret, or let the app do without one (PKCE).",
        }

    def form(self, _now: datetime, /) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": self.code,
            "client_id": self.client_id,
            "redirect_uri": self.attempt.redirect_uri,
            "code_verifier": self.attempt.verifier,
        }
        return form | ({"client_secret": self.client_secret} if self.client_secret else {})

    def headers(self) -> dict[str, str]:
        return {}


def sign_in_address(settings: ConnectionSettings, attempt: Attempt) -> str:
    """The org's page where a person allows the app. Raises ConfigurationError."""
    return _address(settings, attempt, {"scope": SCOPES})


def admin_address(settings: ConnectionSettings, attempt: Attempt) -> str:
    """The same page for one use: no refresh token, and it asks who signs in. Raises
    ConfigurationError."""
    return _address(settings, attempt, {"scope": ONE_TIME_SCOPE, "prompt": "login"})


def _address(settings: ConnectionSettings, attempt: Attempt, more: Mapping[str, str]) -> str:
    query = {
        "response_type": "code",
        "client_id": settings.auth.get("client_id", ""),
        "redirect_uri": attempt.redirect_uri,
        "state": attempt.state,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
        **more,
    }
    return f"{_checked(settings).base_url}/services/oauth2/authorize?{urlencode(query)}"


def redeem(
    settings: ConnectionSettings, runtime: Runtime, attempt: Attempt, answer: Mapping[str, str]
) -> str:
    """The refresh token. Raises AuthError."""
    _, refresh_token = _redeemed(settings, runtime, attempt, answer)
    if not refresh_token:
        raise AuthError("Salesforce gave no refresh token", hint=_SCOPE_HINT)
    return refresh_token


def admin_redeem(
    settings: ConnectionSettings, runtime: Runtime, attempt: Attempt, answer: Mapping[str, str]
) -> str:
    """An access token for this once. Raises AuthError."""
    token, _ = _redeemed(settings, runtime, attempt, answer)
    return token.access_token


def _redeemed(
    settings: ConnectionSettings, runtime: Runtime, attempt: Attempt, answer: Mapping[str, str]
) -> tuple[Token, str]:
    if "error" in answer or not answer.get("code"):
        raise sign_in_error(
            answer.get("error"),
            answer.get("error_description") or "the browser brought no code",
            {
                "access_denied": "Sign in once more and choose “Allow”.",
                "redirect_uri_mismatch": f"Add {attempt.redirect_uri} to the app's callback URLs.",
                "invalid_scope": _SCOPE_HINT,
            },
        )
    grant = AuthorizationCode(
        settings.auth["client_id"], settings.auth.get("client_secret", ""), answer["code"], attempt
    )
    return ask(_checked(settings).base_url, grant, runtime)


def _checked(settings: ConnectionSettings) -> Options:
    """The options, as they will be once there is a refresh token."""
    auth = {**settings.auth, REFRESH_TOKEN: "to come"}
    return Options.of(
        ConnectionSettings(
            name=settings.name,
            environment=settings.environment,
            base_url=settings.base_url,
            api_version=settings.api_version,
            auth=auth,
            options=settings.options,
        )
    )
