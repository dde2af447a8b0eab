"""Imports into the partner database, and which records each of them wrote last.

A change that came from an import is told from an edit by the log of changes: nothing stands there
for the record behind the place that the import had reached.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from prmsync.store.bulk import among, insert_rows
from prmsync.store.column_types import UtcDateTime
from prmsync.store.links import chunks
from prmsync.store.tables import change_log, metadata

import_run = sa.Table(
    "import_run",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("began_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)
imported = sa.Table(
    "imported",
    metadata,
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("record", sa.Text, primary_key=True),
    sa.Column("import_id", sa.Integer, sa.ForeignKey("import_run.id"), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
)

_ANY = sa.select(sa.exists().where(import_run.c.id > 0))


def begin(connection: sa.Connection, actor: str, file: str, rule: str, now: datetime) -> int:
    """Note an import: who, from which file, by which rule. Returns its number."""
    row = {"actor": actor, "file": file, "rule": rule, "began_at": now}
    statement = import_run.insert().values(**row).returning(import_run.c.id)
    return int(connection.execute(statement).scalar_one())


def wrote(connection: sa.Connection, import_id: int, stream: str, records: Collection[str]) -> None:
    """Note the records that an import has written so far, in the transaction that wrote them."""
    reached = connection.execute(sa.select(sa.func.max(change_log.c.seq))).scalar() or 0
    for part in chunks(sorted(records)):
        connection.execute(
            imported.delete().where(
                imported.c.stream == stream, among(connection, imported.c.record, part)
            )
        )
        rows = [(stream, record, import_id, reached) for record in part]
        insert_rows(connection, imported, ("stream", "record", "import_id", "seq"), rows)


def are_there(connection: sa.Connection) -> bool:
    """Whether anything was ever imported."""
    return bool(connection.execute(_ANY).scalar_one())


def of_records(connection: sa.Connection, stream: str, ids: Sequence[str]) -> dict[str, str]:
    """Record id → the import that changed it last, in words, of those that nobody and nothing has
    changed since."""
    since = sa.exists().where(
        change_log.c.stream == stream,
        change_log.c.record == imported.c.record,
        change_log.c.seq > imported.c.seq,
    )
    found: dict[str, str] = {}
    for part in chunks(ids):
        statement = (
            sa.select(imported.c.record, import_run)
            .join(import_run, import_run.c.id == imported.c.import_id)
            .where(
                imported.c.stream == stream,
                among(connection, imported.c.record, part),
                ~since,
            )
        )
        for row in connection.execute(statement):
            found[row.record] = _words(row.id, row.actor, row.file, row.rule, row.began_at)
    return found


def _words(number: int, actor: str, file: str, rule: str, at: datetime) -> str:
    when = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"imported from {file} ({rule}) by {actor}, {when}, import {number}"
