"""What is remembered of the database beside prmsync.toml, to notice one that is older.

The file holds the installation's id and the newest run. A database in which that run is missing
was restored from a backup: the CRMs have gone on since, and it must not write before a person has
looked. A folder that may not be written remembers nothing; then only the database's own place and
the keys in the CRMs speak (`prmsync.sync.claims`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from prmsync.store import claims
from prmsync.store.claims import Doubt
from prmsync.store.database import Database

FILE = "prmsync.installation"


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest run of an installation; `began` is its begin as text to the millisecond."""

    installation: str
    run: int
    began: str


def notice_older(database: Database, folder: Path, now: datetime) -> None:
    """Put every connection in doubt where the database lacks the run that is remembered."""
    mark = _read(folder / FILE)
    if mark is None:
        return
    with database.read() as connection:
        same = claims.installation_id(connection) == mark.installation
        if not same or _stamp(claims.began(connection, mark.run)) == mark.began:
            return
    began = mark.began[:16].replace("T", " ")
    why = (
        f"its database is older than its last run: run {mark.run} of {began} UTC is not in it. "
        "It was restored from a backup, and the CRM has gone on since"
    )
    with database.begin() as connection:
        claims.doubt(connection, claims.bound(connection), Doubt.OLDER, why, now)
    remember(database, folder)


def remember(database: Database, folder: Path) -> None:
    """Note the newest run beside the settings."""
    with database.read() as connection:
        installation, last = claims.installation_id(connection), claims.last_run(connection)
    if installation is None or last is None:
        return
    mark = Mark(installation, last[0], _stamp(last[1]) or "")
    if _read(folder / FILE) != mark:
        _write(folder / FILE, mark)


def _stamp(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read(path: Path) -> Mark | None:
    """The mark; None where there is none, or none that this program wrote."""
    try:
        return Mark(**orjson.loads(path.read_bytes()))
    except (OSError, TypeError, orjson.JSONDecodeError):
        return None


def _write(path: Path, mark: Mark) -> None:
    fresh = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):  # a folder that may not be written remembers nothing
        fresh.write_bytes(orjson.dumps(mark))
        fresh.replace(path)
