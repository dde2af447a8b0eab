"""What `prmsync init` makes: settings, mapping files and an empty database; nothing overwritten."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prmsync.connector.protocol import ConnectorPlugin
from prmsync.connector.registry import plugins
from prmsync.connector.sign_in import BrowserSignIn
from prmsync.errors import ConfigurationError
from prmsync.mapping.locate import shipped_mappings
from prmsync.service.program_file import program_of
from prmsync.service.secrets import is_literal_secret
from prmsync.service.settings import FILE_NAME, Settings, load_settings
from prmsync.service.wiring import database_url
from prmsync.store.database import check_version, open_database, stored_version
from prmsync.store.migrations import create, upgrade
from prmsync.store.tiers import save_tiers, tiers

SIMULATOR_PORTS = {"salesforce": 8801, "hubspot": 8802}
EDITOR_SCHEMA = "mapping.schema.json"
CREDENTIALS = "simulator-credentials"

_HEAD = """\
# Settings of prmsync. Every key is described in docs/configuration.md.
# Any key can be overridden by the environment: PRMSYNC_CONNECTIONS__ACME_SF__SCHEDULE=5m

[database]
url = "sqlite:///prmsync.db"    # or a reference to the whole address: env:DATABASE_URL

[service]
log_level = "info"
"""


@dataclass(frozen=True, slots=True)
class Made:
    """`what` was made, or existed and was left as it is."""

    what: str
    existed: bool


def initialise(
    folder: Path, *, simulators: bool, environ: Mapping[str, str] | None = None
) -> list[Made]:
    """Write prmsync.toml, the shipped mappings and an empty database into `folder`.

    What exists is left as it is, but for tiers that the partner program has gained. With
    `simulators` both CRMs are active connections to simulators on this machine; without, they are
    comments to fill in. Raises ConfigurationError when the folder cannot be written, StoreError
    when the database cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = [_write(folder, FILE_NAME, settings_text(plugins(), simulators=simulators))]
        if simulators and not made[0].existed:
            made += _credentials(folder, plugins())
        made += _mappings(folder)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or folder} cannot be written: {error.strerror}.",
            hint="Name another folder: prmsync init DIR",
        ) from error
    environ = os.environ if environ is None else environ
    settings = load_settings(folder / FILE_NAME, environ)
    url = database_url(settings, environ)
    return [*made, _database(url), *_tiers(url, settings)]


def upgrade_database(settings: Settings, environ: Mapping[str, str] | None = None) -> str | None:
    """Bring the database to this program's schema; returns the version it had before.

    Raises StoreError when there is none, or it was written by a newer prmsync.
    """
    url = database_url(settings, environ)
    file = url.removeprefix("sqlite:///")
    missing = file != url and not Path(file).is_file()
    # Opening without the check would make an empty file.
    database = open_database(url, check=missing)
    try:
        return upgrade(database)
    finally:
        database.close()


def settings_text(installed: Mapping[str, ConnectorPlugin], *, simulators: bool) -> str:
    """A prmsync.toml with a connection for every installed connector."""
    blocks = [
        _simulated(name, known) if simulators else _commented(name, known)
        for name, known in installed.items()
        if not simulators or name in SIMULATOR_PORTS
    ]
    return "\n".join([_HEAD, *blocks])


def connection_name(connector: str) -> str:
    """The example's name of a connection: acme-sf, acme-hs."""
    short = {"salesforce": "sf", "hubspot": "hs"}
    return f"acme-{short.get(connector, connector)}"


def variable(connector: str, key: str) -> str:
    """The environment variable in which examples keep a credential: SALESFORCE_CLIENT_SECRET."""
    return f"{connector}_{key}".upper().replace("-", "_")


def _commented(name: str, known: ConnectorPlugin) -> str:
    lines = [
        f"# {known.title}. A simulator of it runs with: prmsync simulator {name}",
        f"[connections.{connection_name(name)}]",
        f'connector = "{name}"',
        'environment = "production"    # or "sandbox"; one database never mixes them',
        f'mapping = "mappings/{name}"',
        'schedule = "15m"',
        'writes = "none"    # plans and reports only; "both" when you have seen enough',
    ]
    if name in SIMULATOR_PORTS:
        lines.append(
            f'base_url = "{_simulator_url(name)}"    # the simulator, a production account'
        )
    lines += [
        f'auth.{key} = "{_reference(name, known, key)}"    # {explanation}'
        for key, explanation in known.auth_keys.items()
    ]
    return "\n".join([lines[0], *(f"# {line}" for line in lines[1:]), ""])


def _reference(name: str, known: ConnectorPlugin, key: str) -> str:
    """Where an example keeps a credential; what prmsync connect keeps must be a file."""
    if isinstance(known, BrowserSignIn) and key == known.kept_key:
        return f"file:{connection_name(name)}.token"
    return f"env:{variable(name, key)}"


def _simulated(name: str, known: ConnectorPlugin) -> str:
    lines = [
        f"# {known.title}, simulated on this machine by: prmsync simulator {name}",
        f"[connections.{connection_name(name)}]",
        f'connector = "{name}"',
        'environment = "production"    # as the simulators say of themselves',
        f'mapping = "mappings/{name}"',
        'schedule = "1m"',
        f'base_url = "{_simulator_url(name)}"',
    ]
    for key, value in known.simulator_auth().items():
        secret = is_literal_secret(key, value)
        shown = f"file:{_credential_file(name, key)}" if secret else value
        lines.append(f'auth.{key} = "{shown}"')
    return "\n".join([*lines, ""])


def _simulator_url(name: str) -> str:
    return f"http://127.0.0.1:{SIMULATOR_PORTS[name]}"


def _credential_file(name: str, key: str) -> str:
    return f"{CREDENTIALS}/{name}-{key}"


def _credentials(folder: Path, installed: Mapping[str, ConnectorPlugin]) -> list[Made]:
    return [
        _write(folder, _credential_file(name, key), f"{value}\n")
        for name in SIMULATOR_PORTS
        if name in installed
        for key, value in installed[name].simulator_auth().items()
        if is_literal_secret(key, value)
    ]


def _mappings(folder: Path) -> list[Made]:
    files: dict[str, Path] = {}
    for connector, source in shipped_mappings().items():
        files |= {f"{connector}/{file.name}": file for file in _mapping_files(source)}
        files[EDITOR_SCHEMA] = source.parent / EDITOR_SCHEMA
    return [
        _write(folder, f"mappings/{name}", file.read_text(encoding="utf-8"))
        for name, file in files.items()
        if file.is_file()
    ]


def _mapping_files(source: Path) -> Sequence[Path]:
    return sorted(path for path in source.iterdir() if path.suffix in (".yaml", ".yml"))


def _write(folder: Path, name: str, text: str) -> Made:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return Made(name, existed=True)
    return Made(name, existed=False)


def _database(url: str) -> Made:
    database = open_database(url, check=False)
    try:
        name = database.name
        existed = stored_version(database) is not None
        if existed:
            check_version(database)
    finally:
        database.close()
    if not existed:
        create(url)
    return Made(f"database {name}", existed=existed)


def _tiers(url: str, settings: Settings) -> list[Made]:
    """The program's tiers, which partners must be able to name; nothing where it has none new."""
    wanted = program_of(settings).tiers
    database = open_database(url)
    try:
        with database.begin() as connection:
            if set(wanted) <= set(tiers(connection)):
                return []
            save_tiers(connection, wanted)
    finally:
        database.close()
    return [Made(f"tiers {', '.join(one.name for one in wanted)}", existed=False)]
