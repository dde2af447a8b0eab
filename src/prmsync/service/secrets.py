"""Secrets are references, never values: `env:NAME`, `file:PATH`, `keyring:SERVICE/NAME`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import keyring
import keyring.errors

from prmsync.errors import ConfigurationError, Finding

HOW = "Give a reference: env:NAME, file:PATH or keyring:SERVICE/NAME."

_REFERENCE = re.compile(r"(env|file|keyring):(.+)", re.DOTALL)
_SECRET_NAME = re.compile(r"secret|token|password|passphrase|private|api_?key", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"pat-[a-z0-9]+-|00D\w{9,15}!|-----BEGIN|ey[\w-]+\.[\w-]+\.", re.ASCII)
_LONGEST = 64 * 1024


def is_reference(text: str) -> bool:
    """Whether `text` names a place where a secret is kept."""
    return _REFERENCE.fullmatch(text) is not None


def is_literal_secret(name: str, value: str) -> bool:
    """Whether a settings value is a secret written out: by its key's name or its own shape."""
    if is_reference(value):
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.match(value))


def resolve(value: str, *, where: str, environ: Mapping[str, str], folder: Path) -> str:
    """The secret behind a reference; other text is returned as it is.

    `where` names the setting in messages; relative `file:` paths start at `folder`.
    Raises ConfigurationError when the place does not exist or holds nothing. The message names
    the place, never the value.
    """
    match = _REFERENCE.fullmatch(value)
    if match is None:
        return value
    kind, place = match.groups()
    if kind == "env":
        return _from_environment(place, environ)
    if kind == "file":
        return _from_file(folder / Path(place).expanduser())
    return _from_keyring(place, where)


def keep(value: str, secret: str, *, where: str, folder: Path) -> None:
    """Store a secret at the place that a reference names: a file that only its owner may read,
    replaced as a whole, or a keyring entry.

    Raises ConfigurationError for a reference that cannot be written, and where writing fails.
    """
    match = _REFERENCE.fullmatch(value)
    if match is None or match[1] == "env":
        raise ConfigurationError(
            f"{where} names no place that can be written",
            hint="Let it name one: file:PATH or keyring:SERVICE/NAME.",
        )
    if match[1] == "file":
        _into_file(folder / Path(match[2]).expanduser(), secret)
    else:
        _into_keyring(match[2], secret, where)


def _into_file(path: Path, secret: str) -> None:
    fresh = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One that a killed process left could have other permissions.
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise ConfigurationError(
            f"secret file {path} cannot be written: {error.strerror}",
            hint="Name a file in a folder that this user may write.",
        ) from error


def _into_keyring(place: str, secret: str, where: str) -> None:
    service, name = _keyring_place(place)
    try:
        keyring.set_password(service, name, secret)
    except keyring.errors.KeyringError as error:
        raise _no_keyring(where) from error


def resolve_all(
    values: Mapping[str, str], *, where: str, environ: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """Resolve every value; raises one ConfigurationError that names all that are missing."""
    resolved: dict[str, str] = {}
    findings: list[Finding] = []
    for name, value in values.items():
        try:
            at = f"{where}.{name}"
            resolved[name] = resolve(value, where=at, environ=environ, folder=folder)
        except ConfigurationError as error:
            findings.append(Finding(at, error.message, error.hint))
    if findings:
        raise ConfigurationError("Credentials are missing.", findings=findings)
    return resolved


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    secret = environ.get(name, "")
    if not secret:
        raise ConfigurationError(
            f"environment variable {name} is not set", hint=f"Set it: export {name}=…"
        )
    return secret


def _from_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.read(_LONGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"secret file {path} cannot be read: {reason}",
            hint="Create it with the secret alone in it, readable by you only.",
        ) from error
    if not secret:
        raise ConfigurationError(f"secret file {path} is empty", hint="Write the secret into it.")
    return secret


def _from_keyring(place: str, where: str) -> str:
    service, name = _keyring_place(place)
    try:
        secret = keyring.get_password(service, name)
    except keyring.errors.KeyringError as error:
        raise _no_keyring(where) from error
    if not secret:
        raise ConfigurationError(
            f"the keyring has no entry {service}/{name}",
            hint=f"Store it: keyring set {service} {name}",
        )
    return secret


def _keyring_place(place: str) -> tuple[str, str]:
    service, slash, name = place.rpartition("/")
    if not slash or not service or not name:
        raise ConfigurationError(f"keyring:{place} is no keyring:SERVICE/NAME", hint=HOW)
    return service, name


def _no_keyring(where: str) -> ConfigurationError:
    """A server without a desktop session has no keyring, and keyring says so only on use."""
    return ConfigurationError(
        "this machine has no keyring that can be opened",
        hint=f"Use env:NAME or file:PATH for {where} here.",
    )
