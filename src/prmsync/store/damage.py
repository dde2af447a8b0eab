"""Signs that a database is damaged, told before anything is written."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from prmsync.errors import StoreError
from prmsync.store.tables import metadata

RESTORE = "restore it from a backup (docs/runbook.md); nothing was read from or written to a CRM"
_MAGIC = b"SQLite format 3\0"
_HEADER = 100
"""Bytes of an SQLite file's header; the page size stands at 16, the number of pages at 28."""


def unreadable(table: str, row: object) -> StoreError:
    """The error for a stored value that is not what this program wrote."""
    return StoreError(
        f"row {row} of the table {table} is damaged: it does not hold what prmsync wrote",
        hint="restore the database from a backup (docs/runbook.md); was it edited by hand?",
    )


def check_length(path: Path, name: str) -> None:
    """Raise StoreError for an SQLite file that is shorter than its header says: it was cut."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.is_file() and wal.stat().st_size:
        return  # its newest pages are in the log
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        return  # no database, which is told by its own check
    size = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    if path.stat().st_size < pages * (65536 if size == 1 else size):
        raise StoreError(f"the database {name} is damaged: its file was cut short", hint=RESTORE)


def check_tables(connection: sa.Connection, name: str) -> None:
    """Raise StoreError where a table of ours is missing."""
    missing = sorted(set(metadata.tables) - set(sa.inspect(connection).get_table_names()))
    if missing:
        raise StoreError(
            f"the database {name} lacks tables that it had: {', '.join(missing)}", hint=RESTORE
        )


def check_pages(connection: sa.Connection, name: str) -> None:
    """Raise StoreError where SQLite finds damage in some page; takes about a second a gigabyte.
    PostgreSQL looks after its own pages."""
    if connection.dialect.name != "sqlite":
        return
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise StoreError(f"the database {name} is damaged", hint=RESTORE)
