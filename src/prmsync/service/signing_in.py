"""`prmsync connect`: checks a connection's sign-in, or signs in with the browser and keeps it.

Nothing is kept before the account has been looked at: a sign-in to another org or environment than
the pinned one leaves what was there.
"""

from __future__ import annotations

import dataclasses
import hmac
import secrets as chance
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from prmsync.connector.protocol import (
    ConnectionSettings,
    Connector,
    ConnectorPlugin,
    RightsChecker,
)
from prmsync.connector.registry import plugin
from prmsync.connector.schema import Account
from prmsync.connector.sign_in import Attempt, BrowserSignIn
from prmsync.errors import AuthError, ConfigurationError, Finding, InputError, MappingError
from prmsync.mapping.model import StreamMapping
from prmsync.service import secrets
from prmsync.service.runtime import runtime
from prmsync.service.settings import ConnectionSection, Settings
from prmsync.service.wiring import (
    connect,
    connection_settings,
    is_on_this_machine,
    load_connection_mappings,
)
from prmsync.sync.rights import objects_named, require_rights

_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whom a sign-in opens, and what it may not do although the mappings ask for it. `told`: the
    CRM tells of rights, so that none is missing where `lacks` is empty."""

    account: Account
    told: bool = False
    lacks: tuple[Finding, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that waits for a person: `address` is the page to open."""

    address: str
    attempt: Attempt
    described: ConnectionSettings
    signs_in: BrowserSignIn
    known: ConnectorPlugin
    kept_at: str
    mappings: tuple[StreamMapping, ...]
    writes: bool


def check(settings: Settings, name: str, environ: Mapping[str, str]) -> SignedIn:
    """Sign in as configured. Raises ConfigurationError, AuthError, RetryableError."""
    section = settings.connection(name)
    with runtime(direct=is_on_this_machine(section.base_url)) as outside:
        connector = connect(settings, name, outside, environ)
        return _looked_at(connector, _mappings(settings, name), writes=_writes(section))


def _looked_at(
    connector: Connector, mappings: Sequence[StreamMapping], *, writes: bool
) -> SignedIn:
    account = connector.account()
    if not isinstance(connector, RightsChecker) or not mappings:
        return SignedIn(account)
    try:
        require_rights(connector, mappings, written=writes)
    except AuthError as error:
        if not error.findings:
            raise
        return SignedIn(account, told=True, lacks=tuple(error.findings), hint=error.hint)
    return SignedIn(account, told=True)


def _mappings(settings: Settings, name: str) -> tuple[StreamMapping, ...]:
    """The connection's mappings; none where they cannot be used yet, which is no matter here."""
    try:
        return tuple(load_connection_mappings(settings, name))
    except (MappingError, ConfigurationError):
        return ()


def _writes(section: ConnectionSection) -> bool:
    return section.writes in ("both", "crm")


def kept_at(settings: Settings, name: str) -> str | None:
    """The reference where a browser's sign-in of this connection is kept; None where it signs in
    another way."""
    section = settings.connection(name)
    known = plugin(section.connector)
    return section.auth.get(known.kept_key) if isinstance(known, BrowserSignIn) else None


def is_kept(settings: Settings, name: str, environ: Mapping[str, str]) -> bool:
    """Whether there is a sign-in at the place."""
    place = kept_at(settings, name)
    if place is None:
        return False
    where = f"connections.{name}.auth"
    try:
        found = secrets.resolve(place, where=where, environ=environ, folder=settings.folder)
    except ConfigurationError:
        return False
    return bool(found)


def begin(settings: Settings, name: str, redirect_uri: str, environ: Mapping[str, str]) -> Begun:
    """Prepare a sign-in with the browser. Raises ConfigurationError where it could not be kept, or
    the settings cannot be used."""
    known = plugin(settings.connection(name).connector)
    place = kept_at(settings, name)
    if not isinstance(known, BrowserSignIn) or place is None:
        raise ConfigurationError(
            f"{name} does not sign in with a browser",
            hint=f'Say where the sign-in is to be kept: auth.refresh_token = "file:{name}.token"',
        )
    if place.partition(":")[0] not in ("file", "keyring"):
        raise ConfigurationError(
            f"connections.{name}.auth.{known.kept_key} names no place that can be written",
            hint="Let it name one: file:PATH or keyring:SERVICE/NAME.",
        )
    mappings = _mappings(settings, name)
    described = dataclasses.replace(
        connection_settings(settings, name, environ, without=known.kept_key),
        objects=objects_named(mappings),
    )
    attempt = Attempt(
        redirect_uri, chance.token_urlsafe(_RANDOM_BYTES), chance.token_urlsafe(_RANDOM_BYTES)
    )
    address = known.sign_in_address(described, attempt)
    writes = _writes(settings.connection(name))
    return Begun(address, attempt, described, known, known, place, mappings, writes)


def belongs(begun: Begun, answer: Mapping[str, str]) -> bool:
    """Whether a browser's answer is the one to this sign-in."""
    return hmac.compare_digest(answer.get("state", "").encode(), begun.attempt.state.encode())


def finish(begun: Begun, answer: Mapping[str, str]) -> SignedIn:
    """Redeem the browser's answer, look at the account, and keep the sign-in. Raises AuthError
    where the answer is not ours, the person refused, or the account is not the pinned one."""
    if not belongs(begun, answer):
        raise AuthError(
            "the browser's answer does not belong to this sign-in",
            hint="Run prmsync connect once more and open the address that it shows.",
        )
    key = begun.signs_in.kept_key
    newest: dict[str, str] = {}
    with runtime(direct=is_on_this_machine(begun.described.base_url)) as outside:
        newest[key] = begun.signs_in.redeem(begun.described, outside, begun.attempt, answer)
        trial = dataclasses.replace(
            begun.described, auth={**begun.described.auth, **newest}, keep=newest.__setitem__
        )
        connector = begun.known.connect(trial, outside)
        found = _looked_at(connector, begun.mappings, writes=begun.writes)
    if begun.described.keep is None:
        raise AssertionError("settings of a connection that begin() made always have it")
    begun.described.keep(key, newest[key])
    return found


def answer_of(address: str) -> dict[str, str]:
    """The query of the address at which the browser ended. Raises InputError."""
    query = parse_qs(urlsplit(address.strip()).query)
    if "state" not in query:
        raise InputError(
            "this is not the address at which the browser ended",
            hint="Copy it whole from the address bar; it begins with http://localhost.",
        )
    return {key: values[0] for key, values in query.items()}
