"""prmsync.toml and its PRMSYNC_… overrides. Every key is described in docs/configuration.md."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from prmsync.errors import ConfigurationError, Finding
from prmsync.service import overrides, secrets
from prmsync.service.findings import describe
from prmsync.service.toml_positions import key_positions, position
from prmsync.sync.session import FORECAST_SHARE

FILE_NAME = "prmsync.toml"
DEFAULT_DATABASE = "sqlite:///prmsync.db"
DEFAULT_HEALTH = "127.0.0.1:8790"
DEFAULT_WEBHOOKS = "127.0.0.1:8792"
SHARE_OPTION = "call_share"
"""How connectors are told a connection's `share`."""
Option = str | int | float | bool

_SPAN = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHORTEST = timedelta(seconds=10)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """An error of a validator here: what is wrong with the value, and what to write instead."""
    return PydanticCustomError("setting", "{message}", {"message": message, "hint": hint})


def _span(text: object) -> timedelta:
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise wrong("is not a time span", 'Write a number and s, m, h or d: schedule = "15m".')
    span = timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
    if span < _SHORTEST:
        raise wrong("is too short", "The shortest schedule is 10s.")
    return span


def _span_or_off(text: object) -> timedelta | None:
    return None if text == "off" else _span(text)


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise wrong("is not a web address", "Write it whole: https://acme.my.salesforce.com")
    if parts.username or parts.password:
        raise wrong("holds credentials", f"Move them to [connections.NAME.auth]. {secrets.HOW}")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise wrong("is not encrypted", "Use https; plain http is for this machine only.")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _database_url(url: str) -> str:
    if secrets.is_reference(url):
        return url
    parts = urlsplit(url)
    if parts.password:
        raise wrong(
            "holds a password", f"{secrets.HOW} The whole address may be one: env:DATABASE_URL"
        )
    if parts.scheme.partition("+")[0] not in ("sqlite", "postgresql"):
        raise wrong("is no SQLite or PostgreSQL address", f"For example {DEFAULT_DATABASE}")
    return url


