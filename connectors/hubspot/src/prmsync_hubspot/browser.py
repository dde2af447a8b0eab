"""Sign-in with the browser: OAuth's authorization code flow, which gives a refresh token.

HubSpot proves that the code is redeemed by the app itself with the app's secret; its documented
flow has no PKCE, so the attempt's verifier is not sent. Source: HubSpot's "Working with OAuth".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from prmsync.connector.budget import CallBudget
from prmsync.connector.protocol import ConnectionSettings, Runtime
from prmsync.connector.sign_in import Attempt
from prmsync.errors import AuthError
from prmsync_hubspot.auth import REFRESH_TOKEN, Told
from prmsync_hubspot.client import BASE_URL, Transport
from prmsync_hubspot.paths import Paths
from prmsync_hubspot.scopes import OPTIONAL, REQUIRED, for_objects
from prmsync_hubspot.settings import Options
from prmsync_hubspot.vendor import SignIn

PAGE_URL = "https://app.hubspot.com"
"""Where people sign in; HubSpot leads on to the data centre of their account."""
_REFUSED = {
    "access_denied": ("the sign-in was refused", "Sign in once more and choose “Connect app”."),
    "invalid_scope": (
        "HubSpot did not grant what was asked for",
        "Give the app the scopes that the connector's README lists.",
    ),
}


def sign_in_address(settings: ConnectionSettings, attempt: Attempt) -> str:
    """The page where a person allows the app: of the pinned account, else of one they choose.
    Raises ConfigurationError."""
    return page_address(settings, attempt, (*REQUIRED, *for_objects(settings.objects)), OPTIONAL)


def page_address(
    settings: ConnectionSettings, attempt: Attempt, scopes: Sequence[str], optional: Sequence[str]
) -> str:
    """The same page for any scopes; `optional` ones are left out where the account has not what
    they open. Raises ConfigurationError."""
    _check(settings)
    query = {
        "client_id": settings.auth["client_id"],
        "redirect_uri": attempt.redirect_uri,
        "scope": " ".join(scopes),
        "state": attempt.state,
    }
    if optional:
        query["optional_scope"] = " ".join(optional)
    base = (settings.base_url or BASE_URL).rstrip("/")
    page = f"{PAGE_URL if base == BASE_URL else base}/oauth"
    account = f"/{settings.org}" if settings.org else ""
    return f"{page}{account}/authorize?{urlencode(query)}"


def redeem(
    settings: ConnectionSettings, runtime: Runtime, attempt: Attempt, answer: Mapping[str, str]
) -> str:
    """The refresh token. Raises AuthError."""
    told = redeemed(settings, runtime, attempt, answer)
    token = told.get(REFRESH_TOKEN)
    if not isinstance(token, str) or not token:
        raise AuthError(
            "HubSpot gave no refresh token", hint="check base_url: is this HubSpot's API?"
        )
    return token


def redeemed(
    settings: ConnectionSettings, runtime: Runtime, attempt: Attempt, answer: Mapping[str, str]
) -> Told:
    """HubSpot's answer to the code, its tokens included. Raises AuthError."""
    _check(settings)
    if not answer.get("code"):
        raise _refusal(answer)
    transport = Transport(runtime, settings.base_url or BASE_URL, CallBudget())
    app = settings.auth["client_id"], settings.auth["client_secret"]
    sign_in = SignIn(transport, Paths(settings.api_version), *app)
    return sign_in.redeemed(answer["code"], attempt.redirect_uri)


def _refusal(answer: Mapping[str, str]) -> AuthError:
    code = answer.get("error", "")
    says, hint = _REFUSED.get(
        code, ("the browser brought no code", "Run prmsync connect once more.")
    )
    return AuthError(says, hint=hint, code=code)


def _check(settings: ConnectionSettings) -> None:
    """Whether the settings can be used once there is a refresh token."""
    Options.of(replace(settings, auth={**settings.auth, REFRESH_TOKEN: "to come"}))
