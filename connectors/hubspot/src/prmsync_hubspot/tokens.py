"""What HubSpot tells of a token that is no OAuth one."""

from __future__ import annotations

from prmsync.errors import AuthError, ConnectorError, GoneError, RejectedError, SchemaError
from prmsync_hubspot.client import EXPIRED, Client
from prmsync_hubspot.paths import TOKEN_INFO, Paths


def token_scopes(client: Client, paths: Paths, token: str) -> frozenset[str] | None:
    """The scopes of a private app's token; None where HubSpot tells none, as it may of a service
    key. Raises what concerns more than this question: the network, a limit, a token that has
    ended."""
    try:
        told = client.call("metadata", "POST", paths.path(TOKEN_INFO), body={"tokenKey": token})
    except ConnectorError as error:
        refused = isinstance(error, AuthError) and error.code in EXPIRED
        if refused or not isinstance(error, AuthError | RejectedError | SchemaError | GoneError):
            raise
        return None
    scopes = told.data.get("scopes")
    return frozenset(map(str, scopes)) if isinstance(scopes, list) else None
