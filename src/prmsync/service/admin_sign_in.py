"""An admin's sign-in for one command: with the browser, or a token that was got elsewhere.

Nothing of it is written anywhere; it ends with the command.
"""

from __future__ import annotations

import dataclasses
import hmac
import secrets as chance
from collections.abc import Mapping
from dataclasses import dataclass

from prmsync.connector.protocol import ConnectionSettings
from prmsync.connector.provisioning import AdminBrowserSignIn, AdminSignIn
from prmsync.connector.registry import plugin
from prmsync.connector.sign_in import Attempt
from prmsync.errors import AuthError, ConfigurationError
from prmsync.service import secrets
from prmsync.service.runtime import runtime
from prmsync.service.settings import Settings
from prmsync.service.wiring import (
    connection_settings,
    is_on_this_machine,
    load_connection_mappings,
)
from prmsync.sync.rights import objects_named

_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class AdminAttempt:
    """A sign-in that waits for the admin: `address` is the page to open."""

    address: str
    attempt: Attempt
    described: ConnectionSettings
    known: AdminBrowserSignIn

    def belongs(self, answer: Mapping[str, str]) -> bool:
        """Whether a browser's answer is the one to this sign-in."""
        return hmac.compare_digest(answer.get("state", "").encode(), self.attempt.state.encode())


def given(settings: Settings, reference: str, environ: Mapping[str, str]) -> AdminSignIn:
    """A token behind a reference (env:, file:, keyring:). Raises ConfigurationError."""
    if not secrets.is_reference(reference):
        raise ConfigurationError(
            "the admin's token must not stand in the command itself", hint=secrets.HOW
        )
    where = "--admin-token"
    return AdminSignIn(
        secrets.resolve(reference, where=where, environ=environ, folder=settings.folder)
    )


def begin(
    settings: Settings, name: str, redirect_uri: str, environ: Mapping[str, str]
) -> AdminAttempt:
    """Prepare a sign-in with the browser. Raises ConfigurationError where the CRM has none,
    MappingError for mappings that cannot be used."""
    known = plugin(settings.connection(name).connector)
    if not isinstance(known, AdminBrowserSignIn):
        raise ConfigurationError(
            f"{known.title} has no sign-in with the browser for this",
            hint="Give an admin's token: --admin-token env:NAME",
        )
    described = dataclasses.replace(
        connection_settings(settings, name, environ),
        objects=objects_named(load_connection_mappings(settings, name)),
    )
    state, verifier = chance.token_urlsafe(_RANDOM_BYTES), chance.token_urlsafe(_RANDOM_BYTES)
    attempt = Attempt(redirect_uri, state, verifier)
    return AdminAttempt(known.admin_address(described, attempt), attempt, described, known)


def finish(begun: AdminAttempt, answer: Mapping[str, str]) -> AdminSignIn:
    """Redeem the browser's answer. Raises AuthError where it is not ours, or was refused."""
    if not begun.belongs(answer):
        raise AuthError(
            "the browser's answer does not belong to this sign-in",
            hint="Run the command once more and open the address that it shows.",
        )
    with runtime(direct=is_on_this_machine(begun.described.base_url)) as outside:
        return begun.known.admin_redeem(begun.described, outside, begun.attempt, answer)
