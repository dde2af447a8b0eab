"""What every command may ask for: the settings, and the application wired from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prmsync.service.settings import Settings
    from prmsync.service.wiring import Application

_CONFIG: ContextVar[Path | None] = ContextVar("config", default=None)


def use_config(path: Path | None) -> None:
    """Remember the global option `--config`; None searches this folder and its parents."""
    _CONFIG.set(path)


def settings() -> Settings:
    """The settings of this command line.

    Raises ConfigurationError with every problem, or when there is no prmsync.toml.
    """
    from prmsync.service.settings import find_settings, load_settings

    return load_settings(find_settings(_CONFIG.get()))


@contextmanager
def application() -> Iterator[Application]:
    """The wired application: database open, connections ready to sign in; closed at the end.

    Raises ConfigurationError or StoreError before anything is read.
    """
    from prmsync.service.wiring import open_application

    with open_application(settings()) as opened:
        yield opened


def known(app: Application, connection: str | None) -> str | None:
    """The connection as named, or None for all of them.

    Raises ConfigurationError for a name that prmsync.toml does not hold: "nothing waits" would be
    no answer to it.
    """
    if connection is not None:
        app.settings.connection(connection)
    return connection
