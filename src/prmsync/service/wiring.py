"""Builds what a command works with from the settings: database, mappings, connectors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from prmsync.connector.protocol import ConnectionSettings, Connector, ConnectorPlugin, Runtime
from prmsync.connector.registry import plugin
from prmsync.connector.sign_in import BrowserSignIn
from prmsync.errors import ConfigurationError, Finding, MappingError
from prmsync.mapping.check import require_sound
from prmsync.mapping.load import count, read_mappings
from prmsync.mapping.locate import where_mappings
from prmsync.mapping.model import StreamMapping
from prmsync.mapping.spelling import did_you_mean
from prmsync.service import secrets
from prmsync.service.runtime import runtime, utc_now
from prmsync.service.settings import SHARE_OPTION, ConnectionSection, Settings, is_loopback
from prmsync.store import quota
from prmsync.store.database import Database, open_database

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Application:
    """An open database and the settings, with the clock that everything below is given."""

    settings: Settings
    database: Database
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def mappings(self, name: str) -> list[StreamMapping]:
        """The connection's mappings in stream order; see `load_connection_mappings`."""
        return load_connection_mappings(self.settings, name)

    @contextmanager
    def connected(self, name: str, *, account: str | None = None) -> Iterator[Connector]:
        """A connector of its own, closed at the end; not signed in before it is used. `account` is
        the one that it is bound to where the settings name none.

        Raises ConfigurationError for credentials that are missing or settings it cannot use.
        """
        section = self.settings.connection(name)
        with runtime(
            direct=is_on_this_machine(section.base_url), now=self.now, sleep=self.sleep
        ) as outside:
            connector = connect(
                self.settings,
                name,
                outside,
                self.environ,
                calls_made=self._calls_made(name),
                account=account,
            )
            try:
                yield connector
            finally:
                connector.close()

    def _calls_made(self, name: str) -> int:
        with self.database.read() as connection:
            return quota.calls_made(connection, name, self.now())


@contextmanager
def open_application(
    settings: Settings,
    *,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] = time.sleep,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Application]:
    """The application on an open database, closed at the end.

    Raises ConfigurationError or StoreError before anything is read.
    """
    environ = os.environ if environ is None else environ
    database = open_store(settings, environ)
    try:
        yield Application(settings, database, now, sleep, environ)
    finally:
        database.close()


def open_store(settings: Settings, environ: Mapping[str, str] | None = None) -> Database:
    """The partner database. Raises StoreError when it is missing or of another version."""
    return open_database(database_url(settings, environ))


def database_url(settings: Settings, environ: Mapping[str, str] | None = None) -> str:
    """The database's address, its secret resolved; SQLite files relative to the settings file."""
    url = secrets.resolve(
        settings.database.url,
        where="database.url",
        environ=os.environ if environ is None else environ,
        folder=settings.folder,
    )
    if not url.startswith(_SQLITE):
        return url
    return f"{_SQLITE}{settings.folder / Path(url.removeprefix(_SQLITE)).expanduser()}"


def load_connection_mappings(settings: Settings, name: str) -> list[StreamMapping]:
    """One connection's mappings in stream order, after all connections' were checked together.

    Raises MappingError with every problem of all files, ConfigurationError for files that do
    not exist.
    """
    settings.connection(name)
    return load_all_mappings(settings)[name]


def load_all_mappings(settings: Settings) -> dict[str, list[StreamMapping]]:
    """Every connection's mappings, checked together; raises like `load_connection_mappings`."""
    found: dict[str, list[StreamMapping]] = {}
    findings: list[Finding] = []
    for name in settings.connections:
        found[name], wrong = read_mappings(mapping_files(settings, name))
        findings += [*wrong, *_of_another_connector(settings, name, found[name])]
    if findings:
        findings = list(dict.fromkeys(findings))
        raise MappingError(f"{count(findings)}. Nothing was read or written.", findings=findings)
    require_sound(found)
    return found


