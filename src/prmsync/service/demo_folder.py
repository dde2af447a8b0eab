"""The folder of `prmsync demo`: its own, kept for looking around, begun anew by the next demo."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from prmsync.errors import ConfigurationError
from prmsync.service.settings import FILE_NAME
from prmsync.service.setup import CREDENTIALS, SIMULATOR_PORTS, initialise

MARK = ".prmsync-demo"
"""Says that the folder is a demo's: only then does the next demo replace what lies in it."""
_TEXT = "Made by `prmsync demo`, which makes the files of this folder anew each time.\n"
_OWN = ("prmsync.db*", "matches-*.csv", "edits.csv", "*-state.json")


def take_folder(folder: Path) -> bool:
    """Make the folder, or clear it of an earlier demo's files; True if there was one.

    Files that no demo made are left alone. Raises ConfigurationError for a folder that is
    somebody else's, or cannot be written.
    """
    try:
        again = (folder / MARK).is_file()
        if not again and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigurationError(
                f"{folder} holds something that no demo made. Nothing was touched.",
                hint="Name another folder: prmsync demo --folder DIR",
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text(_TEXT, encoding="utf-8")
        _clear(folder)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or folder} cannot be written: {error.strerror}.",
            hint="Name another folder: prmsync demo --folder DIR",
        ) from error
    return again


def _clear(folder: Path) -> None:
    for name in ("mappings", CREDENTIALS):
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
    for pattern in (FILE_NAME, *_OWN):
        for path in folder.glob(pattern):
            path.unlink()


def set_up(folder: Path, urls: Mapping[str, str]) -> Path:
    """What `prmsync init --simulators` makes, with the simulators' addresses; the settings file."""
    initialise(folder, simulators=True, environ={})
    path = folder / FILE_NAME
    text = path.read_text(encoding="utf-8")
    for connector, url in urls.items():
        text = text.replace(f"http://127.0.0.1:{SIMULATOR_PORTS[connector]}", url)
    path.write_text(text, encoding="utf-8")
    return path
