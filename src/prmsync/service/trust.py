"""Whose certificates are trusted: the usual authorities, or those of a file that the environment
names, as behind a proxy that opens TLS, or for a simulator that answers over https."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prmsync.errors import ConfigurationError

_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The first that is set counts, for both HTTP libraries: each knows only some of them."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What requests verifies with, and httpx: True leaves it to the library."""

    bundle: str | bool = True
    context: ssl.SSLContext | bool = True


def trusted(environ: Mapping[str, str] = os.environ) -> Trust:
    """Raises ConfigurationError for a variable whose path holds no certificates."""
    for variable in _VARIABLES:
        if path := environ.get(variable):
            return Trust(path, _loaded(variable, path))
    return Trust()


def _loaded(variable: str, path: str) -> ssl.SSLContext:
    folder = Path(path).is_dir()
    try:
        return ssl.create_default_context(
            cafile=None if folder else path, capath=path if folder else None
        )
    except ssl.SSLError as error:
        raise _unusable(variable, path, "which holds no certificates in PEM form") from error
    except OSError as error:
        raise _unusable(variable, path, f"which cannot be read: {error.strerror}") from error


def _unusable(variable: str, path: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the environment variable {variable} names {path}, {why}",
        hint="Name a file with the certificates to trust, or unset it.",
    )
