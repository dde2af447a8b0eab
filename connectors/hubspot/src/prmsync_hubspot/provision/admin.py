"""An admin's one-time sign-in: in the browser, or a token got elsewhere; kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.budget import CallBudget
from prmsync.connector.protocol import ConnectionSettings, Runtime
from prmsync.connector.provisioning import AdminSignIn
from prmsync.connector.sign_in import Attempt
from prmsync.errors import AuthError, ConfigurationError
from prmsync_hubspot import browser, scopes
from prmsync_hubspot.auth import FixedToken, access_token
from prmsync_hubspot.client import BASE_URL, Client, Transport
from prmsync_hubspot.paths import ACCOUNT, Paths

_OPTIONAL = (
    *scopes.OPTIONAL,
    "crm.schemas.companies.write",
    "crm.schemas.deals.write",
    "crm.schemas.custom.write",
    "automation",
)
"""What it takes to make properties, pipelines, labels and objects, and to look at workflows. The
app has them as optional ones: `prmsync connect` never asks for them."""


def admin_address(settings: ConnectionSettings, attempt: Attempt) -> str:
    """The page where an admin allows the app more than it may otherwise. Raises
    ConfigurationError where the connection has no app."""
    if not settings.auth.get("client_id") or not settings.auth.get("client_secret"):
        raise ConfigurationError(
            f"{settings.name} signs in with a key, so there is no app to sign in to as an admin",
            hint="Make a service key with the scopes that docs/crm-admin.md lists for this, give "
            "it as --admin-token env:NAME, and delete it afterwards.",
        )
    objects = settings.objects
    return browser.page_address(
        settings,
        attempt,
        (*scopes.REQUIRED, *scopes.for_objects(objects)),
        (*_OPTIONAL, *scopes.to_make_for(objects)),
    )


def admin_redeem(
    settings: ConnectionSettings, runtime: Runtime, attempt: Attempt, answer: Mapping[str, str]
) -> AdminSignIn:
    """An access token for this once; what could renew it is dropped. Raises AuthError."""
    return AdminSignIn(access_token(browser.redeemed(settings, runtime, attempt, answer)))


def admin_client(token: str, portal: str, settings: ConnectionSettings, runtime: Runtime) -> Client:
    """A client that acts as the admin. Raises AuthError for a token of another account."""
    transport = Transport(runtime, settings.base_url or BASE_URL, CallBudget())
    client, paths = Client(transport, FixedToken(token.strip())), Paths(settings.api_version)
    found = str(client.call("sign_in", "GET", paths.path(ACCOUNT)).data.get("portalId") or "")
    if found != portal:
        raise AuthError(
            f"the admin is signed in to HubSpot account {found or 'unknown'}, the connection to "
            f"{portal}",
            hint="Sign in to the connection's own account.",
            code="OTHER_ORG",
        )
    return client
