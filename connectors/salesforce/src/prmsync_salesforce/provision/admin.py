"""An admin's one-time sign-in: a token got elsewhere, used for one command, kept nowhere."""

from __future__ import annotations

from datetime import datetime

from prmsync.connector.budget import CallBudget
from prmsync.connector.protocol import Runtime
from prmsync.errors import AuthError
from prmsync_salesforce.auth import Token
from prmsync_salesforce.client import Client, decoded


def _ended(instance_url: str) -> AuthError:
    return AuthError(
        f"{instance_url} does not take the admin's sign-in: it has ended, or is of another org",
        hint="Sign in once more and give the new token.",
        code="INVALID_SESSION_ID",
    )


class OneTimeToken:
    """Stands where `Tokens` does; nothing renews it."""

    def __init__(self, token: str, instance_url: str, now: datetime) -> None:
        self._token = Token(
            access_token=token, instance_url=instance_url, user="", issued_at=now, dated=False
        )

    def current(self) -> Token:
        return self._token

    def renewed(self, refused: Token) -> Token:
        """Raises AuthError: whoever gave the token must sign in again."""
        raise _ended(refused.instance_url)


def admin_client(
    token: str, instance_url: str, org_id: str, runtime: Runtime, api_version: str
) -> Client:
    """A client that acts as the admin. Raises AuthError for a token of another org."""
    tokens = OneTimeToken(token.strip(), instance_url, runtime.now())
    client = Client(tokens, runtime, CallBudget(), api_version)
    try:
        who = decoded(client.send("sign_in", "GET", "/services/oauth2/userinfo"), "sign_in")
    except AuthError:
        raise _ended(instance_url) from None
    found = str(who.get("organization_id") or "")
    if found[:15] != org_id[:15]:
        raise AuthError(
            f"the admin is signed in to org {found or 'unknown'}, the connection to {org_id}",
            hint="Sign in to the connection's own org.",
            code="ANOTHER_ORG",
        )
    return client