def _host_and_port(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if host else None


def _listen_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text != "off" and not (host and port.isdecimal() and int(port) < 65536):
        raise wrong("is no HOST:PORT", f"For example {DEFAULT_HEALTH}; or off.")
    return text


def _no_literal_secrets(auth: dict[str, str]) -> dict[str, str]:
    literal = [name for name, value in auth.items() if secrets.is_literal_secret(name, value)]
    if literal:
        raise wrong(f"holds a secret written out: {', '.join(literal)}", secrets.HOW)
    return auth


def _no_share(options: dict[str, Option]) -> dict[str, Option]:
    if SHARE_OPTION in options:
        raise wrong(f"cannot hold {SHARE_OPTION}", "Write share = 20 (per cent) one level up.")
    return options


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DatabaseSection(_Section):
    """`[database]`"""

    url: Annotated[str, AfterValidator(_database_url)] = DEFAULT_DATABASE


class ProgramSection(_Section):
    """`[program]`"""

    file: str | None = None


class ConnectionSection(_Section):
    """`[connections.NAME]`: one CRM account."""

    connector: str
    org: str | None = None
    environment: Literal["production", "sandbox"] = "production"
    mapping: Annotated[list[str], BeforeValidator(_as_list)] = Field(default_factory=list)
    schedule: Annotated[timedelta, BeforeValidator(_span)] = timedelta(minutes=15)
    writes: Literal["both", "prm", "crm", "none"] = "both"
    verify: Annotated[timedelta | None, BeforeValidator(_span_or_off)] = timedelta(days=7)
    base_url: Annotated[str, AfterValidator(_web_address)] | None = None
    webhook: Annotated[str, AfterValidator(_web_address)] | None = None
    api_version: str | None = None
    share: Annotated[int, Field(ge=1, le=100)] = 20
    forecast_share: Annotated[int, Field(ge=1, le=100)] = FORECAST_SHARE
    options: Annotated[dict[str, Option], AfterValidator(_no_share)] = Field(default_factory=dict)
    auth: Annotated[dict[str, str], AfterValidator(_no_literal_secrets)] = Field(
        default_factory=dict, repr=False
    )


class WebSection(_Section):
    """`[web]`: has no keys in this version."""


class ServiceSection(_Section):
    """`[service]`"""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    log_file: str | None = None
    health: Annotated[str, AfterValidator(_listen_address)] = DEFAULT_HEALTH
    webhooks: Annotated[str, AfterValidator(_listen_address)] = DEFAULT_WEBHOOKS

    @property
    def health_address(self) -> tuple[str, int] | None:
        """Host and port of `GET /health`; None where it is off."""
        return _host_and_port(self.health)

    @property
    def webhooks_address(self) -> tuple[str, int] | None:
        """Host and port where webhooks arrive; None where it is off."""
        return _host_and_port(self.webhooks)


class _File(_Section):
    database: DatabaseSection = DatabaseSection()
    program: ProgramSection = ProgramSection()
    connections: dict[str, ConnectionSection] = Field(default_factory=dict)
    web: WebSection = WebSection()
    service: ServiceSection = ServiceSection()


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked; secrets are still references.

    `path` is the file they came from; relative paths in it start at its folder.
    """

    path: Path
    database: DatabaseSection
    program: ProgramSection
    connections: Mapping[str, ConnectionSection]
    web: WebSection
    service: ServiceSection

    @property
    def folder(self) -> Path:
        return self.path.parent

    def connection(self, name: str) -> ConnectionSection:
        """One connection. Raises ConfigurationError that lists the ones there are."""
        if name in self.connections:
            return self.connections[name]
        known = ", ".join(self.connections) or "none yet"
        raise ConfigurationError(
            f"There is no connection `{name}` in {self.path}.", hint=f"Connections: {known}."
        )


def find_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """The settings file: `path`, else PRMSYNC_CONFIG, else prmsync.toml here or in a parent.

    Raises ConfigurationError when there is none.
    """
    environ = os.environ if environ is None else environ
    named = path or (Path(environ["PRMSYNC_CONFIG"]) if environ.get("PRMSYNC_CONFIG") else None)
    if named is not None:
        return named
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise ConfigurationError(
        f"There is no {FILE_NAME} in {here} or a folder above it.",
        hint="Make one with: prmsync init    or name one: prmsync --config PATH …",
    )


def load_settings(path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read, override and check the settings.

    Raises ConfigurationError whose findings name every wrong key as file:line:column, or the
    environment variable that it came from.
    """
    environ = os.environ if environ is None else environ
    text = _read(path)
    raw = _parse(path, text)
    applied = overrides.apply(raw, environ, _File)
    where = _Where(path, key_positions(text), applied.origins)
    findings = list(applied.findings)
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        in_file_order = sorted(error.errors(), key=lambda item: where.line(item["loc"]))
        findings += [describe(item, _File, where) for item in in_file_order]
    else:
        findings += _checks(file, where)
    if findings:
        raise ConfigurationError(
            f"{_count(len(findings))} in the settings. Nothing was read or written.",
            findings=findings,
        )
    return Settings(path.absolute(), **{name: getattr(file, name) for name in _File.model_fields})


@dataclass(frozen=True, slots=True)
class _Where:
    """Says where a key was set: an environment variable, or a place in the file."""

    path: Path
    positions: Mapping[tuple[str, ...], tuple[int, int]]
    origins: Mapping[tuple[str, ...], str]

    def __call__(self, key: tuple[str, ...]) -> str:
        if key in self.origins:
            return self.origins[key]
        at = position(self.positions, key)
        return f"{self.path}:{at[0]}:{at[1]}" if at else str(self.path)

    def line(self, key: Sequence[str | int]) -> int:
        """The line a key stands on; 0 for one that is not in the file."""
        at = position(self.positions, tuple(map(str, key)))
        return at[0] if at else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not UTF-8 text (byte {error.start}).", hint="Save it as UTF-8."
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}.", hint="Make one with: prmsync init"
        ) from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        at = ":".join(re.findall(r"\d+", place))
        where = f"{path}:{at}" if at else str(path)
        raise ConfigurationError(
            f"{path} is not valid TOML. Nothing was read or written.",
            findings=[Finding(where, _toml_words(message))],
            hint='Texts stand in quotes on one line, sections in [brackets]: key = "text".',
        ) from error


def _toml_words(message: str) -> str:
    """The parser's words, with a line end that it stumbled on named as people call it."""
    told = message[0].lower() + message[1:]
    return told.replace("illegal character '\\n'", "the line ends before its text is closed")


def _checks(file: _File, where: _Where) -> list[Finding]:
    return [*_name_findings(file, where), *_environment_findings(file, where)]


def _name_findings(file: _File, where: _Where) -> list[Finding]:
    findings = []
    seen: dict[str, str] = {}
    for name in file.connections:
        at = where(("connections", name))
        if not _NAME.fullmatch(name):
            hint = "Use lower-case letters, digits, - and _."
            findings.append(Finding(at, f"`{name}` cannot name a connection", hint))
        other = seen.setdefault(overrides.variable(name), name)
        if other != name:
            hint = "Environment variables could not tell them apart: rename one."
            findings.append(Finding(at, f"`{name}` and `{other}` are too alike", hint))
    return findings


def _environment_findings(file: _File, where: _Where) -> list[Finding]:
    if len({connection.environment for connection in file.connections.values()}) < 2:
        return []
    hint = "One database never mixes them: give the sandbox its own prmsync.toml and database."
    return [
        Finding(
            where(("connections", name, "environment")),
            f"connection `{name}` is {connection.environment}",
            hint,
        )
        for name, connection in file.connections.items()
    ]


def _count(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems} problems"