def mapping_files(settings: Settings, name: str) -> list[Path]:
    """A connection's mapping files: as its setting says, else the shipped ones of its connector."""
    section = settings.connection(name)
    if not section.mapping:
        return where_mappings(section.connector)
    here = Path.cwd()
    files = [path for place in section.mapping for path in where_mappings(place, settings.folder)]
    return [path.relative_to(here) if path.is_relative_to(here) else path for path in files]


def connect(
    settings: Settings,
    name: str,
    outside: Runtime,
    environ: Mapping[str, str] | None = None,
    *,
    calls_made: int = 0,
    account: str | None = None,
) -> Connector:
    """The connection's connector, not yet signed in. `calls_made` are its calls in the CRM's
    present window, which count in its share; `account` is its account where the settings name
    none.

    Raises ConfigurationError for an unknown connector, unknown or missing credentials.
    """
    described = connection_settings(settings, name, environ, calls_made=calls_made)
    if described.org is None:
        described = replace(described, org=account)
    return plugin(settings.connection(name).connector).connect(described, outside)


def connection_settings(
    settings: Settings,
    name: str,
    environ: Mapping[str, str] | None = None,
    *,
    calls_made: int = 0,
    without: str = "",
) -> ConnectionSettings:
    """A connection as its connector takes it, secrets resolved; `without` leaves out one key of
    its credentials. Raises like `connect`."""
    section = settings.connection(name)
    where = f"connections.{name}.auth"
    _require_known_credentials(plugin(section.connector), section.auth, where)
    try:
        auth = secrets.resolve_all(
            {key: value for key, value in section.auth.items() if key != without},
            where=where,
            environ=os.environ if environ is None else environ,
            folder=settings.folder,
        )
    except ConfigurationError as error:
        told = (_sign_in_first(one, section, where, name) for one in error.findings)
        error.findings = tuple(told)
        raise

    def keep(key: str, secret: str) -> None:
        secrets.keep(section.auth[key], secret, where=f"{where}.{key}", folder=settings.folder)

    return ConnectionSettings(
        name=name,
        org=section.org,
        environment=section.environment,
        base_url=section.base_url,
        api_version=section.api_version,
        auth=auth,
        options={**section.options, SHARE_OPTION: section.share / 100},
        calls_made=calls_made,
        keep=keep,
    )


def _sign_in_first(missing: Finding, section: ConnectionSection, where: str, name: str) -> Finding:
    """A sign-in that is not kept yet is made in the browser, not by hand."""
    known = plugin(section.connector)
    key = known.kept_key if isinstance(known, BrowserSignIn) else ""
    place = section.auth.get(key, "").partition(":")[0]
    if missing.where != f"{where}.{key}" or place not in ("file", "keyring"):
        return missing
    return Finding(missing.where, "nobody has signed in yet", f"Sign in: prmsync connect {name}")


def is_on_this_machine(base_url: str | None) -> bool:
    """Whether an address is this machine's loopback, as a simulator's is."""
    return base_url is not None and is_loopback(urlsplit(base_url).hostname or "")


def _require_known_credentials(known: ConnectorPlugin, auth: Mapping[str, str], where: str) -> None:
    findings = [
        Finding(f"{where}.{key}", f"unknown key `{key}`", did_you_mean(key, known.auth_keys))
        for key in auth
        if key not in known.auth_keys
    ]
    if findings:
        raise ConfigurationError(
            f"{count(findings)} in the credentials for {known.title}.", findings=findings
        )


def _of_another_connector(
    settings: Settings, name: str, mappings: Sequence[StreamMapping]
) -> list[Finding]:
    wanted = settings.connection(name).connector
    return [
        Finding(
            str(mapping.at),
            f"this file is for {mapping.connector}, connection `{name}` is {wanted}",
            f"Change `mapping` of [connections.{name}].",
        )
        for mapping in mappings
        if mapping.connector != wanted
    ]
