"""Where a database lives, so that a copy or a restored one does not pass for the original.

SQLite: the file itself (its number in the file system) on this machine. A file keeps it when it is
renamed or moved on the same disk, and gets another one when it is copied or restored elsewhere.
PostgreSQL: the numbers that the server gave to the database and to our tables; a dump that is
restored gets others, an upgrade of the server keeps them. A clone of a whole disk or server looks
like its original: only the CRM's records tell it (`prmsync.sync.claims`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import sqlalchemy as sa

_MACHINE = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def place_of(connection: sa.Connection) -> str:
    """The place as text, equal as long as the database stays where it is."""
    if connection.dialect.name == "postgresql":
        return _on_server(connection)
    row = connection.exec_driver_sql("PRAGMA database_list").first()
    file = str(row[2]) if row is not None else ""
    return f"file {Path(file).stat().st_ino} on {machine()}"


def _on_server(connection: sa.Connection) -> str:
    found = sa.text(
        "SELECT d.oid, current_schema(), 'link'::regclass::oid, 'action'::regclass::oid "
        "FROM pg_database d WHERE d.datname = current_database()"
    )
    database, schema, *tables = connection.execute(found).one()
    return f"database {database}, schema {schema}, tables {tables[0]} and {tables[1]}"


def machine(files: tuple[Path, ...] = _MACHINE) -> str:
    """A digest of the machine's own id, which is not to be shown itself; a container has none."""
    for file in files:
        try:
            text = file.read_text(encoding="ascii").strip()
        except (OSError, ValueError):  # absent on other systems
            continue
        if text:
            return hashlib.blake2b(text.encode(), digest_size=8, person=b"prmsync").hexdigest()
    return "this machine"
