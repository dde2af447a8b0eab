"""Files that a command is to write: what cannot be is told before the work, not after it."""

from __future__ import annotations

from pathlib import Path

from prmsync.errors import ConfigurationError


def require_folder(path: Path | None) -> None:
    """Raise ConfigurationError where the folder of this file does not exist."""
    if path is not None and not path.parent.is_dir():
        raise ConfigurationError(f"{path} cannot be written: there is no folder {path.parent}")
